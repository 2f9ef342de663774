package dps_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"ddcos/dps"
	"ddcos/k2i"
)

// sampledHost has one process that differs in all that samples tell beyond the
// basic fields, and one of which nothing of that is known.
func sampledHost() *scripted {
	bits := func(n uint64) *k2i.Bits { b := k2i.Bits(n); return &b }
	p := k2i.Blank()
	p.PID, p.Comm, p.User, p.StartTicks, p.Exe = 7, "seven", "root", 100, "/usr/bin/seven"
	p.SigPending, p.SigSharedPending, p.SigBlocked, p.SigIgnored, p.SigCaught = bits(1), bits(1<<8), bits(3), bits(4), bits(1<<63|5)
	p.CapPermitted, p.OOMScoreAdj = bits(1<<5|1), -17
	p.RCharBytes, p.WCharBytes, p.ReadCalls, p.WriteCalls, p.CancelledWriteBytes = 11, 12, 13, 14, 15
	p.NSCgroup, p.NSIPC, p.NSMnt, p.NSNet, p.NSPID, p.NSTime, p.NSUser, p.NSUTS = 21, 22, 23, 24, 25, 26, 27, 28
	p.UserNS, p.ChildrenUserNS, p.ChildrenSystemNS = 1e9, 60e9, 40e9
	p.MinFlt, p.ChildrenMinFlt, p.ChildrenMajFlt = 5, 100, 200
	unknown := k2i.Blank()
	unknown.PID, unknown.Comm, unknown.User, unknown.StartTicks = 8, "eight", "root", 100
	s := &scripted{hosts: []*k2i.Snapshot{host("web1", 32768, 3600e9, p, unknown)}}
	s.hosts[0].Missing = []string{}
	return s
}

// Columns that samples have are told over several hosts, and asked for; what no
// sample has is a dash there.
func TestColumnsOfSamples(t *testing.T) {
	for keys, want := range map[string]struct{ row, unknown, fields string }{
		"sig_pend,tsig":           {"0000000000000100 0000000000000001", "- -", "sig_pending sig_shared_pending"},
		"blocked,ignored":         {"0000000000000003 0000000000000004", "- -", "sig_blocked sig_ignored"},
		"caught":                  {"8000000000000005", "-", "sig_caught"},
		"pcap,pcaps":              {"0000000000000021 chown,kill", "- -", "cap_permitted"},
		"rchars,wchars,rops,wops": {"11 12 13 14", "- - - -", "rchar_bytes wchar_bytes read_calls write_calls"},
		"wcbytes,exe":             {"15 /usr/bin/seven", "- -", "cancelled_write_bytes exe"},
		"oomadj":                  {"-17", "0", "oom_score_adj"},
		"cgroupns,ipcns,mntns":    {"21 22 23", "- - -", "ns_cgroup ns_ipc ns_mnt"},
		"netns,pidns,timens":      {"24 25 26", "- - -", "ns_net ns_pid ns_time"},
		"userns,utsns":            {"27 28", "- -", "ns_user ns_uts"},
		"sig_caught,swap_bytes":   {"8000000000000005 -", "- -", "sig_caught swap_bytes"},
		"wchan,fds,pss,luid":      {"- - - -", "- - - -", ""},
	} {
		source := sampledHost()
		out, _, status := over(t, source, "-w", "-w", "--no-headers", "-o", "pid,"+keys)
		if got, want := compact(out), "web1 7 "+want.row+"|web1 8 "+want.unknown; got != want || status != dps.ExitOK {
			t.Errorf("%s: got %q, want %q", keys, got, want)
		}
		fields := slices.Sorted(slices.Values(source.asked[0].Fields))
		wanted := append(k2i.IdentityFields(), strings.Fields(want.fields)...)
		slices.Sort(wanted)
		if !slices.Equal(fields, wanted) {
			t.Errorf("%s asks for %v, want %v", keys, fields, wanted)
		}
	}
}

// compact is lines joined by bars, words by single blanks.
func compact(out string) string {
	var lines []string
	for line := range strings.Lines(out) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(lines, "|")
}

// What a host says that it cannot tell is a dash, and no zero.
func TestColumnsThatAHostLacks(t *testing.T) {
	source := sampledHost()
	source.hosts[0].Missing = []string{"exe", "oom_score_adj", "sig_caught"}
	out, _, _ := over(t, source, "--no-headers", "-o", "pid,oomadj,caught,exe,netns", "-q", "7")
	if got := compact(out); got != "web1 7 - - - 24" {
		t.Errorf("got %q", got)
	}
}

// Rows are sorted by such columns too, and option S adds what children used.
func TestSampledSortAndSum(t *testing.T) {
	source := sampledHost()
	out, _, _ := over(t, source, "--no-headers", "-o", "pid", "--sort", "-rchars")
	if got := compact(out); got != "web1 7|web1 8" || !slices.Contains(source.asked[0].Fields, "rchar_bytes") {
		t.Errorf("got %q, asking for %v", got, source.asked[0].Fields)
	}
	out, _, _ = over(t, source, "S", "--no-headers", "-o", "pid,bsdtime,min_flt,maj_flt", "7")
	if got := compact(out); got != "web1 7 1:41 105 200" {
		t.Errorf("with children: %q", got)
	}
}

// JSON has every field, by the agents' names.
func TestJSONAsksForAll(t *testing.T) {
	source := sampledHost()
	out, _, _ := over(t, source, "--json")
	var got struct{ Rows []map[string]any }
	if err := json.Unmarshal([]byte(out), &got); err != nil || len(got.Rows) != 2 {
		t.Fatalf("%v: %s", err, out)
	}
	row, unknown := got.Rows[0], got.Rows[1]
	if row["sig_caught"] != "8000000000000005" || row["ns_net"] != 24.0 || row["rchar_bytes"] != 11.0 || unknown["sig_caught"] != nil || unknown["ns_net"] != nil {
		t.Errorf("%v\n%v", row, unknown)
	}
	if !slices.Equal(source.asked[0].Fields, []string{k2i.AllFields}) {
		t.Errorf("asks for %v", source.asked[0].Fields)
	}
}
