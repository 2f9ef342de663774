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

struct kernel_cap {
	u64 val;
};

struct ns_common {
	u32 inum;
};

struct user_namespace {
	struct ns_common ns;
};

struct cred {
	struct kernel_id uid, gid, suid, sgid, euid, egid, fsuid, fsgid;
	struct kernel_cap cap_inheritable, cap_permitted, cap_effective, cap_bset, cap_ambient;
	struct user_namespace *user_ns;
};

struct kernel_caps {
	u32 cap[2];
};

struct cred___before_6_3 {
	struct kernel_caps cap_inheritable, cap_permitted, cap_effective, cap_bset, cap_ambient;
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
	u64 rchar;
	u64 wchar;
	u64 syscr;
	u64 syscw;
	u64 read_bytes;
	u64 write_bytes;
	u64 cancelled_write_bytes;
};

struct signal_set {
	unsigned long sig[1];
};

struct sigpending {
	struct signal_set signal;
};

struct sigaction {
	void *sa_handler;
};

struct k_sigaction {
	struct sigaction sa;
};

struct sighand_struct {
	struct k_sigaction action[64];
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
	unsigned long nvcsw;
	unsigned long nivcsw;
	u64 cutime;
	u64 cstime;
	unsigned long cmin_flt;
	unsigned long cmaj_flt;
	struct sigpending shared_pending;
	short oom_score_adj;
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

/* A namespace of a kind that the kernel is built without has no structure. */
struct uts_namespace {
	struct ns_common ns;
};

struct ipc_namespace {
	struct ns_common ns;
};

struct mnt_namespace {
	struct ns_common ns;
};

struct pid_namespace {
	struct ns_common ns;
};

struct net {
	struct ns_common ns;
};

struct time_namespace {
	struct ns_common ns;
};

struct cgroup_namespace {
	struct ns_common ns;
};

struct nsproxy {
	struct uts_namespace *uts_ns;
	struct ipc_namespace *ipc_ns;
	struct mnt_namespace *mnt_ns;
	struct pid_namespace *pid_ns_for_children;
	struct net *net_ns;
	struct time_namespace *time_ns;
	struct cgroup_namespace *cgroup_ns;
};

struct seccomp {
	int mode;
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

struct list_head {
	struct list_head *next;
};

struct task_struct {
	struct thread_info thread_info;
	u32 __state;
	u32 flags;
	int on_cpu; /* not on kernels for one CPU */
	int prio;
	int static_prio;
	u32 rt_priority;
	struct sched_entity se;
	struct sched_info sched_info;
	u32 policy;
	struct list_head tasks;
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
	unsigned long nvcsw;
	unsigned long nivcsw;
	u64 self_exec_id;
	unsigned long atomic_flags;
	struct seccomp seccomp;
	struct nsproxy *nsproxy;
	struct sighand_struct *sighand;
	struct signal_set blocked;
	struct sigpending pending;
};

struct task_struct___before_5_14 {
	long state;
};

struct task_struct___before_5_16 {
	u32 cpu;
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
	u64 bytes_sent;
	u64 bytes_retrans;
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
	u64 seq_num; /* of the task, from 0 */
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
