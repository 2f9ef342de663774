package dps_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"ddcos/dps"
)

func asUsage(err error, to **dps.UsageError) bool { return errors.As(err, to) }

func same(s string) string { return s }

// Every keyword that dps shares with ps prints what ps prints, alone, under its
// header, between others, in a narrow column and in a wide one.
func TestColumnsAgainstPS(t *testing.T) {
	p := startPeers(t)
	for _, key := range shared(t) {
		for _, format := range []string{"KEY=", "KEY", "pid,KEY,ppid", "KEY:3,pid", "pid,KEY:40,comm", "KEY=a_long_header_indeed,pid"} {
			line := strings.ReplaceAll(format, "KEY", key)
			if slices.Contains(wideName, line) {
				continue
			}
			p.equal(t, same, "-o", line, "-q", p.list()) // the quick way for ps too
		}
	}
}

// Every key sorts as ps sorts; ties are left out by a second key.
func TestSortAgainstPS(t *testing.T) {
	p := startPeers(t)
	unsorted := differences(t, "sorted-by-value")
	for _, key := range shared(t) {
		if slices.Contains(unsorted, key) {
			continue
		}
		for _, sign := range []string{"", "-", "+"} {
			p.equal(t, same, "-o", "pid", "--sort", sign+key+",pid", "-p", p.list())
		}
	}
}

// wideName are formats in which ps lets go of its columns: it writes fname into
// eight places, however many were asked for.
var wideName = []string{"pid,fname:40,comm", "fname=a_long_header_indeed,pid"}

// Whole command lines print the same bytes and exit alike.
func TestCommandLinesAgainstPS(t *testing.T) {
	p := startPeers(t)
	l, b := p.list(), strings.Join(p.pids, " ")
	first, last := p.pids[0], p.pids[len(p.pids)-1]
	for _, line := range []string{
		"-p " + l, "p " + l, "p" + l, b, "--pid " + l, "--pid=" + l, "-f -p " + l, "-fp " + l, "-F -p " + l,
		"-j -p " + l, "-fj -p " + l, "-Fj -p " + l, "u -p " + l, "u " + b, "j " + b, "-f " + b, "-j " + b,
		"c " + b, "u c -p " + l, "-f c -p " + l, "-F " + b, "h " + b, "-f h -p " + l, "--no-headers -p " + l,
		"-o pid,user,comm -p " + l, "opid,user " + b, "-o pid= -o comm= -p " + l, "-o pid=X,comm=Y -p " + l,
		"-o pid,args -p " + l, "-o args,pid -p " + l, "-o comm:4,args:6,user:2,pid -p " + l, "-o pid,user:20,comm -p " + l,
		"-o pid=,ppid -p " + l, "-o pid:3=ABCDEF,comm -p " + l, "-o pid:12=a -p " + l, "--format pid,comm -p " + l,
		"-o pid,comm --sort -pid -p " + l, "-o pid k-user,+pid -p " + l, "k-pid -p " + l, "--sort=-start_time,pid -o pid -p " + l,
		"--cols 40 -f -p " + l, "--cols 60 u " + b, "--cols 5 -p " + l, "--width 50 -o pid,comm,args -p " + l,
		"--cols 20 -o args -p " + l, "--cols 30 -o pid,user -p " + l, "-w --cols 40 -f -p " + l, "-ww --cols 40 -f -p " + l, "w --cols 40 u " + b,
		"-p " + first + " -p " + last, "-p " + first + " " + last, first + " " + last, "-p" + first + " -ocomm=",
		"-o pid --ppid 4194303", "-p 4194303", "-C no-such-name -o pid=",
		"-N -o pid -p " + l + " -u 0 --deselect", "-N -e -o pid",
		"-o pid -s 4194303 -p " + first, "-o pid --user 65534", "-o pid -u 2000000000",
		"-o pid -U 65534", "-o pid -G 2", "-o pid --group 3", "-o pid -u daemon", "-o pid -g daemon",
		"-o pid --Group daemon", "-o pid -p " + first + " -u daemon", "r -p " + l, "-o pid -t - -p " + last + " --ppid 4194303 -N",
	} {
		p.equal(t, same, strings.Fields(line)...)
	}
	p.equal(t, same, "-o", "pid comm,user", "-p", strings.Join(p.pids, " "))
	p.equal(t, same, "-o", "pid comm=Name", "-o", "user=a=b", "-p", l)
}

// words are those of a refusal that dps shares with ps: it says beside them which
// word it did not understand, what that may have been, and where to look it up.
func words(s string) string {
	s, _, _ = strings.Cut(s, " (see dps ")
	s, _, _ = strings.Cut(s, "; did you mean ")
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "error: tell <procps@") {
		return "error: threads are shown in one way, and PS_FORMAT cannot have their ids added (-L/-T with -m/m/H)"
	}
	for _, text := range []string{"unknown gnu long option", "unsupported SysV option", "unsupported option (BSD syntax)", "unknown sort specifier"} {
		if strings.HasPrefix(s, "error: "+text) {
			return text
		}
	}
	return s
}

// What ps refuses is refused with its status and its words.
func TestRefusalsAgainstPS(t *testing.T) {
	p := newOnlooker(t)
	for _, args := range [][]string{
		{"--nosuch"},
		{"-Q"},
		{"-f-"},
		{"u-"},
		{"uW"},
		{"z"},
		{"-z"},
		{"-p"},
		{"-p", "abc"},
		{"-p", "0"},
		{"-p", "-1"},
		{"9999999999"},
		{"-p", "1,,2"},
		{"-p", ","},
		{"-p", "1,"},
		{"-p", "1, 2"},
		{"p"},
		{"--pid"},
		{"--pid="},
		{"--ppid"},
		{"-o"},
		{"o"},
		{"-o", "nosuch"},
		{"-o", ","},
		{"-o", "pid,,comm"},
		{"-o", "pid:x"},
		{"-o", "pid:0"},
		{"-o", "pid:"},
		{"--format="},
		{"--format"},
		{"--sort"},
		{"--sort="},
		{"--sort", "nosuch"},
		{"--sort", "-"},
		{"--sort", "pid,,comm"},
		{"k"},
		{"-u", "nosuchuser"},
		{"--user"},
		{"U"},
		{"-u", ",,"},
		{"-U", "nosuchuser"},
		{"-G", "nosuch"},
		{"-g", "nosuch"},
		{"--group"},
		{"--tty"},
		{"--sid"},
		{"-C"},
		{"-C", ""},
		{"--cols"},
		{"--cols", "0"},
		{"--cols", "x"},
		{"--"},
		{"-"},
		{"--deselect=3"},
		{"-o", "pid", "-l"},
		{"-l", "-o", "pid"},
		{"-o", "pid", "-F"},
		{"-o", "pid", "-j"},
		{"-o", "pid", "u"},
		{"u", "l"},
		{"-f", "u"},
		{"-l", "j"},
		{"-y"},
		{"-y", "-f"},
		{"1", "-f"},
		{"-1", "-f"},
		{"-p", "1", "10", "-o", "pid"},
		{"--forma", "pid"},
		{"-pf1"},
		{"-o", "PID"},
		{"hh"},
		{"-ax", "x"},
		{"-x", "j"},
		{"-d", "aux", "-a"},
		{"--sort", "pid", "k", "pid"},
		{"r", "-aux"},
		{"-aux", "x"},
		{"p1", "-u"},
		{"-j", "-u"},
		{"-x", "o", "comm"},
		{"-a", "w", "-h"},
		{"-f", "o", "comm"},
		{"-o", "pid", "-y"},
		{"p1", "-ax"},
		{"1,2"},
		{"-t", "nosuch"},
	} {
		p.equal(t, words, args...)
	}
}

// The mixtures that scripts rely on: what a dash in front of BSD's options means.
func TestDashedBSDAgainstPS(t *testing.T) {
	p := newOnlooker(t)
	header := func(s string) string { return strings.SplitN(s, "\n", 2)[0] }
	for _, line := range []string{"-aux", "-axu", "aux", "-ef", "-elf", "axo pid,comm", "axopid,comm", "-eo pid,comm", "-ax", "ax", "axj", "axl", "-ejl", "-ely", "-eFly", "x", "-A", "auxw", "-auxww", "-lj x", "-ly x", "u ax -y", "-g 0"} {
		p.equal(t, header, strings.Fields(line)...)
	}
}
