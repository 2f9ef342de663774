package wire

import (
	"time"

	"ddcos/k2i"
)

// Head is what every answer says of the snapshot that it was made from. An
// Answer begins with the same fields.
type Head struct {
	Host       k2i.Host          `json:"host" msgpack:"host"`
	SampledNS  int64             `json:"sampled_unix_ns" msgpack:"sampled_unix_ns"`
	AgeNS      int64             `json:"age_ns" msgpack:"age_ns"`
	Mode       k2i.Mode          `json:"mode" msgpack:"mode"`
	Visibility k2i.Visibility    `json:"visibility" msgpack:"visibility"`
	Missing    []string          `json:"missing" msgpack:"missing"`
	BusyCPUs   k2i.Rate          `json:"busy_cpus" msgpack:"busy_cpus"`
	Events     k2i.Events        `json:"events" msgpack:"events"`
	Version    string            `json:"version" msgpack:"version"` // of the agent's program
	Labels     map[string]string `json:"labels" msgpack:"labels"`   // of the host
	Self       k2i.Self          `json:"self" msgpack:"self"`       // what the agent takes
}

// HeadOf is the head of an answer that is made now. Missing is never nil.
func HeadOf(snap *k2i.Snapshot, now time.Time) Head {
	return Head{
		Host: snap.Host, SampledNS: snap.At.UnixNano(), AgeNS: int64(Age(snap, now)),
		Mode: snap.Mode, Visibility: snap.Visibility, Missing: append([]string{}, snap.Missing...),
		BusyCPUs: snap.BusyCPUs, Events: snap.Events, Version: snap.Agent.Version, Labels: snap.Agent.Labels,
		Self: snap.Self,
	}
}

// Age is how old a snapshot is; never negative, though a clock may be set back.
func Age(snap *k2i.Snapshot, now time.Time) time.Duration {
	return max(0, now.Sub(snap.At))
}
