package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"ddcos/protocol"
)

// Limits of a file.
const (
	MaxBytes   = 256 << 10
	MaxRules   = 1000 // of each section
	MaxEntries = 1000 // of one list
	maxTold    = 20   // mistakes that are told
)

// Parse reads a file: all that is wrong with it is told, with line numbers. A
// key or a verb that there is not, is wrong.
func Parse(text []byte) (*Policy, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("%d bytes; %d are allowed", len(text), MaxBytes)
	}
	root, err := document(text)
	if err != nil {
		return nil, err
	}
	r := reader{policy: &Policy{}}
	r.mapping(root, "the file", map[string]func(*yaml.Node){
		"roles": r.roles,
		"allow": func(n *yaml.Node) { r.policy.allow = r.rules(n) },
		"deny":  func(n *yaml.Node) { r.policy.deny = r.rules(n) },
	})
	if len(r.wrong) > 0 {
		return nil, errors.Join(r.wrong...)
	}
	return r.policy, nil
}

// document gives the one mapping that a file is.
func document(text []byte) (*yaml.Node, error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, errors.New("there is nothing in it: want roles, allow and deny, or at least 'allow: []'")
	case err != nil:
		return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one document: want one")
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, errors.New("want a mapping of roles, allow and deny")
	}
	return doc.Content[0], nil
}

// reader walks a document and gathers what is wrong.
type reader struct {
	policy *Policy
	wrong  []error
}

func (r *reader) complain(n *yaml.Node, format string, args ...any) {
	if len(r.wrong) < maxTold {
		r.wrong = append(r.wrong, fmt.Errorf("line %d: %w", n.Line, fmt.Errorf(format, args...)))
	}
}

// mapping gives each value to what its key is for.
func (r *reader) mapping(n *yaml.Node, what string, keys map[string]func(*yaml.Node)) {
	if n.Kind != yaml.MappingNode || n.Anchor != "" {
		r.complain(n, "%s: want a mapping", what)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name, ok := r.text(key)
		switch {
		case !ok:
		case seen[name]:
			r.complain(key, "%s: %q stands there twice", what, name)
		case keys[name] == nil:
			r.complain(key, "%s: there is no key %.40q: want %s", what, name, strings.Join(sortedKeys(keys), ", "))
		default:
			seen[name] = true
			keys[name](value)
		}
	}
}

func sortedKeys(keys map[string]func(*yaml.Node)) []string {
	all := make([]string, 0, len(keys))
	for key := range keys {
		all = append(all, key)
	}
	slices.Sort(all)
	return all
}

// text is a plain scalar's, as it is written: 007 is no 7.
func (r *reader) text(n *yaml.Node) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.Anchor != "" || n.Style&yaml.TaggedStyle != 0 || n.Tag == "!!null" || n.Tag == "!!merge" {
		r.complain(n, "want a text, without anchors, tags and aliases")
		return "", false
	}
	return n.Value, true
}

// list reads the texts of a sequence, or one alone, and gives each with its place.
func (r *reader) list(n *yaml.Node, what string, each func(string) error) {
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode && n.Anchor == "" {
		items = n.Content
	}
	if len(items) == 0 {
		r.complain(n, "%s: an empty list fits nothing: leave the rule out", what)
	}
	if len(items) > MaxEntries {
		r.complain(n, "%s: %d entries; %d are allowed", what, len(items), MaxEntries)
		return
	}
	for _, item := range items {
		if s, ok := r.text(item); ok {
			if err := each(s); err != nil {
				r.complain(item, "%s: %w", what, err)
			}
		}
	}
}

// roles reads which principals have which roles.
func (r *reader) roles(n *yaml.Node) {
	if n.Kind != yaml.MappingNode || n.Anchor != "" {
		r.complain(n, "roles: want a mapping of roles to principals")
		return
	}
	if len(n.Content) > 2*MaxRules {
		r.complain(n, "roles: %d; %d are allowed", len(n.Content)/2, MaxRules)
		return
	}
	room := protocol.MaxRoles - len(protocol.RoleClient+" ") - MaxRole // one by a certificate, one by a token
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		role, ok := r.text(key)
		if !ok {
			continue
		}
		g := grant{role: role, line: key.Line}
		switch err := CheckRole(role); {
		case err != nil:
			r.complain(key, "roles: %w", err)
		case len(role) >= room:
			r.complain(key, "roles: the names of all have over %d bytes, which nobody could have at once", protocol.MaxRoles)
		case role == protocol.RoleBroker:
			r.complain(key, "roles: %s is for brokers' certificates alone", role)
		case slices.ContainsFunc(r.policy.roles, func(g grant) bool { return g.role == role }):
			r.complain(key, "roles: %s stands there twice", role)
		}
		r.list(n.Content[i+1], "roles: "+role, func(s string) error {
			w, err := parseWho(s)
			if err == nil && w.role != "" {
				err = fmt.Errorf("%q: roles are given to principals, not to roles", s)
			}
			g.to = append(g.to, w)
			return err
		})
		r.policy.roles = append(r.policy.roles, g)
		room -= len(role) + 1
	}
}
