package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ddcos/middlecon"
	"ddcos/protocol"
)

// What a hook may read on standard input, and by how much more than --deadline
// its call may take before the broker is given up: a container waits for it.
const (
	maxState  = 1 << 20
	hookGrace = time.Second
)

// hookRoom is the room that the shipped hooks call.
const hookRoom = "containers"

// The moments of a container's life that hooks exist for on the host's side.
// Only before its program runs can a container still be refused.
const (
	createRuntime = "createRuntime"
	poststart     = "poststart"
	poststop      = "poststop"
)

// hookEvents are all of them, in the order in which they come.
func hookEvents() []string { return []string{createRuntime, poststart, poststop} }

// hooking is what the flags of hook say.
type hooking struct {
	calling
	event       string
	room        string
	unreachable string
}

func hookCommand(s *shared) *cobra.Command {
	var h hooking
	cmd := &cobra.Command{
		Use:   "hook createRuntime|poststart|poststop",
		Short: "Be a container runtime's OCI hook: call a room, let the container start or refuse it",
		Long: `Read a container's state as the OCI runtime specification has it from standard
input, call a room with it, and tell the runtime by the exit status whether the
container may start. The message is one JSON object: event, id, status, pid,
bundle and annotations; where that is too long, annotations are left out and
annotations_dropped has their number. Members are asked one container after the
other in the order in which runtimes came, and a runtime waits for its hook: so
each member sees a container's start before its stop.

At createRuntime the container is refused when the rule of --need is not met: a
member refuses by failing, as 'middlecon join --exec' does by an exit status other
than 0. At poststart and poststop nothing can be refused any more: what members
answer is told on standard error, and the exit status is 0.

Where there is no account at all, since the broker is dead, stuck, full or does
not allow the call, --on-unreachable decides: allow, so that a dead broker stops
no start on a host, or deny. The hook ends within twice --deadline and a second.

Exit status: 0 go on, 1 refused, 2 wrong use, 3 there is no account, and
--on-unreachable is deny. All but 0 make a runtime give the container up.`,
		Example: `  middlecon hook createRuntime --need all --deadline 500ms < state.json
  middlecon hook createRuntime --room admission --need 1 --on-unreachable deny
  middlecon hook poststop --room containers --json

  podman run --hooks-dir /usr/share/ddcos/hooks.d ...
  jq '.hooks.poststart += [{path: "/usr/bin/middlecon", args: ["middlecon", "hook", "poststart"]}]' config.json`,
		Args:      exactly(1),
		ValidArgs: hookEvents(),
		RunE: func(cmd *cobra.Command, args []string) error {
			h.event = args[0]
			return s.hook(cmd, &h)
		},
	}
	s.brokerFlags(cmd)
	h.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&h.room, "room", hookRoom, "`ROOM` to call")
	f.StringVar(&h.need, "need", "all", "`RULE` for the start, who has to answer ok: all (also of none), first, which is 1, a number of members, a share such as 66%, or all that have a label, KEY=VALUE")
	f.StringVar(&h.unreachable, "on-unreachable", "allow", "`allow|deny` the start where no account comes back")
	return cmd
}

// hook makes the call. An error refuses the container.
func (s *shared) hook(cmd *cobra.Command, h *hooking) error {
	options, err := h.check()
	if err != nil {
		return err
	}
	state, err := readState(cmd)
	if err != nil {
		return err
	}
	message, err := state.message(h.event)
	if err != nil {
		return err
	}
	account, err := s.tellRoom(cmd, h.room, message, options)
	var wrong misuse
	switch {
	case interrupted(cmd):
		return errInterrupted
	case errors.As(err, &wrong):
		return err
	}
	v := h.judge(state.ID, account, err)
	if s.json {
		printJSON(cmd.OutOrStdout(), v)
	}
	if v.Why != "" {
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "middlecon: %s\n", v.Why)
	}
	switch {
	case v.Allowed:
		return nil
	case account == nil:
		return statusError(exitUnreachable)
	}
	return statusError(exitNotMet)
}

// check says what of the flags is wrong, or what call they describe.
func (h *hooking) check() (middlecon.CallOptions, error) {
	if !slices.Contains(hookEvents(), h.event) {
		return middlecon.CallOptions{}, misuse{fmt.Errorf("event %q: want %s", h.event, strings.Join(hookEvents(), ", "))}
	}
	if h.unreachable != "allow" && h.unreachable != "deny" {
		return middlecon.CallOptions{}, misuse{fmt.Errorf("--on-unreachable %q: want allow or deny", h.unreachable)}
	}
	if err := checked("--room", h.room); err != nil {
		return middlecon.CallOptions{}, err
	}
	return h.options()
}

// tellRoom calls the room; without an account there is an error.
func (s *shared) tellRoom(cmd *cobra.Command, room string, message []byte, options middlecon.CallOptions) (*middlecon.Account, error) {
	conn, err := s.dialWith(cmd, middlecon.Options{Timeout: options.Deadline})
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeoutCause(cmd.Context(), options.Deadline+hookGrace, errors.New("the broker does not answer"))
	defer cancel()
	account, err := conn.Call(ctx, room, message, options)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return account, err
}

// verdict is what the hook makes of a call.
type verdict struct {
	Event   string       `json:"event"`
	ID      string       `json:"id"`
	Allowed bool         `json:"allowed"`
	Why     string       `json:"why,omitempty"` // it is not, or is in spite of something
	Account *accountJSON `json:"account"`       // null where there is none
}

// judge decides by the account, or why there is none.
func (h *hooking) judge(id string, account *middlecon.Account, err error) verdict {
	v := verdict{Event: h.event, ID: id, Allowed: true}
	what := fmt.Sprintf("%s of %s", h.event, plain(id))
	if account == nil {
		v.Allowed = h.unreachable == "allow" || h.event != createRuntime
		v.Why = fmt.Sprintf("%s: nobody was asked: %v", what, err)
		return v
	}
	told := accountOf(account)
	v.Account = &told
	if account.Met {
		return v
	}
	if h.event == createRuntime {
		v.Allowed = false
		what += " is refused"
	}
	v.Why = fmt.Sprintf("%s: %s", what, unmet(account))
	return v
}

// unmet says in one line who is why the rule is not met.
func unmet(a *middlecon.Account) string {
	const most = 3
	who := make([]string, 0, most+1)
	for _, o := range a.Outcomes {
		if o.Outcome == protocol.OK {
			continue
		}
		if len(who) == most {
			who = append(who, "...")
			break
		}
		text := ""
		if o.Error != "" {
			text = ": " + shown(o)
		}
		who = append(who, fmt.Sprintf("%s (%s) %s%s", o.Name, o.Host, o.Outcome, text))
	}
	return fmt.Sprintf("%d selected, rule %s not met: %s", a.Selected, a.Rule, cmp.Or(strings.Join(who, ", "), "nobody is there"))
}

// containerState is what a runtime tells its hooks, as far as it is passed on.
// Source: the OCI runtime specification, State.
type containerState struct {
	ID          string            `json:"id"`
	Status      string            `json:"status"`
	PID         int               `json:"pid,omitempty"` // in the runtime's PID namespace; none once it has stopped
	Bundle      string            `json:"bundle"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// readState takes a container's state from standard input.
func readState(cmd *cobra.Command) (*containerState, error) {
	b, err := readAll(cmd.Context(), io.LimitReader(cmd.InOrStdin(), maxState+1))
	if err != nil {
		return nil, fmt.Errorf("standard input: %w", err)
	}
	state := &containerState{}
	switch err := json.Unmarshal(b, state); {
	case len(b) > maxState:
		return nil, misuse{fmt.Errorf("standard input: a container's state has at most %d bytes", maxState)}
	case err != nil:
		return nil, misuse{fmt.Errorf("standard input: want a container's state as OCI runtimes give it to hooks: %w", err)}
	case state.ID == "":
		return nil, misuse{errors.New("standard input: want a container's state as OCI runtimes give it to hooks: it has no id")}
	}
	return state, nil
}

// message is what the room hears, no longer than a payload may be.
func (s *containerState) message(event string) ([]byte, error) {
	type told struct {
		Event string `json:"event"`
		*containerState

		Dropped int `json:"annotations_dropped,omitempty"`
	}
	b, err := json.Marshal(told{Event: event, containerState: s})
	if err == nil && len(b) > protocol.MaxPayload {
		short := *s
		short.Annotations = nil
		b, err = json.Marshal(told{Event: event, containerState: &short, Dropped: len(s.Annotations)})
	}
	if err == nil && len(b) > protocol.MaxPayload {
		err = misuse{fmt.Errorf("standard input: the state is too long for a message: %d bytes are allowed", protocol.MaxPayload)}
	}
	return b, err
}
