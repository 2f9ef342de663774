package via

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestHosts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(file, []byte("# racks\nweb[1-2] db1 # two kinds\n\nroot@10.0.0.7:22\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string][]string{
		"a":                     {"a"},
		"a,b c":                 {"a", "b", "c"},
		"a,,b,":                 {"a", "b"},
		"a,b,a":                 {"a", "b"},
		"web[08-11]":            {"web08", "web09", "web10", "web11"},
		"web[9-11]":             {"web9", "web10", "web11"},
		"r[1-2]n[1,3].x":        {"r1n1.x", "r1n3.x", "r2n1.x", "r2n3.x"},
		"h[1,4-5]":              {"h1", "h4", "h5"},
		"user@h.example.com:22": {"user@h.example.com:22"},
		"2001:db8::1%eth0":      {"2001:db8::1%eth0"},
		"@" + file:              {"web1", "web2", "db1", "root@10.0.0.7:22"},
		"db1,@" + file:          {"db1", "web1", "web2", "root@10.0.0.7:22"},
		"web[3-3],web[1-3]":     {"web3", "web1", "web2"},
	}
	for list, want := range tests {
		if got, err := Hosts(list); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %q, %v; want %q", list, got, err, want)
		}
	}
}

func TestHostsRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(file, []byte("good\nbad[1-\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{
		"web[1-":                 "not closed",
		"web[5-1]":               "backwards",
		"a[1-9000],b[1-9000]":    "more than 10000",
		"h*":                     "not '*'",
		"-oProxyCommand=x":       "begins with a dash",
		"a;b":                    `not ';'`,
		"$(id)":                  `not '$'`,
		strings.Repeat("x", 300): "300 bytes",
		"@" + file:               "line 2",
		"@/does/not/exist":       "no such file",
		"gr\u00fcn":              "not 'ü'",
	}
	for list, want := range tests {
		if got, err := Hosts(list); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: got %d hosts, %v; want %q", list, len(got), err, want)
		}
	}
}

// FuzzHosts: whatever is asked for, the list is bounded, and nothing in it means
// anything to a shell or could be taken for an option.
func FuzzHosts(f *testing.F) {
	for _, seed := range []string{"a,b", "web[01-40]", "r[1-2]n[1,3]", "[[[1-9]]]", "a[1-9999][1-9999][1-9999]", "-x", "a b;c", "@/nowhere"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, list string) {
		if strings.Contains(list, "@") {
			t.Skip("it may be a file of this machine")
		}
		hosts, err := Hosts(list)
		if err != nil {
			return
		}
		if len(hosts) > MaxHosts {
			t.Fatalf("%d hosts", len(hosts))
		}
		for _, host := range hosts {
			if host == "" || host[0] == '-' || strings.ContainsAny(host, " \t\n;&|<>()$`\\\"'*?[]{}#~!") {
				t.Fatalf("%q of %q", host, list)
			}
		}
		if again, err := Hosts(strings.Join(hosts, ",")); err != nil || !slices.Equal(again, hosts) {
			t.Fatalf("%s is read as %s, %v", fmt.Sprint(hosts), again, err)
		}
	})
}
