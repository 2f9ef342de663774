//go:build !rows

package main

import (
	"ddcos/k2i/agent"
	"ddcos/k2i/wire"
)

// readers look at connections, now.
func readers() wire.Readers { return wire.Readers{Looker: agent.LookOnce{}} }
