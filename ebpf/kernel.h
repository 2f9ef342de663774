/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The fields of the kernel's structures that the programs read, and no others: the
 * loader finds where they are on the running kernel. What follows three
 * underscores is a flavour: the same structure on kernels with another layout. */
#pragma once

#include "bpf.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct pid_namespace;

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	u32 level;
	u64 ino; /* Linux 6.9 and later */
	struct upid numbers[];
};

enum pid_type { PIDTYPE_PID, PIDTYPE_TGID, PIDTYPE_PGID, PIDTYPE_SID };

struct kernel_id {
	u32 val;
};

struct cred {
	struct kernel_id uid, gid, suid, sgid, euid, egid, fsuid, fsgid;
};

struct tty_driver {
	int major;
	int minor_start;
};

struct tty_struct {
	int index;
	struct tty_driver *driver;
	struct {
		struct pid *pgrp;
	} ctrl;
};

struct tty_struct___before_5_16 {
	struct pid *pgrp;
};

struct prev_cputime {
	u64 utime;
	u64 stime;
};

struct task_io_accounting {
	u64 read_bytes;
	u64 write_bytes;
};

struct atomic {
	int counter;
};

struct signal_struct {
	struct atomic live; /* threads that have not begun to end */
	u32 flags;
	int group_exit_code;
	unsigned long maxrss; /* pages, set when the last thread ends */
	int nr_threads;
	struct pid *pids[4];
	struct tty_struct *tty;
	u64 utime;
	u64 stime;
	struct prev_cputime prev_cputime;
	unsigned long min_flt;
	unsigned long maj_flt;
	struct task_io_accounting ioac;
	u64 sum_sched_runtime;
};

struct percpu_counter {
	s64 count;
};

struct mm_struct {
	unsigned long total_vm;
	unsigned long hiwater_rss; /* pages; brought up to date only when pages are given back */
	unsigned long arg_start, arg_end, env_start, env_end;
	struct percpu_counter rss_stat[4];
};

struct mm_rss_stat {
	struct {
		s64 counter;
	} count[4];
};

struct mm_struct___before_6_2 {
	struct mm_rss_stat rss_stat;
};

struct kernfs_node {
	struct kernfs_node *__parent;
	const char *name;
	u64 id;
};

struct kernfs_node___before_6_15 {
	struct kernfs_node *parent;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
};

/* Which controllers there are, and their numbers, is the kernel's
 * configuration; the numbers here are never used. */
enum cgroup_subsys_id { memory_cgrp_id = 101, pids_cgrp_id = 102 };

struct css_set {
	struct cgroup_subsys_state *subsys[32];
	struct cgroup *dfl_cgrp;
};

struct thread_info {
	u32 cpu;
};

struct sched_entity {
	u64 sum_exec_runtime;
};

struct sched_info {
	u64 run_delay;
};

struct task_struct {
	struct thread_info thread_info;
	u32 __state;
	u32 flags;
	int prio;
	int static_prio;
	u32 rt_priority;
	struct sched_entity se;
	struct sched_info sched_info;
	u32 policy;
	struct mm_struct *mm;
	int exit_state;
	int exit_code;
	int exit_signal;
	int pid;
	int tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	void *worker_private;
	u64 utime;
	u64 stime;
	u64 start_boottime;
	unsigned long min_flt;
	unsigned long maj_flt;
	const struct cred *real_cred;
	char comm[16];
	struct signal_struct *signal;
	struct task_io_accounting ioac;
	struct css_set *cgroups;
};

struct task_struct___before_5_14 {
	long state;
};

struct task_struct___before_5_16 {
	u32 cpu;
};

struct ns_common {
	u32 inum;
};

struct net {
	struct ns_common ns;
};

struct in6_addr {
	u8 bytes[16];
};

struct sock_common {
	u32 skc_daddr;
	u32 skc_rcv_saddr;
	u16 skc_dport;
	u16 skc_num;
	u16 skc_family;
	u8 skc_state;
	struct {
		struct net *net;
	} skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	u16 sk_type;
	u16 sk_protocol;
	struct kernel_id sk_uid;
};

struct tcp_sock {
	u64 bytes_received;
	u64 bytes_acked;
};

struct socket {
	struct sock *sk;
};

struct inode {
	unsigned long i_ino;
};

struct file {
	struct inode *f_inode;
};

/* A kernel thread's own description, and a workqueue worker's. */
struct kthread {
	void *data;
	char *full_name;
};

struct workqueue_struct {
	char name[32];
};

struct worker {
	void *current_work;
	void *pool;
	char desc[32];
	struct workqueue_struct *rescue_wq;
};

struct kernel_siginfo {
	int si_code;
};

/* The record of the tracepoint mark_victim, which names a task since 6.8 and had
 * a pid before. */
struct trace_event_raw_mark_victim {
	u32 __data_loc_comm;
};

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	struct file *file;
};

#pragma clang attribute pop
