//go:build rows

package agent

import (
	"errors"

	"ddcos/k2i/procfs"
)

// errNoBPF is why a program that was built to be small reads /proc.
var errNoBPF = errors.New("this program was built without BPF")

func openBPF(*procfs.FS, Options) (road, error) { return nil, errNoBPF }

func openConnections() (connectionReader, error) { return nil, errNoBPF }
