package main

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// lookup finds a value in the last line of the last standard output. A path is
// made of keys and indices, `members.0.name`; in a list of objects a name is
// as good as an index, `members.web1.pid`; `.` is the whole.
func lookup(ts *testscript.TestScript, path string) any {
	lines := strings.Split(strings.TrimSpace(ts.ReadFile("stdout")), "\n")
	var at any
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &at); err != nil {
		ts.Fatalf("no JSON: %v", err)
	}
	for _, step := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' }) {
		next, ok := child(at, step)
		if !ok {
			ts.Fatalf("%s: there is no %s", path, step)
		}
		at = next
	}
	return at
}

func child(at any, step string) (any, bool) {
	switch at := at.(type) {
	case map[string]any:
		v, ok := at[step]
		return v, ok
	case []any:
		if i, err := strconv.Atoi(step); err == nil && i < len(at) {
			return at[i], true
		}
		for _, v := range at {
			if o, ok := v.(map[string]any); ok && o["name"] == step {
				return v, true
			}
		}
	}
	return nil, false
}

func text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
