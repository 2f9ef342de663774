package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"ddcos/middlecon"
	"ddcos/protocol"
)

// stateFileMost bounds what is read of a file or a line: more is no state.
const stateFileMost = 64 << 10

// stateAgain is how long a state waits that was too many, or that met no broker.
const stateAgain = 250 * time.Millisecond

// stateSource is where a member's state comes from while it is joined.
type stateSource struct {
	from  string            // a file, - or nothing
	state map[string]string // with which the member joins
	given map[string]string // by --state, below what the file says
	stdin io.Reader

	hangup chan os.Signal // from the beginning: until it is asked for, the signal ends the process
}

// stateFrom reads the state to join with.
func stateFrom(from string, given map[string]string, stdin io.Reader) (*stateSource, error) {
	s := &stateSource{from: from, state: given, given: given, stdin: stdin}
	if from == "" || from == "-" {
		return s, nil
	}
	s.hangup = make(chan os.Signal, 1)
	signal.Notify(s.hangup, syscall.SIGHUP)
	var err error
	s.state, err = s.file()
	return s, err
}

// file reads the state that the file has now.
func (s *stateSource) file() (map[string]string, error) {
	f, err := os.Open(s.from)
	if err != nil {
		return nil, fmt.Errorf("--state-from: %w", err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, stateFileMost+1))
	if err != nil {
		return nil, fmt.Errorf("--state-from: %w", err)
	}
	if len(text) > stateFileMost {
		return nil, misuse{fmt.Errorf("--state-from: %s has more than %d bytes", s.from, stateFileMost)}
	}
	var pairs []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" {
			pairs = append(pairs, line)
		}
	}
	read, err := parsePairs("--state-from", pairs, func(map[string]string) error { return nil })
	if err != nil {
		return nil, err
	}
	state := maps.Clone(s.given)
	maps.Copy(state, read)
	if err := protocol.CheckState(state); err != nil {
		return nil, misuse{fmt.Errorf("--state-from: %w", err)}
	}
	return state, nil
}

// watch gives every state that follows, until ctx ends; what cannot be read is
// complained about and changes nothing.
func (s *stateSource) watch(ctx context.Context, complain func(error)) <-chan map[string]string {
	states := make(chan map[string]string)
	give := func(state map[string]string) bool {
		select {
		case states <- state:
			return true
		case <-ctx.Done():
			return false
		}
	}
	switch s.from {
	case "":
	case "-":
		go s.lines(give, complain) // a read that waits is left to the process's end
	default:
		go func() {
			for {
				select {
				case <-s.hangup:
				case <-ctx.Done():
					return
				}
				state, err := s.file()
				if err != nil {
					complain(err)
				} else if !give(state) {
					return
				}
			}
		}()
	}
	return states
}

// lines lets each line change one key.
func (s *stateSource) lines(give func(map[string]string) bool, complain func(error)) {
	state := maps.Clone(s.state)
	in := bufio.NewScanner(s.stdin)
	in.Buffer(nil, stateFileMost)
	for in.Scan() {
		next := maps.Clone(state)
		line := strings.TrimSpace(in.Text())
		if key, value, set := strings.Cut(line, "="); set {
			next[key] = value
		} else if line == "" {
			continue
		} else {
			delete(next, key)
		}
		if err := protocol.CheckState(next); err != nil {
			complain(err)
			continue
		}
		state = next
		if !give(state) {
			return
		}
	}
	if err := in.Err(); err != nil {
		complain(fmt.Errorf("standard input: %w", err))
	}
}

// showStates sets each state of the source. One that is too many, or meets no
// broker, is set later; where another follows meanwhile, that one is.
func (s *shared) showStates(ctx context.Context, cmd *cobra.Command, m *middlecon.Membership, source *stateSource) {
	complain := func(err error) {
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "middlecon: the state stays: %s\n", plain(err.Error()))
	}
	states := source.watch(ctx, complain)
	var state map[string]string
	var again <-chan time.Time
	for {
		select {
		case state = <-states:
			if again != nil {
				continue
			}
		case <-again:
		case <-ctx.Done():
			return
		}
		again = nil
		version, err := m.SetState(ctx, state)
		switch {
		case err == nil:
			s.say(cmd.OutOrStdout(), fmt.Sprintf("state %d: %s", version, labelText(state)),
				map[string]any{"event": "state", "version": version, "state": state})
		case errors.Is(err, protocol.CodeTooManyChanges), errors.Is(err, middlecon.ErrUnreachable), errors.Is(err, context.DeadlineExceeded):
			again = time.After(stateAgain)
		case ctx.Err() == nil:
			complain(err)
		}
	}
}
