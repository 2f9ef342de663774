package wire

import (
	"time"

	"ddcos/k2i"
	"ddcos/k2i/query"
)

// Respond answers a request from a snapshot, as of now; the request has passed
// DecodeRequest or query.Query's Check. The answer holds copies of the rows,
// which share the snapshot's strings.
func Respond(snap *k2i.Snapshot, req Request, now time.Time) *Answer {
	found := query.Run(req.Query, snap)
	a := answer(HeadOf(snap, now), len(query.From(req.Query, snap)))
	a.Processes = make(Rows, len(found))
	for i, p := range found {
		a.Processes[i] = *p
	}
	return a
}

// answer is one without rows.
func answer(h Head, total int) *Answer {
	return &Answer{
		Host: h.Host, SampledNS: h.SampledNS, AgeNS: h.AgeNS, Mode: h.Mode, Visibility: h.Visibility,
		Missing: h.Missing, BusyCPUs: h.BusyCPUs, Events: h.Events, Total: total,
	}
}
