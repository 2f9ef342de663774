package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"ddcos/middlecon"
	"ddcos/protocol"
)

func callCommand(s *shared) *cobra.Command {
	var need string
	var labels []string
	deadline := middlecon.DefaultDeadline
	cmd := &cobra.Command{
		Use:   "call ROOM [PAYLOAD|-]",
		Short: "Reach every member of a room and account for each",
		Long: `Send PAYLOAD (standard input with -; nothing without it) to the members of ROOM
and wait until each of them is settled, the rule is met or the deadline passes.

Every selected member has exactly one outcome: ok, app_error, refused, timeout
(received, no reply), no_receipt (sent, no receipt), overflow, not_sent,
lost_after_send (effect unknown), left, unreachable_broker or cancelled.

Exit status: 0 the rule is met, 1 it is not, 2 wrong use, 3 the broker cannot be
reached.`,
		Example: `  middlecon call web reload
  middlecon call web reload --need 66% --label zone=a --deadline 500ms
  tar c conf | middlecon call web - --json | jq .counts`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return misuse{fmt.Errorf("usage: %s", cmd.UseLine())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			options := middlecon.CallOptions{Deadline: deadline}
			var err error
			if options.Need, err = protocol.ParseRule(need); err != nil {
				return misuse{fmt.Errorf("--need: %w", err)}
			}
			if options.Labels, err = parseLabels(labels); err != nil {
				return err
			}
			if options.Deadline < protocol.MinDeadline || options.Deadline > protocol.MaxDeadline {
				return misuse{fmt.Errorf("--deadline %v: want %v to %v", options.Deadline, protocol.MinDeadline, protocol.MaxDeadline)}
			}
			if err := checked("room", args[0]); err != nil {
				return err
			}
			payload, err := payloadOf(cmd.Context(), cmd.InOrStdin(), args[1:])
			if err != nil {
				return err
			}
			return s.call(cmd, args[0], payload, options)
		},
	}
	s.brokerFlags(cmd)
	cmd.Flags().DurationVar(&deadline, "deadline", deadline, fmt.Sprintf("`DURATION` by which the account is complete, %v to %v", protocol.MinDeadline, protocol.MaxDeadline))
	cmd.Flags().StringVar(&need, "need", "all", "`RULE` for success, who has to answer ok: all, a number of members, or a share such as 66%")
	cmd.Flags().StringArrayVar(&labels, "label", nil, "`KEY=VALUE` that selected members have; may be repeated")
	return cmd
}

func (s *shared) call(cmd *cobra.Command, room string, payload []byte, options middlecon.CallOptions) error {
	conn, err := s.dial(cmd)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	account, err := conn.Call(cmd.Context(), room, payload, options)
	if err != nil {
		if interrupted(cmd) {
			return fmt.Errorf("%w: the call is cancelled, what it did is unknown", errInterrupted)
		}
		if over := conn.Err(); over != nil {
			return fmt.Errorf("%w any more, the outcome is unknown for all: %w", middlecon.ErrUnreachable, over)
		}
		return err
	}
	if s.json {
		printJSON(cmd.OutOrStdout(), accountOf(account))
	} else {
		printAccount(cmd.OutOrStdout(), account)
	}
	if !account.Met {
		return statusError(exitNotMet)
	}
	return nil
}

// payloadOf takes the message from the arguments or from standard input.
func payloadOf(ctx context.Context, stdin io.Reader, args []string) ([]byte, error) {
	if len(args) == 0 {
		return nil, nil
	}
	payload := []byte(args[0])
	if args[0] == "-" {
		var err error
		if payload, err = readAll(ctx, io.LimitReader(stdin, protocol.MaxPayload+1)); err != nil {
			return nil, fmt.Errorf("standard input: %w", err)
		}
	}
	if len(payload) > protocol.MaxPayload {
		return nil, misuse{fmt.Errorf("the payload is too long: %d bytes are allowed; send a reference to what is larger", protocol.MaxPayload)}
	}
	return payload, nil
}

// readAll reads to the end, or until it is interrupted: then the process is
// about to end, and its waiting read with it.
func readAll(ctx context.Context, r io.Reader) ([]byte, error) {
	var all []byte
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		all, err = io.ReadAll(r)
	}()
	select {
	case <-done:
		return all, err
	case <-ctx.Done():
		return nil, errInterrupted
	}
}
