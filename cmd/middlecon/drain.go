package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"ddcos/protocol"
)

func drainCommand(s *shared) *cobra.Command {
	var grace time.Duration
	cmd := &cobra.Command{
		Use:   "drain",
		Short: "Make a broker go away without a call being lost",
		Long: `Tell the broker to end, as SIGTERM does, and wait until it has. Sessions that know
another broker move there, each after a random part of half the grace; calls and
offers in flight finish; new ones are refused, and go to the other broker. When
all that is done, or the grace is over, the broker closes what is left and ends.

Root and the broker's own user may do that, over its Unix socket, and whom the policy
gives the verb drain: without a file admins.`,
		Example: "  middlecon drain\n  middlecon drain --grace 30s --broker unix:///run/ddcos/middlecon.sock",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if grace < 0 || grace > protocol.MaxDeadline {
				return misuse{fmt.Errorf("--grace %v: want 0 to %v, after which no call runs", grace, protocol.MaxDeadline)}
			}
			if s.several() {
				return misuse{errors.New("--broker: name the one that is to be drained")}
			}
			return s.drain(cmd, grace)
		},
	}
	s.brokerFlags(cmd)
	cmd.Flags().DurationVar(&grace, "grace", 0, "`DURATION` that moving and calls in flight may take; without it what 'middlecon serve --grace' said")
	return cmd
}

// drain waits for the end of the broker, which its session's end is.
func (s *shared) drain(cmd *cobra.Command, grace time.Duration) error {
	conn, err := s.dial(cmd)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	begun := time.Now()
	d, err := conn.Drain(cmd.Context(), grace)
	if err != nil {
		return err
	}
	s.say(cmd.OutOrStdout(), fmt.Sprintf("draining %d sessions within %v", d.Sessions, d.Grace),
		map[string]any{"event": "draining", "sessions": d.Sessions, "grace_ms": d.Grace.Milliseconds()})
	select {
	case <-conn.Done():
	case <-cmd.Context().Done():
		return errInterrupted
	}
	if err := conn.Err(); !errors.Is(err, protocol.CodeShuttingDown) {
		return fmt.Errorf("the broker ended before it had drained: %w", err)
	}
	took := time.Since(begun).Round(time.Millisecond)
	s.say(cmd.OutOrStdout(), fmt.Sprintf("drained after %v", took), map[string]any{"event": "drained", "took_ms": took.Milliseconds()})
	return nil
}
