package protocol

// Bodies that are no frame's, and of which there are very many, are written by
// hand elsewhere too: these append one value each, as Encode would.

// AppendMap begins a map of so many pairs, 65,535 at most.
func AppendMap(b []byte, pairs int) []byte { return appendMap(b, pairs) }

// AppendArray begins a list of so many elements, 65,535 at most.
func AppendArray(b []byte, elements int) []byte { return appendArray(b, elements) }

// AppendBool appends true or false.
func AppendBool(b []byte, v bool) []byte { return appendBool(b, v) }

// AppendUint appends a whole number.
func AppendUint(b []byte, n uint64) []byte { return appendUint(b, n) }

// AppendText appends a string, with question marks for what is no UTF-8.
func AppendText(b []byte, s string) []byte { return appendText(b, s) }
