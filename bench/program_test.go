package bench

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestProgramSaysHowItEnded(t *testing.T) {
	for name, tc := range map[string]struct{ script, want string }{
		"a failure":   {"echo first >&2; echo no socket >&2; exit 3", "sh -c has ended: exit status 3: no socket"},
		"no failure":  {"exit 0", "sh -c has ended: exit status 0"},
		"killed":      {"kill -9 $$", "sh -c has ended: signal: killed"},
		"a long tale": {"yes | head -c 100000 >&2; echo >&2; echo end >&2; exit 1", "sh -c has ended: exit status 1: end"},
	} {
		p, err := launch(nil, nil, "/bin/sh", "-c", tc.script)
		if err != nil {
			t.Fatal(err)
		}
		err = p.await(t.Context(), func() error { return errors.New("never") })
		if err == nil || err.Error() != tc.want {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
		if len(p.said.text) > tailBytes {
			t.Errorf("%s: %d bytes are remembered", name, len(p.said.text))
		}
		if err := p.stop(); err != nil {
			t.Errorf("%s: stop after the end: %v", name, err)
		}
	}
}

func TestProgramStops(t *testing.T) {
	said := newAwaited("up")
	p, err := launch(said, nil, "/bin/sh", "-c", "trap 'echo bye >&2; exit 0' TERM; echo up; while :; do sleep 0.05; done")
	if err != nil {
		t.Fatal(err)
	}
	<-said.seen
	if err := p.ended(); err != nil {
		t.Errorf("while it runs: %v", err)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	if err := p.ended(); err == nil || !strings.Contains(err.Error(), "exit status 0: bye") {
		t.Errorf("it was not let end by itself: %v", err)
	}
}

func TestProgramMissing(t *testing.T) {
	if _, err := launch(nil, nil, "/nowhere/broker"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v, want that it does not exist", err)
	}
}
