package policy

import (
	"fmt"
	"strings"
	"testing"
)

// The file that ships is read, warns of nothing and does what it says.
func TestExample(t *testing.T) {
	p := parse(t, Example)
	if told := p.Warnings(); len(told) > 0 {
		t.Errorf("warnings %q", told)
	}
	for _, c := range []struct {
		s    Subject
		verb Verb
		room string
		want bool
	}{
		{Subject{Principal: "uid 0"}, Manage, "k2i", true},
		{Subject{Principal: "uid 0"}, ReadArgs, "", true},
		{Subject{Principal: "uid 1000"}, Read, "", true},
		{Subject{Principal: "uid 1000"}, ReadArgs, "", false},
		{Subject{Principal: "uid 1001"}, Call, "k2i", false},
		{Subject{Principal: "spiffe://ddcos/agent/a"}, Join, "k2i", true},
		{Subject{Principal: "spiffe://ddcos/agent/a"}, Join, "other", false},
		{Subject{Principal: "token ci", Role: "client"}, Call, "build-x", true},
		{Subject{Principal: "token ci", Role: "client"}, Call, "build-release-1", false},
	} {
		if d := p.Allows(c.s, c.verb, c.room); d.Allowed != c.want || c.want && d.Line == 0 {
			t.Errorf("%v %s %s: %+v", c.s, c.verb, c.room, d)
		}
	}
}

// What is wrong is told with its line, all of it at once.
func TestParseRefuses(t *testing.T) {
	long := "allow:\n" + strings.Repeat(" - {who: uid 1, may: join}\n", MaxRules+1)
	for _, c := range []struct{ text, want string }{
		{"", "nothing in it"},
		{"# only a comment\n", "nothing in it"},
		{"- a\n", "line 1: the file: want a mapping"},
		{"allow: []\nalow: []\n", "line 2: the file: there is no key \"alow\": want allow, deny, roles"},
		{"allow: []\nallow: []\n", "line 2"},
		{"allow:\n - who: uid 1\n   may: join\n   room: a\n", "line 4: a rule: there is no key \"room\": want may, rooms, who"},
		{"allow:\n - {who: uid 1, may: jion}\n", "line 2: may: \"jion\" is no verb"},
		{"allow:\n - {who: root, may: join}\n", "line 2: who: \"root\" is no principal"},
		{"allow:\n - {who: uid 01, may: join}\n", "line 2: who"},
		{"allow:\n - {who: role Admin, may: join}\n", "is no role"},
		{"allow:\n - {may: join}\n", "line 2: a rule without who"},
		{"allow:\n - {who: uid 1}\n", "line 2: a rule without may"},
		{"allow:\n - {who: [], may: join}\n", "an empty list"},
		{"allow:\n - {who: uid 1, may: join, rooms: []}\n", "an empty list"},
		{"allow:\n - {who: uid 1, may: join, rooms: }\n", "want a text"},
		{"allow:\n - {who: uid 1, may: join, rooms: ' a'}\n", "is no room's name"},
		{"allow:\n - {who: uid 1, may: join, rooms: \"a\\u202e*\"}\n", "is no room's name"},
		{"allow:\n - {who: uid 1, may: status, rooms: a}\n", "status is about no room"},
		{"allow:\n - &x {who: uid 1, may: join}\n", "want a mapping"},
		{"allow:\n - {who: &x uid 1, may: join}\n - {who: *x, may: join}\n", "anchors"},
		{"allow:\n - {who: !!str uid 1, may: join}\n", "tags"},
		{"allow:\n - {<<: {who: uid 1}, may: join}\n", "line 2"},
		{"allow:\n - who: [[uid 1]]\n   may: join\n", "want a text"},
		{"allow: {}\n", "want a list of rules"},
		{"allow: []\n---\nallow: []\n", "more than one document"},
		{"roles: []\nallow: []\n", "want a mapping of roles"},
		{"roles: {admin: role ops}\nallow: []\n", "not to roles"},
		{"roles: {Admin: uid 1}\nallow: []\n", "is no role"},
		{"allow: [\n", "line"},
		{"\x00", "control characters"},
		{long, fmt.Sprintf("%d are allowed", MaxRules)},
		{strings.Repeat("#", MaxBytes+1), "bytes"},
		{"allow:\n - {who: [" + strings.Repeat("uid 1, ", MaxEntries) + "uid 1], may: join}\n", fmt.Sprintf("%d are allowed", MaxEntries)},
		{"a: " + strings.Repeat("[", 20000), ""},
	} {
		p, err := Parse([]byte(c.text))
		if err == nil || p != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60q: %v, want %q", c.text, err, c.want)
		}
	}
	_, err := Parse([]byte("allow:\n - {who: root, may: jion}\ndeny:\n - {who: uid 1}\nx: 1\n"))
	for _, want := range []string{"line 2: who", "line 2: may", "line 4", "line 5"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not tell %q", err, want)
		}
	}
}

// A number is a name as it is written, and one entry needs no list.
func TestPlainScalars(t *testing.T) {
	p := parse(t, "allow:\n - {who: uid 1, may: join, rooms: 007}\n - {who: uid 1, may: join, rooms: [yes, 1e3]}\n")
	for room, want := range map[string]bool{"007": true, "7": false, "yes": true, "true": false, "1e3": true, "1000": false} {
		if p.Allows(Subject{Principal: "uid 1"}, Join, room).Allowed != want {
			t.Errorf("%s: want %v", room, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	p := parse(t, "deny:\n - {who: uid 1, may: send}\n - {who: uid 1, may: read}\n")
	if told := strings.Join(p.Warnings(), "\n"); !strings.Contains(told, "line 2: send") || !strings.Contains(told, "line 3: read") || !strings.Contains(told, "nothing is allowed") {
		t.Errorf("%q", told)
	}
}

// FuzzParse: no text panics or takes long, and what is read decides: whom a deny
// names by everything, nobody allows.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{Example, "", "allow: []", givenRoles, "allow:\n - {who: '*', may: '*'}\ndeny:\n - {who: 'uid *', may: call, rooms: 'a*'}\n", "a: &a [*a]", "? [a]\n: b", "deny:\n - {who: address *, may: '*'}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Parse(text)
		if err != nil {
			if p != nil || err.Error() == "" {
				t.Fatal("an error with a policy, or without a word")
			}
			return
		}
		p.Warnings()
		closed := &Policy{roles: p.roles, allow: p.allow, deny: append([]rule{{who: []who{{pattern: pattern{any: true}}}, may: everything, rooms: []pattern{{any: true}}, line: 1}}, p.deny...)}
		for _, s := range subjects() {
			for _, v := range Verbs() {
				room := ""
				if v.OfRoom() {
					room = "ab"
				}
				d := p.Allows(s, v, room)
				if d.Why == "" || d.Allowed && d.Line == 0 {
					t.Fatalf("%v %s: %+v", s, v, d)
				}
				if closed.Allows(s, v, room).Allowed {
					t.Fatalf("%v %s: allowed though all is denied", s, v)
				}
			}
		}
	})
}
