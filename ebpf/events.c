//go:build ignore

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What happens to processes between two passes of the iterators: they are made,
 * run a program, end, and are ended by others. The events wait in a ring; one
 * that finds it emptied wakes who waits for it. What finds no room is counted. */
#include "read.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define SIGNAL_GROUP_EXIT 0x00000004

struct {
	MAP_NUMBER(type, MAP_RINGBUF);
	MAP_NUMBER(max_entries, LIMIT_RING);
} events SEC(".maps");

struct {
	MAP_NUMBER(type, MAP_PERCPU_ARRAY);
	MAP_NUMBER(max_entries, 1);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct event_counts);
} counts SEC(".maps");

/* Who sent which signal to whom, until the process ends. */
struct signal_key {
	s32 task;
	s32 signal;
};
struct {
	MAP_NUMBER(type, MAP_LRU_HASH);
	MAP_NUMBER(max_entries, LIMIT_KILLERS);
	MAP_TYPE(key, struct signal_key);
	MAP_TYPE(value, struct killer);
} killers SEC(".maps");

/* Where an exec's record is put together: its length is known too late to
 * reserve it in the ring. */
struct exec_scratch {
	struct exec_record record;
	u8 line[LIMIT_ARGUMENTS];
};
struct {
	MAP_NUMBER(type, MAP_PERCPU_ARRAY);
	MAP_NUMBER(max_entries, 1);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct exec_scratch);
} exec_scratches SEC(".maps");

/* Kept in the object's BTF, so that Go's definitions can be made of them. */
struct {
	struct event_record event;
	struct exec_record exec;
	struct exit_record exit;
	struct final_record final;
	struct victim_record victim;
	struct event_counts counts;
	enum record_kind kind;
	enum limit limit;
	enum sender sender;
} *definitions __attribute__((unused));

/* Whose pids the events have: found by `locate`, when user space runs it. */
u64 reader_namespace;
u32 reader_level;

INLINE struct reader known_reader(void)
{
	return (struct reader){ .level = reader_level, .ns = (void *)reader_namespace };
}

SEC("iter/task")
int locate(struct bpf_iter__task *ctx)
{
	struct reader r;

	if (!ctx->task)
		return 0;
	r = find_reader(current_task());
	reader_namespace = (u64)r.ns;
	reader_level = r.level;
	return 0;
}

/* Everything that is written or lost is counted once, also where an interrupt
 * comes between: the last of a process is heard of in one. */
INLINE void count(u32 written)
{
	u32 zero = 0;
	struct event_counts *c = map_lookup(&counts, &zero);

	if (!c)
		return;
	if (written)
		__sync_fetch_and_add(&c->written, 1);
	else
		__sync_fetch_and_add(&c->lost, 1);
}

INLINE void *reserve(u64 size)
{
	void *room = ringbuf_reserve(&events, size, 0);

	/* The verifier of old kernels believes one look at it and no second. */
	if (!room) {
		count(0);
		return 0;
	}
	count(1);
	return room;
}

/* Fills in what every event of a process has. PID is its number for the reader. */
INLINE void read_event(struct event_record *e, u32 kind, struct task_struct *leader, s32 pid)
{
	struct process_record *p = (void *)&e->process; /* its beginning */
	const struct parts of = parts_of(leader, 1);
	struct reader r = known_reader();

	__builtin_memset(e, 0, sizeof(*e));
	e->kind = kind;
	e->task = leader->tgid;
	e->at_ns = since_boot();
	e->parent_start_ns = leader->real_parent->group_leader->start_boottime;
	p->kind = RECORD_PROCESS;
	p->pid = pid;
	read_own(p, &of);
	read_family(p, &of, &r);
	read_scheduling(p, &of);
	read_memory(p, &of);
	p->cgroup_id = find_cgroup(leader)->id;
}

/* Tells the path of a cgroup that user space does not know yet. */
INLINE void write_cgroup(struct task_struct *t)
{
	struct kernfs_node *kn = find_cgroup(t);
	struct cgroup_record c = { .kind = RECORD_CGROUP, .cgroup_id = kn->id };

	if (map_lookup(&known_cgroups, &c.cgroup_id))
		return;
	for (u32 i = 0; i < LIMIT_DEPTH && kn; i++) {
		read_directory(&c, kn, i);
		count(!ringbuf_output(&events, &c, sizeof(c), RINGBUF_WAKE_READER));
		kn = parent_of(kn);
	}
}

INLINE s32 pid_of(struct task_struct *leader)
{
	struct reader r = known_reader();

	return number_of(leader->signal->pids[PIDTYPE_TGID], &r);
}

SEC("tp_btf/sched_process_fork")
int on_fork(u64 *ctx)
{
	struct task_struct *child = (void *)ctx[1];
	struct event_record *e;
	s32 pid;

	if (child->pid != child->tgid)
		return 0;
	pid = pid_of(child);
	if (!pid)
		return 0;
	e = reserve(sizeof(*e));
	if (!e)
		return 0;
	read_event(e, RECORD_FORK, child, pid);
	ringbuf_submit(e, RINGBUF_WAKE_READER);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int on_exec(u64 *ctx)
{
	struct task_struct *t = (void *)ctx[0];
	const struct parts of = parts_of(t, 1);
	struct mm_struct *mm = of.mm;
	struct exec_scratch *s;
	u32 zero = 0;
	u64 start, length;
	s32 pid = pid_of(t);

	s = map_lookup(&exec_scratches, &zero);
	if (!pid || !mm || !s)
		return 0;
	write_cgroup(t);
	read_event(&s->record.event, RECORD_EXEC, t, pid);
	add_ended(&s->record.event.process.usage, of.signal);
	read_rights(&s->record.rights, &of);
	__builtin_memset(&s->record.namespaces, 0, sizeof(s->record.namespaces));
	read_namespaces(&s->record.namespaces, &of);
	start = mm->arg_start;
	length = mm->arg_end - start;
	if (length > LIMIT_ARGUMENTS)
		length = LIMIT_ARGUMENTS;
	if (probe_read_user(s->line, length, (void *)start))
		length = 0;
	s->record.length = length;
	count(!ringbuf_output(&events, s, sizeof(s->record) + length, RINGBUF_WAKE_READER));
	return 0;
}

/* Who sent the signal that ends the process, if anybody did. */
INLINE void find_killer(struct killer *k, struct task_struct *leader, s32 signal)
{
	struct signal_key key = { .task = leader->tgid, .signal = signal };
	struct killer *known;

	__builtin_memset(k, 0, sizeof(*k));
	if (!signal)
		return;
	known = map_lookup(&killers, &key);
	if (!known)
		return;
	if (known->victim_start_ns == leader->start_boottime)
		*k = *known;
	map_delete(&killers, &key);
}

/* Since 6.16 a process still has its memory here, with that memory's own peak.
 * What older kernels keep instead may be that of the program which it was when
 * it was made: its parent's. */
INLINE u64 peak_rss(struct exit_record *x, struct task_struct *t)
{
	struct process_record *p = (void *)&x->event.process;
	const struct parts of = parts_of(t, 1);
	struct mm_struct *mm = of.mm;
	u64 rss;

	if (!mm)
		return of.signal->maxrss;
	read_memory(p, &of);
	rss = p->file_pages + p->anon_pages + p->shmem_pages;
	return mm->hiwater_rss > rss ? mm->hiwater_rss : rss;
}

/* What was counted of the process until its end. on_thread_end has run already
 * for this thread: it was attached before. */
INLINE void read_end(struct exit_record *x, struct task_struct *t, struct task_struct *leader)
{
	u64 *delay = &x->event.process.usage.run_delay_ns;

	__builtin_memset(&x->tally, 0, sizeof(x->tally));
	if (!tallied)
		return;
	read_tally(&x->tally, t);
	if (*delay != ~0ULL && x->tally.ended_leader == (u64)leader)
		*delay = 0;
}

/* A thread ends. The process does when none is left; two that end at the same
 * time may both find that, and user space takes the later one. */
SEC("tp_btf/sched_process_exit")
int on_exit(u64 *ctx)
{
	struct task_struct *t = (void *)ctx[0];
	struct signal_struct *sig = t->signal;
	struct task_struct *leader = t->group_leader;
	struct exit_record *x;
	struct usage *u;
	s32 pid;

	if (sig->live.counter)
		return 0;
	pid = pid_of(leader);
	if (!pid)
		return 0;
	write_cgroup(leader);
	x = reserve(sizeof(*x));
	if (!x)
		return 0;
	read_event(&x->event, RECORD_EXIT, leader, pid);
	u = &x->event.process.usage;
	add_ended(u, sig);
	if (t != leader) {
		u->cpu_ns += t->se.sum_exec_runtime;
		u->user_ns += t->utime;
		u->system_ns += t->stime;
	}
	x->exit_code = sig->flags & SIGNAL_GROUP_EXIT ? sig->group_exit_code : leader->exit_code;
	read_end(x, t, leader);
	x->peak_rss_pages = peak_rss(x, t);
	x->reserved = 0;
	find_killer(&x->killer, leader, x->exit_code & 0x7f);
	ringbuf_submit(x, RINGBUF_WAKE_READER);
	return 0;
}

/* The last that is heard of a task, after its parent has waited for it. Its pid
 * is gone by then: user space knows it by TASK and its start. */
SEC("tp_btf/sched_process_free")
int on_final(u64 *ctx)
{
	struct task_struct *t = (void *)ctx[0];
	struct signal_struct *sig = t->signal;
	struct final_record *f;

	if (t->pid != t->tgid)
		return 0;
	f = reserve(sizeof(*f));
	if (!f)
		return 0;
	f->kind = RECORD_FINAL;
	f->task = t->tgid;
	f->at_ns = since_boot();
	f->start_ns = t->start_boottime;
	f->cpu_ns = sig->sum_sched_runtime;
	f->user_ns = sig->utime;
	f->system_ns = sig->stime;
	/* Its parent may have been quicker than the clock that charges it. */
	if (f->cpu_ns < t->se.sum_exec_runtime)
		f->cpu_ns = t->se.sum_exec_runtime;
	ringbuf_submit(f, RINGBUF_WAKE_READER);
	return 0;
}

/* The signals that end a process which has not said otherwise; real-time ones do too. */
INLINE u32 ends_process(s32 signal)
{
	const u64 harmless = 1ULL << 17 | 1ULL << 18 | 1ULL << 19 | 1ULL << 20 | 1ULL << 21 |
			     1ULL << 22 | 1ULL << 23 | 1ULL << 28; /* CHLD to URG, WINCH */

	return signal > 0 && signal < 64 && !(harmless & 1ULL << signal);
}

/* Whether a process sent the signal: `info` may be 0 for that, or 1 for the
 * kernel, or tell. */
INLINE u32 sender_of(struct kernel_siginfo *info)
{
	const s32 si_queue = -1, si_tkill = -6;
	s32 code = 1;

	if (!info)
		return SENDER_PROCESS;
	if ((u64)info == 1)
		return SENDER_KERNEL;
	READ(&code, info, si_code);
	return code == 0 || code == si_queue || code == si_tkill ? SENDER_PROCESS : SENDER_KERNEL;
}

SEC("tp_btf/signal_generate")
int on_signal(u64 *ctx)
{
	struct signal_key key = { .signal = (s32)ctx[0] };
	struct task_struct *victim = (void *)ctx[2];
	struct task_struct *sender;
	struct killer k = {};

	if (!ends_process(key.signal) || (s32)ctx[4]) /* not delivered */
		return 0;
	key.task = victim->tgid;
	k.victim_start_ns = victim->group_leader->start_boottime;
	k.sender = sender_of((void *)ctx[1]);
	if (k.sender == SENDER_PROCESS) {
		sender = current_task()->group_leader;
		k.start_ns = sender->start_boottime;
		k.pid = pid_of(sender);
		k.uid = sender->real_cred->euid.val;
		__builtin_memcpy(k.comm, sender->comm, sizeof(sender->comm));
	}
	map_update(&killers, &key, &k, MAP_ANY);
	return 0;
}

SEC("tp_btf/mark_victim")
int on_victim(u64 *ctx)
{
	struct trace_event_raw_mark_victim *layout = 0;
	struct victim_record *v = reserve(sizeof(*v));

	if (!v)
		return 0;
	v->kind = RECORD_VICTIM;
	v->at_ns = since_boot();
	if (FIELD_EXISTS(layout->__data_loc_comm))
		v->task = ((struct task_struct *)ctx[0])->tgid;
	else
		v->task = (s32)ctx[0];
	ringbuf_submit(v, RINGBUF_WAKE_READER);
	return 0;
}
