package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"ddcos/dps"
	"ddcos/k2i"
	"ddcos/k2i/agent"
	"ddcos/k2i/detail"
	"ddcos/k2i/procfs"
	"ddcos/k2i/wire"
)

// showFlags are what the commands that print something once are told.
type showFlags struct {
	agent   agentFlags
	json    bool
	verbose bool
}

func (f *showFlags) add(cmd *cobra.Command) {
	f.agent.add(cmd.Flags())
	cmd.Flags().BoolVar(&f.json, "json", false, "print what an agent would answer")
	cmd.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "log more")
}

// snapshot reads this host once.
func (f *showFlags) snapshot(cmd *cobra.Command) (*k2i.Snapshot, error) {
	if err := f.agent.check(); err != nil {
		return nil, err
	}
	return agent.Once(cmd.Context(), f.agent.options(0, logTo(cmd.ErrOrStderr(), f.verbose)))
}

func procCommand() *cobra.Command {
	var f showFlags
	var parts string
	cmd := &cobra.Command{
		Use:   "proc PID",
		Short: "Print everything of one process of this host",
		Long: `Print everything that is known of one process of this host: each field with its
value, and what is read on demand. What could not be read stands at the end, with
the reason, and so does what a single look by this mode cannot know. dps lists
processes.`,
		Example: `  k2i proc 1
  k2i proc 4711 --detail pss,fds --json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return misuse{fmt.Errorf("want one PID: see 'k2i proc --help'")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			pid, err := strconv.ParseInt(args[0], 10, 32)
			if err != nil || pid < 1 {
				return misuse{fmt.Errorf("%q is no process id", args[0])}
			}
			wanted, err := k2i.ParseParts(parts)
			if err != nil {
				return misuse{fmt.Errorf("--detail: %w", err)}
			}
			snap, err := f.snapshot(cmd)
			if err != nil {
				return err
			}
			p := snap.Find(int32(pid))
			if p == nil {
				return fmt.Errorf("no process %d on this host", pid)
			}
			fs, err := procfs.New(cmd.Context(), procfs.DefaultRoot)
			if err != nil {
				return err
			}
			p = complete(fs, snap, p)
			d := detail.New(fs, detail.DefaultOptions()).Read(cmd.Context(), p, wanted)
			p.PSSBytes, p.USSBytes, p.FDCount, p.Wchan = d.PSSBytes, d.USSBytes, d.FDCount, d.Wchan
			if f.json {
				return printJSON(cmd.OutOrStdout(), wire.ProcessAnswer{Head: wire.HeadOf(snap, time.Now()), Process: p, Detail: d})
			}
			return printProcess(cmd.OutOrStdout(), snap, p, d)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&parts, "detail", "all", "`PARTS` to read on demand, joined by commas: pss, fds, limits, wchan, stack or all")
	return cmd
}

// complete is a row with what a single look at all processes leaves out, because it
// takes files of its own; it is missing in the snapshot no more.
func complete(fs *procfs.FS, snap *k2i.Snapshot, p *k2i.Process) *k2i.Process {
	own := *p
	one := k2i.Sample{Mode: snap.Mode, Processes: []*k2i.Process{&own}}
	procfs.NewSeldom(fs).Fill(&one)
	read := procfs.SeldomFields(snap.Mode)
	snap.Missing = slices.DeleteFunc(slices.Clone(snap.Missing), func(name string) bool {
		return slices.Contains(read, name) && !slices.Contains(one.Missing, name)
	})
	return &own
}

func printJSON(w io.Writer, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

// columnGap is what stands between two columns.
const columnGap = 2

func columns(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, columnGap, ' ', 0) }

// printProcess prints a line for each field and each thing that was read. What
// people and processes may choose is made harmless first.
func printProcess(w io.Writer, snap *k2i.Snapshot, p *k2i.Process, d *k2i.Detail) error {
	out := columns(w)
	line := func(name, value, unit string) {
		if value != k2i.Unknown {
			value = strings.TrimSpace(dps.Clean(value) + " " + unit)
		}
		_, _ = fmt.Fprintf(out, "%s\t%s\n", name, value) // its error comes back from Flush
	}
	for _, field := range k2i.Fields() {
		line(field.Name, field.Text(p), field.Unit)
	}
	line("swap_pss_bytes", number(d.SwapPSSBytes, k2i.Unknown), "bytes")
	for _, l := range d.Limits {
		line("limit "+l.Name, number(l.Soft, "unlimited")+" of "+number(l.Hard, "unlimited"), l.Unit)
	}
	for _, function := range d.Stack {
		line("stack", function, "")
	}
	for _, fd := range d.FDs {
		line("fd "+strconv.Itoa(int(fd.FD)), fd.Kind+" "+fd.Target, "")
	}
	for _, gap := range d.Gaps {
		line("missing "+string(gap.Part), string(gap.Reason)+": "+gap.Help, "")
	}
	if len(snap.Missing) > 0 {
		line("missing by "+string(snap.Mode), strings.Join(snap.Missing, " "), "")
	}
	return out.Flush()
}

// number is a count, or a word where there is none.
func number(n k2i.Count, none string) string {
	if n < 0 {
		return none
	}
	return strconv.FormatInt(int64(n), 10)
}

func containersCommand() *cobra.Command {
	var f showFlags
	cmd := &cobra.Command{
		Use:   "containers",
		Short: "Print the containers, machines and sandboxes of this host",
		Long: `Print a line for each container, machine and sandbox that this host's processes
are in, told by control groups and command lines alone: names and images, which
only the runtimes know, are not asked for.`,
		Example: `  k2i containers
  k2i containers --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			snap, err := f.snapshot(cmd)
			if err != nil {
				return err
			}
			if f.json {
				return printJSON(cmd.OutOrStdout(), wire.ContainersAnswer{Head: wire.HeadOf(snap, time.Now()), Containers: snap.Containers()})
			}
			return printContainers(cmd.OutOrStdout(), snap)
		},
	}
	f.add(cmd)
	return cmd
}

func printContainers(w io.Writer, snap *k2i.Snapshot) error {
	out := columns(w)
	_, _ = fmt.Fprintln(out, "RUNTIME\tKIND\tPROCESSES\tTHREADS\tRSS_BYTES\tCPU_NS\tUNIT\tPOD\tID") // the error comes back from Flush
	for _, c := range snap.Containers() {
		_, _ = fmt.Fprintf(out, "%s\t%s\t%d\t%d\t%d\t%d\t%s\t%s\t%s\n", word(c.Runtime), word(c.Kind), c.Processes, c.Threads, c.RSSBytes, c.CPUNS, word(c.Unit), word(c.Pod), word(c.ID))
	}
	return out.Flush()
}

// word is a text made harmless, and never empty.
func word(s string) string {
	if s == "" {
		return k2i.Unknown
	}
	return dps.Clean(s)
}
