package crowd

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
)

// Where a program is loaded, and the sizes of the headers before its code.
const (
	loadAddress  = 0x400000
	fileHeader   = 64
	loadHeader   = 56
	pageBytes    = 0x1000
	threadFlags  = 0x50f00 // CLONE_VM, _FS, _FILES, _SIGHAND, _THREAD and _SYSVSEM
	sysClone     = 56
	sysFork      = 57
	sysPause     = 34
	sysExitGroup = 231
)

// Code is the machine code of a program that makes system calls and uses no
// memory at all, so that a process of it is as cheap as one can be.
type Code []byte

// Sleeper starts so many threads beside its first one, all of which sleep.
func Sleeper(threads uint32) Code {
	var c Code
	c = c.immediate([]byte{0x41, 0xbc}, threads) // mov r12d, threads
	loop := len(c)
	c = append(c, 0x45, 0x85, 0xe4)            // test r12d, r12d
	c = append(c, 0x74, 0)                     // jz sleep
	out := len(c)                              // what the jump is counted from
	c = append(c, 0x41, 0xff, 0xcc)            // dec r12d
	c = c.immediate([]byte{0xbf}, threadFlags) // mov edi, flags
	c = append(c, 0x31, 0xf6, 0x31, 0xd2)      // the stack, which nobody uses, is the same
	c = append(c, 0x45, 0x31, 0xd2, 0x45, 0x31, 0xc0)
	c = c.call(sysClone)
	c = append(c, 0x85, 0xc0, 0x75, 0) // test eax, eax; jnz loop
	c[len(c)-1] = byte(loop - len(c))
	c[out-1] = byte(len(c) - out)
	sleep := len(c)
	c = c.call(sysPause)
	c = append(c, 0xeb, 0) // jmp sleep
	c[len(c)-1] = byte(sleep - len(c))
	return c
}

// Ender ends at once, with this status.
func Ender(status uint32) Code {
	return Code{}.immediate([]byte{0xbf}, status).call(sysExitGroup)
}

// Burner counts down from loops, a cycle or so each, and then ends with status.
func Burner(loops, status uint32) Code {
	var c Code
	c = c.immediate([]byte{0xb9}, loops)  // mov ecx, loops
	c = append(c, 0xff, 0xc9, 0x75, 0xfc) // dec ecx; jnz to the dec
	return append(c, Ender(status)...)
}

// Daemon ends at once, and leaves a child that is a Burner.
func Daemon(loops, status uint32) Code {
	c := Code{}.call(sysFork)
	end := Ender(0)
	c = append(c, 0x85, 0xc0, 0x74, byte(len(end))) // test eax, eax; jz over the end
	c = append(c, end...)
	return append(c, Burner(loops, status)...)
}

// immediate appends an instruction with a number behind it.
func (c Code) immediate(op []byte, n uint32) Code {
	return binary.LittleEndian.AppendUint32(append(c, op...), n)
}

// call appends a system call.
func (c Code) call(number uint32) Code {
	return append(c.immediate([]byte{0xb8}, number), 0x0f, 0x05) // mov eax, number; syscall
}

// Executable is the code as a file that the kernel runs: an ELF header, one
// segment, nothing else. It is for amd64.
func (c Code) Executable() []byte {
	const headers = fileHeader + loadHeader
	var b bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			_ = binary.Write(&b, binary.LittleEndian, v) // a Buffer takes all numbers
		}
	}
	b.Write([]byte{0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	put(uint16(2), uint16(62), uint32(1)) // an executable for x86-64
	put(uint64(loadAddress+headers), uint64(fileHeader), uint64(0), uint32(0))
	put(uint16(fileHeader), uint16(loadHeader), uint16(1), uint16(0), uint16(0), uint16(0))
	put(uint32(1), uint32(5)) // a segment to load, to be read and run
	put(uint64(0), uint64(loadAddress), uint64(loadAddress), uint64(headers+len(c)), uint64(headers+len(c)), uint64(pageBytes))
	b.Write(c)
	return b.Bytes()
}

// Install writes the program into a directory and gives its path.
func (c Code) Install(dir, name string) (string, error) {
	path := filepath.Join(dir, name)
	return path, os.WriteFile(path, c.Executable(), 0o755)
}
