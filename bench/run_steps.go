package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// screenful and screenWidth are how many lines of the process table are shown, and how much of each.
const (
	screenful   = 25
	screenWidth = 120 // characters
)

// table shows the one process table and checks that every host is in it.
func (s *show) table(ctx context.Context) error {
	s.heading("One process table over all of them, by memory")
	argv := []string{"dps", "-e", "-o", "pid,ppid,user,rss,pcpu,etime,args", "--sort", "-rss", "--broker", s.broker}
	s.say("$ %s", strings.Join(argv, " "))
	out, err := s.datacenter.Hub.Output(ctx, argv...)
	if err != nil {
		return fmt.Errorf("%w: dps: %w\n%s", ErrWrong, complain(err), out)
	}
	rows := lines(out)
	for _, row := range rows[:min(screenful, len(rows))] {
		s.say("%.*s", screenWidth, row)
	}
	if more := len(rows) - screenful; more > 0 {
		s.say("... and %d more", more)
	}
	s.shown.Rows = map[string]int{}
	for _, row := range rows[1:] {
		s.shown.Rows[firstWord(row)]++
	}
	for _, h := range s.datacenter.Hosts {
		if s.shown.Rows[h.Name] == 0 {
			return fmt.Errorf("%w: the table has no process of %s", ErrWrong, h.Name)
		}
	}
	return nil
}

// call shows one call's account and checks that it names the killed member and no other.
func (s *show) call(ctx context.Context) error {
	s.heading("One call to every member of a room; %s is killed while it has the message", victim)
	argv := []string{"middlecon", "call", room, "reload", "--deadline", "2s", "--broker", s.broker}
	if s.json {
		argv = append(argv, "--json")
	}
	s.say("$ %s", strings.Join(argv, " "))
	out, err := s.datacenter.Hub.Output(ctx, argv...)
	for _, line := range lines(out) {
		s.say("%s", line)
	}
	// The rule is "all": with one member lost it is not met, and the status is 1.
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 {
		return fmt.Errorf("%w: the call's exit status must be 1: %w", ErrWrong, complain(err))
	}
	became, err := s.outcomes(out)
	if err != nil {
		return fmt.Errorf("%w: the account: %w", ErrWrong, err)
	}
	for _, m := range members() {
		want := "ok"
		if m.name == victim {
			want = "lost_after_send"
		}
		if became[m.name] != want {
			return fmt.Errorf("%w: the account does not tell that %s is %s", ErrWrong, m.name, want)
		}
	}
	return nil
}

// outcomes are those of an account by member's name, as it was printed for people or for
// programs.
func (s *show) outcomes(out []byte) (map[string]string, error) {
	became := map[string]string{}
	if !s.json {
		for _, line := range lines(out) { // NAME HOST PID OUTCOME LATENCY REPLY
			if words := strings.Fields(line); len(words) > 3 {
				became[words[0]] = words[3]
			}
		}
		return became, nil
	}
	var account struct {
		Outcomes []struct{ Name, Outcome string }
	}
	if err := json.Unmarshal(out, &account); err != nil {
		return nil, err
	}
	for _, o := range account.Outcomes {
		became[o.Name] = o.Outcome
	}
	s.shown.Account = out
	return became, nil
}

func firstWord(line string) string {
	word, _, _ := strings.Cut(strings.TrimLeft(line, " "), " ")
	return word
}

// complain adds what a failed command wrote to its standard error.
func complain(err error) error {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && len(exit.Stderr) > 0 {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
	}
	if err == nil {
		return errors.New("it is 0")
	}
	return err
}
