package hosts

// maxOutput is how much of a command's output [Host.Output] keeps, in bytes.
const maxOutput = 16 << 20

// capture keeps the first maxOutput bytes written to it and drops the rest, so that a command never
// blocks on its output nor fills our memory with it.
type capture struct{ data []byte }

func (c *capture) Write(p []byte) (int, error) {
	c.data = append(c.data, p[:min(len(p), maxOutput-len(c.data))]...)
	return len(p), nil
}
