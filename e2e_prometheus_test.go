package ddcos_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"ddcos/bench/hosts"
)

// promConfig scrapes each agent twice a second.
const promConfig = `global: {scrape_interval: 500ms, scrape_timeout: 500ms}
scrape_configs:
- job_name: k2i
  static_configs:
  - targets: [%s]
`

// A prometheus is a real one, at the broker's host.
type prometheus struct {
	*dc
	url string
}

// scraped has a real Prometheus scrape every agent: it takes what they say for
// what it is, and can compute with it.
func (d *dc) scraped(t *testing.T) {
	for _, program := range []string{"prometheus", "promtool"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is missing: install the package prometheus", program)
		}
	}
	var targets []string
	for _, h := range d.center.Hosts {
		targets = append(targets, fmt.Sprintf("%q", h.Addr.String()+":7412"))
	}
	run := d.center.Hub.RunDir
	config := fmt.Sprintf(promConfig, strings.Join(targets, ", "))
	if err := os.WriteFile(d.center.Hub.Root()+run+"/prometheus.yml", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	address := d.center.Hub.Addr.String() + ":9090"
	server := d.launch(d.center.Hub, "prometheus", "prometheus", "--config.file="+run+"/prometheus.yml",
		"--storage.tsdb.path="+run+"/prometheus", "--web.listen-address="+address)
	defer end(t, server)
	p := prometheus{d, "http://" + address}

	d.await("Prometheus reaches every agent", func() bool { return p.all("up == 1") })
	d.await("sleep is a group on every host, of a process that has memory", func() bool {
		return p.all(`process_group_processes{group_by="command",group="sleep"} >= 1`) &&
			p.all(`process_memory_usage_bytes{group_by="command",group="sleep"} > 1e5`)
	})
	d.await("every agent is seen to use CPU, and not more than there is", func() bool {
		rates := `sum by (instance) (rate(process_cpu_time_seconds_total{group_by="command",group="k2i"}[10s]))`
		return p.all(rates+" > 0") && p.all(rates+" < 64")
	})
	for what, query := range map[string]string{
		"each way to group has all processes": `max by (instance) (sum by (instance, group_by) (process_group_processes))
			== min by (instance) (sum by (instance, group_by) (process_group_processes))`,
		"no more series than are allowed": `scrape_samples_scraped <= 1000`,
		"no counter ever fell":            `sum by (instance) (resets(process_cpu_time_seconds_total[1m])) == 0`,
		"no label is a pid":               `k2i_host_cpus unless on (instance) {pid!=""}`,
		"each way to group has all CPU time": `abs(sum by (instance) (process_cpu_time_seconds_total{group_by="user"})
			/ sum by (instance) (process_cpu_time_seconds_total{group_by="container"}) - 1) < 1e-9`,
	} {
		// Of an agent that was not scraped in time nothing is known: who was is looked for at the same moment.
		d.await(what, func() bool {
			if broken := p.query("up == 1 unless on (instance) (" + query + ")"); len(broken) > 0 {
				t.Errorf("%s: %s has %v", what, query, broken)
				return true
			}
			return p.all(query)
		})
	}
}

// end stops a program and waits until it has ended.
func end(t *testing.T, p *hosts.Process) {
	t.Helper()
	if err := p.Signal(t.Context(), syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	<-p.Done()
}

// all tells whether a query has a value for each agent.
func (p prometheus) all(query string) bool {
	p.Helper()
	instances := map[string]bool{}
	for _, v := range p.query(query) {
		instances[v.instance] = true
	}
	return len(instances) == len(p.center.Hosts)
}

type value struct {
	instance string
	value    float64
}

// query gives what a query has now; nothing while Prometheus does not answer yet.
func (p prometheus) query(query string) []value {
	p.Helper()
	out, complaint, status := p.on(p.T, "promtool", "query", "-o", "json", "instant", p.url, query)
	var results []struct {
		Metric map[string]string
		Value  [2]any
	}
	switch {
	case status != 0 && (strings.Contains(complaint, "connection refused") || strings.Contains(complaint, "503")):
		return nil
	case status != 0 || json.Unmarshal([]byte(out), &results) != nil:
		p.Logf("%s: %s%s", query, out, complaint)
		return nil
	}
	var values []value
	for _, r := range results {
		text, _ := r.Value[1].(string)
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			p.Fatalf("%s: %s", query, out)
		}
		values = append(values, value{r.Metric["instance"], n})
	}
	return values
}
