//go:build !race

package broker

// raced tells that the race detector is built in.
const raced = false
