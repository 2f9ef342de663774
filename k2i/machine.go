package k2i

// Machine is what a host says of itself beside its processes: read when somebody
// asks, and remembered for a while, as its ages tell. Counters run since the host
// was booted. What could not be read is Unread, "" or empty; Gaps says why.
type Machine struct {
	AgeNS     int64 `json:"age_ns" msgpack:"age_ns"`           // since the rest was read
	SlowAgeNS int64 `json:"slow_age_ns" msgpack:"slow_age_ns"` // since mounts, GPUs and sensors were

	KernelVersion  string         `json:"kernel_version" msgpack:"kernel_version"` // uname version: which build
	Architecture   string         `json:"architecture" msgpack:"architecture"`     // uname machine
	Virtualization Virtualization `json:"virtualization" msgpack:"virtualization"`
	CPU            MachineCPU     `json:"cpu" msgpack:"cpu"`
	Memory         MachineMemory  `json:"memory" msgpack:"memory"`
	Pressure       []Pressure     `json:"pressure" msgpack:"pressure"`
	Clock          Clock          `json:"clock" msgpack:"clock"`
	Disks          []Disk         `json:"disks" msgpack:"disks"`
	Interfaces     []NetInterface `json:"interfaces" msgpack:"interfaces"` // of the agent's network namespace
	Mounts         []Mount        `json:"mounts" msgpack:"mounts"`
	GPUs           []GPU          `json:"gpus" msgpack:"gpus"`
	GPUClients     []GPUClient    `json:"gpu_clients" msgpack:"gpu_clients"`
	Sensors        []Sensor       `json:"sensors" msgpack:"sensors"`

	LeftOut []LeftOut `json:"left_out" msgpack:"left_out"` // of lists that are longer than MaxListed
	Gaps    []Gap     `json:"gaps" msgpack:"gaps"`
}

// NoMachine is a Machine of which nothing has been read.
func NoMachine() *Machine {
	return &Machine{
		CPU: MachineCPU{
			UserNS: Unread, NiceNS: Unread, SystemNS: Unread, IdleNS: Unread, IOWaitNS: Unread, IRQNS: Unread, SoftIRQNS: Unread,
			StealNS: Unread, GuestNS: Unread, GuestNiceNS: Unread, ContextSwitches: Unread, Forks: Unread, Running: Unread, Blocked: Unread,
		},
		Memory: MachineMemory{
			TotalBytes: Unread, FreeBytes: Unread, AvailableBytes: Unread, BuffersBytes: Unread, CachedBytes: Unread, AnonBytes: Unread,
			ShmemBytes: Unread, SlabBytes: Unread, ReclaimableBytes: Unread, PageTablesBytes: Unread, DirtyBytes: Unread,
			WritebackBytes: Unread, CommittedBytes: Unread, SwapTotalBytes: Unread, SwapFreeBytes: Unread,
		},
		Clock:    Clock{MaxErrorNS: Unread, EstimatedErrorNS: Unread},
		Pressure: []Pressure{}, Disks: []Disk{}, Interfaces: []NetInterface{}, Mounts: []Mount{}, GPUs: []GPU{}, GPUClients: []GPUClient{},
		Sensors: []Sensor{}, LeftOut: []LeftOut{}, Gaps: []Gap{},
	}
}

// MaxListed is how long each list of a Machine is at most.
const MaxListed = 256

// The parts of a Machine, each read and missing as a whole.
const (
	PartSystem     Part = "system" // CPU, memory, pressure, clock, virtualization
	PartDisks      Part = "disks"
	PartInterfaces Part = "interfaces"
	PartMounts     Part = "mounts"
	PartGPUs       Part = "gpus"
	PartSensors    Part = "sensors"
)

// LeftOut counts what a list had no room for.
type LeftOut struct {
	Part  Part `json:"part" msgpack:"part"`
	Count int  `json:"count" msgpack:"count"`
}

// Virtualization is what the host runs on, as far as it can tell.
type Virtualization struct {
	Guest      bool   `json:"guest" msgpack:"guest"`           // the CPU says that there is a hypervisor, or the firmware is one's
	Hypervisor string `json:"hypervisor" msgpack:"hypervisor"` // kvm, xen, vmware, hyperv, virtualbox, ...; "" where unknown
	Vendor     string `json:"vendor" msgpack:"vendor"`         // of the machine, by its firmware
	Product    string `json:"product" msgpack:"product"`       // likewise
	Container  bool   `json:"container" msgpack:"container"`   // the agent itself is in one
}

// MachineCPU is the CPUs together.
type MachineCPU struct {
	Model           string `json:"model" msgpack:"model"`
	Online          int    `json:"online" msgpack:"online"`
	UserNS          Count  `json:"user_ns" msgpack:"user_ns"` // with guests, as the kernel counts
	NiceNS          Count  `json:"nice_ns" msgpack:"nice_ns"`
	SystemNS        Count  `json:"system_ns" msgpack:"system_ns"`
	IdleNS          Count  `json:"idle_ns" msgpack:"idle_ns"`
	IOWaitNS        Count  `json:"iowait_ns" msgpack:"iowait_ns"`
	IRQNS           Count  `json:"irq_ns" msgpack:"irq_ns"`
	SoftIRQNS       Count  `json:"softirq_ns" msgpack:"softirq_ns"`
	StealNS         Count  `json:"steal_ns" msgpack:"steal_ns"`
	GuestNS         Count  `json:"guest_ns" msgpack:"guest_ns"`
	GuestNiceNS     Count  `json:"guest_nice_ns" msgpack:"guest_nice_ns"`
	ContextSwitches Count  `json:"context_switches" msgpack:"context_switches"`
	Forks           Count  `json:"forks" msgpack:"forks"`
	Running         Count  `json:"running" msgpack:"running"` // threads that run or could
	Blocked         Count  `json:"blocked" msgpack:"blocked"` // threads that wait for I/O
}

// MachineMemory is /proc/meminfo.
type MachineMemory struct {
	TotalBytes       Count `json:"total_bytes" msgpack:"total_bytes"`
	FreeBytes        Count `json:"free_bytes" msgpack:"free_bytes"`
	AvailableBytes   Count `json:"available_bytes" msgpack:"available_bytes"` // without swapping
	BuffersBytes     Count `json:"buffers_bytes" msgpack:"buffers_bytes"`
	CachedBytes      Count `json:"cached_bytes" msgpack:"cached_bytes"`
	AnonBytes        Count `json:"anon_bytes" msgpack:"anon_bytes"`
	ShmemBytes       Count `json:"shmem_bytes" msgpack:"shmem_bytes"`
	SlabBytes        Count `json:"slab_bytes" msgpack:"slab_bytes"`
	ReclaimableBytes Count `json:"reclaimable_bytes" msgpack:"reclaimable_bytes"` // of slab
	PageTablesBytes  Count `json:"page_tables_bytes" msgpack:"page_tables_bytes"`
	DirtyBytes       Count `json:"dirty_bytes" msgpack:"dirty_bytes"`
	WritebackBytes   Count `json:"writeback_bytes" msgpack:"writeback_bytes"`
	CommittedBytes   Count `json:"committed_bytes" msgpack:"committed_bytes"`
	SwapTotalBytes   Count `json:"swap_total_bytes" msgpack:"swap_total_bytes"`
	SwapFreeBytes    Count `json:"swap_free_bytes" msgpack:"swap_free_bytes"`
}

// Pressure is the share of time that was lost waiting for a resource.
type Pressure struct {
	Resource      string  `json:"resource" msgpack:"resource"` // cpu, memory or io
	Who           string  `json:"who" msgpack:"who"`           // some: one thread at least waited; full: all of them
	Avg10Percent  float64 `json:"avg10_percent" msgpack:"avg10_percent"`
	Avg60Percent  float64 `json:"avg60_percent" msgpack:"avg60_percent"`
	Avg300Percent float64 `json:"avg300_percent" msgpack:"avg300_percent"`
	TotalNS       Count   `json:"total_ns" msgpack:"total_ns"`
}

// Clock is what the kernel thinks of its wall clock (adjtimex).
type Clock struct {
	Synchronized     bool  `json:"synchronized" msgpack:"synchronized"` // somebody keeps it right, such as an NTP daemon
	OffsetNS         int64 `json:"offset_ns" msgpack:"offset_ns"`       // still to be corrected
	MaxErrorNS       Count `json:"max_error_ns" msgpack:"max_error_ns"`
	EstimatedErrorNS Count `json:"estimated_error_ns" msgpack:"estimated_error_ns"`
	TAIOffsetSeconds int64 `json:"tai_offset_seconds" msgpack:"tai_offset_seconds"` // 0 where nobody set it
}

// Disk is one block device, or a part of one.
type Disk struct {
	Name           string `json:"name" msgpack:"name"`
	Device         string `json:"device" msgpack:"device"` // major:minor, as in Mount
	SizeBytes      Count  `json:"size_bytes" msgpack:"size_bytes"`
	Reads          Count  `json:"reads" msgpack:"reads"`
	ReadBytes      Count  `json:"read_bytes" msgpack:"read_bytes"`
	ReadNS         Count  `json:"read_ns" msgpack:"read_ns"` // of all reads together
	Writes         Count  `json:"writes" msgpack:"writes"`
	WriteBytes     Count  `json:"write_bytes" msgpack:"write_bytes"`
	WriteNS        Count  `json:"write_ns" msgpack:"write_ns"`
	Discards       Count  `json:"discards" msgpack:"discards"`
	DiscardBytes   Count  `json:"discard_bytes" msgpack:"discard_bytes"`
	InFlight       Count  `json:"in_flight" msgpack:"in_flight"`
	BusyNS         Count  `json:"busy_ns" msgpack:"busy_ns"`                   // while anything was in flight
	WeightedBusyNS Count  `json:"weighted_busy_ns" msgpack:"weighted_busy_ns"` // times how much was
}

// NetInterface is one network interface.
type NetInterface struct {
	Name      string   `json:"name" msgpack:"name"`
	Up        bool     `json:"up" msgpack:"up"`
	MTUBytes  Count    `json:"mtu_bytes" msgpack:"mtu_bytes"`
	Addresses []string `json:"addresses" msgpack:"addresses"` // with the length of their prefix; of the first 64 interfaces
	RxBytes   Count    `json:"rx_bytes" msgpack:"rx_bytes"`
	RxPackets Count    `json:"rx_packets" msgpack:"rx_packets"`
	RxErrors  Count    `json:"rx_errors" msgpack:"rx_errors"`
	RxDropped Count    `json:"rx_dropped" msgpack:"rx_dropped"`
	TxBytes   Count    `json:"tx_bytes" msgpack:"tx_bytes"`
	TxPackets Count    `json:"tx_packets" msgpack:"tx_packets"`
	TxErrors  Count    `json:"tx_errors" msgpack:"tx_errors"`
	TxDropped Count    `json:"tx_dropped" msgpack:"tx_dropped"`
}

// Mount is one file system of those that hold files, at its first mount point.
type Mount struct {
	Point          string    `json:"point" msgpack:"point"` // where, as the host's first process sees it, or else the agent
	Type           string    `json:"type" msgpack:"type"`
	Source         string    `json:"source" msgpack:"source"` // user info in a URL is masked
	Device         string    `json:"device" msgpack:"device"` // major:minor
	ReadOnly       bool      `json:"read_only" msgpack:"read_only"`
	SizeBytes      Count     `json:"size_bytes" msgpack:"size_bytes"`
	FreeBytes      Count     `json:"free_bytes" msgpack:"free_bytes"`
	AvailableBytes Count     `json:"available_bytes" msgpack:"available_bytes"` // to those who are not root
	Inodes         Count     `json:"inodes" msgpack:"inodes"`                   // 0 where they are not counted
	FreeInodes     Count     `json:"free_inodes" msgpack:"free_inodes"`
	Missing        GapReason `json:"missing" msgpack:"missing"` // why there are no sizes; "" where there are
}

// GPU is one card.
type GPU struct {
	Card   string `json:"card" msgpack:"card"` // card0, ...
	Driver string `json:"driver" msgpack:"driver"`
	PCI    string `json:"pci" msgpack:"pci"` // its address there; "" for another bus
	Vendor string `json:"vendor" msgpack:"vendor"`
	Device string `json:"device" msgpack:"device"`
}

// GPUClient is one process's use of a GPU through one open file, or several that
// are the same one to the driver.
type GPUClient struct {
	PID     int32       `json:"pid" msgpack:"pid"`
	Driver  string      `json:"driver" msgpack:"driver"`
	PCI     string      `json:"pci" msgpack:"pci"`
	Client  string      `json:"client" msgpack:"client"` // the driver's number of it
	Engines []GPUEngine `json:"engines" msgpack:"engines"`
	Memory  []GPUMemory `json:"memory" msgpack:"memory"`
}

// GPUEngine is how long one kind of engine worked for a client.
type GPUEngine struct {
	Name     string `json:"name" msgpack:"name"`
	BusyNS   Count  `json:"busy_ns" msgpack:"busy_ns"`
	Capacity Count  `json:"capacity" msgpack:"capacity"` // engines of that kind
}

// GPUMemory is what a client has of one kind of memory.
type GPUMemory struct {
	Region        string `json:"region" msgpack:"region"`
	TotalBytes    Count  `json:"total_bytes" msgpack:"total_bytes"`
	ResidentBytes Count  `json:"resident_bytes" msgpack:"resident_bytes"`
}

// Sensor is one thermometer of the host's.
type Sensor struct {
	Name            string  `json:"name" msgpack:"name"` // of the driver, and of the place where that tells it: coretemp_core_0
	Celsius         float64 `json:"celsius" msgpack:"celsius"`
	HighCelsius     float64 `json:"high_celsius" msgpack:"high_celsius"`         // from where on it is hot; 0 where the driver says none
	CriticalCelsius float64 `json:"critical_celsius" msgpack:"critical_celsius"` // likewise
}
