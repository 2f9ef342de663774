package main

import (
	"errors"
	"io"
	"os"
	"strconv"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"ddcos"
	"ddcos/cli"
	"ddcos/dtop"
	"ddcos/middlecon/creds"
)

// misuse marks an error as wrong use of the command.
type misuse struct{ error }

// flags are what the command line may say.
type flags struct {
	broker string
	creds  creds.Client
	agents []string
	batch  bool
	format string // of the columns; "" for what the config file has
	as     string // a format by name, of the config file
	color  string // auto, always or never; "" for what the config file has
	config string // path of the config file; "" for the usual one
	run    dtop.Options
}

func newRoot(stdin io.Reader, stdout, stderr io.Writer) *cobra.Command {
	f := flags{run: dtop.DefaultOptions()}
	root := &cobra.Command{
		Use:   "dtop",
		Short: "Show the process table of many hosts, live",
		Long: `dtop shows the processes of many hosts as one live table: with --broker those of
every host whose agent has joined the broker's room k2i, with --agents those of the
agents listed, else those of this host. Hosts that did not answer are named, and so
are brokers that could not be asked. Its key ? lists the others.

Exit status: 0 ended by its user, 1 failed, 2 wrong use.`,
		Example: `  dtop
  dtop --broker tcp://10.0.0.1:7400
  dtop --on 'web[01-40]' -o pid,user,rcpu,rss,container,args
  dtop --batch -n 3 > frames`,
		Version:       ddcos.Version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.run.Input, f.run.Output = stdin, stdout
			return f.show(cmd)
		},
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetOut(stdout)
	root.SetErr(stderr)
	set := root.Flags()
	f.broker = os.Getenv("DDCOS_BROKER")
	set.Var(cli.Addresses(&f.broker), "broker", "broker's `ADDRESS`: unix:///path, tls://host:port or tcp://host:port; several with commas, or repeated (environment: DDCOS_BROKER)")
	f.creds = creds.FromEnv(os.Getenv)
	for _, c := range f.creds.Flags() {
		set.StringVar(c.Value, c.Name, *c.Value, c.Text())
	}
	set.StringSliceVar(&f.agents, "agents", nil, "`URLS` of agents: http://host:port or unix:///path (environment: DDCOS_AGENTS)")
	set.StringVar(&f.run.On, "on", "", "only these `HOSTS`, a comma between: names, ranges such as web[01-40], web*")
	set.StringVar(&f.config, "config", "", "`FILE` to read defaults from instead of DDCOS_CONFIG or ~/.config/ddcos/config.yaml, as dps does")
	set.StringVarP(&f.format, "format", "o", "", "`FORMAT` of the columns, as dps -o takes it: pid,user,rcpu,args; the host comes first")
	set.StringVar(&f.as, "as", "", "columns that the config file has under this `NAME`")
	set.StringVar(&f.color, "color", "", "`WHEN` there is colour: auto, always or never; NO_COLOR is heeded (default auto)")
	set.DurationVar(&f.run.Interval, "interval", f.run.Interval, "`TIME` from one question to the next")
	set.DurationVar(&f.run.Deadline, "deadline", f.run.Deadline, "`TIME` that the hosts may take to answer")
	set.BoolVarP(&f.batch, "batch", "b", false, "write plain frames, for pipes and files")
	set.IntVarP(&f.run.Frames, "frames", "n", f.run.Frames, "with --batch: `N` frames, 0 for no end")
	if err := root.RegisterFlagCompletionFunc("on", f.hosts); err != nil {
		panic(err) // there is no such flag: any start of it shows
	}
	cli.Finish(root, cli.Habits{
		Misuse: func(err error) error { return misuse{err} },
		Values: map[string][]string{"color": {"auto", "always", "never"}},
	})
	return root
}

// show runs dtop on a terminal, or in batches.
func (f *flags) show(cmd *cobra.Command) error {
	if err := f.run.Check(); err != nil {
		return misuse{err}
	}
	source, err := f.source(cmd)
	if err != nil {
		return err
	}
	defer source.Close()
	f.run.Source = source.Source
	if f.batch {
		f.run.Width = columns()
		return dtop.Batch(cmd.Context(), f.run)
	}
	if out, ok := f.run.Output.(*os.File); !ok || !term.IsTerminal(int(out.Fd())) {
		return misuse{errors.New("standard output is no terminal: give --batch to write plain frames")}
	}
	return dtop.Run(cmd.Context(), f.run)
}

// columns is what COLUMNS says, 0 for no limit.
func columns() int {
	n, err := strconv.ParseUint(os.Getenv("COLUMNS"), 10, 31)
	if err != nil {
		return 0
	}
	return int(n)
}
