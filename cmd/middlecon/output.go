package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"ddcos/middlecon"
	"ddcos/protocol"
)

// replyShown is how many characters of a reply the table for people shows.
const replyShown = 72

// memberJSON is a member in members and watch.
type memberJSON struct {
	Member string            `json:"member"`
	Name   string            `json:"name"`
	Host   string            `json:"host"`
	PID    int               `json:"pid"`
	Labels map[string]string `json:"labels"`

	Version uint64            `json:"version,omitempty"` // of the state; missing with it where it was never set
	State   map[string]string `json:"state,omitempty"`
	Parted  bool              `json:"parted,omitempty"` // its connection is cut, and it may come back
}

type absentJSON struct {
	Member string `json:"member"`
	Name   string `json:"name"`
	Host   string `json:"host"`
	PID    int    `json:"pid"`
	AgoMS  int64  `json:"ago_ms"`
	Reason string `json:"reason"`
}

type outcomeJSON struct {
	Member      string  `json:"member"`
	Name        string  `json:"name"`
	Host        string  `json:"host"`
	PID         int     `json:"pid"`
	Outcome     string  `json:"outcome"`
	LatencyUS   int64   `json:"latency_us"`
	Reply       *string `json:"reply,omitempty"`
	ReplyBase64 []byte  `json:"reply_base64,omitempty"` // where the reply is no UTF-8
	Error       string  `json:"error,omitempty"`
}

type accountJSON struct {
	Room      string         `json:"room"`
	View      uint64         `json:"view"`
	ViewSize  int            `json:"view_size"`
	Selected  int            `json:"selected"`
	Rule      string         `json:"rule"`
	Met       bool           `json:"met"`
	ElapsedUS int64          `json:"elapsed_us"`
	WaitedUS  int64          `json:"waited_us,omitempty"` // for members, before the view was fixed
	Counts    map[string]int `json:"counts"`
	Absent    []absentJSON   `json:"absent"`
	Late      int            `json:"late"`
	Duplicate int            `json:"duplicate"`
	Outcomes  []outcomeJSON  `json:"outcomes"`
}

// say prints a line for people, or an object for programs.
func (s *shared) say(w io.Writer, line string, object any) {
	if s.json {
		printJSON(w, object)
		return
	}
	_, _ = fmt.Fprintln(w, line)
}

func printJSON(w io.Writer, v any) {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // an error is the reader's, who went away
}

func membersOf(list []protocol.Member) []memberJSON {
	all := make([]memberJSON, 0, len(list))
	for _, m := range list {
		labels := m.Labels
		if labels == nil {
			labels = map[string]string{}
		}
		all = append(all, memberJSON{Member: m.ID.String(), Name: m.Name, Host: m.Host, PID: int(m.PID), Labels: labels, Version: m.Version, State: m.State, Parted: m.Parted})
	}
	return all
}

func absentOf(list []middlecon.Absent) []absentJSON {
	all := make([]absentJSON, 0, len(list))
	for _, a := range list {
		all = append(all, absentJSON{Member: a.Member.String(), Name: a.Name, Host: a.Host, PID: a.PID, AgoMS: a.Ago.Milliseconds(), Reason: a.Reason})
	}
	return all
}

func accountOf(a *middlecon.Account) accountJSON {
	j := accountJSON{
		Room: a.Room, View: a.View, ViewSize: a.ViewSize, Selected: a.Selected, Rule: a.Rule.String(), Met: a.Met,
		ElapsedUS: a.Elapsed.Microseconds(), WaitedUS: a.Waited.Microseconds(), Counts: map[string]int{}, Absent: absentOf(a.Absent),
		Late: a.Late, Duplicate: a.Duplicate, Outcomes: make([]outcomeJSON, 0, len(a.Outcomes)),
	}
	for o, n := range a.Counts() {
		j.Counts[o.String()] = n
	}
	for _, o := range a.Outcomes {
		j.Outcomes = append(j.Outcomes, outcomeOf(o))
	}
	return j
}

func outcomeOf(o middlecon.Outcome) outcomeJSON {
	j := outcomeJSON{
		Member: o.Member.String(), Name: o.Name, Host: o.Host, PID: o.PID,
		Outcome: o.Outcome.String(), LatencyUS: o.Latency.Microseconds(), Error: o.Error,
	}
	switch {
	case o.Outcome != protocol.OK:
	case utf8.Valid(o.Reply):
		text := string(o.Reply)
		j.Reply = &text
	default:
		j.ReplyBase64 = o.Reply
	}
	return j
}

// stream prints outcomes as they come.
func (s *shared) stream(w io.Writer, outcomes []middlecon.Outcome) {
	for _, o := range outcomes {
		s.say(w, fmt.Sprintf("%s  %s  %s  %s  %v  %s", o.Name, o.Host, pid(o.PID), o.Outcome, brief(o.Latency), shown(o)), outcomeOf(o))
	}
}

func printAccount(w io.Writer, a *middlecon.Account) {
	printHead(w, a)
	printOutcomes(w, a)
}

// printSummary is an account without what became of each.
func printSummary(w io.Writer, a *middlecon.Account) {
	printHead(w, a)
	printCounts(w, a)
	printAbsent(w, a.Absent)
}

func printHead(w io.Writer, a *middlecon.Account) {
	met := "met"
	if !a.Met {
		met = "not met"
	}
	_, _ = fmt.Fprintf(w, "%s, view %d of %s: %d selected, rule %s %s, %v%s\n",
		a.Room, a.View, members(a.ViewSize), a.Selected, a.Rule, met, brief(a.Elapsed), waited(a))
}

// waited says for how long members were waited for, if they were.
func waited(a *middlecon.Account) string {
	if a.Waited == 0 {
		return ""
	}
	return fmt.Sprintf(" after waiting %v for members", brief(a.Waited))
}

func printCounts(w io.Writer, a *middlecon.Account) {
	counts := a.Counts()
	var parts []string
	for _, o := range protocol.Outcomes() {
		if counts[o] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[o], o))
		}
	}
	if len(parts) > 0 {
		_, _ = fmt.Fprintln(w, strings.Join(parts, ", "))
	}
}

func printOutcomes(w io.Writer, a *middlecon.Account) {
	printCounts(w, a)
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	if len(a.Outcomes) > 0 {
		_, _ = fmt.Fprintln(t, "NAME\tHOST\tPID\tOUTCOME\tLATENCY\tREPLY")
	}
	for _, o := range a.Outcomes {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%v\t%s\n", o.Name, o.Host, pid(o.PID), o.Outcome, brief(o.Latency), shown(o))
	}
	_ = t.Flush()
	printAbsent(w, a.Absent)
}

// shown is a reply or an error as a terminal may show it.
func shown(o middlecon.Outcome) string {
	text := o.Error
	if o.Outcome == protocol.OK {
		text = string(o.Reply)
	}
	safe := []rune(plain(strings.TrimSuffix(text, "\n")))
	if len(safe) > replyShown {
		return string(safe[:replyShown]) + "..."
	}
	return cmp.Or(string(safe), "-")
}

// plain is text on one line, without anything that a terminal would obey.
func plain(text string) string {
	quoted := strconv.Quote(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// brief keeps the digits of a duration that people read.
func brief(d time.Duration) time.Duration {
	switch {
	case d < time.Millisecond:
		return d.Round(time.Microsecond)
	case d < 100*time.Millisecond:
		return d.Round(10 * time.Microsecond)
	case d < time.Minute:
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Second)
}

func members(n int) string { return plural(uint64(max(n, 0)), "member") }

// plural is a number of things, by the name of one.
func plural(n uint64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.FormatUint(n, 10) + " " + one + "s"
}

func pid(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}

func printAbsent(w io.Writer, absent []middlecon.Absent) {
	for _, a := range absent {
		_, _ = fmt.Fprintf(w, "absent: %s (%s), lost %v ago: %s\n", a.Name, a.Host, brief(a.Ago), plain(a.Reason))
	}
}
