package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

// TestConfig is what a real agent says of what it was told, in both encodings.
func TestConfig(t *testing.T) {
	log, _ := start(t, "serve", "--listen", "127.0.0.1:0", "--name", "node7", "--interval", "150ms", "--mode", "procfs", "--events", "none")
	url := log.wait(t, `address=(http://127\.0\.0\.1:\d+)`)[1]
	healthy(t, url)
	for accept, unmarshal := range map[string]func([]byte, any) error{"application/json": json.Unmarshal, "application/msgpack": msgpack.Unmarshal} {
		var got struct {
			Mode   string `json:"mode" msgpack:"mode"`
			Config config `json:"config" msgpack:"config"`
		}
		if err := unmarshal(fetch(t, url+"/v1/config", accept), &got); err != nil {
			t.Fatal(err)
		}
		c := got.Config
		if got.Mode != "procfs" || c.Name != "node7" || c.IntervalNS != 150e6 || c.Mode != "procfs" || c.Events != "none" || c.Broker != "" ||
			len(c.Listen) != 1 || c.Version == "" || c.Limits.Requests == 0 || c.Limits.DetailDeadlineNS == 0 {
			t.Errorf("%s: %+v", accept, got)
		}
	}
	// The agent's own process, with what is read on demand.
	var self struct {
		Process struct{ Comm string }
		Detail  struct {
			PSS   int64 `json:"pss_bytes"`
			FDs   []struct{ Kind string }
			Stack []string
			Gaps  []struct{ Part, Reason string }
		}
	}
	if err := json.Unmarshal(fetch(t, url+"/v1/proc/self?detail=pss,fds", "application/json"), &self); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(self.Process.Comm, "k2i") || self.Detail.PSS <= 0 || len(self.Detail.FDs) < 3 || self.Detail.Stack != nil || len(self.Detail.Gaps) != 0 {
		t.Errorf("%+v", self)
	}
	if metrics := string(fetch(t, url+"/metrics", "*/*")); !strings.Contains(metrics, "\nk2i_detail_reads_total 2\n") || !strings.Contains(metrics, "\nk2i_detail_stuck 0\n") {
		t.Error("the reads are not counted")
	}
}

// fetch asks an agent for one answer.
func fetch(t *testing.T, url, accept string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s, %v", url, response.StatusCode, body, err)
	}
	return body
}
