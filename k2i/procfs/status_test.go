package procfs

import (
	"errors"
	"strings"
	"testing"
)

const goodStatus = "Name:\tcat\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t42\nPid:\t42\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nFDSize:\t64\nGroups:\t0 \n"

func TestParseStatus(t *testing.T) {
	want := Status{UID: [4]uint32{1, 2, 3, 4}, GID: [4]uint32{5, 6, 7, 8}}
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
}

func FuzzStatus(f *testing.F) {
	o := newOracle(f, "status")
	f.Add([]byte(goodStatus))
	f.Add([]byte("Uid:\t4294967295\t0\t0\t65534\nGid:\t0\t0\t0\t1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseStatus(b)
		if err != nil {
			same(t, "with an error", s, Status{})
			return
		}
		text := string(b)
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
	})
}
