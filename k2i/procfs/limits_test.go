package procfs

import (
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"ddcos/k2i"
)

const goodLimits = `Limit                     Soft Limit           Hard Limit           Units     
Max cpu time              unlimited            unlimited            seconds   
Max open files            1024                 524288               files     
Max nice priority         0                    0                    
Max file locks            18446744073709551614 9223372036854775807  locks     
`

func TestParseLimits(t *testing.T) {
	got, err := ParseLimits([]byte(goodLimits))
	want := []k2i.Limit{
		{Name: "max_cpu_time", Soft: k2i.Unread, Hard: k2i.Unread, Unit: "seconds"},
		{Name: "max_open_files", Soft: 1024, Hard: 524288, Unit: "files"},
		{Name: "max_nice_priority", Soft: 0, Hard: 0},
		{Name: "max_file_locks", Soft: k2i.Unread, Hard: 1<<63 - 1, Unit: "locks"},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, text := range []string{"", "\n\n", strings.SplitAfter(goodLimits, "\n")[0], "Max open files"} {
		if got, err := ParseLimits([]byte(text)); !errors.Is(err, errLimits) || got != nil {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
	}
}

// What the kernel prints of this process is what getrlimit says.
func TestLimitsOfSelf(t *testing.T) {
	p := pinSelf(t)
	list, err := p.Limits()
	if err != nil || len(list) < 16 {
		t.Fatalf("%+v, %v", list, err)
	}
	for name, resource := range map[string]int{"max_open_files": syscall.RLIMIT_NOFILE, "max_stack_size": syscall.RLIMIT_STACK, "max_core_file_size": syscall.RLIMIT_CORE} {
		var want syscall.Rlimit
		if err := syscall.Getrlimit(resource, &want); err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(list, func(l k2i.Limit) bool { return l.Name == name })
		if i < 0 {
			t.Fatalf("no %s in %+v", name, list)
		}
		count := func(n uint64) k2i.Count {
			if n == 1<<64-1 {
				return k2i.Unread
			}
			return k2i.Count(n)
		}
		// Go's own getrlimit tells the limit on files that the process began with.
		if l := list[i]; l.Hard != count(want.Max) || resource != syscall.RLIMIT_NOFILE && l.Soft != count(want.Cur) || l.Unit == "" {
			t.Errorf("%s: %+v, want %+v", name, l, want)
		}
	}
}

func pinSelf(t *testing.T) *Pinned {
	t.Helper()
	fs, err := New(t.Context(), DefaultRoot)
	if err != nil {
		t.Fatal(err)
	}
	self, err := fs.Process(int32(os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	p, err := fs.Pin(self.Key())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func FuzzParseLimits(f *testing.F) {
	f.Add([]byte(goodLimits))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := ParseLimits(text)
		for _, l := range list {
			if err != nil || l.Soft < k2i.Unread || l.Hard < k2i.Unread || strings.ContainsAny(l.Name, " \n") {
				t.Errorf("%+v, %v", l, err)
			}
		}
	})
}
