package k2i

import (
	"fmt"
	"slices"
	"strings"
)

// Detail is what is read of one process on demand, because it is long, dear, or
// may have to be waited for. What was not asked for, and what could not be read,
// is Unread, "" or nil; Gaps says why of the latter.
type Detail struct {
	PSSBytes     Count `json:"pss_bytes" msgpack:"pss_bytes"`           // resident memory, shared pages divided by those who share them
	USSBytes     Count `json:"uss_bytes" msgpack:"uss_bytes"`           // resident memory that nobody shares
	SwapPSSBytes Count `json:"swap_pss_bytes" msgpack:"swap_pss_bytes"` // swapped out, shared pages divided likewise

	FDCount Count    `json:"fd_count" msgpack:"fd_count"` // open files
	FDs     []FD     `json:"fds" msgpack:"fds"`           // the first MaxFDs of them
	Limits  []Limit  `json:"limits" msgpack:"limits"`
	Wchan   string   `json:"wchan" msgpack:"wchan"` // the kernel's function that it waits in; "" for none
	Stack   []string `json:"stack" msgpack:"stack"` // of its first thread inside the kernel, innermost first

	Gaps []Gap `json:"gaps" msgpack:"gaps"` // never nil
}

// NoDetail is a Detail of which nothing has been read.
func NoDetail() *Detail {
	return &Detail{PSSBytes: Unread, USSBytes: Unread, SwapPSSBytes: Unread, FDCount: Unread, Gaps: []Gap{}}
}

// MaxFDs is how many open files a Detail lists.
const MaxFDs = 4096

// FD is one open file.
type FD struct {
	FD     int32  `json:"fd" msgpack:"fd"`
	Kind   string `json:"kind" msgpack:"kind"`     // file, socket, pipe, memfd, or what an anonymous inode is called: eventpoll, bpf-map, ...
	Target string `json:"target" msgpack:"target"` // as the link says, in the process's own mounts; at most 4,096 bytes
}

// Limit is one resource limit.
type Limit struct {
	Name string `json:"name" msgpack:"name"` // as in /proc/PID/limits: max_open_files, ...
	Soft Count  `json:"soft" msgpack:"soft"` // Unread for unlimited, here and in Hard
	Hard Count  `json:"hard" msgpack:"hard"`
	Unit string `json:"unit" msgpack:"unit"` // bytes, seconds, files, ...; "" for none
}

// Part is a piece of a Detail, read and missing as a whole.
type Part string

// The parts there are.
const (
	PartPSS    Part = "pss"
	PartFDs    Part = "fds"
	PartLimits Part = "limits"
	PartWchan  Part = "wchan"
	PartStack  Part = "stack"
)

// Parts are all of them.
func Parts() []Part { return []Part{PartPSS, PartFDs, PartLimits, PartWchan, PartStack} }

// allParts is the word for every part.
const allParts = "all"

// PartNames are the words that ParseParts knows.
func PartNames() []string {
	words := []string{allParts}
	for _, part := range Parts() {
		words = append(words, string(part))
	}
	return words
}

// ParseParts reads words joined by commas: parts, each of which it gives once, or
// "all".
func ParseParts(text string) ([]Part, error) {
	var parts []Part
	for word := range strings.SplitSeq(text, ",") {
		switch part := Part(word); {
		case word == allParts:
			parts = Parts()
		case !slices.Contains(Parts(), part):
			return nil, fmt.Errorf("%.64q is none of %s", word, strings.Join(PartNames(), ", "))
		case !slices.Contains(parts, part):
			parts = append(parts, part)
		}
	}
	return parts, nil
}

// Gap is a part that could not be read, of one process or of several.
type Gap struct {
	Part   Part      `json:"part" msgpack:"part"`
	Reason GapReason `json:"reason" msgpack:"reason"`
	Help   string    `json:"help" msgpack:"help"`   // what it means, and what to do
	Count  int       `json:"count" msgpack:"count"` // processes
}

// GapReason is why a part could not be read.
type GapReason string

// The reasons there are.
const (
	GapDenied      GapReason = "denied"      // no right to
	GapEnded       GapReason = "ended"       // the process has ended
	GapKernel      GapReason = "kernel"      // a kernel thread has none
	GapUnsupported GapReason = "unsupported" // the kernel is built without
	GapDeadline    GapReason = "deadline"    // it took too long; its reader still waits
	GapStuck       GapReason = "stuck"       // an earlier reader still waits for it
	GapBusy        GapReason = "busy"        // no reader was free
	GapTooLarge    GapReason = "too_large"   // reading it would hold the process up
	GapTooMany     GapReason = "too_many"    // one of more processes than are read for one question
	GapFailed      GapReason = "failed"      // anything else
)

// Help says what a reason means and what to do.
func (r GapReason) Help() string {
	switch r {
	case GapDenied:
		return "the agent may not read it: run it as root, or as the process's user"
	case GapEnded:
		return "the process has ended, and its pid may be another's now"
	case GapKernel:
		return "a kernel thread has none"
	case GapUnsupported:
		return "this kernel is built without it"
	case GapDeadline:
		return "the kernel did not answer in time: the process is stuck, or very large"
	case GapStuck:
		return "an earlier reader still waits for the kernel to answer: the process is stuck"
	case GapBusy:
		return "too many reads are waiting; try again"
	case GapTooLarge:
		return "its memory is so large that measuring it would hold it up"
	case GapTooMany:
		return "more processes than one question may measure: select fewer, or set a limit"
	case GapFailed:
	}
	return "it could not be read"
}

// AddGap notes a part that so many processes lack; those of one part and reason
// are counted together.
func AddGap(gaps []Gap, part Part, reason GapReason, count int) []Gap {
	i := slices.IndexFunc(gaps, func(g Gap) bool { return g.Part == part && g.Reason == reason })
	if i < 0 {
		return append(gaps, Gap{Part: part, Reason: reason, Help: reason.Help(), Count: count})
	}
	gaps[i].Count += count
	return gaps
}
