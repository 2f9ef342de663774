package k2i

import (
	"encoding/json"
	"strings"
	"testing"
)

func FuzzParseIdentity(f *testing.F) {
	for _, seed := range []string{"", "h:1:2", "7f3c0a52.4026531836:2147483647:18446744073709551615", "h:0:1", "h:-1:1", "::", "h:1:2:3", "h:+1:2", "h:01:2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseIdentity(s)
		if err != nil {
			if id != (Identity{}) {
				t.Errorf("%q: %+v with %v", s, id, err)
			}
			return
		}
		if id.Host == "" || id.PID < 1 || strings.Contains(string(id.Host), ":") {
			t.Errorf("%q: impossible %+v", s, id)
		}
		if again, err := ParseIdentity(id.String()); err != nil || again != id {
			t.Errorf("%q is %+v, printed %s, and read %+v, %v", s, id, id, again, err)
		}
	})
}

func FuzzTTYNumber(f *testing.F) {
	for _, seed := range []string{"", "?", "-", "pts/3", "/dev/tty1", "ttyS0", "console", "9:7", "4096:1", "pts/1048576", "ttyACM00", "4:64"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		dev, ok := TTYNumber(name)
		if !ok {
			return
		}
		// A device may have another name than its numbers, but only one.
		if again, ok := TTYNumber(TTYName(dev)); !ok || again != dev {
			t.Errorf("%q is %#x, whose name %s is %#x, %v", name, dev, TTYName(dev), again, ok)
		}
	})
}

func FuzzTTYName(f *testing.F) {
	for _, seed := range []uint32{0, consoleDev, EncodeDev(136, 3), EncodeDev(136, maxMinor), EncodeDev(4, 64), 1<<32 - 1} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, dev uint32) {
		name := TTYName(dev)
		if again, ok := TTYNumber(name); !ok || again != dev || strings.ContainsAny(name, " \n\x1b") {
			t.Errorf("%#x is %q is %#x, %v", dev, name, again, ok)
		}
	})
}

// What a number of a row's JSON is read as is written as the same number.
func FuzzNumbers(f *testing.F) {
	for _, seed := range []string{"", "null", "0", "-1", "1.5", "1e400", "9223372036854775808", `"1"`, "NaN"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var c, c2 Count
		if json.Unmarshal(b, &c) == nil && c >= 0 {
			if text, err := json.Marshal(c); err != nil || json.Unmarshal(text, &c2) != nil || c != c2 {
				t.Errorf("%q is %d, written %s, %v", b, c, text, err)
			}
		}
		var r, r2 Rate
		if json.Unmarshal(b, &r) == nil {
			text, err := json.Marshal(r)
			if err != nil || json.Unmarshal(text, &r2) != nil || r != r2 && r.Known() || r.Known() != r2.Known() {
				t.Errorf("%q is %v, written %s, %v", b, r, text, err)
			}
		}
	})
}
