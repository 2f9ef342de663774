/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the programs write and user space reads. This is the only definition:
 * Go's is generated from it. Every record begins with its kind. */
#pragma once

#include "bpf.h"

enum record_kind {
	RECORD_PROCESS = 1,
	RECORD_THREAD = 2,
	RECORD_CGROUP = 3,
	RECORD_ARGUMENTS = 4,
	RECORD_FORK = 5,
	RECORD_EXEC = 6,
	RECORD_EXIT = 7,
	RECORD_FINAL = 8,
	RECORD_VICTIM = 9,
	RECORD_TALLY = 10,
	RECORD_SOCKET = 11,
	RECORD_INNER_PIDS = 12,
	RECORD_NARROW = 13, /* the beginning of a PROCESS, whose rest is as it was told before */
	RECORD_IDLE = 14,
};

enum limit {
	LIMIT_COMM = 64,	/* a workqueue worker's name is longer than 15 bytes */
	LIMIT_NAME = 256,	/* of a cgroup's directory, with the NUL */
	LIMIT_DEPTH = 32,	/* directories of a cgroup's path */
	LIMIT_CGROUPS = 8192,	/* that user space says it knows */
	LIMIT_ARGUMENTS = 4096, /* bytes of a command line */
	LIMIT_RING = 4 << 20,	/* bytes of events that wait for user space */
	LIMIT_KILLERS = 4096,	/* signals whose sender is remembered */
	LIMIT_TALLIES = 65536,	/* processes of which something is added up beside their threads */
	LIMIT_REQUESTS = 16384, /* of block devices, at work at the same time */
	LIMIT_WANTED = 65536,	/* bits that say whose command lines are read: pids share them */
	LIMIT_STAMPS = 65536,	/* processes of which is known when they ran last: pids share them */
	LIMIT_THREADS = 65536,	/* of all processes, whose places are known from one walk to the next */
	LIMIT_ROOM = 1 << 20,	/* bytes of records that a walk leaves before they are read */
	LIMIT_ASKED = 1024,	/* processes whose command lines are asked for at once */
	LIMIT_LINES = 60 << 10, /* bytes of them that are left before they are read */
	LIMIT_TURNS = 10,	/* passes in which every process is read as a whole once */
	LIMIT_INNER_PIDS = 32,	/* PID namespaces below one another: the kernel's own limit */
};

/* Which hierarchy a process's cgroup is taken from. */
enum hierarchy {
	HIERARCHY_UNIFIED = 0,
	HIERARCHY_MEMORY = 1,
	HIERARCHY_PIDS = 2,
};

/* What threads use up and their process adds together. */
struct usage {
	u64 cpu_ns; /* exact */
	u64 user_ns; /* by ticks, not yet scaled */
	u64 system_ns;
	u64 min_flt;
	u64 maj_flt;
	u64 voluntary_switches;
	u64 involuntary_switches;
	u64 rchar_bytes; /* this and what follows are all ones where the kernel does not count */
	u64 wchar_bytes;
	u64 read_calls;
	u64 write_calls;
	u64 read_bytes;
	u64 write_bytes;
	u64 cancelled_bytes;
	u64 run_delay_ns; /* all ones likewise */
};

/* What went through sockets since the programs were loaded. */
struct traffic {
	u64 net_rx_bytes; /* of all sockets but local ones: Unix and netlink */
	u64 net_tx_bytes;
	u64 net_rx_calls;
	u64 net_tx_calls;
	u64 udp_rx_bytes; /* of these */
	u64 udp_tx_bytes;
	u64 unix_rx_bytes;
	u64 unix_tx_bytes;
};

/* What is added up of a process beside its threads: what those that have ended
 * left behind, and what is known only when nobody's thread runs. */
struct tally {
	struct traffic traffic;
	u64 run_delay_ns;
	u64 block_io_ns;
	u64 block_io_count;
	u64 ended_leader; /* the leader whose delay is in here already */
};

/* Adds to what is told of process PID. */
struct tally_record {
	u32 kind;
	s32 pid;
	struct tally tally;
};

/* A TCP socket that process PID holds. */
struct socket_record {
	u32 kind;
	s32 pid;
	u64 start_ns;
	u64 inode;
	u64 rx_bytes; /* all ones where it is not TCP alone, but MPTCP */
	u64 tx_bytes;
	u32 netns;
	u32 uid;
	s32 fd;
	u16 family;
	u16 state;
	u16 local_port;
	u16 remote_port;
	u8 local[16]; /* the first 4 bytes of IPv4's */
	u8 remote[16];
	u8 comm[16];
	u32 reserved;
};

/* What could not be added up. */
struct tally_losses {
	u64 threads; /* there was no memory, or no room, for what one did */
	u64 requests;
	u64 untold; /* requests whose end the kernel has not told */
};

/* Inode numbers; 0 where a process has left its namespaces, or there are none. */
struct namespaces {
	u32 cgroup, ipc, mnt, net, pid, pid_for_children, time, user, uts;
};

/* What a process may do. */
struct rights {
	u64 inheritable, permitted, effective, bounding, ambient;
	u32 no_new_privs;
	s32 seccomp; /* -1 where the kernel has none */
};

/* Masks of signals, the first one in the lowest bit. */
struct signals {
	u64 pending; /* for the leader alone */
	u64 shared_pending;
	u64 blocked;
	u64 ignored; /* this and caught only where `has_actions` says so */
	u64 caught;
};

/* Threads that do not lead their process: their usage belongs to PID. */
struct thread_record {
	u32 kind;
	s32 pid;
	struct usage usage;
};

/* What of a leader may change while it does nothing. */
#define PROCESS_ALWAYS \
	u32 kind; \
	s32 pid; \
	u64 prev_user_ns; /* what the kernel last told of the process, which it never takes back */ \
	u64 prev_system_ns; \
	u64 start_ns; \
	u64 pidfd_inode; /* 0 where there is none */ \
	u64 cgroup_id; \
	u64 vsz_pages; \
	u64 file_pages; /* resident */ \
	u64 anon_pages; \
	u64 shmem_pages; \
	u64 swap_pages; \
	u64 children_user_ns; /* of those that were waited for */ \
	u64 children_system_ns; \
	u64 children_min_flt; \
	u64 children_maj_flt; \
	s32 oom_score_adj; \
	s32 ppid; \
	s32 pgid; \
	s32 sid; \
	u32 has_tty; \
	u32 tty_major; \
	u32 tty_minor; \
	s32 tpgid; \
	u32 state; \
	u32 exit_state; \
	u32 flags; \
	s32 exit_signal; \
	s32 threads; \
	s32 prio; \
	s32 static_prio; \
	u32 rt_priority; \
	u32 policy; \
	u32 cpu;

/* A leader, as far as events tell of it. Its usage is its own and that of its
 * process's dead threads. A process_record begins with the same. */
#define PROCESS_BASE \
	PROCESS_ALWAYS \
	struct usage usage; \
	u64 exec_id; \
	u32 ruid, rgid, suid, sgid, euid, egid, fsuid, fsgid; \
	u8 comm[16];

struct process_base {
	PROCESS_BASE
};

struct process_record {
	PROCESS_BASE
	u64 arg_start; /* where its command line lies; 0 where it has none */
	u64 arg_end;
	struct signals signals; /* a NARROW record ends before `ignored` */
	struct rights rights;
	struct namespaces namespaces;
	u32 has_actions;
	u32 suffix_sign; /* between name and suffix */
	s32 task; /* its number in the first PID namespace */
	u8 name[LIMIT_COMM]; /* of a kernel thread, where it is not comm */
	u8 suffix[32];	     /* what a workqueue worker does */
};

/* What user space says of a pass. */
struct pass {
	u32 turn;  /* whose whole records are due, of LIMIT_TURNS */
	u32 whole; /* nothing that was told before is known any more */
};

/* What a walk left, and where it has to go on: the process that found no room. The rest
 * is between the parts of the program. */
struct room {
	u64 used; /* of bytes */
	u64 next; /* 0 when the walk is over */
	u64 next_start_ns;
	u64 last; /* where the last record is, of bytes */
	u64 task; /* the process at hand */
	u64 threads; /* the number for its other threads; 0 for none that says anything */
	u64 set, at; /* which these are, and where */
	u64 cgroup; /* the last one, which user space knows; mostly it is the next one's */
	u8 bytes[LIMIT_ROOM];
};

/* A process of which no thread has run: the rest is as it was told before. */
struct idle_record {
	PROCESS_ALWAYS
	u64 pending, shared_pending, blocked; /* signals: a tracer may change what is blocked */
};

/* One directory of the path of a cgroup that user space does not know yet. They
 * come from the leaf upwards; the one at the root has an empty name. */
struct cgroup_record {
	u32 kind;
	u32 level; /* 0 for the leaf */
	u64 cgroup_id; /* the leaf's */
	u8 name[LIMIT_NAME];
};

/* The numbers of a process in the PID namespaces below the reader's, outermost first. */
struct inner_pids_record {
	u32 kind;
	s32 pid;
	u32 count;
	s32 numbers[LIMIT_INNER_PIDS];
};

/* Followed by LENGTH bytes of a process's command line. */
struct arguments_record {
	u32 kind;
	s32 pid;
	u64 start_ns;
	u64 exec_id; /* of the program whose it is */
	u32 length;
	u32 title; /* overwritten by the process: ends at the first NUL */
};

/* Whose command lines are asked for, by their numbers in the first PID namespace, and what
 * there is of them so far. */
struct asked_lines {
	u32 count, next; /* of tasks: how many, and whose turn it is */
	u64 used; /* of bytes */
	s32 tasks[LIMIT_ASKED];
	u8 bytes[LIMIT_LINES];
};

/* An event of a process's life: FORK as it is, EXEC and EXIT with more. */
struct event_record {
	u32 kind;
	s32 task; /* the process's number in the first PID namespace */
	u64 at_ns; /* since boot */
	u64 parent_start_ns;
	struct process_base process;
};

/* Followed by LENGTH bytes of the new program's command line. */
struct exec_record {
	struct event_record event;
	struct rights rights;
	struct namespaces namespaces;
	u32 length;
};

/* Who sent the signal that ended a process. */
enum sender {
	SENDER_UNKNOWN = 0,
	SENDER_PROCESS = 1,
	SENDER_KERNEL = 2,
};

/* The sender of a signal. Its pid is 0 where user space does not know it. */
struct killer {
	u64 victim_start_ns;
	u64 start_ns;
	u32 sender;
	s32 pid;
	u32 uid;
	u32 reserved;
	u8 comm[16];
};

/* The last thread of a process ends. What it uses up from here on, and what the
 * clock has not charged to it yet, comes with FINAL. */
struct exit_record {
	struct event_record event;
	u64 peak_rss_pages;
	s32 exit_code; /* as wait(2) has it: signal in the low 7 bits, 128 for a core, code above */
	u32 reserved;
	struct killer killer;
	struct tally tally;
};

/* The kernel forgets a process: its CPU time is complete. */
struct final_record {
	u32 kind;
	s32 task;
	u64 at_ns;
	u64 start_ns;
	u64 cpu_ns;
	u64 user_ns;
	u64 system_ns;
};

/* The kernel has chosen a process to end for want of memory. */
struct victim_record {
	u32 kind;
	s32 task;
	u64 at_ns;
};

/* One for each CPU. */
struct event_counts {
	u64 written;
	u64 lost; /* had no room */
};
