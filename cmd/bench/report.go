package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"ddcos/bench"
)

func reportCommand() *cobra.Command {
	o := bench.DefaultReportOptions()
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Make every measurement, and write a report with plots",
		Long: `report makes all measurements one after the other, with the loads that the
project's targets name, and writes report.md with the targets met and missed,
the figures, the machine and the commands; figures.jsonl, an object a line; and
SVG plots. It tells what it is at on standard error. A whole report takes about
half an hour, a quick one some four minutes.`,
		Example: `  bench report
  bench report --quick --dir /tmp/report
  bench report --step storm,full --runs 1`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Out, o.Progress = cmd.OutOrStdout(), cmd.ErrOrStderr()
			return asMisuse(bench.Report(cmd.Context(), o))
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Dir, "dir", o.Dir, "`DIRECTORY` to write the report to")
	f.BoolVar(&o.Quick, "quick", false, "a tenth of the members and of the calls, once")
	f.StringSliceVar(&o.Steps, "step", nil, fmt.Sprintf("`STEP`s to take, of %s; all without it", strings.Join(bench.StepNames(), ", ")))
	f.IntVar(&o.Runs, "runs", o.Runs, "`N` runs of each measurement of time, of which the medians are taken")
	f.DurationVar(&o.Most, "most", o.Most, "`DURATION` that one of them may take")
	return cmd
}
