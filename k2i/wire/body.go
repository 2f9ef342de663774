package wire

import "ddcos/protocol"

// EncodeBody is the msgpack of a body other than an Answer, whose tags name the
// same fields in both encodings.
func EncodeBody(body any) []byte { return protocol.Encode(body) }
