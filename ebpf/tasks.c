//go:build ignore

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Two task iterators. `table` reads the whole process table without ever
 * sleeping; `arguments` reads command lines, for which it may have to wait for a
 * process's memory lock, and therefore runs apart. */
#include "kernel.h"
#include "record.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define PF_WQ_WORKER 0x00000020
#define PF_KTHREAD 0x00200000

/* The hierarchy that cgroups are taken from; set before loading. */
volatile const u32 cgroup_hierarchy = HIERARCHY_UNIFIED;

/* Cgroups whose path user space has. */
struct {
	MAP_NUMBER(type, MAP_HASH);
	MAP_NUMBER(max_entries, LIMIT_CGROUPS);
	MAP_TYPE(key, u64);
	MAP_TYPE(value, u8);
} known_cgroups SEC(".maps");

/* Where a command line is put together; user space runs one pass at a time. */
struct command_line {
	u8 bytes[LIMIT_ARGUMENTS];
};
struct {
	MAP_NUMBER(type, MAP_ARRAY);
	MAP_NUMBER(max_entries, 1);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct command_line);
} command_lines SEC(".maps");

/* Kept in the object's BTF, so that Go's definitions can be made of them. */
struct {
	struct process_record process;
	struct thread_record thread;
	struct cgroup_record cgroup;
	struct arguments_record arguments;
	enum record_kind kind;
	enum limit limit;
	enum hierarchy hierarchy;
} *definitions __attribute__((unused));

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

INLINE struct reader find_reader(void)
{
	struct pid *pid = current_task()->thread_pid;
	struct reader r = { .level = pid->level };
	struct number own = {};

	number_at(&own, pid, r.level);
	r.ns = own.ns;
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

INLINE void read_usage(struct usage *u, struct task_struct *t)
{
	u->cpu_ns = t->se.sum_exec_runtime;
	u->user_ns = t->utime;
	u->system_ns = t->stime;
	u->min_flt = t->min_flt;
	u->maj_flt = t->maj_flt;
	u->read_bytes = u->write_bytes = ~0ULL;
	if (FIELD_EXISTS(t->ioac.read_bytes)) {
		u->read_bytes = t->ioac.read_bytes;
		u->write_bytes = t->ioac.write_bytes;
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
	if (FIELD_EXISTS(sig->ioac.read_bytes)) {
		u->read_bytes += sig->ioac.read_bytes;
		u->write_bytes += sig->ioac.write_bytes;
	}
}

INLINE void read_ids(struct process_record *p, struct task_struct *t, const struct reader *r)
{
	struct signal_struct *sig = t->signal;
	const struct cred *cred = t->real_cred;
	struct tty_struct *tty = sig->tty;

	p->ppid = number_of(t->real_parent->signal->pids[PIDTYPE_TGID], r);
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
	p->ruid = cred->uid.val;
	p->rgid = cred->gid.val;
	p->suid = cred->suid.val;
	p->sgid = cred->sgid.val;
	p->euid = cred->euid.val;
	p->egid = cred->egid.val;
	p->fsuid = cred->fsuid.val;
	p->fsgid = cred->fsgid.val;
}

INLINE void read_scheduling(struct process_record *p, struct task_struct *t)
{
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
	p->threads = t->signal->nr_threads;
	p->prio = t->prio;
	p->static_prio = t->static_prio;
	p->rt_priority = t->rt_priority;
	p->policy = t->policy;
	p->start_ns = t->start_boottime;
	p->prev_user_ns = t->signal->prev_cputime.utime;
	p->prev_system_ns = t->signal->prev_cputime.stime;
	if (FIELD_EXISTS(t->thread_pid->ino))
		p->pidfd_inode = t->thread_pid->ino;
}

/* A counter of pages that lags behind on each CPU may be below zero. */
INLINE u64 not_negative(s64 n)
{
	return n > 0 ? n : 0;
}

/* Resident pages are files', anonymous and shared memory: counters 0, 1 and 3. */
INLINE void read_memory(struct process_record *p, struct task_struct *t)
{
	struct mm_struct *mm = t->mm;

	if (!mm || t->flags & PF_KTHREAD)
		return;
	p->vsz_pages = mm->total_vm;
	if (TYPE_EXISTS(struct mm_rss_stat)) {
		struct mm_struct___before_6_2 *old = (void *)mm;

		p->rss_pages = not_negative(old->rss_stat.count[0].counter) +
			       not_negative(old->rss_stat.count[1].counter) +
			       not_negative(old->rss_stat.count[3].counter);
		return;
	}
	p->rss_pages = not_negative(mm->rss_stat[0].count) + not_negative(mm->rss_stat[1].count) +
		       not_negative(mm->rss_stat[3].count);
}

/* A rescuer is named after its workqueue; the task's own name has only the
 * first letters of that. */
INLINE void read_rescuer_name(struct process_record *p, struct worker *worker)
{
	struct workqueue_struct *queue = 0;
	const u32 prefix = sizeof("kworker/R-") - 1;

	if (p->comm[prefix - 2] != 'R' || p->comm[prefix - 1] != '-')
		return;
	READ(&queue, worker, rescue_wq);
	if (queue)
		probe_read_str(p->comm + prefix, sizeof(p->comm) - prefix,
			       __builtin_preserve_access_index(&queue->name));
}

/* /proc shows a kernel thread's full name, and what a worker is busy with. */
INLINE void read_kernel_name(struct process_record *p, struct task_struct *t)
{
	struct kthread *kthread = t->worker_private;
	struct worker *worker = 0;
	char *name = 0;
	void *pointer = 0;

	if (!FIELD_EXISTS(kthread->full_name) || !kthread)
		return;
	if (!(t->flags & PF_WQ_WORKER)) {
		READ(&name, kthread, full_name);
		if (name)
			probe_read_str(p->comm, sizeof(p->comm), name);
		return;
	}
	READ(&worker, kthread, data);
	read_rescuer_name(p, worker);
	READ(&pointer, worker, pool);
	if (!pointer)
		return;
	READ(&p->suffix, worker, desc);
	READ(&pointer, worker, current_work);
	p->suffix_sign = pointer ? '+' : '-';
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

INLINE void write_cgroup(struct seq_file *out, struct kernfs_node *kn, u64 id)
{
	struct cgroup_record c = { .kind = RECORD_CGROUP, .cgroup_id = id };

	for (u32 i = 0; i < LIMIT_DEPTH && kn; i++) {
		c.level = i;
		c.name[0] = 0;
		probe_read_str(c.name, sizeof(c.name), kn->name);
		seq_write(out, &c, sizeof(c));
		if (FIELD_EXISTS(kn->__parent))
			kn = kn->__parent;
		else
			kn = ((struct kernfs_node___before_6_15 *)kn)->parent;
	}
}

INLINE void write_thread(struct seq_file *out, struct task_struct *t, const struct reader *r)
{
	struct thread_record thread = { .kind = RECORD_THREAD };

	thread.pid = number_of(t->signal->pids[PIDTYPE_TGID], r);
	read_usage(&thread.usage, t);
	seq_write(out, &thread, sizeof(thread));
}

INLINE u64 write_process(struct seq_file *out, struct task_struct *t, struct kernfs_node *kn,
			 const struct reader *r)
{
	struct process_record p = { .kind = RECORD_PROCESS };

	p.pid = number_of(t->thread_pid, r);
	read_usage(&p.usage, t);
	add_ended(&p.usage, t->signal);
	read_ids(&p, t, r);
	read_scheduling(&p, t);
	read_memory(&p, t);
	__builtin_memcpy(p.comm, t->comm, sizeof(t->comm));
	if (t->flags & PF_KTHREAD)
		read_kernel_name(&p, t);
	p.cgroup_id = kn->id;
	seq_write(out, &p, sizeof(p));
	return p.cgroup_id;
}

SEC("iter/task")
int table(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;
	struct kernfs_node *kn;
	struct reader r;
	u64 id;

	if (!t)
		return 0;
	r = find_reader();
	if (t->pid != t->tgid) {
		write_thread(ctx->meta->seq, t, &r);
		return 0;
	}
	kn = find_cgroup(t);
	id = write_process(ctx->meta->seq, t, kn, &r);
	if (!map_lookup(&known_cgroups, &id))
		write_cgroup(ctx->meta->seq, kn, id);
	return 0;
}

/* Copies a command line as /proc/PID/cmdline has it: a process that wrote over
 * its last byte has given itself a title, which may run on into its environment. */
INLINE u32 copy_arguments(struct arguments_record *a, struct command_line *line, struct mm_struct *mm,
			  struct task_struct *t)
{
	u64 start = mm->arg_start, end = mm->arg_end, env = mm->env_end;
	u64 length = end - start;
	u8 last = 0;

	if (!start || end <= start)
		return 0;
	if (copy_from_user_task(&last, 1, (void *)(end - 1), t, 0))
		return 0;
	if (last) {
		a->title = 1;
		if (mm->env_start == end && env > end)
			length = env - start;
	}
	if (length > LIMIT_ARGUMENTS)
		length = LIMIT_ARGUMENTS;
	if (copy_from_user_task(line->bytes, length, (void *)start, t, 0))
		return 0;
	return length;
}

SEC("iter.s/task")
int arguments(struct bpf_iter__task *ctx)
{
	struct arguments_record a = { .kind = RECORD_ARGUMENTS };
	struct task_struct *t = ctx->task;
	struct command_line *line;
	struct mm_struct *mm;
	struct reader r;
	u32 zero = 0, length;

	if (!t || t->pid != t->tgid || t->flags & PF_KTHREAD)
		return 0;
	mm = t->mm;
	line = map_lookup(&command_lines, &zero);
	if (!mm || !line)
		return 0;
	r = find_reader();
	a.pid = number_of(t->thread_pid, &r);
	a.start_ns = t->start_boottime;
	length = copy_arguments(&a, line, mm, t);
	if (length > LIMIT_ARGUMENTS)
		return 0;
	a.length = length;
	seq_write(ctx->meta->seq, &a, sizeof(a));
	if (length)
		seq_write(ctx->meta->seq, line->bytes, length);
	return 0;
}
