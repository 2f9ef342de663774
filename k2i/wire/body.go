package wire

import (
	"ddcos/k2i"
	"ddcos/protocol"
)

// ProcessAnswer is the body for one process.
type ProcessAnswer struct {
	Head
	Process *k2i.Process `json:"process" msgpack:"process"`
	Detail  *k2i.Detail  `json:"detail,omitempty" msgpack:"detail,omitempty"` // where it was asked for
}

// ContainersAnswer is the body for all containers.
type ContainersAnswer struct {
	Head
	Containers []k2i.Container `json:"containers" msgpack:"containers"`
}

// HostAnswer is the body for the host: what its newest sample says, and what was
// read of it apart from samples, with ages of its own.
type HostAnswer struct {
	Head
	Machine *k2i.Machine `json:"machine,omitempty" msgpack:"machine,omitempty"`
}

// ConnectionsAnswer is the body for TCP connections, which are looked at now: the
// age of the sample is not theirs.
type ConnectionsAnswer struct {
	Head
	Connections Connections `json:"connections" msgpack:"connections"`
}

// EncodeBody is the msgpack of a body other than an Answer, whose tags name the
// same fields in both encodings.
func EncodeBody(body any) []byte { return protocol.Encode(body) }
