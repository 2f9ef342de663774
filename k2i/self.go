package k2i

// Self is what an agent says of its own cost, as of the sample before, and of how
// it keeps its limits.
type Self struct {
	IntervalNS int64  `json:"interval_ns" msgpack:"interval_ns"` // between two samples now: more than it was told while it is throttled
	CPUNS      uint64 `json:"cpu_ns" msgpack:"cpu_ns"`           // that its process has used, with BPF iterators
	CPUs       Rate   `json:"cpus" msgpack:"cpus"`               // in use lately, with its BPF programs in other processes
	BPFNS      Count  `json:"bpf_ns" msgpack:"bpf_ns"`           // that those have run, by spot checks; Unread where the kernel does not tell
	RSSBytes   uint64 `json:"rss_bytes" msgpack:"rss_bytes"`
	PassNS     int64  `json:"pass_ns" msgpack:"pass_ns"`     // from the kernel to the published snapshot
	Throttled  string `json:"throttled" msgpack:"throttled"` // why it samples less than it was told; "" where it does not
}
