package protocol

// Items that each body from a broker may have at most: its fixed part and
// MaxChunk of its longest element.
const (
	itemsMember = 8 + 2*MaxLabels
	itemsChunk  = 64 + MaxChunk*itemsMember
)

// DecodeRequest reads the meta of what a process sends.
func DecodeRequest(meta []byte, v any) error { return Decode(meta, v, MaxItems) }

// DecodeAnswer reads the meta of what a broker sends.
func DecodeAnswer(meta []byte, v any) error { return Decode(meta, v, itemsChunk) }
