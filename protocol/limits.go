package protocol

import "time"

// Version is the only version of the protocol so far. A Hello offers a range
// and the Welcome names the one that the session speaks.
const Version = 1

// Limits that every peer keeps. A frame beyond one of them is answered with
// the code named beside it.
const (
	HeaderSize   = 40       // bytes of every frame's header
	MaxFrame     = 64 << 10 // header, meta and payload of one frame: CodeFrameTooLarge
	MaxBody      = MaxFrame - HeaderSize
	MaxPayload   = MaxBody - 1024 // of a Call: its Deliver needs room for the caller's name: CodeFrameTooLarge
	MaxFirst     = 4 << 10        // a frame before the session is welcomed: CodeFrameTooLarge
	MaxDepth     = 32             // nesting of a msgpack body: CodeMalformed
	MaxItems     = 512            // msgpack values in a request's meta: CodeMalformed
	MaxReply     = 16 << 20       // one member's reply, in parts: CodeReplyTooLarge
	MaxAccount   = 64 << 20       // all replies of one call: CodeReplyTooLarge
	MaxChunk     = 512            // members in one chunk of an account or a view
	MaxName      = 128            // bytes of a room's or a member's name: CodeBadName
	MaxLabels    = 16             // labels of one member: CodeBadLabel
	MaxLabelKey  = 63             // bytes: CodeBadLabel
	MaxLabelText = 253            // bytes: CodeBadLabel
	MaxState     = 4096           // bytes of the keys and values of a member's state: CodeBadState
	MaxErrorText = 512            // bytes of an error's text; the rest is cut
	MaxToken     = 512            // bytes of a token: CodeUnauthenticated
	MaxPrincipal = 255            // bytes of a principal; a credential that names a longer one is refused
	MaxRoles     = 255            // bytes of the roles of a principal, with the spaces between
	MaxWill      = 4096           // bytes of a will's payload: CodeFrameTooLarge

	MinDeadline = time.Millisecond // a shorter one: CodeBadDeadline
	MaxDeadline = 5 * time.Minute  // a longer one: CodeBadDeadline

	// HelloTimeout is how long a connection may take to say Hello.
	HelloTimeout = 2 * time.Second
)
