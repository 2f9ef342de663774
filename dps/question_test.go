package dps_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"ddcos/dps"
	"ddcos/k2i"
	"ddcos/k2i/fleet"
	"ddcos/k2i/query"
)

// labelled is twoHosts of which all answer, with labels.
func labelled() *scripted {
	s := twoHosts()
	s.down = nil
	s.hosts[0].Agent = k2i.About{Version: "v1", Labels: map[string]string{"dc": "eu"}}
	return s
}

func TestWhere(t *testing.T) {
	for line, want := range map[string]string{
		`--where|rss > 10MiB|-o|pid=|--no-host|--sort|pid`:                      "     40\n1234567\n",
		`--where|comm matches "^.b$" and not user == "root"|-o|pid=|--no-host`:  "     40\n",
		`--where|pid < 50|--where|host == "web1"|-o|pid=|--no-host|--sort|-pid`: "     40\n      1\n",
		`-e|--where|age > 2h30m|-o|pid,age,proc,label.dc|--sort|-age|--no-host`: "    PID    AGE PROC                 LABEL.DC\n      7 180000 storage-02:7         -\n1234567 180000 storage-02:1234567   -\n      1  10800 web1:1               eu\n     40  10800 web1:40              eu\n",
		`-C|db|--where|true|-o|pid=|--no-host`:                                  "     40\n",
		`-C|db|--where|false|-o|pid=|--no-host`:                                 "",
		`--proc|web1:40,storage-02:7|-o|pid=|--no-host`:                         "      7\n     40\n",
		`--proc|boot-web1:1:100|-o|id=|--no-host`:                               "boot-web1:1:100\n",
		`--proc|web1:40|--where|pid == 1|-o|pid=|--no-host`:                     "",
		`--on|web*|-o|pid=|--no-host`:                                           "    1\n   40\n",
		`--on|storage-[02-02]|-o|pid=|--no-host`:                                "      7\n1234567\n",
		`--label|dc=eu|-o|pid=|--no-host`:                                       "    1\n   40\n",
		`-d|--where|pid > 5|-o|pid=|--no-host`:                                  "      7\n1234567\n",
		`-e|--sort|-age|--limit|1|-o|pid=|--no-host`:                            "      7\n",
		`-e|--sort|host,-pid|--limit|1|-o|pid=|--no-host`:                       "1234567\n",
		`-e|-o|pid,rss_bytes,read_bytes,kernel|--where|pid == 7|--no-host`:      "    PID RSS_BYTES READ_BYTES KERNEL\n      7         0          - true\n",
		`-p|7|-o|io_r,net_tx|--no-host`:                                         "    IO_R   NET_TX\n       0        0\n",
		`--by|user|--sort|key`:                                                  "USER              COUNT HOSTS THREADS  RCPU% TIME  RSS MAX_RSS VSZ IO_R/s IO_W/s NET_RX/s NET_TX/s OLDEST\naveryverylonguser     1     1       0  50.0  0.0s 512M    512M   0   0 0 0 0   3h0m\n",
	} {
		out, problems, status := over(t, labelled(), strings.Split(line, "|")...)
		if strings.Contains(line, "--by") {
			first := strings.SplitAfterN(out, "\n", 3)
			out, want = strings.Join(strings.Fields(first[0]+first[1]), " "), strings.Join(strings.Fields(want), " ")
		}
		if out != want || problems != "" || status != map[bool]int{true: dps.ExitFailed, false: dps.ExitOK}[want == ""] {
			t.Errorf("%s: status %d, %s\ngot\n%s\nwant\n%s", line, status, problems, out, want)
		}
	}
}

// What the agents can settle, they are asked to: conditions, groups and limits.
func TestQuestionThatTravels(t *testing.T) {
	usual := strings.Fields("comm pid start_ns start_ticks system_ns tty_nr user_ns") // of pid, tty, time and cmd
	byRSS := strings.Fields("comm pid rss_bytes start_ns start_ticks system_ns tty_nr user_ns")
	for line, want := range map[string]query.Query{
		"--where|pid == 1|--limit|5|--sort|-rss":  {Where: "pid == 1", Limit: 5, Sort: []query.Key{{Field: "rss_bytes", Descending: true}}, Fields: byRSS},
		"--by|user|--sort|-rss,count|--limit|3":   {By: "user", Limit: 3, Sort: []query.Key{{Field: "rss", Descending: true}, {Field: "count"}}},
		"-d|--by|user|--limit|3|--where|pid == 1": {Where: "pid == 1"}, // -d is settled here, and so are sums
		"--on|a,b[1-2]|--label|dc=eu":             {On: "a,b[1-2]", Labels: map[string]string{"dc": "eu"}, Fields: usual},
		"--proc|a:1|--where|pid == 1":             {Where: `(proc == "a:1") and (pid == 1)`, Fields: usual},
		"--fleet|-p|1|--limit|5":                  {Where: "false"},
	} {
		source := labelled()
		over(t, source, strings.Split(line, "|")...)
		if got := source.asked[0]; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s asks for\n%+v, want\n%+v", line, got, want)
		}
	}
}

// Sums that are put together here are those that the agents would have sent.
func TestGroupsHereAndThere(t *testing.T) {
	for _, by := range []string{"user", "host", "comm", "label.dc", "kind"} {
		there, _, _ := over(t, labelled(), "--by", by, "--sort", "key", "--json")
		here, _, _ := over(t, labelled(), "-d", "-a", "-N", "--by", by, "--sort", "key", "--json") // what only dps can tell
		all, _, _ := over(t, labelled(), "-N", "-d", "-p", "1,40,7,1234567", "--by", by, "--sort", "key", "--json")
		if len(there) < 200 || !json.Valid([]byte(there)) || !json.Valid([]byte(here)) || !json.Valid([]byte(all)) {
			t.Errorf("%s: %s", by, there)
		}
		whole, _, _ := over(t, labelled(), "-d", "-p", "1,40,7,1234567", "--by", by, "--sort", "key", "--json")
		if whole != there {
			t.Errorf("by %s:\nhere  %s\nthere %s", by, whole, there)
		}
	}
}

func TestQuestionRefused(t *testing.T) {
	for line, want := range map[string]string{
		"--where|rss >":        "error: --where: it ends too early\n  rss >\n       ^",
		"--where|usr == 1":     "error: --where: no name \"usr\"; did you mean user, psr, uss?\n  usr == 1\n  ^",
		"--where|x\x1b == 1":   "error: --where: no place for '\\x1b' outside of a string\n  x  == 1\n   ^",
		"--by|pid":             "only words make groups",
		"--by|usr":             "did you mean user",
		"--by|user|--sort|pid": "groups have user, count",
		"--by|user|-o|pid":     "leave out formats",
		"--by|user|--fleet":    "give one of them",
		"--on|web[1":           "a bracket is not closed",
		"--label|dc":           `--label "dc": want NAME=VALUE`,
		"--label|=eu":          "want NAME=VALUE",
		"--proc|web1":          "want HOST:PID",
		"--proc|web1:x":        "want HOST:PID",
		"--proc|:1":            "want HOST:PID",
		"--watch|0":            "want a number of seconds",
		"--watch|NaN":          "want a number of seconds",
		"--watch|1x":           "want a number of seconds",
		"--json|--csv":         "give one of --json, --ndjson and --csv",
		"--as|mem":             "the config file has no formats",
		"--where":              "an argument must follow --where: CONDITION",
		"--proc|" + strings.Repeat("a:1,", 200) + "a:1": "more than 512 names",
	} {
		_, err := dps.Parse(strings.Split(line, "|"), dps.Env{})
		var refused *dps.UsageError
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: got %v, want %s", line, err, want)
		} else if !errorsAs(err, &refused) || refused.Status() != dps.ExitUsage {
			t.Errorf("%.40s: not misuse of an option that only dps has: %v", line, err)
		}
	}
}

func errorsAs(err error, target **dps.UsageError) bool {
	refused, ok := err.(*dps.UsageError) //nolint:errorlint // Parse wraps nothing
	*target = refused
	return ok
}

// The fleet is shown with who is missing, and since when.
func TestFleetItself(t *testing.T) {
	s := twoHosts()
	s.down[0].Lost = 72 * time.Second
	s.hosts[0].Agent = k2i.About{Version: "ddcos v1\x1b, commit 7, go", Labels: map[string]string{"dc": "eu", "rack": "7"}}
	out, problems, status := over(t, s, "--fleet")
	want(t, out, `
HOST       STATUS  MODE EVENTS PROCS CPUS SAMPLE CLOCK MISSING VERSION LABELS       WHY
storage-02 ok      bpf  -          2    4   0.2s     -       - -       -            -
web1       ok      bpf  -          2    4   0.2s     -       - v1?     dc=eu,rack=7 -
web2       absent  -    -          -    -      -     -   1m12s -       -            lost 12s ago: connection reset
web3?[1m   timeout -    -          -    -      -     -       - -       -            no answer?within 2s
`)
	if status != dps.ExitPartial || strings.Count(problems, "\n") != 2 {
		t.Errorf("status %d, %s", status, problems)
	}
	out, _, _ = over(t, s, "--fleet", "--json")
	var got struct {
		Partial bool
		Exit    int
		Hosts   []map[string]any
		Rows    any
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || !got.Partial || got.Exit != 3 || len(got.Hosts) != 4 || got.Rows != nil {
		t.Errorf("%v in %s", err, out)
	}
	if h := got.Hosts[2]; h["lost_ms"] != 72000.0 || h["offset_ms"] != nil || h["status"] != "absent" {
		t.Errorf("who is lost: %v", h)
	}
	s.down = nil
	if _, _, status := over(t, s, "--fleet"); status != dps.ExitOK {
		t.Errorf("a whole fleet ends with %d", status)
	}
}

// One line tells of all hosts that failed alike, and names a bounded number.
func TestFailures(t *testing.T) {
	var failed []*fleet.Host
	for i := range 23 {
		failed = append(failed, &fleet.Host{Name: fmt.Sprintf("h%02d", i), Status: fleet.StatusTimeout, Err: "no answer"})
	}
	failed = append(failed, &fleet.Host{Name: "a", Status: fleet.StatusAbsent, Err: "lost 1s ago"}, &fleet.Host{Name: "b\x1b", Status: fleet.StatusAbsent, Err: "lost 2s ago"},
		&fleet.Host{Name: "c", Status: fleet.StatusError, Err: "odd"})
	lines := dps.Failures(failed)
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "h00, h01, ") || !strings.HasSuffix(lines[0], "h19 and 3 more, which --fleet names: timeout: no answer") ||
		lines[1] != "a (lost 1s ago), b? (lost 2s ago): absent" || lines[2] != "c: error: odd" {
		t.Errorf("got %q", lines)
	}
}

// spiteful is a fleet whose names are made to do harm.
func spiteful() *scripted {
	s := &scripted{}
	var processes []k2i.Process
	for i, comm := range []string{"=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\tx", "\rx", "a,b\"c", "-5", "-", "\xff\u202e\x1b[2J", "|x", "%0A"} {
		processes = append(processes, k2i.Process{PID: int32(i + 1), Comm: comm, User: comm, Args: []string{comm}, Nice: -5, StartTicks: 1})
	}
	s.hosts = []*k2i.Snapshot{host("=host", 32768, time.Hour, processes...)}
	return s
}

func TestCSV(t *testing.T) {
	for _, args := range [][]string{{"-o", "pid,nice,comm,args,wchan"}, {"--by", "comm"}, {"--fleet"}, {"-ef"}} {
		out, _, _ := over(t, spiteful(), append(args, "--csv")...)
		if !utf8.ValidString(out) || strings.ContainsAny(out, "\x1b\u202e\r\t") {
			t.Errorf("%q: %q", args, out)
		}
		records, err := csv.NewReader(strings.NewReader(out)).ReadAll()
		if err != nil || len(records) < 2 {
			t.Fatalf("%q: %v in %s", args, err, out)
		}
		for _, record := range records[1:] {
			for _, cell := range record {
				if cell != "" && strings.ContainsAny(cell[:1], "=+-@|%") && cell != "-5" {
					t.Errorf("%q: a cell %q", args, cell)
				}
			}
		}
	}
	out, _, _ := over(t, spiteful(), "-o", "pid,nice,comm,wchan", "--csv")
	want(t, strings.Join(strings.SplitAfterN(out, "\n", 4)[:3], ""), "host,pid,nice,comm,wchan\n'=host,1,-5,'=1+1,\n'=host,2,-5,'+cmd|' /C calc'!A0,\n")
}

// Every line of --ndjson is an object, the last one says that it was the last.
func TestNDJSON(t *testing.T) {
	for line, want := range map[string]string{
		"":            "row row row row host host host host end",
		"--by|user":   "group group group host host host host end",
		"--fleet":     "host host host host end",
		"-p|99999999": "host host host host end",
	} {
		out, _, status := over(t, twoHosts(), append(strings.FieldsFunc(line, func(r rune) bool { return r == '|' }), "--ndjson")...)
		var kinds []string
		for text := range strings.Lines(out) {
			var record map[string]any
			if err := json.Unmarshal([]byte(text), &record); err != nil || !utf8.ValidString(text) || strings.ContainsAny(text, "\x1b\u202e") {
				t.Fatalf("%v in %q", err, text)
			}
			kinds = append(kinds, record["record"].(string))
			if record["record"] == "end" && (record["partial"] != true || record["exit"] != float64(status)) {
				t.Errorf("%s: the end is %v, the status %d", line, record, status)
			}
		}
		if got := strings.Join(kinds, " "); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}

// The schema knows every member that is written, and no other.
func TestSchema(t *testing.T) {
	var text strings.Builder
	if err := dps.WriteSchema(&text); err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Defs map[string]struct{ Properties map[string]any } `json:"$defs"`
	}
	if err := json.Unmarshal([]byte(text.String()), &schema); err != nil {
		t.Fatal(err)
	}
	same := func(kind string, written map[string]any) {
		for name := range written {
			if _, ok := schema.Defs[kind].Properties[name]; !ok {
				t.Errorf("%s has %s, which the schema has not", kind, name)
			}
		}
		for name := range schema.Defs[kind].Properties {
			if _, ok := written[name]; !ok {
				t.Errorf("the schema has %s of %s, which is not written", name, kind)
			}
		}
	}
	var got struct{ Hosts, Rows, Groups []map[string]any }
	for _, args := range [][]string{{"--json"}, {"--json", "--by", "user"}} {
		out, _, _ := over(t, twoHosts(), args...)
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatal(err)
		}
	}
	same("host", got.Hosts[0])
	same("row", got.Rows[0])
	same("group", got.Groups[0])
}

// Whatever is written is what the schema says: of processes of which everything is
// known, and of those of which hardly anything is.
func TestSchemaHolds(t *testing.T) {
	var text strings.Builder
	if err := dps.WriteSchema(&text); err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("file:///dps.json", doc); err != nil {
		t.Fatal(err)
	}
	whole, line := compiler.MustCompile("file:///dps.json"), compiler.MustCompile("file:///dps.json#/$defs/ndjson")
	holds := func(schema *jsonschema.Schema, what any, text string) {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err == nil {
			err = schema.Validate(value)
		}
		if err != nil {
			t.Errorf("%q: %v\n%.300s", what, err, text)
		}
	}
	for _, source := range []func() *scripted{twoHosts, func() *scripted { return variedHosts(rand.New(rand.NewPCG(7, 77))) }} {
		for _, args := range [][]string{{"-e"}, {"--by", "user"}, {"--fleet"}, {"--exited"}, {"-p", "99999"}, {"--peers"}, {"--peers", "--by", "host"}} {
			out, _, _ := over(t, source(), append(args, "--json")...)
			holds(whole, args, out)
			out, _, _ = over(t, source(), append(args, "--ndjson")...)
			for record := range strings.Lines(out) {
				holds(line, args, record)
			}
		}
	}
	for _, wrong := range []string{`{}`, `5`, `{"hosts":[],"partial":false,"exit":"0"}`, `{"hosts":[{}],"partial":false,"exit":0}`} {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(wrong))
		if err != nil || whole.Validate(value) == nil {
			t.Errorf("%s is taken, %v", wrong, err)
		}
	}
}

// The config file counts where neither options nor the environment say anything.
// With --watch a listing is followed by another, until the end is asked for.
func TestWatch(t *testing.T) {
	source := labelled()
	c, err := dps.Parse([]string{"--broker", "unix:///nowhere", "--watch", "0.1", "-o", "pid="}, dps.Env{})
	if err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 100)
	l := dps.Listing{Command: c, Source: source, Location: time.UTC, Stdout: writerFunc(func(b []byte) (int, error) {
		lines <- string(b)
		return len(b), nil
	}), Stderr: &strings.Builder{}}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		status, _ := l.Run(ctx)
		ended <- status
	}()
	first, second := <-lines, <-lines
	stop()
	if status := <-ended; status != dps.ExitOK || second != "\n"+first || strings.Count(first, "\n") != 4 {
		t.Errorf("status %d, %q and then %q", status, first, second)
	}
}

func TestColumnsOfTheLanguage(t *testing.T) {
	for _, term := range query.Terms() {
		c, ok := dps.ColumnByKey(term.Name)
		if !ok {
			t.Errorf("%s is no column", term.Name)
		}
		if !c.Own && slices.Contains([]string{"age", "proc", "id", "killed_by", "rcpu_with_exited"}, term.Name) {
			t.Errorf("%s is a column of ps", term.Name)
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
