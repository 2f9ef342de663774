package main

import (
	"ddcos"
	"ddcos/k2i/detail"
	"ddcos/k2i/rest"
	"ddcos/web"
)

// config is GET /v1/config: what the agent was told or does without being told.
// Nothing of it is secret.
type config struct {
	Version    string   `json:"version" msgpack:"version"`
	Name       string   `json:"name" msgpack:"name"`
	Listen     []string `json:"listen" msgpack:"listen"`
	Broker     string   `json:"broker" msgpack:"broker"` // "" without one
	IntervalNS int64    `json:"interval_ns" msgpack:"interval_ns"`
	Mode       string   `json:"mode" msgpack:"mode"`     // as asked for; the head says what came of it
	Events     string   `json:"events" msgpack:"events"` // likewise
	Insecure   bool     `json:"insecure_plaintext" msgpack:"insecure_plaintext"`
	Limits     limits   `json:"limits" msgpack:"limits"`
}

// limits are what the agent does not go beyond.
type limits struct {
	Requests         int   `json:"requests" msgpack:"requests"` // at the same time
	Connections      int   `json:"connections" msgpack:"connections"`
	HeaderBytes      int   `json:"header_bytes" msgpack:"header_bytes"`
	DetailReads      int   `json:"detail_reads" msgpack:"detail_reads"`
	DetailStuck      int   `json:"detail_stuck" msgpack:"detail_stuck"`
	DetailDeadlineNS int64 `json:"detail_deadline_ns" msgpack:"detail_deadline_ns"`

	CPU    string `json:"cpu" msgpack:"cpu"` // as it was told; past it the agent samples less
	Memory string `json:"memory" msgpack:"memory"`
}

func (f *serveFlags) config() config {
	details := detail.DefaultOptions()
	return config{
		Version: ddcos.Version(), Name: f.agent.name, Listen: f.listen, Broker: f.broker,
		IntervalNS: f.interval.Nanoseconds(), Mode: f.agent.mode, Events: f.events, Insecure: f.insecure,
		Limits: limits{
			Requests: rest.MaxInFlight, Connections: web.MaxConns, HeaderBytes: web.MaxHeaderBytes,
			DetailReads: details.Workers, DetailStuck: details.Stuck, DetailDeadlineNS: details.Deadline.Nanoseconds(),
			CPU: f.limits.cpu, Memory: f.limits.memory,
		},
	}
}
