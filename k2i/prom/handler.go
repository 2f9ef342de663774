package prom

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Number is one number of the agent about itself, read at scrape time.
type Number struct {
	Name    string // with the prefix k2i_; a counter's ends in _total
	Help    string
	Counter bool // it only grows, until the agent restarts
	Value   func() float64
}

// maxScrapes is how many scrapes are answered at the same time; one more is told 503.
const maxScrapes = 4

// Handler serves /metrics: the newest snapshot of source, the groups, the agent's
// own numbers, and what Go's runtime and the kernel say of the agent's process.
func Handler(source Source, groups *Groups, numbers []Number, log *slog.Logger) http.Handler {
	return handler(registry(source, groups, numbers, time.Now), log)
}

func handler(r *prometheus.Registry, log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(log.Handler(), slog.LevelError),
		ErrorHandling:       promhttp.ContinueOnError, // one bad metric does not blind the others
		MaxRequestsInFlight: maxScrapes,
	})
}

// registry holds everything that Handler serves; a Number that is named twice
// is a mistake of the program.
func registry(source Source, groups *Groups, numbers []Number, now func() time.Time) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(newCollector(source, groups, now), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, n := range numbers {
		if n.Counter {
			r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: n.Name, Help: n.Help}, n.Value))
		} else {
			r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: n.Name, Help: n.Help}, n.Value))
		}
	}
	return r
}
