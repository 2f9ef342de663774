// Package ebpf holds the BPF programs that read the process table inside the
// kernel and tell what happens to processes, and what bpf2go makes of them: Go's view of their records and a loader
// of the compiled object, which is committed, so that building needs only Go.
//
// The C sources and objects are under GPL-2.0-only OR BSD-2-Clause; see LICENSE.
package ebpf

//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -go-package ebpf -target bpfel -cflags "-Wall -Wextra -Werror -Wno-unused-function -Wno-unused-variable -Wno-sign-compare" -type usage -type namespaces -type rights -type signals -type process_record -type inner_pids_record -type thread_record -type cgroup_record -type arguments_record -type wanted_pids -type idle_record -type pass -type room -type asked_lines -type tally_record -type tally -type traffic -type record_kind -type limit -type hierarchy Tasks tasks.c
//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -go-package ebpf -target bpfel -cflags "-Wall -Wextra -Werror -Wno-unused-function -Wno-unused-variable -Wno-sign-compare" -type process_base -type event_record -type exec_record -type exit_record -type final_record -type victim_record -type killer -type event_counts -type sender Events events.c
//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -go-package ebpf -target bpfel -cflags "-Wall -Wextra -Werror -Wno-unused-function -Wno-unused-variable -Wno-sign-compare" -type tally_losses Tally tally.c
//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -go-package ebpf -target bpfel -cflags "-Wall -Wextra -Werror -Wno-unused-function -Wno-unused-variable -Wno-sign-compare" -type socket_record Sockets sockets.c

// TasksObject is the compiled object that LoadTasks reads.
func TasksObject() []byte { return _TasksBytes }
