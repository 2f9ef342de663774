package main

import (
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"
)

// streamed prints a reply as it comes: for people line by line, neutralised, for programs an
// object a part.
type streamed struct {
	s    *shared
	to   io.Writer
	any  bool   // something came
	held []byte // the beginning of a character, or for people of a line
}

// lineHeld is how long a line without an end may be before its beginning is shown as one.
const lineHeld = 4096

// partJSON is a part of the reply: as text, where it is UTF-8.
type partJSON struct {
	Part       *string `json:"part,omitempty"`
	PartBase64 []byte  `json:"part_base64,omitempty"`
}

// part takes the next bytes.
func (p *streamed) part(b []byte) {
	p.any = true
	p.held = append(p.held, b...)
	if p.s.json {
		n := whole(p.held)
		p.object(p.held[:n])
		p.held = p.held[n:]
		return
	}
	for {
		end := bytes.IndexByte(p.held, '\n')
		next := end + 1
		if end < 0 {
			if len(p.held) < lineHeld {
				return
			}
			end = whole(p.held)
			next = end
		}
		_, _ = fmt.Fprintln(p.to, plain(string(p.held[:end])))
		p.held = p.held[next:]
	}
}

// end prints what is left.
func (p *streamed) end() {
	switch {
	case len(p.held) == 0:
	case p.s.json:
		p.object(p.held)
	default:
		_, _ = fmt.Fprintln(p.to, plain(string(p.held)))
	}
	p.held = nil
}

func (p *streamed) object(b []byte) {
	text := string(b)
	switch {
	case text == "":
	case utf8.ValidString(text):
		printJSON(p.to, partJSON{Part: &text})
	default:
		printJSON(p.to, partJSON{PartBase64: b})
	}
}

// whole is how many of these bytes there are before a character that may only have begun.
func whole(b []byte) int {
	for n := len(b) - 1; n >= 0 && n > len(b)-utf8.UTFMax; n-- {
		if utf8.RuneStart(b[n]) {
			if !utf8.FullRune(b[n:]) {
				return n
			}
			break
		}
	}
	return len(b)
}
