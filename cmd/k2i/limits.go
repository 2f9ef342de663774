package main

import (
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"ddcos/k2i"
	"ddcos/k2i/agent"
	"ddcos/k2i/prom"
)

// noLimit is how a limit is lifted.
const noLimit = "none"

// heapShare is how much of the memory limit the runtime is told to keep to, in
// quarters: the rest is for the program itself, stacks and what is mapped.
const heapShare = 3

// least of a memory limit: no agent lives with less.
const leastMemory = 32 << 20

// limitFlags are --cpu-limit and --memory-limit.
type limitFlags struct{ cpu, memory string }

func (f *limitFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.cpu, "cpu-limit", "10%", "`SHARE` of one core that the agent may use: beyond that it samples less often and says so; or none")
	flags.StringVar(&f.memory, "memory-limit", "200MiB", "`BYTES` that it may have resident, likewise; or none")
}

// parse reads both.
func (f limitFlags) parse() (limits agent.Limits, err error) {
	if limits.CPUs, err = parseShare(f.cpu); err != nil {
		return limits, misuse{fmt.Errorf("--cpu-limit %q: %w", f.cpu, err)}
	}
	if limits.Memory, err = parseBytes(f.memory); err != nil {
		return limits, misuse{fmt.Errorf("--memory-limit %q: %w", f.memory, err)}
	}
	return limits, nil
}

// parseShare reads 10%, of one core, or none.
func parseShare(s string) (float64, error) {
	if s == noLimit {
		return 0, nil
	}
	digits, found := strings.CutSuffix(s, "%")
	n, err := strconv.ParseFloat(digits, 64)
	if !found || err != nil || math.IsNaN(n) || n < 0.1 || n > 100_000 {
		return 0, fmt.Errorf("want a share of one core such as 10%%, or %s", noLimit)
	}
	return n / 100, nil
}

// parseBytes reads 200MiB or 1GiB, or none.
func parseBytes(s string) (int64, error) {
	if s == noLimit {
		return 0, nil
	}
	for unit, bytes := range map[string]int64{"MiB": 1 << 20, "GiB": 1 << 30} {
		digits, found := strings.CutSuffix(s, unit)
		if n, err := strconv.ParseInt(digits, 10, 64); found && err == nil && n > 0 && n <= 1<<20 && n*bytes >= leastMemory {
			return n * bytes, nil
		}
	}
	return 0, fmt.Errorf("want at least 32MiB, such as 200MiB or 1GiB, or %s", noLimit)
}

// keepMemory has the runtime collect garbage sooner as the limit comes near,
// unless GOMEMLIMIT has told it when.
func keepMemory(limits agent.Limits) {
	if _, told := os.LookupEnv("GOMEMLIMIT"); !told && limits.Memory > 0 {
		debug.SetMemoryLimit(limits.Memory / 4 * heapShare)
	}
}

// selfNumbers are those of what the agent takes, beside Go's and the process's own.
func selfNumbers(a *agent.Agent) []prom.Number {
	self := func(value func(k2i.Self) float64) func() float64 {
		return func() float64 {
			if snap := a.Snapshot(); snap != nil {
				return value(snap.Self)
			}
			return 0
		}
	}
	return []prom.Number{
		{Name: "k2i_interval_seconds", Help: "Between two samples now; more than it was told while the agent is throttled.", Value: self(func(s k2i.Self) float64 { return float64(s.IntervalNS) / 1e9 })},
		{Name: "k2i_throttled", Help: "1 while the agent samples less often to keep its limits.", Value: self(func(s k2i.Self) float64 {
			if s.Throttled != "" {
				return 1
			}
			return 0
		})},
		counter("k2i_throttles_total", "Times that it began to.", func() uint64 { return a.Stats().Throttles }),
		{Name: "k2i_bpf_seconds_total", Counter: true, Help: "That its BPF programs have run in other processes, by a spot check every half minute.", Value: self(func(s k2i.Self) float64 { return float64(max(0, s.BPFNS)) / 1e9 })},
		{Name: "k2i_cpu_limit_cores", Help: "That the agent may use; 0 for no limit.", Value: func() float64 { return a.Limits().CPUs }},
		{Name: "k2i_memory_limit_bytes", Help: "That it may have resident; 0 for no limit.", Value: func() float64 { return float64(a.Limits().Memory) }},
	}
}
