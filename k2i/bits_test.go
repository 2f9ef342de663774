package k2i

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// Masks are 16 digits, which JSON's numbers could not hold; what is unread is null.
func TestMasksAndInodesInJSON(t *testing.T) {
	all, some := Bits(1<<64-1), Bits(0x1fffeffffff)
	p := Blank()
	p.SigIgnored, p.CapBounding, p.NSNet = &all, &some, 4026531833
	b, err := json.Marshal(&p)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"sig_ignored":"ffffffffffffffff"`, `"cap_bounding":"000001fffeffffff"`, `"sig_caught":null`,
		`"ns_net":4026531833`, `"ns_mnt":null`, `"inner_pids":[]`, `"seccomp":null`,
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s in %s", want, b)
		}
	}
	back := Blank()
	if err := json.Unmarshal(b, &back); err != nil || *back.SigIgnored != all || back.SigCaught != nil || back.NSNet != p.NSNet || back.NSMnt != 0 {
		t.Errorf("read back %+v, %v", back, err)
	}
	for _, bad := range []string{`"1"`, `7`, `"000000000000000x"`, `"00000000000000001"`} {
		if json.Unmarshal([]byte(bad), new(Bits)) == nil {
			t.Errorf("%s is a mask", bad)
		}
	}
	for _, bad := range []string{`-1`, `4294967296`, `"x"`} {
		if json.Unmarshal([]byte(bad), new(Inode)) == nil {
			t.Errorf("%s is an inode", bad)
		}
	}
}

// A mask that is unread comes before one that is empty.
func TestOrderOfMasks(t *testing.T) {
	none, few, most := Bits(0), Bits(1), Bits(1<<63)
	rows := []Process{{SigCaught: &most}, {SigCaught: &none}, {}, {SigCaught: &few}}
	f, _ := FieldByName("sig_caught")
	slices.SortFunc(rows, func(a, b Process) int { return f.Compare(&a, &b) })
	var texts []string
	for i := range rows {
		texts = append(texts, f.Text(&rows[i]))
	}
	if got := strings.Join(texts, " "); got != "- 0000000000000000 0000000000000001 8000000000000000" {
		t.Error(got)
	}
	nested := Process{InnerPIDs: []int32{7, -1}}
	if f, _ := FieldByName("inner_pids"); f.Text(&nested) != "7 -1" || f.Text(&Process{}) != "" {
		t.Errorf("%q", f.Text(&nested))
	}
}

// Fields are asked for one by one and by groups; nothing asked for is what
// every answer has, which is cheap.
func TestFieldsOf(t *testing.T) {
	names := func(words ...string) string {
		var names []string
		for _, f := range Fields() {
			if f.In(words) {
				names = append(names, f.Name)
			}
		}
		return strings.Join(names, " ")
	}
	for words, want := range map[string]string{
		"comm pid": "pid comm", "pid pid": "pid", "switches": "voluntary_switches involuntary_switches", "io read_bytes": "read_bytes cancelled_write_bytes rchar_bytes wchar_bytes read_calls write_calls",
		"pid nonsense": "pid", "PID": "",
	} {
		if got := names(strings.Fields(words)...); got != want {
			t.Errorf("%s: %s, want %s", words, got, want)
		}
	}
	basic, all := names(), names(AllFields)
	if names(BasicFields) != basic || strings.Contains(basic, "sig_") || strings.Contains(basic, "ns_net") || !strings.Contains(basic, "exe") {
		t.Errorf("basic fields: %s", basic)
	}
	demand := names(DemandGroup)
	if got := names(Groups()...); got != names(AllFields, DemandGroup) || len(strings.Fields(got)) != len(Fields()) || strings.Contains(all, "pss_bytes") {
		t.Errorf("all groups together: %s", got)
	}
	if demand != "tid pss_bytes uss_bytes fd_count wchan" {
		t.Errorf("on demand: %s", demand)
	}
	for word, want := range map[string]bool{"": false, "PID": false, "pid": true, "all": true, "basic": true, "signals": true, "signal": false} {
		if FieldWord(word) != want || want != (names(word) != "") {
			t.Errorf("%q asks for fields: %v", word, !want)
		}
	}
	for _, word := range Groups() {
		if _, clash := FieldByName(word); clash {
			t.Errorf("%s is a group and a field", word)
		}
	}
}
