package procfs

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"ddcos/k2i"
)

const goodStatus = "Name:\tcat\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t42\nPid:\t42\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nFDSize:\t64\nGroups:\t0 \n"

// onlyIDs is a status that has no other line that is used.
func onlyIDs() Status {
	return Status{
		UID: [4]uint32{1, 2, 3, 4}, GID: [4]uint32{5, 6, 7, 8}, RSSAnon: k2i.Unread, RSSFile: k2i.Unread, RSSShmem: k2i.Unread,
		Swap: k2i.Unread, NoNewPrivs: k2i.Unread, Seccomp: k2i.Unread, Voluntary: k2i.Unread, Involuntary: k2i.Unread,
	}
}

func TestParseStatus(t *testing.T) {
	want := onlyIDs()
	for name, text := range map[string]string{
		"as it is":        goodStatus,
		"cut in Groups":   goodStatus[:len(goodStatus)-3],
		"turned round":    "Gid:\t5\t6\t7\t8\nUid:\t1\t2\t3\t4\n",
		"a later twin":    goodStatus + "Uid:\t9\t9\t9\t9\nGid:\t9\t9\t9\t9\n",
		"name that lies":  "Name:\tUid:\\n9\t9\t9\t9\n" + goodStatus,
		"name with ESC":   "Name:\t\x1b[2J Uid:\t9\t9\t9\t9\n" + goodStatus,
		"no last newline": strings.TrimSuffix("Uid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\n", "\n"),
	} {
		if got, err := ParseStatus([]byte(text)); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
	largest := "Uid:\t4294967295\t0\t0\t65534\nGid:\t0\t0\t0\t4294967295\n"
	if got, err := ParseStatus([]byte(largest)); err != nil || got.UID[0] != 1<<32-1 || got.GID[3] != 1<<32-1 {
		t.Errorf("largest: got %+v, %v", got, err)
	}
}

// restOfStatus are the lines behind those of ids.
const restOfStatus = "NStgid:\t42\t1\nNSpid:\t42\t7\t1\nVmRSS:\t  1708 kB\nRssAnon:\t     112 kB\nRssFile:\t    1596 kB\nRssShmem:\t       4 kB\n" +
	"VmSwap:\t       8 kB\nThreads:\t1\nSigQ:\t0/96365\nSigPnd:\t0000000000000001\nShdPnd:\t0000000000000002\nSigBlk:\t0000000000000003\n" +
	"SigIgn:\tffffffffffffffff\nSigCgt:\t0000000000000005\nCapInh:\t0000000000000006\nCapPrm:\t000001fffeffffff\nCapEff:\t0000000000000008\n" +
	"CapBnd:\t0000000000000009\nCapAmb:\t000000000000000a\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t9\n" +
	"voluntary_ctxt_switches:\t30\nnonvoluntary_ctxt_switches:\t40\n"

func TestParseRestOfStatus(t *testing.T) {
	want := onlyIDs()
	want.RSSAnon, want.RSSFile, want.RSSShmem, want.Swap = 112<<10, 1596<<10, 4<<10, 8<<10
	want.Masks = [maskCount]k2i.Bits{1, 2, 3, 1<<64 - 1, 5, 6, 0x1fffeffffff, 8, 9, 10}
	want.HaveMasks, want.NoNewPrivs, want.Seccomp, want.Voluntary, want.Involuntary = true, 1, 2, 30, 40
	want.PIDs, want.Levels = [maxLevels]int32{42, 7, 1}, 3
	if got, err := ParseStatus([]byte(goodStatus + restOfStatus)); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	deep := "NSpid:" + strings.Repeat("\t9", maxLevels)
	if got, err := ParseStatus([]byte(goodStatus + deep)); err != nil || got.Levels != maxLevels {
		t.Errorf("%d levels, %v", got.Levels, err)
	}
	for name, lines := range map[string]string{
		"too deep": deep + "\t9\n", "a pid that is none": "NSpid:\t1\tx\n", "no unit": "RssAnon:\t112\n", "another unit": "RssAnon:\t112 MB\n",
		"beyond 63 bits in bytes": "VmSwap:\t9007199254740992 kB\n", "below zero": "VmSwap:\t-1 kB\nSeccomp:\t-1\n",
		"a mask is missing": strings.Replace(restOfStatus[strings.Index(restOfStatus, "SigPnd"):strings.Index(restOfStatus, "NoNew")], "SigBlk", "SigXXX", 1),
		"masks too wide":    "SigPnd:\t10000000000000000\n", "no mask": "SigPnd:\tx\n",
	} {
		got, err := ParseStatus([]byte(goodStatus + lines))
		got.Masks = [maskCount]k2i.Bits{}
		got.PIDs = [maxLevels]int32{}
		if err != nil || got != onlyIDs() {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestParseStatusRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":    "",
		"no Gid":     "Uid:\t1\t2\t3\t4\n",
		"no Uid":     "Gid:\t1\t2\t3\t4\n",
		"three ids":  "Uid:\t1\t2\t3\nGid:\t5\t6\t7\t8\n",
		"five ids":   "Uid:\t1\t2\t3\t4\t5\nGid:\t5\t6\t7\t8\n",
		"negative":   "Uid:\t-1\t2\t3\t4\nGid:\t5\t6\t7\t8\n",
		"too big":    "Uid:\t4294967296\t2\t3\t4\nGid:\t5\t6\t7\t8\n",
		"a name":     "Uid:\troot\t2\t3\t4\nGid:\t5\t6\t7\t8\n",
		"other case": "UID:\t1\t2\t3\t4\nGID:\t5\t6\t7\t8\n",
		"indented":   " Uid:\t1\t2\t3\t4\n Gid:\t5\t6\t7\t8\n",
	} {
		if got, err := ParseStatus([]byte(text)); !errors.Is(err, errStatus) || got != (Status{}) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

// What is read of status holds the ids, however long its name and groups are.
func TestStatusOfProcess(t *testing.T) {
	tr := newTree(t)
	tr.process(9)
	tr.write("9/status", "Name:\t"+strings.Repeat("\\n", 64)+goodStatus[len("Name:\tcat"):]+strings.Repeat("65534 ", 65536)+"\n")
	p, err := tr.open().Process(9)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "uids", [4]uint32{p.RUID, p.EUID, p.SUID, p.FSUID}, [4]uint32{1, 2, 3, 4})
	same(t, "gids", [4]uint32{p.RGID, p.EGID, p.SGID, p.FSGID}, [4]uint32{5, 6, 7, 8})
	if p.SigCaught != nil || p.SwapBytes != k2i.Unread || len(p.InnerPIDs) != 0 {
		t.Errorf("what stands behind so many groups: %+v", p)
	}
}

// Switches are those of one thread: of a process with more they are not known.
func TestRestOfStatusOfProcess(t *testing.T) {
	tr := newTree(t)
	for pid, threads := range map[int]string{8: "1", 9: "2"} {
		tr.process(pid)
		tr.write(strconv.Itoa(pid)+"/stat", statLine(strconv.Itoa(pid)+" (cat)", map[int]string{20: threads}))
		tr.write(strconv.Itoa(pid)+"/status", goodStatus+restOfStatus)
	}
	sample, err := tr.open().Read(t.Context())
	if err != nil || len(sample.Processes) != 2 {
		t.Fatalf("got %+v, %v", sample, err)
	}
	one, two := sample.Processes[0], sample.Processes[1]
	same(t, "switches", [2]k2i.Count{one.VoluntarySwitches, one.InvoluntarySwitches}, [2]k2i.Count{30, 40})
	same(t, "switches of two threads", [2]k2i.Count{two.VoluntarySwitches, two.InvoluntarySwitches}, [2]k2i.Count{k2i.Unread, k2i.Unread})
	same(t, "ids below", fmt.Sprint(one.InnerPIDs), "[7 1]")
	same(t, "masks", [3]k2i.Bits{*one.SigPending, *one.SigIgnored, *one.CapAmbient}, [3]k2i.Bits{1, 1<<64 - 1, 10})
	if one.SigCaught != two.SigCaught || one.CapBounding != two.CapBounding {
		t.Error("equal masks are kept twice")
	}
}

func FuzzStatus(f *testing.F) {
	o := newOracle(f, "status")
	f.Add([]byte(goodStatus))
	f.Add([]byte(goodStatus + restOfStatus))
	f.Add([]byte("Uid:\t4294967295\t0\t0\t65534\nGid:\t0\t0\t0\t1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseStatus(b)
		if err != nil {
			same(t, "with an error", s, Status{})
			return
		}
		text := string(b)
		if s.Levels > maxLevels || min(s.Swap, s.RSSAnon, s.RSSFile, s.RSSShmem, s.Seccomp, s.NoNewPrivs, s.Voluntary, s.Involuntary) < k2i.Unread {
			t.Errorf("impossible: %+v", s)
		}
		if strings.Count(text, "Uid") != 1 || strings.Count(text, "Gid") != 1 {
			return // the library takes the last of several, and of names with blanks around
		}
		o.set(t, b)
		want, err := o.proc.NewStatus()
		if err != nil {
			return
		}
		for i := range s.UID {
			same(t, "uid", uint64(s.UID[i]), want.UIDs[i])
			same(t, "gid", uint64(s.GID[i]), want.GIDs[i])
		}
		if strings.HasPrefix(text, goodStatus+restOfStatus) {
			same(t, "swap", uint64(s.Swap), want.VmSwap)
			same(t, "anon", uint64(s.RSSAnon), want.RssAnon)
			same(t, "switches", uint64(s.Involuntary), want.NonVoluntaryCtxtSwitches)
		}
	})
}
