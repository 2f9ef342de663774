package main

import (
	"cmp"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"ddcos/middlecon"
	"ddcos/protocol"
)

func watchCommand(s *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "watch ROOM",
		Short: "Follow a room: who joins, who leaves, who is lost",
		Long: `Print the members of ROOM and then every later view as it comes, until
interrupted. With --json each view is one object on a line of its own.`,
		Example: "  middlecon watch web\n  middlecon watch k2i --json",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checked("room", args[0]); err != nil {
				return err
			}
			conn, err := s.dial(cmd)
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close() }()
			w, err := conn.Watch(args[0])
			if err != nil {
				return err
			}
			return s.follow(cmd, conn, w)
		},
	}
	s.brokerFlags(cmd)
	return cmd
}

func (s *shared) follow(cmd *cobra.Command, conn *middlecon.Conn, w *middlecon.Watch) error {
	for {
		view, err := w.Next(cmd.Context())
		if interrupted(cmd) {
			return nil
		}
		if err != nil {
			return err
		}
		if s.json {
			printJSON(cmd.OutOrStdout(), viewJSON(view))
			continue
		}
		printView(cmd, view)
	}
}

type goneJSON struct {
	Member string `json:"member"`
	Name   string `json:"name"`
	Reason string `json:"reason"` // left or lost
	Text   string `json:"text,omitempty"`
}

type changedJSON struct {
	Member  string            `json:"member"`
	Name    string            `json:"name"`
	Version uint64            `json:"version"`
	State   map[string]string `json:"state"`
	Parted  bool              `json:"parted"` // its connection is cut, and it may come back
}

type willJSON struct {
	Member string `json:"member,omitempty"`
	Name   string `json:"name,omitempty"`
	Host   string `json:"host"`
	PID    int    `json:"pid"`
	Reason string `json:"reason"`

	Text       string `json:"text"`
	TextBase64 []byte `json:"text_base64,omitempty"` // where it is no UTF-8: then Text is what can be read of it
}

func viewJSON(v *middlecon.View) any {
	gone := make([]goneJSON, 0, len(v.Gone))
	for _, g := range v.Gone {
		gone = append(gone, goneJSON{Member: g.ID.String(), Name: g.Name, Reason: reason(g.Reason), Text: g.Text})
	}
	out := map[string]any{
		"room": v.Room, "view": v.Number, "size": v.Size, "full": v.Full, "joined": membersOf(v.Joined), "gone": gone,
	}
	if len(v.Changed) > 0 {
		changed := make([]changedJSON, 0, len(v.Changed))
		for _, c := range v.Changed {
			changed = append(changed, changedJSON{Member: c.ID.String(), Name: c.Name, Version: c.Version, State: c.State, Parted: c.Parted})
		}
		out["changed"] = changed
	}
	if l := v.Will; l != nil {
		will := willJSON{Name: l.Name, Host: l.Host, PID: l.PID, Reason: l.Reason, Text: string(l.Payload)}
		if !utf8.Valid(l.Payload) {
			will.TextBase64 = l.Payload
		}
		if l.Member != 0 {
			will.Member = l.Member.String()
		}
		out["will"] = will
	}
	if v.Full {
		out["absent"] = absentOf(v.Absent)
	}
	return out
}

func reason(r protocol.Reason) string {
	switch r {
	case protocol.ReasonLeft:
		return "left"
	case protocol.ReasonLost:
		return "lost"
	}
	return "reason " + strconv.Itoa(int(r))
}

func printView(cmd *cobra.Command, v *middlecon.View) {
	out := cmd.OutOrStdout()
	if v.Full {
		_, _ = fmt.Fprintf(out, "%s, view %d: %s\n", v.Room, v.Number, members(v.Size))
		printMembers(out, v)
		return
	}
	for _, m := range v.Joined {
		_, _ = fmt.Fprintf(out, "view %d, %s: %s joined (%s, member %s)\n", v.Number, members(v.Size), m.Name, m.Host, m.ID)
	}
	if l := v.Will; l != nil {
		_, _ = fmt.Fprintf(out, "view %d, %s: the will of %s (%s): %s\n", v.Number, members(v.Size), cmp.Or(l.Name, "somebody who is no member"), plain(l.Host), plain(string(l.Payload)))
	}
	for _, c := range v.Changed {
		if c.Parted {
			_, _ = fmt.Fprintf(out, "view %d, %s: %s is cut off, and may come back\n", v.Number, members(v.Size), c.Name)
			continue
		}
		_, _ = fmt.Fprintf(out, "view %d, %s: %s shows %s (version %d)\n", v.Number, members(v.Size), c.Name, labelText(c.State), c.Version)
	}
	for _, g := range v.Gone {
		text := ""
		if g.Text != "" {
			text = ": " + plain(g.Text)
		}
		_, _ = fmt.Fprintf(out, "view %d, %s: %s %s%s\n", v.Number, members(v.Size), g.Name, reason(g.Reason), text)
	}
}
