// Package protocol is the wire between a process and a middlecon broker: frames,
// kinds, codes, limits and bodies. It is pure: it appends to bytes and parses
// bytes; it knows no socket, clock or log. SPEC.md beside it is normative.
package protocol
