package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// soakEnv says how long TestSoak takes, such as 3m; `make soak` sets it.
const soakEnv = "K2I_SOAK"

// What an agent may grow by between the first point, after it has been warmed
// up, and the last. Rows are its own to keep, of processes that live and, up to a bound, of
// those that have ended; the arrays that they are in have room for more, which is let go later or
// not. How many live is not this test's alone: others may work on the machine.
const (
	heapGrowth       = 12 << 20
	residentGrowth   = 32 << 20
	endedGrowth      = 4 << 10 // beside these, for each row of an ended process more than at the first point that there ever was
	liveGrowth       = 8 << 10 // likewise, of a live one: it is in two snapshots
	fileGrowth       = 3
	goroutineGrowth  = 3
	threadGrowth     = 4
	mapGrowth        = 1 << 20
	soakPoints       = 4 // the first one is the measure of the others
	soakWarmingShare = 4 // of the time
)

// point is what the agent holds when nothing is asked of it.
type point struct {
	heap, resident, files, goroutines, threads, maps, live, ended int
}

func (p *point) String() string {
	return fmt.Sprintf("heap %d KiB, resident %d KiB, %d files, %d goroutines, %d threads, BPF maps %d KiB, %d processes, %d ended",
		p.heap>>10, p.resident>>10, p.files, p.goroutines, p.threads, p.maps>>10, p.live, p.ended)
}

// TestSoak runs an agent that counts all it can under storms of processes,
// threads, sockets and questions, and asks again and again what it holds then:
// no memory, file, goroutine or BPF entry may be left behind.
func TestSoak(t *testing.T) {
	length := 4 * time.Second
	if text := os.Getenv(soakEnv); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatalf("%s: %v", soakEnv, err)
		}
	}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd, stderr := command(t, binary, "serve", "--listen", "127.0.0.1:0", "--interval", "200ms", "--cpu-limit", "none",
		"--sockets", "--run-queue", "--block-io")
	cmd.Env = append(cmd.Env, "GOGC=50") // less is left for a moment
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &soak{T: t, url: stderr.wait(t, `address=(http://127\.0\.0\.1:\d+)`)[1], pid: cmd.Process.Pid}
	healthy(t, s.url)
	s.newest.Store(int64(s.pid)) // until there is a shell
	s.load(length / soakWarmingShare)
	first := s.point()
	s.progress("%v", &first)
	last := first
	for range soakPoints - 1 {
		s.load(length * (soakWarmingShare - 1) / soakWarmingShare / (soakPoints - 1))
		last = s.point()
		s.progress("%v", &last)
	}
	s.compare(&first, &last)
	s.progress("%d programs, %d threads, %d connections, %d requests", s.programs.Load(), s.threads.Load(), s.sockets.Load(), s.requests.Load())
	if s.programs.Load() == 0 || s.threads.Load() == 0 || s.sockets.Load() == 0 || s.requests.Load() == 0 {
		t.Error("there was no load")
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, stderr)
	}
}

// compare looks for what grew, and for what must not have happened at all.
func (s *soak) compare(first, last *point) {
	rows := max(0, last.ended-first.ended)*endedGrowth + max(0, int(s.mostLive.Load())-first.live)*liveGrowth
	for what, grew := range map[string]struct{ from, to, most int }{
		"bytes of the heap": {first.heap, last.heap, heapGrowth + rows},
		"resident bytes":    {first.resident, last.resident, residentGrowth + rows},
		"files":             {first.files, last.files, fileGrowth},
		"goroutines":        {first.goroutines, last.goroutines, goroutineGrowth},
		"threads":           {first.threads, last.threads, threadGrowth},
		"bytes of BPF maps": {first.maps, last.maps, mapGrowth},
	} {
		if grew.to > grew.from+grew.most {
			s.Errorf("%s grew from %d to %d, by %d at most was allowed", what, grew.from, grew.to, grew.most)
		}
	}
	metrics := s.metrics()
	for _, never := range []string{"k2i_pass_failures_total", "k2i_event_failures_total", "k2i_http_panics_total", "k2i_uncounted_total", "k2i_detail_stuck"} {
		if n, told := metrics[never]; n != 0 || !told {
			s.Errorf("%s is %v", never, n)
		}
	}
	s.progress("%v events, %v of them lost, %v passes, %v s of CPU time", metrics["k2i_events_total"], metrics["k2i_events_lost_total"],
		metrics["k2i_passes_total"], metrics["process_cpu_seconds_total"])
}

// progress is told at once where it takes minutes.
func (s *soak) progress(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.Log(text)
	if os.Getenv(soakEnv) != "" {
		_, _ = fmt.Fprintln(os.Stderr, text)
	}
}

// soakCollections is how many collections of garbage a point sees. One that runs
// while something is made takes that for alive: the least of all counts.
const soakCollections = 8

// point asks until what requests leave behind for a moment has gone: garbage,
// connections that end. The least of each that was ever seen counts.
func (s *soak) point() point {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 2*time.Minute)
	defer cancel()
	var least point
	metrics := s.metrics()
	for until := metrics[collections] + soakCollections; metrics[collections] < until && ctx.Err() == nil; {
		ended := s.exited(ctx) // makes garbage, so that it is collected
		metrics = s.metrics()
		now := point{
			// What was found alive by the last collection is half of when the next one begins.
			int(metrics["go_memstats_next_gc_bytes"] * 100 / (100 + metrics["go_gc_gogc_percent"])), int(metrics["process_resident_memory_bytes"]), int(metrics["process_open_fds"]),
			int(metrics["go_goroutines"]), int(metrics["go_threads"]), s.maps(), int(metrics[processes]), ended,
		}
		if least.heap == 0 {
			least = now
		}
		for _, p := range []struct {
			to  *int
			now int
		}{
			{&least.heap, now.heap},
			{&least.resident, now.resident},
			{&least.files, now.files},
			{&least.goroutines, now.goroutines},
			{&least.threads, now.threads},
			{&least.maps, now.maps},
		} {
			*p.to = min(*p.to, p.now)
		}
		least.live, least.ended = now.live, now.ended
	}
	return least
}

// The counter of the agent's collections of garbage, and its processes in any state.
const (
	collections = "go_gc_duration_seconds_count"
	processes   = "k2i_processes"
)

// exited asks for some ended processes, and gives how many there are.
func (s *soak) exited(ctx context.Context) int {
	body, err := s.get(ctx, "/v1/proc?exited=true&limit=300")
	var answer struct{ Total int }
	if err == nil {
		err = json.Unmarshal(body, &answer)
	}
	if err != nil {
		s.Fatal(err)
	}
	return answer.Total
}

// metrics are those there are, and beside them the sum of all processes, of which the most
// are noted.
func (s *soak) metrics() map[string]float64 {
	body, err := s.get(s.Context(), "/metrics")
	if err != nil {
		s.Fatal(err)
	}
	return s.tallied(body)
}

func (s *soak) tallied(body []byte) map[string]float64 {
	metrics := map[string]float64{}
	for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			continue
		}
		metrics[name] = n
		if strings.HasPrefix(name, processes+"{") {
			metrics[processes] += n
		}
	}
	s.mostLive.Store(max(s.mostLive.Load(), int64(metrics[processes])))
	return metrics
}

// maps is what the agent's BPF maps hold, as far as the kernel tells it.
func (s *soak) maps() (sum int) {
	dir := fmt.Sprintf("/proc/%d/fdinfo", s.pid)
	files, err := os.ReadDir(dir)
	if err != nil {
		s.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(dir + "/" + f.Name())
		if err != nil {
			continue // closed meanwhile
		}
		_, rest, isMap := strings.Cut(string(text), "map_type:")
		_, rest, found := strings.Cut(rest, "memlock:")
		line, _, _ := strings.Cut(rest, "\n")
		if n, err := strconv.Atoi(strings.TrimSpace(line)); isMap && found && err == nil {
			sum += n
		}
	}
	return sum
}
