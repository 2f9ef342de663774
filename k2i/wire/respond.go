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
	a := &Answer{
		Host:       snap.Host,
		SampledNS:  snap.At.UnixNano(),
		AgeNS:      int64(Age(snap, now)),
		Mode:       snap.Mode,
		Visibility: snap.Visibility,
		Missing:    snap.Missing,
		BusyCPUs:   snap.BusyCPUs,
		Events:     snap.Events,
		Total:      len(query.From(req.Query, snap)),
		Processes:  make(Rows, len(found)),
	}
	for i, p := range found {
		a.Processes[i] = *p
	}
	return a
}

// Age is how old a snapshot is; never negative, though a clock may be set back.
func Age(snap *k2i.Snapshot, now time.Time) time.Duration {
	return max(0, now.Sub(snap.At))
}
