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
};

enum limit {
	LIMIT_COMM = 64,	/* a workqueue worker's name is longer than 15 bytes */
	LIMIT_NAME = 256,	/* of a cgroup's directory, with the NUL */
	LIMIT_DEPTH = 32,	/* directories of a cgroup's path */
	LIMIT_CGROUPS = 8192,	/* that user space says it knows */
	LIMIT_ARGUMENTS = 4096, /* bytes of a command line */
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
	u64 read_bytes; /* all ones where the kernel does not count */
	u64 write_bytes;
};

/* A thread that does not lead its process: its usage belongs to PID. */
struct thread_record {
	u32 kind;
	s32 pid;
	struct usage usage;
};

/* A leader. Its usage is its own and that of its process's dead threads. */
struct process_record {
	u32 kind;
	s32 pid;
	struct usage usage;
	u64 prev_user_ns; /* what the kernel last told of the process, which it never takes back */
	u64 prev_system_ns;
	u64 start_ns;
	u64 pidfd_inode; /* 0 where there is none */
	u64 cgroup_id;
	u64 vsz_pages;
	u64 rss_pages;
	s32 ppid;
	s32 pgid;
	s32 sid;
	u32 has_tty;
	u32 tty_major;
	u32 tty_minor;
	s32 tpgid;
	u32 ruid, rgid, suid, sgid, euid, egid, fsuid, fsgid;
	u32 state;
	u32 exit_state;
	u32 flags;
	s32 exit_signal;
	s32 threads;
	s32 prio;
	s32 static_prio;
	u32 rt_priority;
	u32 policy;
	u32 cpu;
	u32 suffix_sign; /* between comm and suffix */
	u8 comm[LIMIT_COMM];
	u8 suffix[32]; /* what a workqueue worker does */
};

/* One directory of the path of a cgroup that user space does not know yet. They
 * come from the leaf upwards; the one at the root has an empty name. */
struct cgroup_record {
	u32 kind;
	u32 level; /* 0 for the leaf */
	u64 cgroup_id; /* the leaf's */
	u8 name[LIMIT_NAME];
};

/* Followed by LENGTH bytes of a process's command line. */
struct arguments_record {
	u32 kind;
	s32 pid;
	u64 start_ns;
	u32 length;
	u32 title; /* overwritten by the process: ends at the first NUL */
};
