package query

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"ddcos/k2i"
	"ddcos/near"
)

// Limits of one Query; Check names the one that is passed.
const (
	MaxList   = 4096    // members of one list of a Selection
	MaxText   = 256     // bytes of a user, a group or a comm
	MaxKeys   = 16      // sort keys
	MaxFields = 256     // names of fields
	MaxLabels = 16      // labels that hosts are asked to have
	MaxRows   = 1 << 22 // a Limit; Linux has no more pids than this (PID_MAX_LIMIT)
)

// Check refuses a Query that no agent should run: a name that does not exist, a
// condition that is none, a list or a text beyond its limit, a negative Limit. Whatever came from
// outside is checked before Run sees it.
func (q Query) Check() error {
	if q.Limit < 0 || q.Limit > MaxRows {
		return fmt.Errorf("limit %d: want 0 (for all) to %d", q.Limit, MaxRows)
	}
	if q.SinceNS < 0 || q.SinceNS > 0 && !q.Exited {
		return fmt.Errorf("since %v: want a time that is not negative, and exited processes", time.Duration(q.SinceNS))
	}
	if q.Threads && q.Exited {
		return errors.New("threads of exited processes: they have none")
	}
	if len(q.Sort) > MaxKeys {
		return fmt.Errorf("%d sort keys: %d are allowed", len(q.Sort), MaxKeys)
	}
	if err := q.checkNames(); err != nil {
		return err
	}
	if len(q.Fields) > MaxFields {
		return fmt.Errorf("%d fields: %d are allowed", len(q.Fields), MaxFields)
	}
	for _, name := range q.Fields {
		if !k2i.FieldWord(name) {
			return unknownField(name)
		}
	}
	if _, err := ParseHosts(q.On); err != nil {
		return err
	}
	if err := checkLabels(q.Labels); err != nil {
		return err
	}
	if q.Where != "" {
		if _, err := Compile(q.Where); err != nil {
			return fmt.Errorf("where: %w", err)
		}
	}
	return q.Select.check()
}

// checkNames refuses to group or to sort by what there is not.
func (q Query) checkNames() error {
	if q.By != "" {
		if _, err := groupTerm(q.By); err != nil {
			return err
		}
	}
	for _, key := range q.Sort {
		if q.By != "" {
			if _, ok := measureByKey(key.Field); !ok && key.Field != GroupKey && key.Field != q.By {
				return fmt.Errorf("sort by %.64q: groups have %s, %s", key.Field, q.By, measureKeys())
			}
			continue
		}
		if _, ok := TermByName(key.Field); !ok {
			return unknownName(key.Field)
		}
	}
	return nil
}

func measureKeys() string {
	var names []string
	for _, m := range measuresOfGroups {
		names = append(names, m.Name)
	}
	return strings.Join(names, ", ")
}

// checkLabels refuses more labels than a host has, or longer ones.
func checkLabels(labels map[string]string) error {
	if len(labels) > MaxLabels {
		return fmt.Errorf("%d labels: %d are allowed", len(labels), MaxLabels)
	}
	for key, value := range labels {
		if key == "" || strings.Contains(key, "=") || len(key) > MaxText || len(value) > MaxText {
			return fmt.Errorf("label %.20q=%.20q: want a name, and %d bytes at most", key, value, MaxText)
		}
	}
	return nil
}

func (s Selection) check() error {
	lengths := []struct {
		name string
		n    int
	}{
		{"pids", len(s.PIDs)},
		{"ppids", len(s.PPIDs)},
		{"sids", len(s.SIDs)},
		{"ttys", len(s.TTYs)},
		{"users", len(s.Users)},
		{"rusers", len(s.RUsers)},
		{"groups", len(s.Groups)},
		{"rgroups", len(s.RGroups)},
		{"comms", len(s.Comms)},
	}
	for _, l := range lengths {
		if l.n > MaxList {
			return fmt.Errorf("%d %s: %d are allowed in one query", l.n, l.name, MaxList)
		}
	}
	for _, texts := range [][]string{s.Users, s.RUsers, s.Groups, s.RGroups, s.Comms} {
		for _, text := range texts {
			if len(text) > MaxText {
				return fmt.Errorf("a name of %d bytes, %.20q...: %d are allowed", len(text), text, MaxText)
			}
		}
	}
	return nil
}

func unknownName(name string) error {
	return fmt.Errorf("sort by %.64q: no such name%s", name, suggestion(name))
}

// suggestion is what an error adds about a name that does not exist: those that
// look like it, or where to find them.
func suggestion(name string) string {
	return cmp.Or(near.Hint("", name, termNames()), "; names are those in the JSON of a process, for example rss_bytes, and host, age, label.NAME")
}

// unknownField names the fields that look like what was asked for.
func unknownField(name string) error {
	all := k2i.Groups()
	for _, f := range k2i.Fields() {
		all = append(all, f.Name)
	}
	return fmt.Errorf("field %.64q: no such field%s", name, cmp.Or(near.Hint("", name, all), "; fields are named as in the JSON of a process, for example rss_bytes"))
}
