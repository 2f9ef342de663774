package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"ddcos/middlecon"
	"ddcos/protocol"
)

// leaveWithin bounds the goodbye of a member that is interrupted.
const leaveWithin = time.Second

func joinCommand(s *shared) *cobra.Command {
	var j joining
	cmd := &cobra.Command{
		Use:   "join ROOM --name NAME [--exec COMMAND] [--offers]",
		Short: "Be a member of a room and answer its calls, or do its work, with a command",
		Long: `Join ROOM and, for each call, run COMMAND by sh -c with the message on its
standard input. What it prints is the reply; an exit status other than 0 is the
outcome app_error, with the last of its standard error. Without --exec each call
is answered with its own message.

With --offers the member bids on work that is offered to the room ('middlecon
offer'), and runs COMMAND when it is bound to it. With --bid another command
decides: its exit status 0 bids, and a number that it prints is the cost; any
other declines. The member bids on one offer at a time, and on none while it works.

With --state-from FILE the member shows the lines KEY=VALUE of FILE as its state,
and reads it again at each SIGHUP. With --state-from - each line of its standard
input sets one key, or removes it where there is no =.

The commands find MIDDLECON_VERB (call, publish, offer, bid), MIDDLECON_ROOM,
MIDDLECON_CALLER_HOST and MIDDLECON_CALLER_PID in their environment. At the
deadline, or when the answer is needed no more, they are killed with all that they
have started.

With --resume DURATION the member outlives its connection for as long: another
takes its place, and calls that it works on go on. With --will TEXT the room, and
who watches it, hears TEXT when the member is lost, and not when it leaves;
--will-delay is from the loss of the connection, within which a resume cancels it.
A will comes to COMMAND as a message, with MIDDLECON_VERB=will and
MIDDLECON_WILL_OF, the member's name.

When the broker is lost, the member joins again as soon as there is one, or another
of those given; from one that drains it moves before. With --no-reconnect it ends, and
the exit status is 3. Interrupted, or when its terminal closes, the member leaves.`,
		Example: `  middlecon join web --name web1 --label zone=a --exec 'nginx -s reload'
  middlecon join nodes --name "$(hostname)" --exec 'uptime'
  middlecon join build --name b1 --exec ./build --bid 'cut -d" " -f1 /proc/loadavg | tr -d .'
  while sleep 5; do echo "load=$(cut -d' ' -f1 /proc/loadavg)"; done | middlecon join web --name web1 --state-from -`,
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error { return s.join(cmd, args[0], &j) },
	}
	s.brokerFlags(cmd)
	cmd.Flags().StringVar(&j.name, "name", "", "`NAME` in the room, which nobody else there may have")
	cmd.Flags().StringArrayVar(&j.labels, "label", nil, "`KEY=VALUE` by which calls can select; may be repeated")
	cmd.Flags().StringArrayVar(&j.state, "state", nil, "`KEY=VALUE` of the state that the member shows; may be repeated")
	cmd.Flags().StringVar(&j.from, "state-from", "", "`FILE` with the member's state, read again at SIGHUP; or - for changes on standard input")
	cmd.Flags().BoolVar(&j.once, "no-reconnect", false, "end when the broker is lost, instead of joining again")
	cmd.Flags().DurationVar(&j.resume, "resume", 0, "outlive the connection for `DURATION`, as far as the broker lets it; 0: not at all")
	cmd.Flags().StringVar(&j.will.text, "will", "", "`TEXT` that the room hears when the member is lost")
	cmd.Flags().StringVar(&j.will.room, "will-room", "", "`ROOM` that hears it instead")
	cmd.Flags().StringVar(&j.will.options.To, "will-to", "", "`MEMBER`, a name or an id, that alone hears it")
	cmd.Flags().DurationVar(&j.will.options.Delay, "will-delay", 0, "`DURATION` from the loss of the connection to the will")
	cmd.Flags().StringVar(&j.run.exec, "exec", "", "`COMMAND` that answers each message, and does the work that the member is bound to")
	cmd.Flags().BoolVar(&j.run.offers, "offers", false, "bid on all work that is offered to the room")
	cmd.Flags().StringVar(&j.run.bid, "bid", "", "`COMMAND` whose success bids on an offer, and which may print the cost; means --offers")
	return cmd
}

// joining is what the flags of join say.
type joining struct {
	name, from    string
	labels, state []string
	once          bool
	resume        time.Duration
	will          lastWill
	run           commands
}

// lastWill is what the flags of a will say.
type lastWill struct {
	text, room string
	options    middlecon.WillOptions
}

// check completes the will of a member of that room.
func (l *lastWill) check(room string) error {
	if l.text == "" && (l.room != "" || l.options.To != "" || l.options.Delay != 0) {
		return misuse{errors.New("--will-room, --will-to and --will-delay: there is no --will")}
	}
	if l.room == "" {
		l.room = room
	}
	if l.options.Delay < 0 || l.options.Delay > protocol.MaxDeadline {
		return misuse{fmt.Errorf("--will-delay %v: want 0 to %v", l.options.Delay, protocol.MaxDeadline)}
	}
	return checked("--will-room", l.room)
}

// check gives the member that the flags describe, and where its state comes from.
func (j *joining) check(room string, stdin io.Reader) (member middlecon.Member, source *stateSource, err error) {
	if j.name == "" {
		return member, nil, misuse{errors.New("--name is needed: the member's name in the room")}
	}
	if err := errors.Join(checked("room", room), checked("--name", j.name)); err != nil {
		return member, nil, err
	}
	if err := j.will.check(room); err != nil {
		return member, nil, err
	}
	if j.resume < 0 || j.resume > protocol.MaxDeadline {
		return member, nil, misuse{fmt.Errorf("--resume %v: want 0 to %v", j.resume, protocol.MaxDeadline)}
	}
	member.Name = j.name
	if member.Labels, err = parseLabels(j.labels); err != nil {
		return member, nil, err
	}
	if member.State, err = parseState(j.state); err != nil {
		return member, nil, err
	}
	if source, err = stateFrom(j.from, member.State, stdin); err != nil {
		return member, nil, err
	}
	member.State = source.state
	return member, source, nil
}

func (s *shared) join(cmd *cobra.Command, room string, j *joining) error {
	member, source, err := j.check(room, cmd.InOrStdin())
	if err != nil {
		return err
	}
	if source.hangup == nil { // else it reads the file again
		ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGHUP)
		defer stop()
		cmd.SetContext(ctx)
	}
	member, handler := j.run.member(member)
	conn, err := s.dialWith(cmd, middlecon.Options{Reconnect: !j.once, Resume: j.resume, Resumed: func(why error) {
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "middlecon: the connection was lost and is resumed: %s\n", plain(why.Error()))
	}, Lost: func(why error) {
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "middlecon: the broker is lost, reconnecting: %s\n", plain(why.Error()))
	}, Rejoined: func(m *middlecon.Membership) {
		s.sayJoined(cmd, "joined again", "rejoined", member.Name, m)
	}, Moved: func(from, to protocol.Address) {
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "middlecon: the broker at %s goes away: moved to %s\n", from, to)
	}})
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(); j.run.end() }()
	if j.will.text != "" {
		if err := conn.SetWill(cmd.Context(), j.will.room, []byte(j.will.text), j.will.options); err != nil {
			return err
		}
	}
	return s.member(cmd, conn, room, member, handler, source)
}

// member stays in the room until it is interrupted or the session ends.
func (s *shared) member(cmd *cobra.Command, conn *middlecon.Conn, room string, member middlecon.Member, handler middlecon.Handler, source *stateSource) error {
	m, err := conn.Join(cmd.Context(), room, member, handler)
	if err != nil {
		return err
	}
	s.sayJoined(cmd, "joined", "joined", member.Name, m)
	ctx, stop := context.WithCancel(cmd.Context())
	followed := make(chan struct{})
	go func() { defer close(followed); s.showStates(ctx, cmd, m, source) }()
	defer func() { stop(); <-followed }()
	select {
	case <-m.Done():
		if err := m.Err(); err != nil {
			return fmt.Errorf("the broker has ended the membership: %w", err)
		}
		return conn.Err()
	case <-cmd.Context().Done():
	}
	leaving, cancel := context.WithTimeout(context.Background(), leaveWithin)
	defer cancel()
	return m.Leave(leaving)
}

func (s *shared) sayJoined(cmd *cobra.Command, how, event, name string, m *middlecon.Membership) {
	s.say(cmd.OutOrStdout(), fmt.Sprintf("%s %s as %s, member %s, view %d", how, m.Room, name, m.ID(), m.View()),
		map[string]any{"event": event, "room": m.Room, "name": name, "member": m.ID().String(), "view": m.View()})
}

func echo(_ context.Context, m *middlecon.Message) ([]byte, error) { return m.Payload, nil }
