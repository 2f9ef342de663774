package k2i

import (
	"bytes"
	"strings"
)

// MaxArgs is how many bytes of a command line both roads read: the page that
// the kernel itself shows of a process that has set its own title. The last
// argument is cut there and the rest is left out.
const MaxArgs = 4096

// SplitArgs makes a list of a command line as the kernel holds it, its arguments
// each ended by a NUL; raw longer than MaxArgs is cut. NULs at the end are not
// arguments: programs that set their own title pad with them. The list is
// never nil.
func SplitArgs(raw []byte) []string {
	raw = bytes.TrimRight(raw[:min(len(raw), MaxArgs)], "\x00")
	if len(raw) == 0 {
		return []string{}
	}
	return strings.Split(string(raw), "\x00")
}
