package main

import (
	"github.com/spf13/cobra"

	"ddcos/bench"
)

func orderCommand() *cobra.Command {
	o := bench.DefaultOrderOptions()
	cmd := measurement(&cobra.Command{
		Use:   "order",
		Short: "Measure many callers of one room at once, and check that all members see one order",
		Long: `order has many sessions call the same members at the same time. Each member
tells with its reply which of its deliveries that was. A call that two members
had at different positions is an inversion: there must be none.`,
		Example: `  bench order
  bench order --callers 64 --members 200 --json`,
	}, &o.Setting, func(cmd *cobra.Command) error { return bench.Order(cmd.Context(), o) })
	f := cmd.Flags()
	f.IntVar(&o.Members, "members", o.Members, "`N` members of the room, a socket each")
	f.IntVar(&o.Callers, "callers", o.Callers, "`N` sessions that call at once")
	f.IntVar(&o.Calls, "calls", o.Calls, "`N` calls of each of them, one after the other")
	f.IntVar(&o.Bytes, "bytes", o.Bytes, "`BYTES` of the payload")
	return cmd
}
