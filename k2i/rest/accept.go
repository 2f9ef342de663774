package rest

import (
	"mime"
	"strconv"
	"strings"

	"ddcos/k2i/wire"
)

// jsonType is what is answered to those who do not say what they want.
const jsonType = "application/json"

// xMsgpackType is what msgpack was called before it was registered.
const xMsgpackType = "application/x-msgpack"

// maxRanges is how many media ranges of one request are looked at.
const maxRanges = 32

// negotiate gives the content type that an Accept header wants most among
// types, the first of which is answered where it does not matter; "" where it
// wants none of them. A range that cannot be read wants nothing.
func negotiate(accept []string, types ...string) string {
	if len(accept) == 0 {
		return types[0]
	}
	ranges := strings.SplitN(strings.Join(accept, ","), ",", maxRanges+1)
	ranges = ranges[:min(len(ranges), maxRanges)]
	chosen, best := "", 0.0
	for _, one := range types {
		// What names the type itself says more of it than a wildcard does.
		quality, exact := 0.0, -1
		for _, text := range ranges {
			mediaType, params, err := mime.ParseMediaType(text)
			if err != nil {
				continue
			}
			if specific := covers(mediaType, one); specific > exact {
				quality, exact = weight(params["q"]), specific
			}
		}
		if quality > best {
			chosen, best = one, quality
		}
	}
	return chosen
}

// covers tells how closely a range means a type: 2 for itself, 1 for all of its
// kind, 0 for everything, -1 not at all.
func covers(mediaRange, one string) int {
	kind, _, _ := strings.Cut(one, "/")
	switch mediaRange {
	case one:
		return 2
	case kind + "/*":
		return 1
	case "*/*":
		return 0
	}
	return -1
}

// weight is a range's q, 1 where it has none, 0 where it is no number.
func weight(q string) float64 {
	if q == "" {
		return 1
	}
	w, err := strconv.ParseFloat(q, 64)
	if err != nil || !(w >= 0 && w <= 1) {
		return 0
	}
	return w
}

// tables are the types that rows are answered in.
func tables() []string { return []string{jsonType, wire.ContentType, xMsgpackType} }
