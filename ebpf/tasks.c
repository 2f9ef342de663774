//go:build ignore

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Two task iterators. `table` reads the whole process table without ever
 * sleeping; `arguments` reads command lines, for which it may have to wait for a
 * process's memory lock, and therefore runs apart. */
#include "read.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Leaves out what the usual columns do not show: signals, rights, namespaces and
 * cgroups; each record is whole then but for these. Set before loading: the verifier
 * never comes to what is left out. */
volatile const u32 brief = 0;

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

/* The processes whose command lines user space wants, by their pids' lowest bits. */
struct wanted_pids {
	u64 bits[LIMIT_WANTED / 64];
};
struct {
	MAP_NUMBER(type, MAP_ARRAY);
	MAP_NUMBER(max_entries, 1);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct wanted_pids);
} wanted SEC(".maps");

/* What user space says of the pass at hand. */
struct {
	MAP_NUMBER(type, MAP_ARRAY);
	MAP_NUMBER(max_entries, 1);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct pass);
} passes SEC(".maps");

/* How often processes had run when they were told of as a whole, by their pids' lowest
 * bits: see `stamp_of`. */
struct {
	MAP_NUMBER(type, MAP_ARRAY);
	MAP_NUMBER(max_entries, LIMIT_STAMPS);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, u64);
} stamps SEC(".maps");

/* Where a tally is put together: the stack has no room for it. */
struct {
	MAP_NUMBER(type, MAP_ARRAY);
	MAP_NUMBER(max_entries, 1);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct tally_record);
} tally_records SEC(".maps");
enum { SIGNALS = 64, NARROW_BYTES = __builtin_offsetof(struct process_record, signals.ignored) };

/* Where records are put together: they are larger than a program's stack. */
struct scratch {
	struct process_record process;
	struct inner_pids_record inner;
	u64 actions[SIGNALS * 4]; /* a process's table of them, as large as on any machine */
};
struct {
	MAP_NUMBER(type, MAP_PERCPU_ARRAY);
	MAP_NUMBER(max_entries, 1);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct scratch);
} scratches SEC(".maps");

/* What is added up of a process's threads, which follow one another as a rule: one
 * record for all of them costs a fraction of one for each. */
struct thread_sum {
	struct thread_record record;
	u64 leader; /* whose; 0 for nobody's */
};
struct {
	MAP_NUMBER(type, MAP_ARRAY);
	MAP_NUMBER(max_entries, 1);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct thread_sum);
} thread_sums SEC(".maps");

/* Kept in the object's BTF, so that Go's definitions can be made of them. */
struct {
	struct process_record process;
	struct inner_pids_record inner_pids;
	struct thread_record thread;
	struct cgroup_record cgroup;
	struct arguments_record arguments;
	struct tally_record tally;
	struct wanted_pids wanted;
	struct idle_record idle;
	struct pass pass;
	enum record_kind kind;
	enum limit limit;
	enum hierarchy hierarchy;
} *definitions __attribute__((unused));

/* A rescuer is named after its workqueue; the task's own name has only the
 * first letters of that. */
INLINE void read_rescuer_name(struct process_record *p, struct worker *worker)
{
	struct workqueue_struct *queue = 0;
	const u32 prefix = sizeof("kworker/R-") - 1;

	if (p->name[prefix - 2] != 'R' || p->name[prefix - 1] != '-')
		return;
	READ(&queue, worker, rescue_wq);
	if (queue)
		probe_read_str(p->name + prefix, sizeof(p->name) - prefix,
			       __builtin_preserve_access_index(&queue->name));
}

/* /proc shows a kernel thread's full name, and what a worker is busy with. */
INLINE void read_kernel_name(struct process_record *p, struct task_struct *t)
{
	struct kthread *kthread = t->worker_private;
	struct worker *worker = 0;
	char *name = 0;
	void *pointer = 0;

	__builtin_memcpy(p->name, p->comm, sizeof(p->comm));
	if (!FIELD_EXISTS(kthread->full_name) || !kthread)
		return;
	if (!(t->flags & PF_WQ_WORKER)) {
		READ(&name, kthread, full_name);
		if (name)
			probe_read_str(p->name, sizeof(p->name), name);
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

INLINE void write_cgroup(struct seq_file *out, struct kernfs_node *kn, u64 id)
{
	struct cgroup_record c = { .kind = RECORD_CGROUP, .cgroup_id = id };

	for (u32 i = 0; i < LIMIT_DEPTH && kn; i++) {
		read_directory(&c, kn, i);
		seq_write(out, &c, sizeof(c));
		kn = parent_of(kn);
	}
}

/* Tells what is counted of a process, or of a thread, beside its usage. U is the
 * usage of the leader, which may have handed over its delay already. */
INLINE void write_tally(struct seq_file *out, struct task_struct *t, s32 pid, struct usage *u)
{
	struct tally_record *r;
	u32 zero = 0, found;

	r = tallied ? map_lookup(&tally_records, &zero) : 0;
	if (!r)
		return;
	r->kind = RECORD_TALLY;
	r->pid = pid;
	found = t == t->group_leader ? read_tally(&r->tally, t) : read_traffic(&r->tally, t);
	if (!found)
		return;
	if (r->tally.ended_leader == (u64)t)
		u->run_delay_ns = 0;
	seq_write(out, r, sizeof(*r));
}

INLINE void write_thread(struct seq_file *out, struct task_struct *t)
{
	struct thread_record thread = { .kind = RECORD_THREAD };
	struct signal_struct *signal = t->signal;
	struct reader r = find_reader();

	thread.pid = number_of(signal->pids[PIDTYPE_TGID], &r);
	read_usage(&thread.usage, t);
	if (tallied && t->flags & PF_EXITING && thread.usage.run_delay_ns != ~0ULL)
		thread.usage.run_delay_ns = 0; /* its process has it */
	seq_write(out, &thread, sizeof(thread));
	write_tally(out, t, thread.pid, &thread.usage);
}

/* Writes what has been added up. False where there is no room: the kernel runs the
 * program once more for the same task then, and nothing may have changed. */
INLINE u32 write_sum(struct seq_file *out, struct thread_sum *sum)
{
	if (sum->leader && seq_write(out, &sum->record, sizeof(sum->record)))
		return 0;
	sum->leader = 0;
	return 1;
}

INLINE void add_thread(struct seq_file *out, struct task_struct *t)
{
	u64 leader = (u64)t->group_leader;
	struct signal_struct *signal = t->signal;
	struct thread_sum *sum;
	struct reader r;
	u32 zero = 0;

	sum = map_lookup(&thread_sums, &zero);
	if (!sum)
		return;
	if (sum->leader == leader) {
		add_usage(&sum->record.usage, t);
		return;
	}
	if (!write_sum(out, sum))
		return;
	r = find_reader();
	sum->leader = leader;
	sum->record.kind = RECORD_THREAD;
	sum->record.pid = number_of(signal->pids[PIDTYPE_TGID], &r);
	read_usage(&sum->record.usage, t);
}

/* At the end, and at the beginning, where a pass that was given up has left something. */
INLINE void end_sum(struct seq_file *out, u32 begins)
{
	struct thread_sum *sum;
	u32 zero = 0;

	sum = map_lookup(&thread_sums, &zero);
	if (!sum)
		return;
	if (begins)
		sum->leader = 0;
	else
		write_sum(out, sum);
}

/* What a process does with each signal. To the verifier of some kernels a handler
 * is a pointer that is never 0, so the table is copied first. */
INLINE void read_actions(struct scratch *scratch, struct sighand_struct *sighand)
{
	const u32 size = TYPE_SIZE(struct k_sigaction);
	const u32 at = FIELD_OFFSET(((struct k_sigaction *)0)->sa.sa_handler);
	void *action = scratch->actions;
	u64 ignored = 0, caught = 0;

	if (size > sizeof(scratch->actions) / SIGNALS || at > size - sizeof(u64))
		return;
	if (probe_read(scratch->actions, SIGNALS * size, sighand->action))
		return;
#pragma unroll
	for (u32 i = 0; i < SIGNALS; i++, action += size) {
		u64 handler = *(u64 *)(action + at);
		u64 other = handler ^ 1; /* 1 ignores the signal, 0 leaves it to the kernel */
		u64 is_set = (handler | -handler) >> 63;
		u64 is_other = (other | -other) >> 63;

		ignored |= (is_other ^ 1) << i;
		caught |= (is_set & is_other) << i;
		KEEP_APART(ignored); /* else all are loaded first, and find no room */
		KEEP_APART(caught);
	}
	scratch->process.signals.ignored = ignored;
	scratch->process.signals.caught = caught;
	scratch->process.has_actions = 1;
}

INLINE void read_signals(struct signals *s, const struct parts *of)
{
	struct task_struct *t = of->task;

	s->pending = t->pending.signal.sig[0];
	s->shared_pending = of->signal->shared_pending.signal.sig[0];
	s->blocked = t->blocked.sig[0];
}

/* A process of a PID namespace below the reader's has more numbers than one. */
INLINE void write_inner_pids(struct seq_file *out, struct scratch *s, struct pid *numbers,
			     const struct reader *r)
{
	struct inner_pids_record *inner = &s->inner;
	struct number n = {};

	__builtin_memset(inner, 0, sizeof(*inner));
	inner->kind = RECORD_INNER_PIDS;
	inner->pid = s->process.pid;
	for (u32 i = 0; i < LIMIT_INNER_PIDS; i++) {
		if (r->level + 1 + i > numbers->level)
			break;
		number_at(&n, numbers, r->level + 1 + i);
		inner->numbers[i] = n.nr;
		inner->count = i + 1;
	}
	seq_write(out, inner, sizeof(*inner));
}

/* Where a command line lies tells, with the exec id, whether it is another one. */
INLINE void read_arguments_place(struct process_record *p, const struct parts *of)
{
	struct mm_struct *mm = of->mm;

	if (!mm || of->task->flags & PF_KTHREAD)
		return;
	p->arg_start = mm->arg_start;
	p->arg_end = mm->arg_end;
}

/* A number that changes when a process's leader has run: to run it is put on a CPU, and
 * taken off it, which is counted, before it can be seen off it again. A thread that runs
 * a program takes its leader's place, and not its count of programs. It changes too when
 * threads have ended: who has one, and has not run, had one all the while. */
INLINE u64 stamp_of(const struct parts *of)
{
	const u64 spread = 0x9e3779b97f4a7c15ULL; /* odd: no two differences cancel each other by chance */
	struct task_struct *t = of->task;
	u64 stamp = t->start_boottime * spread + t->self_exec_id;

	return ((stamp * spread + t->nvcsw) * spread + t->nivcsw) * spread + of->signal->nr_threads;
}

/* Whoever waits for a CPU has not slept, and how long he waits may be counted. */
INLINE u32 may_run(struct task_struct *t)
{
	u32 state;

	if (FIELD_EXISTS(t->__state))
		state = t->__state;
	else
		state = ((struct task_struct___before_5_14 *)t)->state;
	if (FIELD_EXISTS(t->on_cpu))
		return !state || t->on_cpu;
	return !state || t == current_task();
}

/* Is what only the process itself changes as user space knows it? Who is ending, and
 * whose turn it is, is read again anyway: a process's other threads, and who shares
 * memory or handlers with it, are not looked at. Read before what it vouches for. */
INLINE u32 is_as_told(struct task_struct *t, s32 pid, u64 last, u64 stamp)
{
	u32 zero = 0;
	struct pass *pass = map_lookup(&passes, &zero);

	if (!pass || pass->whole || may_run(t) || t->flags & PF_EXITING)
		return 0;
	return last == stamp && (u32)pid % LIMIT_TURNS != pass->turn;
}

/* The part that is wide and seldom another one. */
INLINE void read_wide(struct scratch *s, const struct parts *of)
{
	struct process_record *p = &s->process;

	__builtin_memset((void *)p + NARROW_BYTES, 0, sizeof(*p) - NARROW_BYTES);
	if (!brief) {
		read_actions(s, of->sighand);
		read_rights(&p->rights, of);
		read_namespaces(&p->namespaces, of);
	}
	if (of->task->flags & PF_KTHREAD)
		read_kernel_name(p, of->task);
}

INLINE void write_idle(struct seq_file *out, struct process_record *p, const struct parts *of)
{
	struct idle_record *idle = (void *)p; /* which begins with the same */

	idle->kind = RECORD_IDLE;
	idle->pending = of->task->pending.signal.sig[0];
	idle->shared_pending = of->signal->shared_pending.signal.sig[0];
	idle->blocked = of->task->blocked.sig[0];
	write_tally(out, of->task, p->pid, &p->usage);
	seq_write(out, idle, sizeof(*idle));
}

/* Its record comes last: where that has found room, all that belongs to it has. */
INLINE void write_process(struct seq_file *out, struct scratch *s, const struct parts *of, u64 cgroup_id,
			  u64 *last)
{
	struct process_record *p = &s->process;
	const struct reader reader = find_reader(), *r = &reader;
	u64 stamp = brief ? 0 : stamp_of(of);
	u32 told;

	__builtin_memset(p, 0, NARROW_BYTES);
	p->pid = number_of(of->pid, r);
	p->cgroup_id = cgroup_id;
	told = !brief && is_as_told(of->task, p->pid, *last, stamp);
	read_family(p, of, r);
	read_scheduling(p, of);
	read_memory(p, of);
	if (told && p->threads == 1) {
		write_idle(out, p, of);
		return;
	}
	p->kind = RECORD_NARROW;
	read_own(p, of);
	add_ended(&p->usage, of->signal);
	read_arguments_place(p, of);
	if (!brief)
		read_signals(&p->signals, of);
	write_tally(out, of->task, p->pid, &p->usage);
	if (told) {
		seq_write(out, p, NARROW_BYTES);
		return;
	}
	p->kind = RECORD_PROCESS;
	read_wide(s, of);
	if (!brief && of->pid->level > r->level)
		write_inner_pids(out, s, of->pid, r);
	if (!seq_write(out, p, sizeof(*p)) && !brief)
		*last = stamp;
}

SEC("iter/task")
int table(struct bpf_iter__task *ctx)
{
	struct bpf_iter_meta *meta = ctx->meta;
	struct seq_file *out = meta->seq;
	struct task_struct *t = ctx->task;
	struct kernfs_node *kn = 0;
	struct scratch *s;
	struct parts parts;
	u32 zero = 0, slot;
	u64 id = 0, *last;

	if (!t || !meta->seq_num)
		end_sum(out, !meta->seq_num);
	if (!t)
		return 0;
	if (brief) /* then nothing is counted, for which it has to be trusted */
		t = UNTRUSTED(struct task_struct, t);
	if (t->pid != t->tgid) {
		if (tallied)
			write_thread(out, t);
		else
			add_thread(out, t);
		return 0;
	}
	parts = parts_of(t, !brief);
	if (!brief) {
		kn = find_cgroup(t);
		id = kn->id;
	}
	slot = t->pid & (LIMIT_STAMPS - 1);
	last = map_lookup(&stamps, &slot);
	s = map_lookup(&scratches, &zero);
	if (!s || !last)
		return 0;
	if (!brief && !map_lookup(&known_cgroups, &id))
		write_cgroup(out, kn, id);
	write_process(out, s, &parts, id, last);
	return 0;
}

/* Copies a command line as /proc/PID/cmdline has it: a process that wrote over
 * its last byte has given itself a title, which may run on into its environment.
 * Looking into another process is most of the cost, so it is done once where
 * that is enough. */
INLINE u32 copy_arguments(struct arguments_record *a, struct command_line *line, struct mm_struct *mm,
			  struct task_struct *t)
{
	u64 start = mm->arg_start, end = mm->arg_end, env = mm->env_end;
	u64 whole = end - start, length = whole;
	u8 last;

	if (!start || end <= start)
		return 0;
	if (length > LIMIT_ARGUMENTS)
		length = LIMIT_ARGUMENTS;
	if (copy_from_user_task(line->bytes, length, (void *)start, t, 0))
		return 0;
	last = line->bytes[(length - 1) & (LIMIT_ARGUMENTS - 1)];
	if (whole > LIMIT_ARGUMENTS && copy_from_user_task(&last, 1, (void *)(end - 1), t, 0))
		return 0;
	if (!last)
		return length;
	a->title = 1;
	if (whole >= LIMIT_ARGUMENTS || mm->env_start != end || env <= end)
		return length;
	length = env - start;
	if (length > LIMIT_ARGUMENTS)
		length = LIMIT_ARGUMENTS;
	if (copy_from_user_task(line->bytes, length, (void *)start, t, 0))
		return 0;
	return length;
}

INLINE u32 is_wanted(s32 pid)
{
	u32 zero = 0, bit = pid & (LIMIT_WANTED - 1);
	struct wanted_pids *w = map_lookup(&wanted, &zero);

	return w && w->bits[bit / 64] >> (bit % 64) & 1;
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
	r = find_reader();
	a.pid = number_of(t->thread_pid, &r);
	if (!is_wanted(a.pid))
		return 0;
	mm = t->mm;
	line = map_lookup(&command_lines, &zero);
	if (!mm || !line)
		return 0;
	a.start_ns = t->start_boottime;
	a.exec_id = t->self_exec_id;
	length = copy_arguments(&a, line, mm, t);
	if (length > LIMIT_ARGUMENTS)
		return 0;
	a.length = length;
	seq_write(ctx->meta->seq, &a, sizeof(a));
	if (length)
		seq_write(ctx->meta->seq, line->bytes, length);
	return 0;
}
