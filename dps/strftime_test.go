package dps

import (
	"math/rand/v2"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// cDate is what C's strftime makes of formats, by way of the shell.
func cDate(t *testing.T, zone string, at int64, formats []string) []string {
	t.Helper()
	script := `at=$1; shift; for f; do printf "%($f)T\1" "$at"; done`
	cmd := exec.CommandContext(t.Context(), "bash", append([]string{"-c", script, "bash", strconv.FormatInt(at, 10)}, formats...)...) //nolint:gosec // the test's own
	cmd.Env = []string{"LC_ALL=C", "TZ=" + zone}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x01"), "\x01")
}

// Dates are written as C writes them: every conversion, flag and width, at
// times all over the calendar.
func TestStrftimeAgainstC(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("no bash, which has C's strftime")
	}
	letters := strings.Split("aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ%", "")
	formats := []string{"%", "%_", "%E", "%!", "100%", "%F %T", "plain", "%Q%F", "%Ey %Od", "%-d.%-m.%Y"}
	for _, letter := range letters {
		formats = append(formats, "%"+letter)
		for _, flag := range []string{"_", "-", "0", "^", "#"} {
			if letter == "z" {
				break // which are another matter for a zone
			}
			formats = append(formats, "<%"+flag+letter+">")
		}
		if !strings.Contains("cDFrRTxXzn", letter) { // C fills these in ways of its own
			formats = append(formats, "<%12"+letter+">", "<%_5"+letter+">", "<%07"+letter+">")
		}
	}
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // not a secret
	for _, zone := range []string{"UTC", "Asia/Kolkata", "America/St_Johns"} {
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Skip("no time zones here: ", err)
		}
		for range 60 {
			at := r.Int64N(4_000_000_000)
			want := cDate(t, zone, at, formats)
			for i, format := range formats {
				if got := strftime(format, time.Unix(at, 0).In(location)); got != want[i] {
					t.Fatalf("%s %d %q: %q, want %q", zone, at, format, got, want[i])
				}
			}
		}
	}
}

// A date that is too long is none.
func TestStrftimeLong(t *testing.T) {
	at := time.Unix(0, 0)
	for _, test := range []struct {
		format string
		length int
	}{
		{strings.Repeat("x", maxDate), maxDate},
		{strings.Repeat("x", maxDate+1), 0},
		{"%239d", maxDate},
		{"%240d", 0},
		{"%99999999999999999999d", len("%99999999999999999999d")},
		{strings.Repeat("%Y", 1000), 0},
	} {
		if got := strftime(test.format, at); len(got) != test.length {
			t.Errorf("%.30q: %d bytes, want %d", test.format, len(got), test.length)
		}
	}
}
