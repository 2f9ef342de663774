package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"ddcos/protocol"
)

func statusCommand(s *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Tell what a broker has done and what it has",
		Long: `Print the broker's counts, all of one instant: calls accepted are those finished
and those in flight; refused ones were not accepted; offers likewise. The same numbers, and how long
calls took, are what 'middlecon serve --metrics' gives to Prometheus.`,
		Example: "  middlecon status\n  middlecon status --json | jq .calls",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			conn, err := s.dial(cmd)
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close() }()
			stats, err := conn.Status(cmd.Context())
			if err != nil {
				return err
			}
			if s.json {
				printJSON(cmd.OutOrStdout(), statusOfBroker(stats))
			} else {
				printStatus(cmd.OutOrStdout(), stats)
			}
			return nil
		},
	}
	s.brokerFlags(cmd)
	return cmd
}

type callsJSON struct {
	Accepted  uint64 `json:"accepted"`
	Finished  uint64 `json:"finished"`
	InFlight  uint64 `json:"in_flight"`
	Abandoned uint64 `json:"abandoned"`
	Refused   uint64 `json:"refused"`
}

type offersJSON struct {
	callsJSON
	Bound         uint64 `json:"bound"`
	Bids          uint64 `json:"bids"`
	BidsLate      uint64 `json:"bids_late"`
	BidsDuplicate uint64 `json:"bids_duplicate"`
	BidsUnknown   uint64 `json:"bids_unknown"`
}

type statesJSON struct {
	Set     uint64 `json:"set"`
	Refused uint64 `json:"refused"` // for being too many
}

// keptJSON is about sessions that outlive their connections.
type keptJSON struct {
	Parted     uint64 `json:"parted"` // now
	Resumed    uint64 `json:"resumed"`
	TakenOver  uint64 `json:"taken_over"`
	Expired    uint64 `json:"expired"`
	Refused    uint64 `json:"refused"`
	UnackedNow uint64 `json:"unacked_bytes"`
	Wills      uint64 `json:"wills"` // now
	WillsSent  uint64 `json:"wills_sent"`
}

type statusJSON struct {
	UptimeMS    uint64            `json:"uptime_ms"`
	Sessions    uint64            `json:"sessions"`
	TLS         uint64            `json:"tls_sessions"`
	TLSRefused  uint64            `json:"tls_refused"`
	Rooms       uint64            `json:"rooms"`
	Members     uint64            `json:"members"`
	Watches     uint64            `json:"watches"`
	Absent      uint64            `json:"absent"`
	Views       uint64            `json:"views"`
	Calls       callsJSON         `json:"calls"`
	Offers      offersJSON        `json:"offers"`
	States      statesJSON        `json:"states"`
	Resume      keptJSON          `json:"resume"`
	Published   uint64            `json:"published"`
	Outcomes    map[string]uint64 `json:"outcomes"`
	Late        uint64            `json:"late"`
	Duplicate   uint64            `json:"duplicate"`
	Unknown     uint64            `json:"unknown"`
	HalfOpen    uint64            `json:"half_open"`
	Forbidden   uint64            `json:"forbidden"`
	Expelled    uint64            `json:"expelled"`
	Floods      uint64            `json:"floods"`
	PutOff      uint64            `json:"put_off"`
	Overdrawn   uint64            `json:"overdrawn"`
	Throttled   uint64            `json:"throttled"`
	Entries     uint64            `json:"entries"`
	UnreadBytes uint64            `json:"unread_bytes"`
	SlowBytes   uint64            `json:"slow_bytes"`
	QueueFull   uint64            `json:"queue_full"`
	BegunBytes  uint64            `json:"begun_bytes"`
	BegunEnded  uint64            `json:"begun_ended"`
	LogLines    uint64            `json:"log_lines"`
	LogDropped  uint64            `json:"log_dropped"`
	HeldBytes   uint64            `json:"held_bytes"`
	QueuedBytes uint64            `json:"queued_bytes"`
}

func statusOfBroker(s *protocol.Stats) statusJSON {
	return statusJSON{
		UptimeMS: s.UptimeMS, Sessions: s.Sessions, TLS: s.TLS, TLSRefused: s.TLSRefused, Rooms: s.Rooms, Members: s.Members, Watches: s.Watches, Absent: s.Absent, Views: s.Views,
		Calls: callsJSON{Accepted: s.Accepted, Finished: s.Finished, InFlight: s.InFlight, Abandoned: s.Abandoned, Refused: s.Refused},
		Offers: offersJSON{
			callsJSON: callsJSON{Accepted: s.OffersAccepted, Finished: s.OffersFinished, InFlight: s.OffersInFlight, Abandoned: s.OffersAbandoned, Refused: s.OffersRefused},
			Bound:     s.OffersBound, Bids: s.Bids, BidsLate: s.BidsLate, BidsDuplicate: s.BidsDuplicate, BidsUnknown: s.BidsUnknown,
		},
		States: statesJSON{Set: s.StatesSet, Refused: s.StatesRefused},
		Resume: keptJSON{
			Parted: s.Parted, Resumed: s.Resumed, TakenOver: s.TakenOver, Expired: s.Expired, Refused: s.ResumesRefused,
			UnackedNow: s.Unacked, Wills: s.Wills, WillsSent: s.WillsSent,
		},
		Published: s.Published, Outcomes: outcomesOf(s), Late: s.Late, Duplicate: s.Duplicate, Unknown: s.Unknown,
		HalfOpen: s.HalfOpen, Floods: s.Floods, PutOff: s.PutOff, Forbidden: s.Forbidden, Expelled: s.Expelled, Overdrawn: s.Overdrawn, Throttled: s.Throttled, Entries: s.Entries, UnreadBytes: s.Homing,
		BegunBytes: s.Begun, BegunEnded: s.BegunEnded,
		LogLines: s.Logged, LogDropped: s.LogDropped, SlowBytes: s.Slow, QueueFull: s.QueueFull, HeldBytes: s.Held, QueuedBytes: s.Queued,
	}
}

// outcomesOf names the outcomes that there were.
func outcomesOf(s *protocol.Stats) map[string]uint64 {
	named := map[string]uint64{}
	for o, n := range s.Outcomes {
		if n > 0 {
			named[protocol.Outcome(o).String()] = n
		}
	}
	return named
}

func printStatus(w io.Writer, s *protocol.Stats) {
	_, _ = fmt.Fprintf(w, "up %v: %s, %s with %s, %d watches, %d absent, %d views\n",
		brief(time.Duration(s.UptimeMS)*time.Millisecond), plural(s.Sessions, "session"), plural(s.Rooms, "room"), members(int(s.Members)), s.Watches, s.Absent, s.Views)
	_, _ = fmt.Fprintf(w, "calls: %d accepted = %d finished + %d in flight; %d refused, %d abandoned by their callers; %d published\n",
		s.Accepted, s.Finished, s.InFlight, s.Refused, s.Abandoned, s.Published)
	if s.OffersAccepted+s.OffersRefused > 0 {
		_, _ = fmt.Fprintf(w, "offers: %d accepted = %d finished + %d in flight; %d refused, %d abandoned by their callers; %d bound\n",
			s.OffersAccepted, s.OffersFinished, s.OffersInFlight, s.OffersRefused, s.OffersAbandoned, s.OffersBound)
		_, _ = fmt.Fprintf(w, "bids: %d counted, %d late, %d duplicate, %d to no offer\n", s.Bids, s.BidsLate, s.BidsDuplicate, s.BidsUnknown)
	}
	if s.Parted+s.Resumed+s.TakenOver+s.Expired+s.ResumesRefused > 0 {
		_, _ = fmt.Fprintf(w, "cut sessions: %d parted now, %d resumed, %d taken over, %d not back in their window, %d resumes refused\n",
			s.Parted, s.Resumed, s.TakenOver, s.Expired, s.ResumesRefused)
	}
	if s.Wills+s.WillsSent > 0 {
		_, _ = fmt.Fprintf(w, "wills: %d set, %d published\n", s.Wills, s.WillsSent)
	}
	if s.StatesSet+s.StatesRefused > 0 {
		_, _ = fmt.Fprintf(w, "states: %d set, %d refused as too many\n", s.StatesSet, s.StatesRefused)
	}
	for o, n := range s.Outcomes {
		if n > 0 {
			_, _ = fmt.Fprintf(w, "  %d %s\n", n, protocol.Outcome(o))
		}
	}
	_, _ = fmt.Fprintf(w, "replies: %d late, %d duplicate, %d to no call\n", s.Late, s.Duplicate, s.Unknown)
	_, _ = fmt.Fprintf(w, "bytes: %d held for accounts in flight, %d of accounts not read, %d queued for sessions, %d of these for slow ones, %d of frames begun\n", s.Held, s.Homing, s.Queued, s.Slow, s.Begun)
	_, _ = fmt.Fprintf(w, "beyond a limit: %d calls without a credit, %d for too many deliveries, %d frames to full queues; %d sessions for frames begun, %d of hosts that were gone, %d slowed down as floods; waited %d times to join, watch and the like\n",
		s.Overdrawn, s.Throttled, s.QueueFull, s.BegunEnded, s.HalfOpen, s.Floods, s.PutOff)
	if s.TLS+s.TLSRefused > 0 {
		_, _ = fmt.Fprintf(w, "TLS: %d of the sessions, %d connections and sessions refused\n", s.TLS, s.TLSRefused)
	}
	if s.Forbidden+s.Expelled > 0 {
		_, _ = fmt.Fprintf(w, "policy: %d requests forbidden, %d memberships, watches and sessions ended\n", s.Forbidden, s.Expelled)
	}
	if s.Logged+s.LogDropped > 0 {
		_, _ = fmt.Fprintf(w, "account log: %d lines, %d more dropped\n", s.Logged, s.LogDropped)
	}
}
