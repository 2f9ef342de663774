package query

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"ddcos/k2i"
)

// param is one parameter of GET /v1/proc. Every list may be repeated; numbers,
// terminals and sort keys may also be joined by commas, while a name is taken
// as it is, since a process may have a comma in its own.
type param struct {
	name  string
	read  func(q *Query, value string) error
	write func(q *Query) []string
}

// params maps the parameters to a Query, one to one.
func params() []param {
	return []param{
		{"sort", readSort, writeSort},
		{"limit", readLimit, writeLimit},
		pidParam("pid", func(q *Query) *[]int32 { return &q.Select.PIDs }),
		pidParam("ppid", func(q *Query) *[]int32 { return &q.Select.PPIDs }),
		pidParam("sid", func(q *Query) *[]int32 { return &q.Select.SIDs }),
		textParam("user", func(q *Query) *[]string { return &q.Select.Users }),
		textParam("ruser", func(q *Query) *[]string { return &q.Select.RUsers }),
		textParam("group", func(q *Query) *[]string { return &q.Select.Groups }),
		textParam("rgroup", func(q *Query) *[]string { return &q.Select.RGroups }),
		textParam("comm", func(q *Query) *[]string { return &q.Select.Comms }),
		{"tty", readTTYs, writeTTYs},
		{"not", readNot, writeNot},
		{"exited", readExited, writeExited},
		{"since", readSince, writeSince},
	}
}

// FromValues reads the parameters of GET /v1/proc, for example
// sort=-rss_bytes,pid&limit=10&user=alice. A parameter that it does not know is
// an error that names those that it does; the Query has passed Check.
func FromValues(values url.Values) (Query, error) {
	var q Query
	all := params()
	for name, list := range values {
		i := slices.IndexFunc(all, func(p param) bool { return p.name == name })
		if i < 0 {
			return Query{}, fmt.Errorf("parameter %.64q is unknown; allowed are %s", name, ParamNames())
		}
		for _, value := range list {
			if err := all[i].read(&q, value); err != nil {
				return Query{}, fmt.Errorf("parameter %s: %w", name, err)
			}
		}
	}
	return q, q.Check()
}

// Values is the inverse of FromValues.
func (q Query) Values() url.Values {
	values := url.Values{}
	for _, p := range params() {
		if list := p.write(&q); len(list) > 0 {
			values[p.name] = list
		}
	}
	return values
}

// ParamNames lists the parameters of GET /v1/proc, for messages.
func ParamNames() string {
	var list []string
	for _, p := range params() {
		list = append(list, p.name)
	}
	return strings.Join(list, ", ")
}

func pidParam(name string, list func(*Query) *[]int32) param {
	return param{name, func(q *Query, value string) error {
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

func textParam(name string, list func(*Query) *[]string) param {
	return param{name, func(q *Query, value string) error {
		*list(q) = append(*list(q), value)
		return nil
	}, func(q *Query) []string { return *list(q) }}
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

func readNot(q *Query, value string) error {
	not, err := strconv.ParseBool(value)
	if err != nil {
		return errors.New("want true or false")
	}
	q.Select.Negate = not
	return nil
}

func writeNot(q *Query) []string {
	if !q.Select.Negate {
		return nil
	}
	return []string{"true"}
}

func readExited(q *Query, value string) error {
	exited, err := strconv.ParseBool(value)
	if err != nil {
		return errors.New("want true or false")
	}
	q.Exited = exited
	return nil
}

func writeExited(q *Query) []string {
	if !q.Exited {
		return nil
	}
	return []string{"true"}
}

func readSince(q *Query, value string) error {
	d, err := time.ParseDuration(value)
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
