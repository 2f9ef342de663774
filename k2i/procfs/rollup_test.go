package procfs

import (
	"errors"
	"strings"
	"testing"

	"ddcos/k2i"
)

const goodRollup = `5573f6241000-7ffc20d71000 ---p 00000000 00:00 0                          [rollup]
Rss:                1740 kB
Pss:                 302 kB
Pss_Dirty:           116 kB
Shared_Clean:       1584 kB
Private_Clean:        40 kB
Private_Dirty:       116 kB
Private_Hugetlb:    2048 kB
Swap:                 12 kB
SwapPss:               8 kB
Locked:                0 kB
`

func TestParseRollup(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want Rollup
	}{
		"as it is":         {goodRollup, Rollup{302 << 10, (40 + 116 + 2048) << 10, 8 << 10}},
		"no swap":          {strings.ReplaceAll(goodRollup, "SwapPss", "SwapXss"), Rollup{302 << 10, 2204 << 10, k2i.Unread}},
		"no newline":       {"Pss: 1 kB\nPrivate_Clean: 2 kB", Rollup{1 << 10, 2 << 10, k2i.Unread}},
		"zero":             {"Pss: 0 kB\nPrivate_Dirty: 0 kB\n", Rollup{0, 0, k2i.Unread}},
		"the largest":      {"Pss: 4503599627370496 kB\nPrivate_Dirty: 0 kB\n", Rollup{1 << 62, 0, k2i.Unread}},
		"one that is none": {"Pss: 1 kB\nPrivate_Dirty: 2 kB\nPrivate_Clean: x kB\n", Rollup{1 << 10, 2 << 10, k2i.Unread}},
	} {
		if got, err := ParseRollup([]byte(c.text)); err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
	for name, text := range map[string]string{
		"nothing":   "",
		"cut":       goodRollup[:strings.Index(goodRollup, "Private")],
		"no Pss":    strings.ReplaceAll(goodRollup, "Pss:", "Xss:"),
		"no unit":   "Pss: 1\nPrivate_Dirty: 2\n",
		"negative":  "Pss: -1 kB\nPrivate_Dirty: 2 kB\n",
		"too large": "Pss: 4503599627370497 kB\nPrivate_Dirty: 2 kB\n",
		"a sum":     "Pss: 1 kB\nPrivate_Clean: 4503599627370496 kB\nPrivate_Dirty: 4503599627370496 kB\n",
		"a word":    "Pss: x kB\nPrivate_Dirty: 2 kB\n",
	} {
		if got, err := ParseRollup([]byte(text)); !errors.Is(err, errRollup) || got != (Rollup{}) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func FuzzParseRollup(f *testing.F) {
	f.Add([]byte(goodRollup))
	f.Add([]byte("Pss: 9223372036854775807 kB\nPrivate_Clean: 4503599627370496 kB\nPrivate_Dirty: 4503599627370496 kB\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := ParseRollup(text)
		if err == nil && (r.PSSBytes < 0 || r.USSBytes < 0 || r.SwapPSSBytes < k2i.Unread) {
			t.Errorf("%+v", r)
		}
	})
}
