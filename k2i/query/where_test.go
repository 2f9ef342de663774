package query

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"ddcos/k2i"
)

// here is the host of these tests: up for an hour.
func here() *Host {
	return &Host{
		Name: "web01", Labels: map[string]string{"dc": "eu", "topology-zone": "b"},
		Info: &k2i.Host{ID: "boot.7", Name: "web01", UptimeNS: int64(time.Hour), MemTotalBytes: 1 << 30},
	}
}

// nginx is the process of these tests.
func nginx() *k2i.Process {
	p := k2i.Blank()
	p.PID, p.PPID, p.StartTicks, p.StartNS = 40, 1, 330000, uint64(55*time.Minute)
	p.User, p.EUID, p.RUID, p.Comm, p.Args = "www", 33, 33, "nginx", []string{"nginx:", "worker", "--port", "80"}
	p.RSSBytes, p.VSZBytes, p.Nice, p.State, p.Kind, p.TTYNr = 200<<20, 400<<20, -5, "S", "container", k2i.EncodeDev(136, 3)
	p.CPUNS, p.RCPU, p.ReadBytes, p.ContainerID = uint64(90*time.Second), 0.5, 10_000_000, "0123456789ab"
	return &p
}

func TestWhere(t *testing.T) {
	for text, want := range map[string]bool{
		// Sizes, times, shares.
		"rss > 100MiB": true, "rss > 200MiB": false, "rss >= 200MiB": true, "rss == 200M": true, "rss == 209715200B": true, "rss<0.5GiB": true,
		"100MiB < rss": true, "rss_bytes > 209715199": true, "rss > 0": true, "rss != 0": true, "read == 10MB": true, "vsz > rss": true, "rss < 200mib": false,
		"age < 5m": false, "age <= 5m": true, "age == 300s": true, "age < 1h30m": true, "age > 0.05h": true, "time == 1m30s": true, "age > 4m59s": true, "age < 1w": true,
		"rcpu == 50%": true, "rcpu > 49.9%": true, "rcpu >= 0.5%": true, "rcpu > 100%": false, "rcpu > 0": true, "pmem > 19.5%": true, "pmem > 20": false,
		"etime == 5m": true, "etime > 5m": false, "cputime < 1m": true, "pcpu < 100%": true, "start < 100": false,
		"nice < 0": true, "nice == -5": true, "nice >= -5.0": true, "pid == 40": true, "uid == 33": true, "start_ns > 55e9": true,
		// Words.
		`user == "www"`: true, `user != "www"`: false, `user < "x"`: true, `comm matches "^ng"`: true, `comm matches "^g"`: false, `not comm matches "^g"`: true,
		`comm not matches "^g"`: true, `comm contains "gin"`: true, `comm startsWith "ng"`: true, `comm endsWith "x"`: true, "comm == 'nginx'": true, "comm == `nginx`": true,
		`args contains "--port 80"`: true, `args matches "worker .* 80$"`: true, `"--port" in args`: true, `"port" in args`: false, `args == "nginx: worker --port 80"`: true,
		`args != "x"`: true, `host == "web01"`: true, `label.dc == "eu"`: true, `label["topology-zone"] == "b"`: true, `label.none == ""`: true,
		`proc == "web01:40"`: true, `id == "boot.7:40:330000"`: true, `tty == "pts/3"`: true, `user == comm`: false, `cmd endsWith "80"`: true,
		// Lists and ranges.
		`user in ["root", "www"]`: true, `user not in ["root"]`: true, `not (user in ["root"])`: true, "pid in [1, 40]": true, "pid in []": false, "pid in 1..39": false,
		"pid in 40..40": true, "age in 1m..5m": true, "rcpu in 40%..60%": true, `kind in ["container"]`: true,
		// Conditions together.
		"kernel": false, "not kernel": true, "!kernel": true, "kernel == false": true, "true": true, "false or pid == 40": true,
		`rss > 1MiB and user == "www" or pid == 1`: true, `pid == 1 or (rss > 1MiB && not (user == "root"))`: true, `pid == 1 || pid == 2`: false,
		`not user == "root" and not pid == 1`: true, "1 < pid and pid < 41": true, "1 < pid < 41": true, "1 < pid < 40": false,
		// What is not known.
		"exit == 0": false, "exit != 0": false, "not (exit == 0)": false, "exit == nil": true, "exit != nil": false, "rcpu != nil": true, "pid == nil": false,
		"exit == 0 or pid == 40": true, "exit == 0 and pid == 40": false, "not (exit == 0 and pid == 1)": true, "not (exit == 0 or pid == 1)": false,
		"exit in [0, 1]": false, "not (exit in 0..1)": false, "ended < 5m": false, "user == nil": false, "rcpu_with_exited < 500%": false, "pss < 1M": false, "fds < 9": false,
		" \t\n pid\n==\n40 ": true,
	} {
		where, err := Compile(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := where.On(here()).Match(nginx()); got != want {
			t.Errorf("%s is %v", text, got)
		}
	}
}

// An error says what is wrong and points at the place.
func TestWhereRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"rsss > 1MiB":                    "no name \"rsss\"; did you mean rss?\n  rsss > 1MiB\n  ^",
		"pid == 1 and usr == 2":          "no name \"usr\"; did you mean user, psr, uss?\n  pid == 1 and usr == 2\n               ^",
		"rss > 100":                      "rss is a size: write the unit, as 100MiB\n  rss > 100\n        ^",
		"100 < rss":                      "rss is a size: write the unit, as 100MiB\n  100 < rss\n  ^",
		"age < 5":                        "age is a time: write the unit, as 5m\n  age < 5\n        ^",
		"rss > 5m":                       "rss is a size, as 100MiB\n  rss > 5m\n        ^",
		"pid > 5m":                       "pid is a plain number, as 1\n  pid > 5m\n        ^",
		"rss > 100Mib7":                  "a unit is missing behind \"7\"\n  rss > 100Mib7\n        ^",
		"rss > 100parsec":                "no unit \"parsec\"; there are B K KiB",
		"rss > 1MiB1KiB":                 "only times have several units",
		"age > 1e300w":                   "a number beyond all bounds",
		"rss > age":                      "age and rss are counted in different units",
		"pid = 1":                        "one = sets something; write == to compare\n  pid = 1\n      ^",
		`comm ~ "x"`:                     "no operator ~; write comm matches \"^ng\"\n  comm ~ \"x\"\n       ^",
		"pid == 1 & pid == 2":            "write and, or",
		"rss + vsz > 1MiB":               "nothing is calculated here",
		"len(comm) > 3":                  "not part of this language",
		"all(args, true)":                "not part of this language",
		"pid == 1 ? true":                "no place for '?' outside of a string",
		"pid > ":                         "it ends too early\n  pid > \n        ^",
		"(pid > 1":                       "it ends too early",
		"":                               "it ends too early",
		"pid":                            "pid alone is no condition; compare it with something, as in pid > 1",
		"user":                           "user alone is no condition; compare it with something, as in user == \"...\"",
		"args":                           "args alone is no condition; compare it with something, as in args contains",
		"5":                              "a value alone is no condition",
		"1 == 1":                         "two values are always the same",
		`pid == "1"`:                     "pid, a number, cannot be compared with a text; write pid > 1\n  pid == \"1\"\n         ^",
		"user == 0":                      "user, a text, cannot be compared with a number; write user == \"...\"",
		"user > nil":                     "cannot be compared with nil",
		"kernel > true":                  "kernel, true or false, cannot be compared",
		`comm matches "("`:               "no regular expression: missing closing ): `(`\n  comm matches \"(\"\n               ^",
		`comm matches user`:              "matches wants a text in quotes on its right",
		`pid matches "1"`:                "matches wants a text on its left",
		`"a" matches "a"`:                "matches wants a text on its left",
		`comm matches "((a{9}){9}){9}"`:  "repeats too much",
		`comm matches "(a{1,30}b?){30}"`: "repeats too much",
		"user in 5":                      "in wants a list on its right",
		`user in [1]`:                    "user, a text, cannot be a number",
		`user in [comm]`:                 "comm is no value; a list has values only",
		"pid in user..7":                 "a range is between two numbers",
		"rss in [1]":                     "rss is a size: write the unit",
		"args in [1]":                    "cannot be",
		"label == 1":                     "no name \"label\"",
		"label.":                         "it ends too early",
		"host.name == 1":                 "not part of this language",
		"-pid == 1":                      "as a sign, before a plain number",
		"pid == 1;pid == 2":              "no place for ';'",
		"päd == 1":                       "no place for 'ä' outside of a string",
		"user == \"x":                    "a quote is not closed\n  user == \"x\n          ^",
		`comm == 'x and pid == 1`:        "a quote is not closed",
		"user == root":                   "no name \"root\"; a text stands in quotes: user == \"root\"\n  user == root\n          ^",
		"args contains worker":           "a text stands in quotes: args contains \"worker\"",
		"user == 5m":                     "user, a text, cannot be compared with a number",
		`comm =~ "x"`:                    "no operator =~; write comm matches \"^ng\"\n  comm =~ \"x\"\n       ^",
		"comm matches ^ng":               "a regular expression stands in quotes",
		"rcpu > 50":                      "rcpu is a number of CPUs: write the unit, as 50%, half a CPU\n  rcpu > 50\n         ^",
		"rcpu_with_exited >= 0.5":        "write the unit, as 50%, half a CPU",
		"rss > 1e400":                    "a number beyond all bounds\n",
		"rss between 1 and 2":            "not expected here: \"between\"; there are == != < <= > >= in matches contains startsWith endsWith, and, or, not\n  rss between 1 and 2\n      ^",
		"(pid == 1))":                    "not expected here: \")\"\n",
		"__ == 1":                        "no name",
		"rss > 10 MiB":                   "a unit stands right behind its number, as in 10MiB\n  rss > 10 MiB\n           ^",
		"rss > 10MiB parsecs":            "not expected here: \"parsecs\"; there are",
		"pid == 99999999999999999999":    "a number beyond all bounds\n",
	} {
		_, err := Compile(text)
		var refused *Error
		if !errors.As(err, &refused) || !strings.HasPrefix(err.Error(), want) && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

// A condition has a bounded length, size and depth, and so has what is said of it.
func TestWhereIsBounded(t *testing.T) {
	many := strings.Repeat("pid == 1 or ", MaxNodes/4) + "pid == 1"
	for name, c := range map[string]struct{ text, want string }{
		"long":     {strings.Repeat(" ", MaxWhere+1), "4097 bytes: 4096 are allowed"},
		"nodes":    {many, "more than 512 names"},
		"deep":     {strings.Repeat("(", MaxWhere), "it ends too early"},
		"nots":     {strings.Repeat("!", MaxWhere), "it ends too early"},
		"patterns": {strings.Repeat(`comm matches "a" or `, MaxPatterns) + `comm matches "a"`, "more than 16 regular"},
		"steps":    {`comm matches "a{500}" or comm matches "a{501}"`, "1000 steps are allowed in all"},
		"pattern":  {`comm matches "` + strings.Repeat("a", maxPattern+1) + `"`, "513 bytes: 512 are allowed"},
		"list":     {"pid in [" + strings.Repeat("1,", MaxNodes) + "1]", "more than 512 names"},
	} {
		_, err := Compile(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		} else if n := len(err.Error()); n > 400 {
			t.Errorf("%s: an error of %d bytes", name, n)
		}
	}
}

// A long text is shown around the place, and the caret stands below it.
func TestErrorShowsThePlace(t *testing.T) {
	text := strings.Repeat("pid == 1 or ", 20) + `usr == "x"` + strings.Repeat(" or pid == 2", 20)
	_, err := Compile(text)
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[1][strings.Index(lines[2], "^"):], "usr") || len(lines[1]) > 100 {
		t.Errorf("got\n%v", err)
	}
}

// No row costs memory: a text is put together in the same place each time.
func TestMatchAllocatesNothing(t *testing.T) {
	where, err := Compile(`rss > 100MiB and (user in ["www", "db"] or comm matches "^ng") and args contains "--port" and age < 1h and label.dc == "eu"`)
	if err != nil {
		t.Fatal(err)
	}
	test, p := where.On(here()), nginx()
	if !test.Match(p) {
		t.Fatal("it does not match")
	}
	if n := testing.AllocsPerRun(100, func() { test.Match(p) }); n != 0 {
		t.Errorf("%v allocations for each row", n)
	}
}

// Every name can be asked for, sorted by and found by its other names.
func TestTerms(t *testing.T) {
	seen := map[string]string{}
	for _, term := range Terms() {
		for _, name := range append([]string{term.Name}, term.Also...) {
			if before, twice := seen[name]; twice {
				t.Errorf("%s is a name of %s and of %s", name, before, term.Name)
			}
			seen[name] = term.Name
			if found, ok := TermByName(name); !ok || found.Name != term.Name {
				t.Errorf("%s is found as %q", name, found.Name)
			}
		}
		if term.Help == "" {
			t.Errorf("%s: no help", term.Name)
		}
		text := term.Name + " == nil"
		where, err := Compile(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		where.On(here()).Match(nginx())
		if got := Order([]Key{{Field: term.Name}})(Row{here(), nginx()}, Row{here(), nginx()}); got != 0 {
			t.Errorf("%s: a process is %d to itself", term.Name, got)
		}
	}
	for field := range also {
		if _, ok := k2i.FieldByName(field); !ok {
			t.Errorf("%s has another name and is no field", field)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, seed := range []string{
		"rss > 100MiB and age < 5m", `comm matches "^ng" or not (user in ["a", "b"])`, "rcpu > 50%", "1 < pid < 5", "label.x == `a`", "pid in 1..5",
		"pid == 1;", "{a: 1}", "let x = 1; x", "a?.b", "x | y", "b'x' == 1", "\"\\u00e4\" in args", "10MiB/s", "not in", "#", "if a {b} else {c}", "::x()",
	} {
		f.Add(seed)
	}
	host, p := here(), nginx()
	f.Fuzz(func(t *testing.T, text string) {
		where, err := Compile(text)
		if err == nil {
			test := where.On(host)
			if first := test.Match(p); first != test.Match(p) {
				t.Error("asked twice, it says something else")
			}
			return
		}
		var refused *Error
		if !errors.As(err, &refused) || refused.Reason == "" || strings.Contains(refused.Reason, "\n") {
			t.Errorf("%q: no line of an error: %v", text, err)
		}
		_ = refused.Error()
	})
}

// BenchmarkWhere prints the cost of one row of a host with 5,000 processes.
func BenchmarkWhere(b *testing.B) {
	const rows = 5000
	snap := snapshotOf(make([]k2i.Process, rows))
	for i, p := range snap.Processes {
		*p = *nginx()
		p.PID, p.RSSBytes, p.Comm = int32(i+1), uint64(i)<<16, fmt.Sprint("comm", i%50)
	}
	for name, text := range map[string]string{
		"none": "", "number": "rss > 100MiB", "word": `user == "www"`, "two": `rss > 100MiB and user != "root"`, "regexp": `comm matches "^comm1"`, "args": `args matches "port (80|443)$"`,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			q := Query{Where: text, Sort: []Key{{Field: "rss", Descending: true}}, Limit: 50}
			for b.Loop() {
				must(Run(q, snap))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
		})
	}
}
