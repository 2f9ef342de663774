package bench

import (
	"bytes"
	"fmt"
	"strconv"
)

const (
	redisMaxLine  = 4 << 10
	redisMaxBulk  = 32 << 10
	redisMaxParts = 64 // of one answer, all levels together
)

// redisMessage points into the bytes that it was parsed from.
type redisMessage struct {
	verb   []byte // of a push: message, subscribe; ":" of a number; empty of anything else
	text   []byte // of a message
	number int64
}

// parseRedis reads the RESP3 value at the head of b; size is 0 while b holds only a part of it.
func parseRedis(b []byte) (m redisMessage, size int, err error) {
	var parts [3][]byte // the first strings of a push
	kept, push := 0, false
	for left := 1; left > 0; left-- {
		line, end, err := redisLine(b[size:])
		if err != nil || end == 0 {
			return m, 0, err
		}
		kind, rest, alone := line[0], line[1:], size == 0
		size += end
		switch kind {
		case '-', '!':
			return m, 0, fmt.Errorf("it says %.200q", line)
		case ':':
			m.number, _ = strconv.ParseInt(string(rest), 10, 64) // whoever wants it finds 0
			if alone {
				m.verb = line[:1]
			}
		case '*', '>', '%', '~':
			n, err := strconv.ParseUint(string(rest), 10, 16)
			if kind == '%' {
				n *= 2
			}
			if left += int(n); err != nil || left > redisMaxParts {
				return m, 0, fmt.Errorf("an answer of no known length: %.200q", line)
			}
			push = push || kind == '>'
		case '$', '=':
			n, err := strconv.ParseUint(string(rest), 10, 31)
			if err != nil || n > redisMaxBulk {
				return m, 0, fmt.Errorf("a string of no known length: %.200q", line)
			}
			if len(b) < size+int(n)+2 {
				return m, 0, nil
			}
			if push && kept < len(parts) {
				parts[kept] = b[size : size+int(n)]
				kept++
			}
			size += int(n) + 2
		}
	}
	if push {
		m.verb, m.text = parts[0], parts[2]
	}
	return m, size, nil
}

// redisLine is the line at the head of b without its end; size is 0 where it has not ended.
func redisLine(b []byte) (line []byte, size int, err error) {
	end := bytes.IndexByte(b[:min(len(b), redisMaxLine)], '\n')
	switch {
	case end < 0 && len(b) >= redisMaxLine:
		return nil, 0, fmt.Errorf("a line of over %d bytes", redisMaxLine)
	case end < 0:
		return nil, 0, nil
	case end < 2 || b[end-1] != '\r':
		return nil, 0, fmt.Errorf("a line that says nothing: %.200q", b[:end])
	}
	return b[:end-1], end + 1, nil
}
