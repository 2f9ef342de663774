package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"ddcos/middlecon"
)

// leaveWithin bounds the goodbye of a member that is interrupted.
const leaveWithin = time.Second

func joinCommand(s *shared) *cobra.Command {
	var name, command string
	var labels, state []string
	var once bool
	cmd := &cobra.Command{
		Use:   "join ROOM --name NAME [--exec COMMAND]",
		Short: "Be a member of a room and answer its calls with a command",
		Long: `Join ROOM and, for each call, run COMMAND by sh -c with the message on its
standard input. What it prints is the reply; an exit status other than 0 is the
outcome app_error, with the last of its standard error. Without --exec each call
is answered with its own message.

COMMAND finds MIDDLECON_ROOM, MIDDLECON_CALLER_HOST and MIDDLECON_CALLER_PID in
its environment. At the call's deadline, or when its answer is needed no more, it
is killed with all that it has started.

When the broker is lost, the member joins again as soon as there is one; with
--no-reconnect it ends, and the exit status is 3. Interrupted, the member leaves.`,
		Example: `  middlecon join web --name web1 --label zone=a --exec 'nginx -s reload'
  middlecon join nodes --name "$(hostname)" --exec 'uptime'`,
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if name == "" {
				return misuse{errors.New("--name is needed: the member's name in the room")}
			}
			if err := errors.Join(checked("room", args[0]), checked("--name", name)); err != nil {
				return err
			}
			parsed, err := parseLabels(labels)
			if err != nil {
				return err
			}
			shown, err := parseState(state)
			if err != nil {
				return err
			}
			conn, err := s.dialWith(cmd, middlecon.Options{Reconnect: !once, Lost: func(why error) {
				_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "middlecon: the broker is lost, reconnecting: %s\n", plain(why.Error()))
			}})
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close() }()
			handler := echo
			if command != "" {
				a := &answers{command: command}
				handler = a.answer
				defer func() { _ = conn.Close(); a.end() }()
			}
			return s.member(cmd, conn, args[0], middlecon.Member{Name: name, Labels: parsed, State: shown}, handler)
		},
	}
	s.brokerFlags(cmd)
	cmd.Flags().StringVar(&name, "name", "", "`NAME` in the room, which nobody else there may have")
	cmd.Flags().StringArrayVar(&labels, "label", nil, "`KEY=VALUE` by which calls can select; may be repeated")
	cmd.Flags().StringArrayVar(&state, "state", nil, "`KEY=VALUE` of the state that the member shows; may be repeated")
	cmd.Flags().BoolVar(&once, "no-reconnect", false, "end when the broker is lost, instead of joining again")
	cmd.Flags().StringVar(&command, "exec", "", "`COMMAND` that answers each message")
	return cmd
}

// member stays in the room until it is interrupted or the session ends.
func (s *shared) member(cmd *cobra.Command, conn *middlecon.Conn, room string, member middlecon.Member, handler middlecon.Handler) error {
	m, err := conn.Join(cmd.Context(), room, member, handler)
	if err != nil {
		return err
	}
	s.say(cmd.OutOrStdout(), fmt.Sprintf("joined %s as %s, member %s, view %d", room, member.Name, m.ID(), m.View()),
		map[string]any{"event": "joined", "room": room, "name": member.Name, "member": m.ID().String(), "view": m.View()})
	select {
	case <-conn.Done():
		return fmt.Errorf("%w any more: %w", middlecon.ErrUnreachable, conn.Err())
	case <-cmd.Context().Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), leaveWithin)
	defer cancel()
	return m.Leave(ctx)
}

func echo(_ context.Context, m *middlecon.Message) ([]byte, error) { return m.Payload, nil }
