package middlecon

import (
	"strings"

	"ddcos/protocol"
)

// errorText is an error's sentence within the wire's limit.
func errorText(err error) []byte {
	text := strings.ToValidUTF8(err.Error(), "\uFFFD")
	for len(text) > protocol.MaxErrorText {
		text = strings.ToValidUTF8(text[:protocol.MaxErrorText-3], "") + "..."
	}
	return []byte(text)
}
