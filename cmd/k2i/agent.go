package main

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ddcos"
	"ddcos/k2i"
	"ddcos/k2i/agent"
	"ddcos/k2i/wire"
	"ddcos/protocol"
)

// agentFlags are what both serve and once tell the agent.
type agentFlags struct {
	name   string
	mode   string
	labels []string
}

func (f *agentFlags) add(flags *pflag.FlagSet) {
	name, err := os.Hostname()
	if err != nil {
		name = "localhost"
	}
	flags.StringVar(&f.name, "name", name, "`NAME` of this host, in rows and in the room; no two hosts share one")
	flags.StringVar(&f.mode, "mode", string(agent.ModeAuto), "`MODE` of reading the kernel: auto, bpf or procfs")
	flags.StringArrayVar(&f.labels, "label", nil, "`KEY=VALUE` of this host, for dps --label and label.KEY; may be repeated")
}

func (f *agentFlags) check() error {
	if err := protocol.CheckName(f.name); err != nil {
		return misuse{fmt.Errorf("--name: %w", err)}
	}
	if err := protocol.CheckLabels(f.labelMap()); err != nil {
		return misuse{fmt.Errorf("--label: %w", err)}
	}
	switch k2i.Mode(f.mode) {
	case agent.ModeAuto, k2i.ModeBPF, k2i.ModeProcfs:
		return nil
	}
	return misuse{fmt.Errorf("--mode %q: want auto, bpf or procfs", f.mode)}
}

// options are what the flags tell the agent.
func (f *agentFlags) options(interval time.Duration, log *slog.Logger) agent.Options {
	options := agent.DefaultOptions()
	options.Interval, options.Mode, options.Name, options.Log = interval, k2i.Mode(f.mode), f.name, log
	options.About = k2i.About{Version: ddcos.Version(), Labels: f.labelMap()}
	return options
}

// labelMap are the host's labels; one without a value has the empty one.
func (f *agentFlags) labelMap() map[string]string {
	labels := map[string]string{}
	for _, label := range f.labels {
		key, value, _ := strings.Cut(label, "=")
		labels[key] = value
	}
	return labels
}

func onceCommand() *cobra.Command {
	var f agentFlags
	var verbose bool
	cmd := &cobra.Command{
		Use:   "once",
		Short: "Print one snapshot of this host as JSON, without serving anything",
		Long: `Print what GET /v1/proc of an agent would say, from one sample taken now.
What is derived from two samples, as CPU use is, is null. Secrets in arguments
are masked, as by serve.`,
		Example: `  k2i once
  k2i once --mode procfs`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			snap, err := agent.Once(cmd.Context(), f.options(0, logTo(cmd.ErrOrStderr(), verbose)))
			if err != nil {
				return err
			}
			return wire.WriteJSON(cmd.OutOrStdout(), snap, wire.Request{}, time.Now())
		},
	}
	f.add(cmd.Flags())
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "log more")
	return cmd
}
