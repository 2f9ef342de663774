// Package gather reads hosts by a program of some three kilobytes, gather.c: that
// writes files of /proc out as they are, and what it wrote is a procfs.System here.
// So nothing of ours runs there for long, and what takes files apart is the same
// for all hosts.
package gather

import (
	_ "embed" // the programs
	"fmt"
	"strings"
	"sync"
)

//go:generate clang --target=x86_64-linux-gnu -std=c11 -Os -Wall -Wextra -Werror -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables -nostdlib -static -fuse-ld=lld -Wl,--strip-all,--build-id=none -o gather-amd64 gather.c
//go:generate clang --target=aarch64-linux-gnu -std=c11 -Os -Wall -Wextra -Werror -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables -nostdlib -static -fuse-ld=lld -Wl,--strip-all,--build-id=none -o gather-arm64 gather.c

//go:embed gather-amd64
var amd64 []byte

//go:embed gather-arm64
var arm64 []byte

// Knows tells whether there is a program for a machine as uname -m calls it.
func Knows(machine string) bool { return machine == "x86_64" || machine == "aarch64" }

// Command is the shell's command that writes the program for the machine of $kind,
// as uname -sm says it; it fails for any other. It takes no program to run it, and
// none of its bytes is special to a shell, a terminal or a line.
var Command = sync.OnceValue(func() string {
	return fmt.Sprintf("case $kind in 'Linux x86_64') printf '%s' ;; 'Linux aarch64') printf '%s' ;; *) false ;; esac", escape(amd64), escape(arm64))
})

// escape writes bytes as the format of a shell's printf, each as short as it can be:
// of a number in octal digits a fourth is no part, nor is what is no digit.
func escape(program []byte) string {
	var b strings.Builder
	for i, c := range program {
		switch {
		case c == '%':
			b.WriteString("%%")
		case c >= ' ' && c <= '~' && c != '\'' && c != '\\':
			b.WriteByte(c)
		case i+1 < len(program) && program[i+1] >= '0' && program[i+1] <= '7':
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			fmt.Fprintf(&b, `\%o`, c)
		}
	}
	return b.String()
}
