package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"ddcos/middlecon"
)

func offerCommand(s *shared) *cobra.Command {
	var c calling
	var window time.Duration
	var stream bool
	cmd := &cobra.Command{
		Use:   "offer ROOM [PAYLOAD|-]",
		Short: "Have one member of a room do a piece of work",
		Long: `Offer PAYLOAD (standard input with -; nothing without it) to the members of ROOM.
Those that want the work bid; exactly one of them is bound, and only that one
begins. The first bid is bound, or with --window the one of the least cost.

The bound member has an outcome as in a call. All others have not begun:
not_bound (it had bid), cancelled (it had not bid yet), refused (it declined),
timeout and no_receipt (no bid came), overflow, not_sent, left. Where the bound
one is lost_after_send, left, timeout or no_receipt, what it did is unknown: who
offers again may have the work done twice.

Who is bound has a line, or with --json an object, as soon as it is known; the
account comes last. With --stream the bound member's reply is printed as it comes
(objects with part, or part_base64), which is what a command of join --exec prints.
It counts only if that member is ok in the end: else the account says that it is void,
and what was printed just before may not come.

Exit status: 0 the bound member did it, 1 nobody was bound or it did not,
2 wrong use, 3 the broker cannot be reached.`,
		Example: `  middlecon offer build job-17 --deadline 1m
  middlecon offer build - --label arch=arm64 --window 50ms <job.json
  middlecon offer build job-17 --stream --deadline 5m
  middlecon offer build job-17 --json | head -n 1 | jq -r .bound.name`,
		Args: between(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			options, err := c.options()
			if err != nil {
				return err
			}
			if window < 0 || window >= c.deadline {
				return misuse{fmt.Errorf("--window %v: want less than the deadline of %v", window, c.deadline)}
			}
			if err := checked("room", args[0]); err != nil {
				return err
			}
			payload, err := payloadOf(cmd.Context(), cmd.InOrStdin(), args[1:])
			if err != nil {
				return err
			}
			return s.offer(cmd, args[0], payload, middlecon.OfferOptions{
				Deadline: options.Deadline, Labels: options.Labels, State: options.State,
				Wait: options.Wait, WaitUpTo: options.WaitUpTo, Window: window,
			}, stream)
		},
	}
	s.brokerFlags(cmd)
	c.flags(cmd)
	c.waitFlags(cmd)
	cmd.Flags().BoolVar(&stream, "stream", false, "print the bound member's reply as it comes")
	cmd.Flags().DurationVar(&window, "window", 0, "`DURATION` for which bids are collected before one is bound; 0: the first is")
	return cmd
}

// offer makes an offer, tells who is bound as soon as it is known, streams the reply where
// that is wanted, and prints the account.
func (s *shared) offer(cmd *cobra.Command, room string, payload []byte, options middlecon.OfferOptions, stream bool) error {
	bound := make(chan *middlecon.Bound, 2) // what there is to tell, and the end: neither blocks
	out := &streamed{s: s, to: cmd.OutOrStdout()}
	options.Bound = func(b middlecon.Bound) { bound <- &b }
	told := make(chan struct{})
	if stream {
		options.Partial = func(part []byte) {
			select {
			case <-told: // nothing comes of nobody who is bound
			case <-cmd.Context().Done():
			}
			out.part(part)
		}
	}
	go func() {
		defer close(told)
		if b := <-bound; b != nil {
			s.say(cmd.OutOrStdout(), fmt.Sprintf("bound to %s (%s, member %s)", b.Name, b.Host, b.Member),
				boundLine{boundJSON{Member: b.Member.String(), Name: b.Name}})
		}
	}()
	return s.ask(cmd, func(ctx context.Context, conn *middlecon.Conn) (*middlecon.Account, error) {
		account, err := conn.Offer(ctx, room, payload, options)
		bound <- nil
		<-told
		out.end()
		return account, err
	}, func(w io.Writer, a *middlecon.Account) { s.printOffer(w, a, out.any) })
}

// boundJSON is who was bound, null in an account where nobody was.
type boundJSON struct {
	Member string `json:"member"`
	Name   string `json:"name"`
}

// boundLine is the object that comes before the account.
type boundLine struct {
	Bound boundJSON `json:"bound"`
}

type offerJSON struct {
	accountJSON
	Bids  int        `json:"bids"`
	Void  int        `json:"void,omitempty"` // bytes of the reply that were printed and do not count
	Bound *boundJSON `json:"bound"`
}

// printOffer prints the account; of a reply that was streamed text has only the end.
func (s *shared) printOffer(w io.Writer, a *middlecon.Account, streamed bool) {
	o, ok := a.BoundOutcome()
	if s.json {
		j := offerJSON{accountJSON: accountOf(a), Bids: a.Bids, Void: a.Void}
		if ok {
			j.Bound = &boundJSON{Member: o.Member.String(), Name: o.Name}
		}
		printJSON(w, j)
		return
	}
	became := "nobody is bound"
	if ok {
		became = o.Name + " is bound: " + o.Outcome.String()
		if streamed && o.Error != "" { // else it stands in the table
			became += " (" + shown(o) + ")"
		}
	}
	if a.Void > 0 {
		_, _ = fmt.Fprintf(w, "what came of the reply, %d bytes, does not count\n", a.Void)
	}
	_, _ = fmt.Fprintf(w, "%s, view %d of %s: offered to %d, %d bid, %s, %v%s\n",
		a.Room, a.View, members(a.ViewSize), a.Selected, a.Bids, became, brief(a.Elapsed), waited(a))
	if streamed {
		printCounts(w, a)
		printAbsent(w, a.Absent)
		return
	}
	printOutcomes(w, a)
}
