package wire

import (
	"time"

	"ddcos/k2i"
	"ddcos/k2i/query"
)

// Respond answers a request from a snapshot, as of now; the request has passed
// DecodeRequest or query.Query's Check. The answer holds copies of the rows,
// which share the snapshot's strings. A host that the query does not ask has
// none. The errors are query.Run's and query.Groups's.
func Respond(snap *k2i.Snapshot, req Request, now time.Time) (*Answer, error) {
	a, found, err := respond(snap, req.Query, now)
	if err != nil {
		return nil, err
	}
	a.Processes = make(Rows, len(found))
	for i, p := range found {
		a.Processes[i] = *p
	}
	return a, nil
}

// RespondShared is Respond with the rows apart, which are the snapshot's own: nobody
// may change them.
func RespondShared(snap *k2i.Snapshot, req Request, now time.Time) (*Answer, []*k2i.Process, error) {
	return respond(snap, req.Query, now)
}

// respond is Respond with the rows apart, which are the snapshot's own.
func respond(snap *k2i.Snapshot, q query.Query, now time.Time) (*Answer, []*k2i.Process, error) {
	a := answer(HeadOf(snap, now), len(query.From(q, snap)))
	a.Gaps = append([]k2i.Gap{}, snap.Gaps...)
	switch {
	case !q.Asks(query.HostOf(snap)):
		return a, nil, nil
	case q.By == "":
		found, err := query.Run(q, snap)
		return a, found, err
	}
	groups, err := query.Groups(q, snap)
	for _, g := range groups {
		a.Groups = append(a.Groups, *g)
	}
	return a, nil, err
}

// WithoutRows is an answer that tells of its host alone.
func WithoutRows(h Head) *Answer { return answer(h, 0) }

// answer is one without rows.
func answer(h Head, total int) *Answer {
	return &Answer{
		Host: h.Host, SampledNS: h.SampledNS, AgeNS: h.AgeNS, Mode: h.Mode, Visibility: h.Visibility,
		Missing: h.Missing, BusyCPUs: h.BusyCPUs, Events: h.Events, Version: h.Version, Labels: h.Labels, Self: h.Self, Total: total,
	}
}
