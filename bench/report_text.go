package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"ddcos"
)

// text is the report in Markdown.
func (o ReportOptions) text(all []measured, plots map[string][]plotted, took time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Measurements\n\nOf %s, in %v. %s\n\n", time.Now().UTC().Format("2006-01-02 15:04 UTC"), took.Round(time.Second), machine())
	fmt.Fprintf(&b, "ddcos %s, %s. All parts of a measurement share the machine's CPUs: broker, members, agent and caller are programs of their own on it. ", ddcos.Version(), runtime.Version())
	b.WriteString("Where a figure was taken several times it is the median, and the range of the ratios stands beside it. The ratio is ours / the peer's.\n\n")
	if o.Quick {
		b.WriteString("**Quick: a tenth of the members and of the calls, once. The targets are of the whole loads, so they are judged here only for show.**\n\n")
	}
	b.WriteString("## Targets\n\n| what | wanted | measured | |\n|---|---|---|---|\n")
	for _, t := range targets() {
		wanted := "at most " + number(t.bound)
		if t.least {
			wanted = "at least " + number(t.bound)
		}
		got, found := t.find(all)
		if !found {
			fmt.Fprintf(&b, "| %s | %s | - | not measured |\n", t.what, wanted)
			continue
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", t.what, wanted, number(got), t.verdict(got))
	}
	for _, m := range all {
		b.WriteString("\n" + m.section(plots[m.name]))
	}
	return b.String()
}

// section is one measurement.
func (m measured) section(plots []plotted) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n    %s\n\n", m.name, m.command)
	if m.failed != nil {
		fmt.Fprintf(&b, "It failed after %v: %s\n", m.took.Round(time.Second), strings.ReplaceAll(m.failed.Error(), "\n", "; "))
		return b.String()
	}
	b.WriteString(m.title + "\n\n")
	for _, p := range plots {
		fmt.Fprintf(&b, "![%s](%s)\n\n", p.title, p.file)
	}
	b.WriteString("| figure | ours | peer | its figure | ratio | of runs |\n|---|---|---|---|---|---|\n")
	var notes []string
	for _, f := range m.figures {
		if f.Peer == "" {
			fmt.Fprintf(&b, "| %s | %s %s | | | | |\n", f.Name, number(f.Value), f.Unit)
			continue
		}
		fmt.Fprintf(&b, "| %s | %s %s | %s | %s %s | %s | %s |\n", f.Name, number(f.Value), f.Unit, f.Peer, number(f.PeerValue), f.Unit, number(f.Ratio),
			strings.Trim(f.spread(), " ()"))
		if f.Note != "" && !strings.Contains(strings.Join(notes, "\n"), f.Note) {
			notes = append(notes, f.Note)
		}
	}
	b.WriteString("\n")
	for _, note := range notes {
		b.WriteString("* " + note + "\n")
	}
	return b.String()
}

// number is a value in four digits, and in all that stand before the point.
func number(v float64) string {
	digits := 0
	for size := math.Abs(v); size > 0 && size < 1000 && digits < 6; size *= 10 {
		digits++
	}
	text := strconv.FormatFloat(v, 'f', digits, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// machine is what the measurements were taken on.
func machine() string {
	kernel := "an unknown kernel"
	var u unix.Utsname
	if err := unix.Uname(&u); err == nil {
		kernel = unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
	}
	return fmt.Sprintf("%d CPUs (%s), %s of memory, %s.", runtime.NumCPU(), field("/proc/cpuinfo", "model name"), field("/proc/meminfo", "MemTotal"), kernel)
}

// field is what stands behind the first such name in a file of /proc.
func field(path, name string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if left, right, found := strings.Cut(lines.Text(), ":"); found && strings.TrimSpace(left) == name {
			return strings.TrimSpace(right)
		}
	}
	return "unknown"
}
