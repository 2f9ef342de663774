package rest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/query"
	"ddcos/k2i/wire"
)

// staleAfter is how many intervals a sample may be old in good health.
const staleAfter = 5

// head is what every answer says of its snapshot.
type head struct {
	Host       string         `json:"host"`
	HostID     k2i.HostID     `json:"host_id"`
	SampledAt  time.Time      `json:"sampled_at"` // the host's own wall clock
	AgeMS      int64          `json:"age_ms"`
	Mode       k2i.Mode       `json:"mode"`
	Visibility k2i.Visibility `json:"visibility"`
	Missing    []string       `json:"missing"`
	BusyCPUs   k2i.Rate       `json:"busy_cpus"`
	Events     k2i.Events     `json:"events"`
	Total      int            `json:"total"` // processes that could have been selected
}

func headOf(snap *k2i.Snapshot, total int, now time.Time) head {
	return head{
		Host: snap.Host.Name, HostID: snap.Host.ID,
		SampledAt: snap.At.UTC(), AgeMS: wire.Age(snap, now).Milliseconds(),
		Mode: snap.Mode, Visibility: snap.Visibility, Missing: append([]string{}, snap.Missing...),
		BusyCPUs: snap.BusyCPUs, Events: snap.Events, Total: total,
	}
}

func (h *Handler) head(snap *k2i.Snapshot) head {
	return headOf(snap, len(snap.Processes), h.options.Now())
}

// snapshot is the newest one; without any, the request is answered and nil comes back.
func (h *Handler) snapshot(w http.ResponseWriter) *k2i.Snapshot {
	snap := h.options.Source.Snapshot()
	if snap == nil {
		w.Header().Set("Retry-After", "1")
		fail(w, http.StatusServiceUnavailable, "no sample yet; try again in a second")
	}
	return snap
}

// processes is GET /v1/proc: the parameters are those of query.FromValues, the
// answer JSON or, where it is asked for, msgpack.
func (h *Handler) processes(w http.ResponseWriter, r *http.Request) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	q, err := query.FromValues(values)
	if err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	snap := h.snapshot(w)
	if snap == nil {
		return
	}
	w.Header().Set("Vary", "Accept")
	if !strings.Contains(r.Header.Get("Accept"), wire.ContentType) {
		w.Header().Set("Content-Type", "application/json")
		_ = Write(w, snap, q, h.options.Now()) // an error means that nobody reads any more
		return
	}
	body, err := wire.EncodeAnswer(wire.Respond(snap, wire.Request{Query: q}, h.options.Now()))
	if err != nil {
		fail(w, http.StatusUnprocessableEntity, "%v", err)
		return
	}
	w.Header().Set("Content-Type", wire.ContentType)
	_, _ = w.Write(body) // an error means that nobody reads any more
}

// Write writes the answer of GET /v1/proc as JSON: one object with the rows in
// it, a row a line, streamed, so that a slow reader of a large table costs a
// buffer and not the table. q has passed Check.
func Write(w io.Writer, snap *k2i.Snapshot, q query.Query, now time.Time) error {
	start, err := json.Marshal(headOf(snap, len(query.From(q, snap)), now))
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(w, 32<<10) // it keeps its first error until Flush
	_, _ = out.Write(bytes.TrimSuffix(start, []byte("}")))
	_, _ = out.WriteString(`,"processes":[` + "\n")
	rows := json.NewEncoder(out)
	for i, p := range query.Run(q, snap) {
		if i > 0 {
			_ = out.WriteByte(',')
		}
		if err := rows.Encode(p); err != nil {
			return err
		}
	}
	_, _ = out.WriteString("]}\n")
	return out.Flush()
}

// process is GET /v1/proc/{pid}.
func (h *Handler) process(w http.ResponseWriter, r *http.Request) {
	pid, err := strconv.ParseUint(r.PathValue("pid"), 10, 31)
	if err != nil || pid == 0 || r.URL.RawQuery != "" {
		fail(w, http.StatusBadRequest, "want /v1/proc/{pid} with a positive number, and no parameters")
		return
	}
	snap := h.snapshot(w)
	if snap == nil {
		return
	}
	p := snap.Find(int32(pid))
	if p == nil {
		fail(w, http.StatusNotFound, "no process %d on %s in the sample of %s", pid, snap.Host.Name, snap.At.UTC().Format(time.RFC3339Nano))
		return
	}
	writeJSON(w, http.StatusOK, struct {
		head
		Process *k2i.Process `json:"process"`
	}{h.head(snap), p})
}

// host is GET /v1/host.
func (h *Handler) host(w http.ResponseWriter, r *http.Request) {
	if r.URL.RawQuery != "" {
		fail(w, http.StatusBadRequest, "/v1/host takes no parameters")
		return
	}
	snap := h.snapshot(w)
	if snap == nil {
		return
	}
	writeJSON(w, http.StatusOK, struct {
		head
		Info k2i.Host `json:"info"`
	}{h.head(snap), snap.Host})
}

// health is GET /healthz: 200 while the samples are fresh.
func (h *Handler) health(w http.ResponseWriter, _ *http.Request) {
	snap := h.snapshot(w)
	if snap == nil {
		return
	}
	status, word := http.StatusOK, "ok"
	if wire.Age(snap, h.options.Now()) > staleAfter*h.options.Interval {
		status, word = http.StatusServiceUnavailable, "stale"
	}
	writeJSON(w, status, struct {
		Status string `json:"status"`
		head
	}{word, h.head(snap)})
}
