package probe

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugePage is what the kernel gives at once where it may, in bytes; as on most CPUs.
const hugePage = 2 << 20

// huge asks the kernel for large pages below fresh memory that will be filled: each
// small one is a fault apart. Whether it gives any is its own affair. What lies around
// the memory, up to the next large page, is Go's as well.
func huge[T any](fresh []T) []T {
	size := uintptr(cap(fresh)) * unsafe.Sizeof(*new(T))
	if size >= hugePage {
		begin := uintptr(unsafe.Pointer(unsafe.SliceData(fresh))) &^ (hugePage - 1)
		end := (uintptr(unsafe.Pointer(unsafe.SliceData(fresh))) + size + hugePage - 1) &^ (hugePage - 1)
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, begin, end-begin, unix.MADV_HUGEPAGE)
	}
	return fresh
}
