package dps

import (
	"cmp"
	"os/user"
	"slices"
	"strings"
	"time"
)

// Exit statuses of dps. ps knows 0 and 1 only.
const (
	ExitOK      = 0 // complete, and at least one process was selected
	ExitFailed  = 1 // nothing was selected, or ps's own errors; no broker
	ExitUsage   = 2 // an option that only dps has was misused
	ExitPartial = 3 // a host did not answer, or the room has lost one
)

// How long a host may take to answer; to log in takes its time.
const (
	DefaultDeadline = 2 * time.Second
	ViaDeadline     = 15 * time.Second
)

// Show is what is to be shown.
type Show int

// What a command line may ask for.
const (
	ShowProcesses Show = iota
	ShowVersion
	ShowHelp
	ShowColumns
	ShowInfo
	ShowSchema
)

// Command is a command line, understood.
type Command struct {
	Show    Show
	Section string // of the help; "" for all

	Cells    []Cell
	Select   Selection
	Sort     []SortKey
	NoHeader bool
	NoHost   bool
	JSON     bool
	Comm     bool   // the kernel's name instead of the command line
	Numeric  bool   // ids instead of names
	Sum      bool   // CPU time with that of children which have ended
	Environ  bool   // the environment behind the command line
	Tree     Tree   // how the forest is drawn
	Repeat   bool   // the headers again on every page
	Rows     int    // lines of a page; 0 where not given
	Warning  string // about the environment; "" for none

	HideKernel  bool   // no kernel threads
	FullName    bool   // command lines where names are asked for
	SignalNames bool   // signals by name
	Delimiter   string // between columns; "" for blanks
	DateFormat  string // of lstart; "" for ps's own

	ThreadsAlike bool // a line for each thread, as if it were a process
	ThreadsBelow bool // a line for each thread below its process's
	threadIDs    bool // by -L or -T: with their ids

	Columns int    // of the screen, from --cols; 0 where not given
	Wide    int    // how often w was given
	Color   string // auto, always or never
	Limit   int    // rows at most; 0 for all

	Exited bool          // those that ended, as long as agents remember them
	Since  time.Duration // of those, the ones that ended so long ago at most; 0 for all

	Question // of the fleet: what ps has no words for

	Broker   string        // address; "" for none
	TLS      TLS           // what a broker at tls://host:port is reached by
	Agents   []string      // URLs; empty for none
	Via      string        // command that runs a shell on a host; "" for none
	Deadline time.Duration // of one host's answer
}

// TLS names files, and the broker; what is empty is for the environment and the host to say.
type TLS struct{ CA, Cert, Key, TokenFile, Name string }

// Remote tells whether other hosts than this one are asked.
func (c *Command) Remote() bool { return c.Broker != "" || len(c.Agents) > 0 || c.Via != "" }

// SortKey is one keyword of --sort.
type SortKey struct {
	Column     Column
	Descending bool
}

// Env is what the parser reads beside the arguments.
type Env struct {
	// Config reads the config file at a path, or the usual one for ""; nil for none.
	Config func(path string) (*Config, error)

	Broker string // DDCOS_BROKER
	Agents string // DDCOS_AGENTS, a comma between
	Format string // PS_FORMAT: the columns where no option asks for any

	Personality Personality // of PS_PERSONALITY
	HideKernel  bool        // LIBPROC_HIDE_KERNEL: no kernel threads, whatever is selected
	Columns     int         // COLUMNS: of the screen; 0 where it tells none
	Lines       int         // LINES: the same

	// UserExists and GroupExists look a name up on this host; ps refuses a name
	// that does not exist, and takes -aux for aux by it.
	UserExists  func(name string) bool
	GroupExists func(name string) bool

	// Terminal is the device number of a terminal by its name below /dev; nil
	// where only well-known names are understood.
	Terminal func(name string) (uint32, error)
}

// DefaultEnv reads the environment by getenv and names from this host's files.
func DefaultEnv(getenv func(string) string) Env {
	return Env{
		Config: func(path string) (*Config, error) { return LoadConfig(path, getenv) },
		Broker: getenv("DDCOS_BROKER"),
		Agents: getenv("DDCOS_AGENTS"),
		Format: getenv("PS_FORMAT"),

		Personality: personalityOf(getenv),
		Terminal:    terminalNumber,
		HideKernel:  getenv("LIBPROC_HIDE_KERNEL") != "",
		Columns:     screenSize(getenv("COLUMNS")),
		Lines:       screenSize(getenv("LINES")),
		UserExists: func(name string) bool {
			_, err := user.Lookup(name)
			return err == nil
		},
		GroupExists: func(name string) bool {
			_, err := user.LookupGroup(name)
			return err == nil
		},
	}
}

// screenSize is a number of columns or lines as the environment tells it; 0 for
// what is no such number.
func screenSize(text string) int {
	if n, ok := numeral(text); ok && n < maxLine {
		return int(n) //nolint:gosec // below maxLine
	}
	return 0
}

// UsageError is a command line that is refused.
type UsageError struct {
	Text string // as ps says it, without "error: "
	Own  bool   // of an option that ps does not have

	see   string // where to look it up; "" for the help
	plain bool   // ps says it without "error: "
	final bool   // no other reading of the arguments can help
}

// Error implements error.
func (e *UsageError) Error() string {
	if e.plain {
		return e.Text
	}
	return "error: " + e.Text + " (see dps " + cmp.Or(e.see, "--help") + ")"
}

// Status is the exit status that goes with it.
func (e *UsageError) Status() int {
	if e.Own {
		return ExitUsage
	}
	return ExitFailed
}

func usage(text string) error { return &UsageError{Text: text} }

func own(text string) error { return &UsageError{Text: text, Own: true, final: true} }

// Name is how an option is called in messages: its long name, else its letter.
func (o Option) Name() string {
	switch {
	case len(o.Long) > 0:
		return "--" + o.Long[0]
	case o.Unix != 0:
		return "-" + string(o.Unix)
	}
	return string(o.BSD)
}

// Own tells the options that ps does not have.
func (o Option) Own() bool {
	return o.Section == "fleet" || o.Section == "query" || len(o.Long) > 0 && slices.Contains(ownOutput, o.Long[0])
}

// ownOutput are the options of the section output that ps does not have.
var ownOutput = []string{"json", "ndjson", "csv", "schema", "as", "watch", "no-host", "color"}

// Names is how an option may be given, as the help shows it: "-p, p, --pid PIDS".
func (o Option) Names() string {
	var names []string
	if o.Unix != 0 {
		names = append(names, "-"+string(o.Unix))
	}
	if o.BSD != 0 {
		names = append(names, string(o.BSD))
	}
	if len(o.Long) > 0 {
		names = append(names, "--"+o.Long[0])
	}
	text := strings.Join(names, ", ")
	if o.Arg != "" {
		text += " " + o.Arg
	}
	return text
}
