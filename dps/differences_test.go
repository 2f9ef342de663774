package dps_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"ddcos/dps"
)

// differences is a list of DIFFERENCES.md: what the comparisons leave out.
func differences(t *testing.T, name string) []string {
	t.Helper()
	b, err := os.ReadFile("DIFFERENCES.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(b), "```"+name+"\n")
	list, _, closed := strings.Cut(after, "```")
	if words := strings.Fields(list); found && closed && len(words) > 0 {
		return words
	}
	t.Fatalf("DIFFERENCES.md has no list %q", name)
	return nil
}

// shared are the keywords that mean the same to ps.
func shared(t *testing.T) []string {
	t.Helper()
	except := slices.Concat(differences(t, "own-keywords"), differences(t, "later-keywords"), differences(t, "not-compared"))
	var keys []string
	for _, c := range dps.Columns() {
		if !slices.Contains(except, c.Key) && !c.Own {
			keys = append(keys, c.Key)
		}
	}
	return keys
}

// The lists of differences are true: of the code, and of the ps that is here.
func TestDifferences(t *testing.T) {
	refuses := func(args ...string) bool {
		said, status := genuine(t, args...)
		return status == 1 && strings.HasPrefix(said, "error:")
	}
	for _, name := range differences(t, "own-options") {
		if !refuses(name) && !refuses(name+"=1") {
			t.Errorf("%s is an option of ps", name)
		}
	}
	for _, o := range dps.Options() {
		for _, name := range o.Long {
			if ours := slices.Contains(differences(t, "own-options"), "--"+name); ours != o.Own() {
				t.Errorf("--%s: own option %v, listed %v", name, o.Own(), ours)
			}
		}
	}
	for _, name := range differences(t, "later-options") {
		if _, err := dps.Parse([]string{name, "x"}, dps.Env{}); err != nil || !refuses(name) {
			t.Errorf("%s: dps says %v, and ps refuses it %v", name, err, refuses(name))
		}
	}
	for _, key := range differences(t, "own-keywords") {
		if _, ok := dps.ColumnByKey(key); !ok || !refuses("-o", key) {
			t.Errorf("%s is not a keyword of dps alone", key)
		}
	}
	for _, key := range differences(t, "later-keywords") {
		if _, ok := dps.ColumnByKey(key); !ok || !refuses("-o", key) {
			t.Errorf("%s is not a keyword of a later version", key)
		}
	}
	for _, list := range []string{"sorted-by-value", "unread-below", "not-compared"} {
		for _, key := range differences(t, list) {
			if _, ok := dps.ColumnByKey(key); !ok || refuses("-o", key) {
				t.Errorf("%s: %s is not a keyword of both", list, key)
			}
		}
	}
}

// Every keyword that ps has is a keyword here.
func TestKeywordsOfPS(t *testing.T) {
	listed, _ := genuine(t, "L")
	n := 0
	for line := range strings.Lines(listed) {
		key, _, _ := strings.Cut(line, " ")
		if strings.HasPrefix(key, "_") {
			continue // of procps's own tests
		}
		n++
		if _, ok := dps.ColumnByKey(key); !ok {
			t.Errorf("%s is not known", key)
		}
	}
	if n < 180 {
		t.Errorf("ps lists %d keywords", n)
	}
}
