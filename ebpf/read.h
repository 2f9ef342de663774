/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How a task is read, by the iterators and by the tracepoints alike: the same
 * field means the same wherever it comes from. */
#pragma once

#include "kernel.h"
#include "record.h"
#include "tally.h"

#define PF_EXITING 0x00000004
#define PF_WQ_WORKER 0x00000020
#define PF_KTHREAD 0x00200000

/* The hierarchy that cgroups are taken from; set before loading. */
volatile const u32 cgroup_hierarchy = HIERARCHY_UNIFIED;

/* Cgroups whose path user space has; the iterators and the tracepoints share it. */
struct {
	MAP_NUMBER(type, MAP_HASH);
	MAP_NUMBER(max_entries, LIMIT_CGROUPS);
	MAP_TYPE(key, u64);
	MAP_TYPE(value, u8);
} known_cgroups SEC(".maps");

/* The PID namespace of whoever reads the iterator: the one its pids belong to. */
struct reader {
	u32 level;
	struct pid_namespace *ns;
};

/* A copy of one entry of pid->numbers. */
struct number {
	s32 nr;
	struct pid_namespace *ns;
};

INLINE void number_at(struct number *dst, struct pid *pid, u32 level)
{
	probe_read(dst, sizeof(*dst), (void *)pid->numbers + level * sizeof(*dst));
}

INLINE struct reader find_reader(struct task_struct *current)
{
	struct pid *pid = current->thread_pid;
	struct reader r = { .level = pid->level };
	struct number own = {};

	if (r.level) { /* in the first namespace everybody has a number */
		number_at(&own, pid, r.level);
		r.ns = own.ns;
	}
	return r;
}

/* The number by which the reader knows a pid: 0 where it does not. */
INLINE s32 number_of(struct pid *pid, const struct reader *r)
{
	struct number n = {};
	s32 nr;

	if (!pid || pid->level < r->level)
		return 0;
	if (r->level == 0) {
		nr = pid->numbers[0].nr;
		KEEP_APART(nr);
		return nr;
	}
	number_at(&n, pid, r->level);
	return n.ns == r->ns ? n.nr : 0;
}

/* Where a task's pointers lead to, each loaded once: for every load of one the
 * verifier of newer kernels looks through the names of all types, several times,
 * and again in each branch that comes before it. */
struct parts {
	struct task_struct *task;
	struct signal_struct *signal, *parent_signal;
	struct sighand_struct *sighand;
	const struct cred *cred;
	struct mm_struct *mm;
	struct nsproxy *namespaces;
	struct pid *pid;
};

INLINE struct parts parts_of(struct task_struct *t, u32 all)
{
	struct parts parts = {
		.task = t,
		.signal = t->signal,
		.parent_signal = t->real_parent->signal,
		.cred = t->real_cred,
		.mm = t->mm,
		.pid = t->thread_pid,
	};

	if (all) { /* known when it is loaded: no branch to the verifier */
		parts.sighand = t->sighand;
		parts.namespaces = t->nsproxy;
	}
	return parts;
}

/* Which of the two sets of I/O counters the kernel keeps. */
#define COUNTS_CALLS FIELD_EXISTS(((struct task_struct *)0)->ioac.rchar)
#define COUNTS_STORAGE FIELD_EXISTS(((struct task_struct *)0)->ioac.read_bytes)

INLINE void read_usage(struct usage *u, struct task_struct *t)
{
	u->cpu_ns = t->se.sum_exec_runtime;
	u->user_ns = t->utime;
	u->system_ns = t->stime;
	u->min_flt = t->min_flt;
	u->maj_flt = t->maj_flt;
	u->run_delay_ns = ~0ULL;
	if (tallied && FIELD_EXISTS(t->sched_info.run_delay))
		u->run_delay_ns = t->sched_info.run_delay;
	u->voluntary_switches = t->nvcsw;
	u->involuntary_switches = t->nivcsw;
	u->rchar_bytes = u->wchar_bytes = u->read_calls = u->write_calls = ~0ULL;
	u->read_bytes = u->write_bytes = u->cancelled_bytes = ~0ULL;
	if (COUNTS_CALLS) {
		u->rchar_bytes = t->ioac.rchar;
		u->wchar_bytes = t->ioac.wchar;
		u->read_calls = t->ioac.syscr;
		u->write_calls = t->ioac.syscw;
	}
	if (COUNTS_STORAGE) {
		u->read_bytes = t->ioac.read_bytes;
		u->write_bytes = t->ioac.write_bytes;
		u->cancelled_bytes = t->ioac.cancelled_write_bytes;
	}
}

/* Adds what a thread used. What the kernel does not count stays all ones. */
INLINE void add_usage(struct usage *u, struct task_struct *t)
{
	u->cpu_ns += t->se.sum_exec_runtime;
	u->user_ns += t->utime;
	u->system_ns += t->stime;
	u->min_flt += t->min_flt;
	u->maj_flt += t->maj_flt;
	u->voluntary_switches += t->nvcsw;
	u->involuntary_switches += t->nivcsw;
	if (COUNTS_CALLS) {
		u->rchar_bytes += t->ioac.rchar;
		u->wchar_bytes += t->ioac.wchar;
		u->read_calls += t->ioac.syscr;
		u->write_calls += t->ioac.syscw;
	}
	if (COUNTS_STORAGE) {
		u->read_bytes += t->ioac.read_bytes;
		u->write_bytes += t->ioac.write_bytes;
		u->cancelled_bytes += t->ioac.cancelled_write_bytes;
	}
}

/* Adds what the threads of a process that have ended used. */
INLINE void add_ended(struct usage *u, struct signal_struct *sig)
{
	u->cpu_ns += sig->sum_sched_runtime;
	u->user_ns += sig->utime;
	u->system_ns += sig->stime;
	u->min_flt += sig->min_flt;
	u->maj_flt += sig->maj_flt;
	u->voluntary_switches += sig->nvcsw;
	u->involuntary_switches += sig->nivcsw;
	if (COUNTS_CALLS) {
		u->rchar_bytes += sig->ioac.rchar;
		u->wchar_bytes += sig->ioac.wchar;
		u->read_calls += sig->ioac.syscr;
		u->write_calls += sig->ioac.syscw;
	}
	if (COUNTS_STORAGE) {
		u->read_bytes += sig->ioac.read_bytes;
		u->write_bytes += sig->ioac.write_bytes;
		u->cancelled_bytes += sig->ioac.cancelled_write_bytes;
	}
}

INLINE void read_family(struct process_record *p, const struct parts *of, const struct reader *r)
{
	struct signal_struct *sig = of->signal;
	struct tty_struct *tty = sig->tty;

	p->ppid = number_of(of->parent_signal->pids[PIDTYPE_TGID], r);
	p->pgid = number_of(sig->pids[PIDTYPE_PGID], r);
	p->sid = number_of(sig->pids[PIDTYPE_SID], r);
	p->tpgid = -1;
	if (tty) {
		p->has_tty = 1;
		p->tty_major = tty->driver->major;
		p->tty_minor = tty->driver->minor_start + tty->index;
		if (FIELD_EXISTS(tty->ctrl.pgrp))
			p->tpgid = number_of(tty->ctrl.pgrp, r);
		else
			p->tpgid = number_of(((struct tty_struct___before_5_16 *)tty)->pgrp, r);
	}
}

/* What of a leader stays while it does not run. */
INLINE void read_own(struct process_record *p, const struct parts *of)
{
	const struct cred *cred = of->cred;

	read_usage(&p->usage, of->task);
	p->exec_id = of->task->self_exec_id;
	__builtin_memcpy(p->comm, of->task->comm, sizeof(p->comm));
	p->ruid = cred->uid.val;
	p->rgid = cred->gid.val;
	p->suid = cred->suid.val;
	p->sgid = cred->sgid.val;
	p->euid = cred->euid.val;
	p->egid = cred->egid.val;
	p->fsuid = cred->fsuid.val;
	p->fsgid = cred->fsgid.val;
}

INLINE void read_scheduling(struct process_record *p, const struct parts *of)
{
	struct task_struct *t = of->task;
	struct signal_struct *sig = of->signal;

	if (FIELD_EXISTS(t->__state))
		p->state = t->__state;
	else
		p->state = ((struct task_struct___before_5_14 *)t)->state;
	if (FIELD_EXISTS(t->thread_info.cpu))
		p->cpu = t->thread_info.cpu;
	else
		p->cpu = ((struct task_struct___before_5_16 *)t)->cpu;
	p->exit_state = t->exit_state;
	p->flags = t->flags;
	p->exit_signal = t->exit_signal;
	p->threads = sig->nr_threads;
	p->prio = t->prio;
	p->static_prio = t->static_prio;
	p->rt_priority = t->rt_priority;
	p->policy = t->policy;
	p->start_ns = t->start_boottime;
	p->prev_user_ns = sig->prev_cputime.utime;
	p->prev_system_ns = sig->prev_cputime.stime;
	if (FIELD_EXISTS(of->pid->ino))
		p->pidfd_inode = of->pid->ino;
	p->oom_score_adj = sig->oom_score_adj;
	p->children_user_ns = sig->cutime;
	p->children_system_ns = sig->cstime;
	p->children_min_flt = sig->cmin_flt;
	p->children_maj_flt = sig->cmaj_flt;
}

/* A counter of pages that lags behind on each CPU may be below zero. */
INLINE u64 not_negative(s64 n)
{
	return n > 0 ? n : 0;
}

/* The kernel's numbers of its counters of pages. */
enum { PAGES_FILE, PAGES_ANON, PAGES_SWAP, PAGES_SHMEM, PAGES_KINDS };

INLINE void read_memory(struct process_record *p, const struct parts *of)
{
	struct mm_struct *mm = of->mm;

	if (!mm || of->task->flags & PF_KTHREAD)
		return;
	p->vsz_pages = mm->total_vm;
	if (TYPE_EXISTS(struct mm_rss_stat)) {
		struct mm_struct___before_6_2 *old = (void *)mm;
		s64 n[PAGES_KINDS] = {};

		/* The verifier of these kernels does not follow a pointer into an array of them. */
		READ(&n, old, rss_stat);
		p->file_pages = not_negative(n[PAGES_FILE]);
		p->anon_pages = not_negative(n[PAGES_ANON]);
		p->swap_pages = not_negative(n[PAGES_SWAP]);
		p->shmem_pages = not_negative(n[PAGES_SHMEM]);
		return;
	}
	p->file_pages = not_negative(mm->rss_stat[PAGES_FILE].count);
	p->anon_pages = not_negative(mm->rss_stat[PAGES_ANON].count);
	p->swap_pages = not_negative(mm->rss_stat[PAGES_SWAP].count);
	p->shmem_pages = not_negative(mm->rss_stat[PAGES_SHMEM].count);
}

/* One set of capabilities; before 6.3 it is two halves, in order on the machines
 * that this is for. */
#define READ_CAPABILITIES(dst, cred, set) \
	do { \
		if (FIELD_EXISTS((cred)->set.val)) \
			*(dst) = (cred)->set.val; \
		else \
			READ(dst, (struct cred___before_6_3 *)(cred), set); \
	} while (0)

INLINE void read_rights(struct rights *r, const struct parts *of)
{
	struct task_struct *t = of->task;
	const struct cred *cred = of->cred;
	const u64 no_new_privs = 1; /* PFA_NO_NEW_PRIVS is bit 0 */

	READ_CAPABILITIES(&r->inheritable, cred, cap_inheritable);
	READ_CAPABILITIES(&r->permitted, cred, cap_permitted);
	READ_CAPABILITIES(&r->effective, cred, cap_effective);
	READ_CAPABILITIES(&r->bounding, cred, cap_bset);
	READ_CAPABILITIES(&r->ambient, cred, cap_ambient);
	r->no_new_privs = t->atomic_flags & no_new_privs;
	r->seccomp = -1;
	if (FIELD_EXISTS(t->seccomp.mode))
		r->seccomp = t->seccomp.mode;
}

/* A namespace's inode, 0 on a kernel that was built without its kind. */
#define NAMESPACE(proxy, member) (FIELD_EXISTS((proxy)->member->ns.inum) ? (proxy)->member->ns.inum : 0)

INLINE void read_namespaces(struct namespaces *n, const struct parts *of)
{
	struct nsproxy *proxy = of->namespaces;
	struct pid *pid = of->pid;
	struct pid_namespace *of_pid;
	struct number own = {};

	n->user = of->cred->user_ns->ns.inum;
	if (pid && pid->level == 0) {
		n->pid = pid->numbers[0].ns->ns.inum;
	} else if (pid) {
		number_at(&own, pid, pid->level);
		of_pid = own.ns;
		READ(&n->pid, of_pid, ns.inum);
	}
	if (!proxy)
		return;
	n->uts = NAMESPACE(proxy, uts_ns);
	n->ipc = NAMESPACE(proxy, ipc_ns);
	n->mnt = NAMESPACE(proxy, mnt_ns);
	n->net = NAMESPACE(proxy, net_ns);
	n->time = NAMESPACE(proxy, time_ns);
	n->cgroup = NAMESPACE(proxy, cgroup_ns);
	n->pid_for_children = NAMESPACE(proxy, pid_ns_for_children);
}

INLINE struct kernfs_node *find_cgroup(struct task_struct *t)
{
	struct css_set *set = t->cgroups;

	if (cgroup_hierarchy == HIERARCHY_MEMORY)
		return set->subsys[ENUM_VALUE(enum cgroup_subsys_id, memory_cgrp_id)]->cgroup->kn;
	if (cgroup_hierarchy == HIERARCHY_PIDS)
		return set->subsys[ENUM_VALUE(enum cgroup_subsys_id, pids_cgrp_id)]->cgroup->kn;
	return set->dfl_cgrp->kn;
}

INLINE void read_directory(struct cgroup_record *c, struct kernfs_node *kn, u32 level)
{
	c->level = level;
	c->name[0] = 0;
	probe_read_str(c->name, sizeof(c->name), kn->name);
}

INLINE struct kernfs_node *parent_of(struct kernfs_node *kn)
{
	if (FIELD_EXISTS(kn->__parent))
		return kn->__parent;
	return ((struct kernfs_node___before_6_15 *)kn)->parent;
}
