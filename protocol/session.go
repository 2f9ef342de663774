package protocol

// DecodeRequest reads the meta of what a process sends: MaxItems values at most.
func DecodeRequest(meta []byte, v any) error { return Decode(meta, v, MaxItems) }

// DecodeAnswer reads the meta of what a broker sends: as many values as fit a
// frame, but no list of more than MaxChunk.
func DecodeAnswer(meta []byte, v any) error { return Decode(meta, v, MaxBody) }
