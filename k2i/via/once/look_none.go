//go:build rows

package main

import "ddcos/k2i/wire"

// readers are none: of this program rows are asked.
func readers() wire.Readers { return wire.Readers{} }
