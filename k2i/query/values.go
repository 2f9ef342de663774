package query

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"ddcos/k2i"
	"ddcos/near"
)

// Param is one parameter of GET /v1/proc. Every list may be repeated; numbers,
// terminals, fields and sort keys may also be joined by commas, while a name is
// taken as it is, since a process may have a comma in its own.
type Param struct {
	Name string
	Type string // as JSON Schema has it: string, integer or boolean
	Help string // one phrase, for people

	read  func(q *Query, value string) error
	write func(q *Query) []string // nil for another name of what is written already
}

// Params maps the parameters to a Query; each part of it is written by one of them.
func Params() []Param {
	comms := func(q *Query) *[]string { return &q.Select.Comms }
	cmd := textParam("cmd", "another word for comm", comms)
	cmd.write = nil
	return []Param{
		{"fields", "string", "fields of a row, by name or by group, joined by commas: " + strings.Join(k2i.Groups(), ", ") + "; basic without it", readFields, writeFields},
		{"sort", "string", "fields to order by, joined by commas, each with a - before it for descending", readSort, writeSort},
		{"limit", "integer", "rows at most; 0 for all", readLimit, writeLimit},
		pidParam("pid", "process ids", func(q *Query) *[]int32 { return &q.Select.PIDs }),
		pidParam("ppid", "process ids of parents", func(q *Query) *[]int32 { return &q.Select.PPIDs }),
		pidParam("sid", "sessions", func(q *Query) *[]int32 { return &q.Select.SIDs }),
		textParam("user", "effective user, a name or a number", func(q *Query) *[]string { return &q.Select.Users }),
		textParam("ruser", "real user, a name or a number", func(q *Query) *[]string { return &q.Select.RUsers }),
		textParam("group", "effective group, a name or a number", func(q *Query) *[]string { return &q.Select.Groups }),
		textParam("rgroup", "real group, a name or a number", func(q *Query) *[]string { return &q.Select.RGroups }),
		textParam("comm", "the kernel's name of a process, compared over its 15 bytes", comms),
		cmd,
		{"tty", "string", "terminals, such as pts/3, joined by commas; ? for none", readTTYs, writeTTYs},
		flagParam("not", "whatever the other parameters do not select", func(q *Query) *bool { return &q.Select.Negate }),
		flagParam("threads", "the threads of those that are selected, which are read now", func(q *Query) *bool { return &q.Threads }),
		flagParam("exited", "processes that have ended, instead of those that live", func(q *Query) *bool { return &q.Exited }),
		{"since", "string", "with exited: those that ended in the last so much time, such as 30s or 10m", readSince, writeSince},
		onceParam("where", "a condition, such as rss > 100MiB and comm matches \"^ng\"", func(q *Query) *string { return &q.Where }),
		onceParam("by", "groups of those that have this name in common, such as user, instead of rows", func(q *Query) *string { return &q.By }),
		onceParam("on", "a pattern of hosts; another host has no rows", func(q *Query) *string { return &q.On }),
		{"label", "string", "NAME=VALUE that the host's labels have, else it has no rows", readLabel, writeLabels},
	}
}

// FromValues reads the parameters of GET /v1/proc, for example
// sort=-rss_bytes,pid&limit=10&user=alice. A parameter that it does not know is
// an error that names those that it does; the Query has passed Check.
func FromValues(values url.Values) (Query, error) {
	var q Query
	all := Params()
	for name, list := range values {
		i := slices.IndexFunc(all, func(p Param) bool { return p.Name == name })
		if i < 0 {
			return Query{}, UnknownParam(name, all)
		}
		if len(list) > 1 && all[i].Type != "string" {
			return Query{}, fmt.Errorf("parameter %s: %w", name, errTwice)
		}
		for _, value := range list {
			if err := all[i].read(&q, value); err != nil {
				return Query{}, fmt.Errorf("parameter %s: %w", name, err)
			}
		}
	}
	return q, q.Check()
}

// UnknownParam is the error of a parameter that is none of all.
func UnknownParam(name string, all []Param) error {
	var names []string
	for _, p := range all {
		names = append(names, p.Name)
	}
	if len(names) == 0 {
		return fmt.Errorf("parameter %.64q: no parameters are taken here", name)
	}
	return fmt.Errorf("parameter %.64q is unknown%s; allowed are %s", name, near.Hint("", name, names), strings.Join(names, ", "))
}

// Values is the inverse of FromValues.
func (q Query) Values() url.Values {
	values := url.Values{}
	for _, p := range Params() {
		if p.write == nil {
			continue
		}
		if list := p.write(&q); len(list) > 0 {
			values[p.Name] = list
		}
	}
	return values
}

func pidParam(name, help string, list func(*Query) *[]int32) Param {
	return Param{name, "string", help + ", joined by commas", func(q *Query, value string) error {
		for word := range strings.SplitSeq(value, ",") {
			n, err := strconv.ParseInt(word, 10, 32)
			if err != nil {
				return fmt.Errorf("%.64q is no process id", word)
			}
			*list(q) = append(*list(q), int32(n))
		}
		return nil
	}, func(q *Query) []string {
		var words []string
		for _, n := range *list(q) {
			words = append(words, strconv.Itoa(int(n)))
		}
		return joined(words)
	}}
}

func textParam(name, help string, list func(*Query) *[]string) Param {
	return Param{name, "string", help, func(q *Query, value string) error {
		*list(q) = append(*list(q), value)
		return nil
	}, func(q *Query) []string { return *list(q) }}
}

func readFields(q *Query, value string) error {
	q.Fields = append(q.Fields, strings.Split(value, ",")...)
	return nil
}

func writeFields(q *Query) []string { return joined(q.Fields) }

var errTwice = errors.New("it is given twice")

// onceParam is a text that stands for itself and is given once.
func onceParam(name, help string, text func(*Query) *string) Param {
	return Param{name, "string", help, func(q *Query, value string) error {
		if *text(q) != "" {
			return errTwice
		}
		*text(q) = value
		return nil
	}, func(q *Query) []string {
		if *text(q) == "" {
			return nil
		}
		return []string{*text(q)}
	}}
}

func readLabel(q *Query, value string) error {
	name, text, ok := strings.Cut(value, "=")
	if !ok {
		return fmt.Errorf("%.64q: want NAME=VALUE", value)
	}
	if q.Labels == nil {
		q.Labels = map[string]string{}
	}
	q.Labels[name] = text
	return nil
}

func writeLabels(q *Query) []string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(q.Labels)) {
		words = append(words, name+"="+q.Labels[name])
	}
	return words
}

func flagParam(name, help string, flag func(*Query) *bool) Param {
	return Param{name, "boolean", help, func(q *Query, value string) error {
		on, err := strconv.ParseBool(value)
		if err != nil {
			return errors.New("want true or false")
		}
		*flag(q) = on
		return nil
	}, func(q *Query) []string {
		if !*flag(q) {
			return nil
		}
		return []string{"true"}
	}}
}

func readSort(q *Query, value string) error {
	for word := range strings.SplitSeq(value, ",") {
		field, descending := strings.CutPrefix(word, "-")
		q.Sort = append(q.Sort, Key{Field: field, Descending: descending})
	}
	return nil
}

func writeSort(q *Query) []string {
	var words []string
	for _, key := range q.Sort {
		if key.Descending {
			words = append(words, "-"+key.Field)
		} else {
			words = append(words, key.Field)
		}
	}
	return joined(words)
}

func readLimit(q *Query, value string) error {
	n, err := strconv.Atoi(value)
	if err != nil {
		return fmt.Errorf("%.64q is no number of rows", value)
	}
	q.Limit = n
	return nil
}

func writeLimit(q *Query) []string {
	if q.Limit == 0 {
		return nil
	}
	return []string{strconv.Itoa(q.Limit)}
}

func readTTYs(q *Query, value string) error {
	for word := range strings.SplitSeq(value, ",") {
		n, ok := k2i.TTYNumber(word)
		if !ok {
			return fmt.Errorf("%.64q is no terminal; want a name such as pts/3, or ? for none", word)
		}
		q.Select.TTYs = append(q.Select.TTYs, n)
	}
	return nil
}

func writeTTYs(q *Query) []string {
	var words []string
	for _, n := range q.Select.TTYs {
		words = append(words, k2i.TTYName(n))
	}
	return joined(words)
}

func readSince(q *Query, value string) error {
	d, err := time.ParseDuration(value)
	if q.SinceNS != 0 {
		return errTwice
	}
	if err != nil || d <= 0 {
		return fmt.Errorf("%.64q is no time; want one such as 30s or 10m", value)
	}
	q.SinceNS = d.Nanoseconds()
	return nil
}

func writeSince(q *Query) []string {
	if q.SinceNS == 0 {
		return nil
	}
	return []string{time.Duration(q.SinceNS).String()}
}

// joined is words as one value, or none for no words.
func joined(words []string) []string {
	if len(words) == 0 {
		return nil
	}
	return []string{strings.Join(words, ",")}
}
