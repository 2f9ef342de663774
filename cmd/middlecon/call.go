package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"ddcos/middlecon"
	"ddcos/protocol"
)

func callCommand(s *shared) *cobra.Command {
	var c calling
	var stream bool
	cmd := &cobra.Command{
		Use:   "call ROOM [PAYLOAD|-]",
		Short: "Reach every member of a room and account for each",
		Long: `Send PAYLOAD (standard input with -; nothing without it) to the members of ROOM
and wait until each of them is settled, the rule is met or the deadline passes.
When the rule is met, who has not answered is cancelled.

Every selected member has exactly one outcome: ok, app_error, refused, timeout
(received, no reply), no_receipt (sent, no receipt), overflow, not_sent,
lost_after_send (effect unknown), left, unreachable_broker or cancelled.

With --stream each member has its line, or with --json its object, as soon as it
is settled; the account comes last.

Exit status: 0 the rule is met, 1 it is not, 2 wrong use, 3 the broker cannot be
reached.`,
		Example: `  middlecon call web reload
  middlecon call web backup --stream --deadline 5m
  middlecon call web reload --need 66% --label zone=a --deadline 500ms
  middlecon call web start --wait 3 --wait-up-to 30s --need role=leader
  tar c conf | middlecon call web - --json | jq .counts`,
		Args: between(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			options, err := c.options()
			if err != nil {
				return err
			}
			if err := checked("room", args[0]); err != nil {
				return err
			}
			payload, err := payloadOf(cmd.Context(), cmd.InOrStdin(), args[1:])
			if err != nil {
				return err
			}
			ask := func(ctx context.Context, conn *middlecon.Conn) (*middlecon.Account, error) {
				return conn.Call(ctx, args[0], payload, options)
			}
			if !stream {
				return s.call(cmd, ask, printAccount)
			}
			options.Partial = func(outcomes []middlecon.Outcome) { s.stream(cmd.OutOrStdout(), outcomes) }
			return s.call(cmd, ask, printSummary)
		},
	}
	s.brokerFlags(cmd)
	c.flags(cmd)
	c.waitFlags(cmd)
	cmd.Flags().BoolVar(&stream, "stream", false, "tell of each member as soon as it is settled")
	cmd.Flags().StringVar(&c.need, "need", "all", "`RULE` for success, who has to answer ok: all (also of none), first, which is 1, a number of members, a share such as 66%, or all that have a label, KEY=VALUE")
	return cmd
}

// calling is what the flags of call and send say.
type calling struct {
	deadline time.Duration
	need     string
	wait     int
	waitUpTo time.Duration
	labels   []string
	state    []string
}

func (c *calling) flags(cmd *cobra.Command) {
	c.need, c.waitUpTo = "first", middlecon.DefaultWait // where no flags of theirs say otherwise
	cmd.Flags().DurationVar(&c.deadline, "deadline", middlecon.DefaultDeadline, fmt.Sprintf("`DURATION` by which the account is complete, %v to %v", protocol.MinDeadline, protocol.MaxDeadline))
	cmd.Flags().StringArrayVar(&c.labels, "label", nil, "`KEY=VALUE` that selected members have; may be repeated")
	cmd.Flags().StringArrayVar(&c.state, "state", nil, "`KEY=VALUE` that selected members' state has; may be repeated")
}

func (c *calling) waitFlags(cmd *cobra.Command) {
	cmd.Flags().IntVar(&c.wait, "wait", 0, "`N` members to wait for, of those that would be selected, before the call")
	cmd.Flags().DurationVar(&c.waitUpTo, "wait-up-to", middlecon.DefaultWait, "`DURATION` to wait for them at most; --deadline begins after it")
}

func (c *calling) options() (middlecon.CallOptions, error) {
	options := middlecon.CallOptions{Deadline: c.deadline, Wait: c.wait}
	var err error
	if options.Need, err = protocol.ParseRule(c.need); err != nil {
		return options, misuse{fmt.Errorf("--need: %w", err)}
	}
	if options.Labels, err = parseLabels(c.labels); err != nil {
		return options, err
	}
	if options.State, err = parseState(c.state); err != nil {
		return options, err
	}
	if c.deadline < protocol.MinDeadline || c.deadline > protocol.MaxDeadline {
		return options, misuse{fmt.Errorf("--deadline %v: want %v to %v", c.deadline, protocol.MinDeadline, protocol.MaxDeadline)}
	}
	if c.wait < 0 {
		return options, misuse{fmt.Errorf("--wait %d: want 0 or more", c.wait)}
	}
	if c.wait == 0 && c.waitUpTo != middlecon.DefaultWait {
		return options, misuse{errors.New("--wait-up-to: there is no --wait, which says for how many members")}
	}
	if c.wait > 0 {
		options.WaitUpTo = c.waitUpTo
		if c.waitUpTo <= 0 || c.waitUpTo > protocol.MaxDeadline {
			return options, misuse{fmt.Errorf("--wait-up-to %v: want up to %v", c.waitUpTo, protocol.MaxDeadline)}
		}
	}
	return options, nil
}

// call makes a call and prints its account, for people with text.
func (s *shared) call(cmd *cobra.Command, ask func(context.Context, *middlecon.Conn) (*middlecon.Account, error), text func(io.Writer, *middlecon.Account)) error {
	return s.ask(cmd, ask, func(w io.Writer, account *middlecon.Account) {
		if s.json {
			printJSON(w, accountOf(account))
		} else {
			text(w, account)
		}
	})
}

// ask gets an account, prints it and says by the exit status whether it is met.
func (s *shared) ask(cmd *cobra.Command, ask func(context.Context, *middlecon.Conn) (*middlecon.Account, error), show func(io.Writer, *middlecon.Account)) error {
	conn, err := s.dial(cmd)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	account, err := ask(cmd.Context(), conn)
	if err != nil {
		if interrupted(cmd) {
			return fmt.Errorf("%w: the call is cancelled, what it did is unknown", errInterrupted)
		}
		if over := conn.Err(); over != nil {
			return fmt.Errorf("the outcome is unknown for all: %w", over)
		}
		return err
	}
	show(cmd.OutOrStdout(), account)
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
