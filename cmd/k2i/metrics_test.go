package main

import (
	"os/exec"
	"strings"
	"testing"

	"ddcos/k2i/prom"
)

// maxGroupSeries is what the groups alone may have, by the tests of package prom.
const maxGroupSeries = 850

// checkMetrics has promtool read what an agent serves, and counts the series: so
// many beside those of the groups are left whatever runs.
func checkMetrics(t *testing.T, text string) {
	t.Helper()
	others, groups := 0, 0
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.Contains(line, `group_by="`) && strings.HasPrefix(line, "process_"):
			groups++
		default:
			others++
		}
		if strings.Contains(line, "pid=") {
			t.Errorf("a pid in a label: %s", line)
		}
	}
	if groups == 0 || groups > maxGroupSeries || others > prom.MaxSeries-maxGroupSeries {
		t.Errorf("%d series of groups, of at most %d, and %d others, of at most %d", groups, maxGroupSeries, others, prom.MaxSeries-maxGroupSeries)
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Log("promtool is missing: install the package prometheus")
		return
	}
	cmd := exec.CommandContext(t.Context(), promtool, "check", "metrics")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) != 0 {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}
