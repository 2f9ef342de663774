package k2i

import (
	"fmt"
	"strconv"
	"strings"
)

// NoTTY is how ps writes the terminal of a process that has none.
const NoTTY = "?"

// ttyRange is a run of minor numbers of one major that share a name and count up.
type ttyRange struct {
	prefix      string
	major       uint32
	first, last uint32 // minor numbers
}

// maxMinor is the largest minor number that the kernel's 32-bit encoding holds.
const maxMinor = 1<<20 - 1

// ttyRanges are the terminals that people meet, from the kernel's
// Documentation/admin-guide/devices.txt. The kernel has one driver for all
// Unix98 pseudo-terminals, with major 136 and the index as the minor.
var ttyRanges = []ttyRange{
	{"pts/", 136, 0, maxMinor},
	{"ttyS", 4, 64, 255},
	{"tty", 4, 0, 63},
	{"hvc", 229, 0, 255},
	{"ttyAMA", 204, 64, 79},
	{"ttyUSB", 188, 0, 255},
	{"ttyACM", 166, 0, 255},
}

// consoleName and consoleDev are the one terminal without a number.
const (
	consoleName = "console"
	consoleDev  = 5<<8 | 1
)

// EncodeDev joins major and minor the way /proc/PID/stat field 7 does: the
// minor's low 8 bits, then 12 bits of major, then the minor's other 12.
func EncodeDev(major, minor uint32) uint32 {
	return minor&0xff | major<<8 | (minor&^0xff)<<12
}

// splitDev is the inverse of EncodeDev.
func splitDev(dev uint32) (major, minor uint32) {
	return dev >> 8 & 0xfff, dev&0xff | dev>>12&0xfff00
}

// TTYName is the name below /dev of a terminal's device number
// (/proc/PID/stat field 7): "pts/3", "tty1", "ttyS0"; "?" for 0, no terminal,
// and MAJOR:MINOR for a device without a well-known name.
func TTYName(dev uint32) string {
	if dev == 0 {
		return NoTTY
	}
	if dev == consoleDev {
		return consoleName
	}
	major, minor := splitDev(dev)
	for _, r := range ttyRanges {
		if major == r.major && r.first <= minor && minor <= r.last {
			return r.prefix + strconv.FormatUint(uint64(minor-r.first), 10)
		}
	}
	return fmt.Sprintf("%d:%d", major, minor)
}

// TTYNumber is the inverse of TTYName; it also takes the name with /dev/ before
// it, and "-" for no terminal. It is false for a name that it does not know.
func TTYNumber(name string) (uint32, bool) {
	name = strings.TrimPrefix(name, "/dev/")
	switch name {
	case NoTTY, "-":
		return 0, true
	case consoleName:
		return consoleDev, true
	}
	if major, minor, found := strings.Cut(name, ":"); found {
		return numberedDev(major, minor)
	}
	for _, r := range ttyRanges {
		digits, found := strings.CutPrefix(name, r.prefix)
		if !found {
			continue
		}
		if n, ok := decimal(digits, r.last-r.first); ok {
			return EncodeDev(r.major, r.first+n), true
		}
	}
	return 0, false
}

// numberedDev reads the MAJOR:MINOR of an unnamed terminal.
func numberedDev(major, minor string) (uint32, bool) {
	a, ok := decimal(major, 1<<12-1)
	b, ok2 := decimal(minor, maxMinor)
	return EncodeDev(a, b), ok && ok2
}

// decimal reads digits only, without a sign or leading zeros, up to most.
func decimal(s string, most uint32) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n > uint64(most) || strconv.FormatUint(n, 10) != s {
		return 0, false
	}
	return uint32(n), true
}
