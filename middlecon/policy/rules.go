package policy

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

// rules reads a section of rules.
func (r *reader) rules(n *yaml.Node) []rule {
	if n.Kind != yaml.SequenceNode || n.Anchor != "" {
		r.complain(n, "want a list of rules, each with who, may and rooms")
		return nil
	}
	if len(n.Content) > MaxRules {
		r.complain(n, "%d rules; %d are allowed", len(n.Content), MaxRules)
		return nil
	}
	all := make([]rule, 0, len(n.Content))
	for _, item := range n.Content {
		all = append(all, r.rule(item))
	}
	return all
}

// rule reads one. Without rooms it is about all.
func (r *reader) rule(n *yaml.Node) rule {
	one := rule{line: n.Line}
	named := uint32(0) // verbs that are written out
	r.mapping(n, "a rule", map[string]func(*yaml.Node){
		"who": func(n *yaml.Node) {
			r.list(n, "who", func(s string) error {
				w, err := parseWho(s)
				one.who = append(one.who, w)
				return err
			})
		},
		"may": func(n *yaml.Node) {
			r.list(n, "may", func(s string) error {
				if s == "*" {
					one.may |= everything
					return nil
				}
				v, err := ParseVerb(s)
				if err == nil {
					one.may, named = one.may|1<<v, named|1<<v
				}
				return err
			})
		},
		"rooms": func(n *yaml.Node) {
			r.list(n, "rooms", func(s string) error {
				p, err := parseRoom(s)
				one.rooms = append(one.rooms, p)
				return err
			})
		},
	})
	if n.Kind != yaml.MappingNode {
		return one
	}
	if len(one.who) == 0 {
		r.complain(n, "a rule without who")
	}
	if one.may == 0 {
		r.complain(n, "a rule without may")
	}
	if one.rooms == nil {
		one.rooms = []pattern{{any: true}}
	}
	if !slices.ContainsFunc(one.rooms, func(p pattern) bool { return p.fits("") }) {
		for _, v := range Verbs() {
			if named&(1<<v) != 0 && !v.OfRoom() {
				r.complain(n, "%s is about no room: write it in a rule without rooms", v)
			}
		}
	}
	return one
}

// Warnings are what a careful reader of the file would ask about.
func (p *Policy) Warnings() []string {
	var told []string
	for i := range p.deny {
		r := &p.deny[i]
		if r.may&(1<<Send) != 0 && r.may&(1<<Call) == 0 {
			told = append(told, fmt.Sprintf("line %d: send is denied and call is not: a call that selects by labels reaches a single member as well", r.line))
		}
		if r.may&(1<<Read) != 0 && r.may&(1<<ReadArgs) == 0 {
			told = append(told, fmt.Sprintf("line %d: read is denied and read_args is not: it is of no use without read", r.line))
		}
	}
	if len(p.allow) == 0 {
		told = append(told, "nothing is allowed to anybody")
	}
	return told
}

// Counts are how many roles are given, and how many rules allow and deny.
func (p *Policy) Counts() (roles, allow, deny int) { return len(p.roles), len(p.allow), len(p.deny) }
