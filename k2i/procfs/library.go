package procfs

import (
	"fmt"

	prometheus "github.com/prometheus/procfs"
)

// library has the library read one of the host's files.
func library[T any](fs *FS, read func(prometheus.FS) (T, error)) (value T, err error) {
	host, err := prometheus.NewFS(fs.root)
	if err != nil {
		return value, err
	}
	return guarded(func() (T, error) { return read(host) })
}

// guarded has a library read a file of the kernel's. Some of its parsers index
// what they have not measured: a text that they do not expect, as a kernel to
// come may have, is an error here and not the agent's end.
func guarded[T any](read func() (T, error)) (value T, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("unexpected text: %v", r)
		}
	}()
	return read()
}
