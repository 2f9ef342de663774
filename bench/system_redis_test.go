package bench

import (
	"strings"
	"testing"
)

func TestParseRedis(t *testing.T) {
	for name, tc := range map[string]struct{ in, verb, text string }{
		"ok":          {"+OK\r\n", "", ""},
		"a number":    {":1000\r\n", ":", ""},
		"a string":    {"$2\r\nhi\r\n", "", ""},
		"nothing":     {"_\r\n", "", ""},
		"hello":       {"%3\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nmodules\r\n*0\r\n$5\r\nproto\r\n:3\r\n", "", ""},
		"subscribed":  {">3\r\n$9\r\nsubscribe\r\n$5\r\nbench\r\n:1\r\n", "subscribe", ""},
		"a message":   {">3\r\n$7\r\nmessage\r\n$5\r\nbench\r\n$6\r\n7 a\r\nb\r\n", "message", "7 a\r\nb"},
		"few strings": {">1\r\n$4\r\npong\r\n", "pong", ""},
	} {
		for cut := range tc.in {
			if _, size, err := parseRedis([]byte(tc.in[:cut])); size != 0 || err != nil {
				t.Fatalf("%s, %d bytes of it: size %d, %v", name, cut, size, err)
			}
		}
		m, size, err := parseRedis([]byte(tc.in + "+OK\r\n"))
		if err != nil || size != len(tc.in) || string(m.verb) != tc.verb || string(m.text) != tc.text {
			t.Errorf("%s: %q %q, size %d, %v", name, m.verb, m.text, size, err)
		}
	}
	if m, _, err := parseRedis([]byte(":1000\r\n")); err != nil || m.number != 1000 {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestParseRedisRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"an error":        "-NOAUTH Authentication required.\r\n",
		"within a push":   ">2\r\n$1\r\nx\r\n-ERR no\r\n",
		"an empty line":   "\r\n",
		"half an end":     "+OK\n",
		"no length":       "$x\r\n",
		"a long string":   "$99999999\r\n",
		"a negative one":  "$-7\r\n",
		"a long array":    "*65\r\n",
		"a nested bomb":   "*60\r\n*60\r\n",
		"an endless line": strings.Repeat("x", redisMaxLine),
	} {
		if _, size, err := parseRedis([]byte(in)); err == nil || size != 0 {
			t.Errorf("%s: size %d and no error", name, size)
		}
	}
}

// TestRedisAskerKnowsTheLast is told by the broker how many will reply.
func TestRedisAskerKnowsTheLast(t *testing.T) {
	message := ">3\r\n$7\r\nmessage\r\n$11\r\nbench.reply\r\n$3\r\n7 x\r\n"
	a := &redisAsker{}
	if got := string(a.ask(nil, 7, []byte("x"))); got != "*3\r\n$7\r\nPUBLISH\r\n$5\r\nbench\r\n$3\r\n7 x\r\n" {
		t.Errorf("it asks %q", got)
	}
	in := []byte(":2\r\n" + message + message)
	var lasts []bool
	for len(in) > 0 {
		used, r, _, err := a.take(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if in = in[used:]; r.call != 0 {
			lasts = append(lasts, r.last)
		}
	}
	if len(lasts) != 2 || lasts[0] || !lasts[1] {
		t.Errorf("which was the last: %v", lasts)
	}
	if _, _, _, err := a.take([]byte(":0\r\n"), nil); err == nil {
		t.Error("nobody is there, and it waits")
	}
}

func TestCutNumber(t *testing.T) {
	call, payload, err := cutNumber(append(appendNumber(nil, 18), "a b"...))
	if err != nil || call != 18 || string(payload) != "a b" {
		t.Errorf("%d, %q, %v", call, payload, err)
	}
	for _, in := range []string{"", "5", "x y", "0 y", "-1 y", " 5"} {
		if _, _, err := cutNumber([]byte(in)); err == nil {
			t.Errorf("%q has a number", in)
		}
	}
}
