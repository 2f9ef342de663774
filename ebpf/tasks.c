//go:build ignore

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `walk` reads the whole process table without ever sleeping, and so does `table`, an
 * iterator, on kernels where a program cannot walk by itself; `lines` and `arguments` read
 * command lines, for which they may have to wait for a process's memory lock, and therefore
 * run apart. */
#include "read.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Leaves out what the usual columns do not show: signals, rights, namespaces and
 * cgroups; each record is whole then but for these. Set before loading: the verifier
 * never comes to what is left out. */
volatile const u32 brief = 0;

/* The kernel's number of struct task_struct; set before loading. */
volatile const u32 task_type = 0;

#define PLAIN(task) UNTRUSTED(struct task_struct, task_type, (void *)(task))

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

/* How often processes had run when they were told of as a whole, and their threads when
 * their usage was, by their pids' lowest bits: see `stamp_of`; and where these threads
 * are: see `recall_threads`. */
struct stamp {
	u64 leader, threads;
	u64 set, at;
};
struct {
	MAP_NUMBER(type, MAP_ARRAY);
	MAP_NUMBER(max_entries, LIMIT_STAMPS);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct stamp);
} stamps SEC(".maps");

/* The threads of processes, each process's side by side, where the eldest make room. */
struct found_threads {
	u64 used; /* of tasks, and of what they have been before */
	u64 tasks[LIMIT_THREADS];
};
struct {
	MAP_NUMBER(type, MAP_ARRAY);
	MAP_NUMBER(max_entries, 1);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct found_threads);
} found_threads SEC(".maps");

/* Of how many threads the words are asked for at once. */
enum { AHEAD = 8 };

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
	struct cgroup_record cgroup;
	u64 touched; /* nobody reads it */
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

/* How much of the room is used; set before loading. */
volatile const u64 room_bytes = LIMIT_ROOM;

/* User space maps it, and reads what a walk has left when that is over. */
struct {
	MAP_NUMBER(type, MAP_ARRAY);
	MAP_NUMBER(map_flags, MAP_MAPPABLE);
	MAP_NUMBER(max_entries, 1);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct room);
} rooms SEC(".maps");

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
	struct room room;
	struct asked_lines asked_lines;
	enum record_kind kind;
	enum limit limit;
	enum hierarchy hierarchy;
} *definitions __attribute__((unused));

/* Where records go: to whoever reads an iterator, or into the room. Which of them is
 * known when a program is compiled. */
struct sink {
	u32 iterates;
	struct seq_file *file;
	struct room *room;
};

INLINE long leave(struct room *room, const void *record, u32 size, u32 margin)
{
	u64 at = room->used;

	if (at > room_bytes - size - margin) {
		room->next = 1;
		return -1;
	}
	room->used = at + size;
	room->last = at;
	return probe_read(room->bytes + at, size, record);
}

/* Zero, or why there is no room. In the room what comes after a process's own record
 * finds some, too: its stamp says that it has been told. */
INLINE long put(const struct sink *out, const void *record, u32 size)
{
	if (out->iterates)
		return seq_write(out->file, record, size);
	return leave(out->room, record, size, sizeof(struct process_record) + sizeof(struct tally_record));
}

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

INLINE void write_cgroup(const struct sink *out, struct cgroup_record *c, struct kernfs_node *kn, u64 id)
{
	c->kind = RECORD_CGROUP;
	c->cgroup_id = id;
	for (u32 i = 0; i < LIMIT_DEPTH && kn; i++) {
		read_directory(c, kn, i);
		put(out, c, sizeof(*c));
		kn = parent_of(kn);
	}
}

/* What is counted of a process, or of a thread, beside its usage; 0 for nothing. U is the
 * usage of the leader, which may have handed over its delay already. */
INLINE struct tally_record *tally_of(struct task_struct *t, s32 pid, struct usage *u, u32 *found)
{
	struct tally_record *r;
	u32 zero = 0;

	*found = 0;
	r = tallied ? map_lookup(&tally_records, &zero) : 0;
	if (!r)
		return 0;
	r->kind = RECORD_TALLY;
	r->pid = pid;
	*found = t == t->group_leader ? read_tally(&r->tally, t) : read_traffic(&r->tally, t);
	if (*found && r->tally.ended_leader == (u64)t)
		u->run_delay_ns = 0;
	return r;
}

INLINE void write_tally(const struct sink *out, struct task_struct *t, s32 pid, struct usage *u)
{
	u32 found;
	struct tally_record *r;

	if (!out->iterates) /* a walk does it, which is trusted with the task */
		return;
	r = tally_of(t, pid, u, &found);
	if (r && found)
		put(out, r, sizeof(*r));
}

INLINE void write_thread(const struct sink *out, struct task_struct *t)
{
	struct thread_record thread = { .kind = RECORD_THREAD };
	struct signal_struct *signal = t->signal;
	struct reader r = find_reader(current_task());

	thread.pid = number_of(signal->pids[PIDTYPE_TGID], &r);
	read_usage(&thread.usage, t);
	if (tallied && t->flags & PF_EXITING && thread.usage.run_delay_ns != ~0ULL)
		thread.usage.run_delay_ns = 0; /* its process has it */
	put(out, &thread, sizeof(thread));
	write_tally(out, t, thread.pid, &thread.usage);
}

/* Writes what has been added up. False where there is no room: the kernel runs the
 * program once more for the same task then, and nothing may have changed. */
INLINE u32 write_sum(const struct sink *out, struct thread_sum *sum)
{
	if (sum->leader && put(out, &sum->record, sizeof(sum->record)))
		return 0;
	sum->leader = 0;
	return 1;
}

INLINE void add_thread(const struct sink *out, struct task_struct *t)
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
	r = find_reader(current_task());
	sum->leader = leader;
	sum->record.kind = RECORD_THREAD;
	sum->record.pid = number_of(signal->pids[PIDTYPE_TGID], &r);
	read_usage(&sum->record.usage, t);
}

/* At the end, and at the beginning, where a pass that was given up has left something. */
INLINE void end_sum(const struct sink *out, u32 begins)
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
INLINE void write_inner_pids(const struct sink *out, struct scratch *s, struct pid *numbers,
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
	put(out, inner, sizeof(*inner));
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

/* Two differences cancel each other by chance alone. */
#define SPREAD 0x9e3779b97f4a7c15ULL

/* Where the stamp of a process is. */
INLINE u32 slot_of(struct task_struct *leader)
{
	return leader->pid & (LIMIT_STAMPS - 1);
}

/* A number that changes when a thread has run: to run it is put on a CPU, and taken off
 * it, which is counted, before it can be seen off it again. */
INLINE u64 runs_of(struct task_struct *t)
{
	return (t->start_boottime * SPREAD + t->nvcsw) * SPREAD + t->nivcsw;
}

/* The same of a process's leader. A thread that runs a program takes its leader's place,
 * and not its count of programs. It changes too when threads have ended: who has one, and
 * has not run, had one all the while. */
INLINE u64 stamp_of(const struct parts *of)
{
	return (runs_of(of->task) * SPREAD + of->task->self_exec_id) * SPREAD + of->signal->nr_threads;
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

/* Which threads a process has, as a number: none ends without being counted by what
 * it has been put on a CPU, and none begins otherwise while there are as many. */
INLINE u64 set_of(struct task_struct *leader)
{
	struct signal_struct *signal = leader->signal;
	u64 ended = (signal->nvcsw * SPREAD + signal->nivcsw) * SPREAD + leader->self_exec_id;

	return (ended * SPREAD + leader->start_boottime) * SPREAD + signal->nr_threads;
}

/* How often all threads of a process but its leader have run together: of the same threads
 * that is the same while none has run, since none runs less often than before. And whether
 * one may be running, or has not run. */
struct runs {
	u64 sum, may_run;
};

INLINE void add_runs(struct runs *all, struct task_struct *t)
{
	u64 runs = t->nvcsw + t->nivcsw;

	all->sum += runs;
	all->may_run |= may_run(t) || !runs;
}

INLINE u64 number_of_runs(const struct runs *all)
{
	return all->may_run ? 0 : all->sum;
}

/* Has what is read of the threads from one on come from memory, all at once. Who is none of
 * this process's is as good as any. */
INLINE void touch_threads(const struct found_threads *found, u64 from)
{
	u64 sum = 0;

	for (u32 i = 0; i < AHEAD; i++) {
		struct task_struct *t = PLAIN(found->tasks[(from + i) % LIMIT_THREADS]);

		sum += t->nvcsw + t->flags; /* which is beside its state */
	}
	KEEP_APART(sum);
}

/* One number for the threads of a process but its leader; 0 where one may be running, and
 * where it is not known where they are. None is in a cache, as a rule: from one to the next
 * each would have to be awaited, and of those that are known several are at once. */
INLINE u64 recall_threads(struct task_struct *leader, const struct stamp *last)
{
	struct runs all = { .sum = 1 };
	struct found_threads *found;
	struct bpf_iter_num it;
	u32 zero = 0;
	s32 *i;

	found = map_lookup(&found_threads, &zero);
	if (!found || last->set != set_of(leader) || found->used - last->at > LIMIT_THREADS)
		return 0;
	bpf_iter_num_new(&it, 0, leader->signal->nr_threads - 1);
	while ((i = bpf_iter_num_next(&it))) {
		if (*i % AHEAD == 0)
			touch_threads(found, last->at + *i);
		add_runs(&all, PLAIN(found->tasks[(last->at + *i) % LIMIT_THREADS]));
	}
	bpf_iter_num_destroy(&it);
	return number_of_runs(&all);
}

/* Adds the threads of a process that have not ended, but for its leader, to its usage, and
 * to what is counted of it, R, too: true where something is. The room gets the number for
 * them as they were before, and where they are. */
INLINE u32 add_threads(struct usage *u, struct tally_record *r, struct task_struct *leader, struct room *room)
{
	struct task_struct *t, *held = bpf_task_acquire(leader);
	struct runs all = { .sum = 1 };
	struct found_threads *found;
	struct bpf_iter_task it;
	u32 zero = 0, counted = 0;

	if (!held)
		return 0;
	found = map_lookup(&found_threads, &zero);
	if (!found) {
		bpf_task_release(held);
		return 0;
	}
	room->set = set_of(PLAIN(leader));
	room->at = found->used;
	bpf_iter_task_new(&it, held, WALK_THREADS);
	while ((t = bpf_iter_task_next(&it))) {
		if (t == leader)
			continue;
		found->tasks[found->used++ % LIMIT_THREADS] = (u64)t;
		add_runs(&all, PLAIN(t));
		FIRST();
		add_usage(u, PLAIN(t));
		if (!r)
			continue;
		if (FIELD_EXISTS(t->sched_info.run_delay) && !(t->flags & PF_EXITING)) /* else its process has it */
			u->run_delay_ns += t->sched_info.run_delay;
		if (add_traffic(&r->tally.traffic, t))
			counted = 1;
	}
	bpf_iter_task_destroy(&it);
	bpf_task_release(held);
	room->threads = number_of_runs(&all);
	return counted;
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

/* Have its other threads done nothing? An iterator comes to them later. */
INLINE u32 are_as_told(const struct sink *out, const struct stamp *last)
{
	return !out->iterates && out->room->threads && out->room->threads == last->threads;
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
	p->task = of->task->tgid;
	if (of->task->flags & PF_KTHREAD)
		read_kernel_name(p, of->task);
}

INLINE void write_idle(const struct sink *out, struct process_record *p, const struct parts *of)
{
	struct idle_record *idle = (void *)p; /* which begins with the same */

	idle->kind = RECORD_IDLE;
	idle->pending = of->task->pending.signal.sig[0];
	idle->shared_pending = of->signal->shared_pending.signal.sig[0];
	idle->blocked = of->task->blocked.sig[0];
	write_tally(out, of->task, p->pid, &p->usage);
	put(out, idle, sizeof(*idle));
}

/* Its record comes last: where that has found room, all that belongs to it has. */
INLINE void write_process(const struct sink *out, struct scratch *s, const struct parts *of, u64 cgroup_id,
			  struct stamp *last)
{
	struct process_record *p = &s->process;
	const struct reader reader = find_reader(brief ? UNTRUSTED(struct task_struct, task_type, current_task()) : current_task()), *r = &reader;
	u64 stamp = brief ? 0 : stamp_of(of);
	u32 told;

	__builtin_memset(p, 0, NARROW_BYTES);
	p->pid = number_of(of->pid, r);
	if (!p->pid)
		return;
	p->cgroup_id = cgroup_id;
	told = !brief && is_as_told(of->task, p->pid, last->leader, stamp);
	read_family(p, of, r);
	read_scheduling(p, of);
	read_memory(p, of);
	if (told && (p->threads == 1 || are_as_told(out, last))) {
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
		put(out, p, NARROW_BYTES);
		return;
	}
	p->kind = RECORD_PROCESS;
	read_wide(s, of);
	if (!brief && of->pid->level > r->level)
		write_inner_pids(out, s, of->pid, r);
	if (!put(out, p, sizeof(*p)) && !brief)
		last->leader = stamp;
}

/* Reads a pointer, with which the verifier lets nobody reckon. */
#define AWAIT(pointer) asm volatile("" ::"r"(pointer))

/* Reads a word of each part of a process that is read now, and of its successor itself. What
 * has not run for a while is in no cache: the memory's answers are awaited all at once then,
 * and not each in its turn, and what leads on is there when it is the successor's. */
INLINE u64 touch(struct room *room, const struct parts *of)
{
	struct task_struct *next;
	struct signal_struct *sig = of->signal;
	struct mm_struct *mm = of->mm;
	u64 sum;

	room->task = (u64)of->task->tasks.next; /* from where it is a number to the verifier */
	FIRST();
	next = PLAIN(room->task - FIELD_OFFSET(of->task->tasks));
	room->task = (u64)of->task;
	sum = next->flags + next->prio + next->policy + next->exit_state + next->pid + next->nvcsw + next->blocked.sig[0];
	sum += next->self_exec_id + next->comm[0];
	AWAIT(next->tasks.next);
	AWAIT(next->mm);
	AWAIT(next->thread_pid);
	AWAIT(next->signal);
	AWAIT(next->cgroups);
	sum += sig->nr_threads + sig->shared_pending.signal.sig[0] + sig->cutime + sig->min_flt + sig->oom_score_adj;
	sum += of->pid->level + of->pid->numbers[0].nr;
	if (mm)
		sum += mm->total_vm + mm->rss_stat[PAGES_FILE].count + mm->rss_stat[PAGES_SWAP].count;
	return sum;
}

INLINE void read_task(const struct sink *out, struct task_struct *t)
{
	const struct parts parts = parts_of(t, !brief);
	struct kernfs_node *kn = 0;
	struct scratch *s;
	struct stamp *last;
	u32 zero = 0, slot;
	u64 id = 0;

	if (!brief) {
		kn = find_cgroup(t);
		id = kn->id;
	}
	slot = brief ? 0 : slot_of(t);
	last = map_lookup(&stamps, &slot);
	s = map_lookup(&scratches, &zero);
	if (!s || !last)
		return;
	if (!out->iterates) {
		s->touched = touch(out->room, &parts);
		out->room->threads = parts.signal->nr_threads > 1 ? recall_threads(t, last) : 0;
	}
	if (!brief && (out->iterates || id != out->room->cgroup)) {
		if (!map_lookup(&known_cgroups, &id))
			write_cgroup(out, &s->cgroup, kn, id);
		else if (!out->iterates)
			out->room->cgroup = id;
	}
	write_process(out, s, &parts, id, last);
}

SEC("iter/task")
int table(struct bpf_iter__task *ctx)
{
	struct bpf_iter_meta *meta = ctx->meta;
	const struct sink out = { .iterates = 1, .file = meta->seq };
	struct task_struct *t = ctx->task;

	if (!t || !meta->seq_num)
		end_sum(&out, !meta->seq_num);
	if (!t)
		return 0;
	if (brief) /* then nothing is counted, for which it has to be trusted */
		t = UNTRUSTED(struct task_struct, task_type, t);
	if (t->pid == t->tgid)
		read_task(&out, t);
	else if (tallied)
		write_thread(&out, t);
	else
		add_thread(&out, t);
	return 0;
}

/* Leaves what there is to tell of a process but for its other threads, and for what is
 * counted beside. It is a function to the verifier, too, which would follow each way
 * through it in a loop apart. */
__attribute__((noinline)) int leave_process(void)
{
	struct sink out = {};
	u32 zero = 0;

	out.room = map_lookup(&rooms, &zero);
	if (!out.room)
		return 0;
	out.room->last = LIMIT_ROOM;
	read_task(&out, UNTRUSTED(struct task_struct, task_type, (void *)out.room->task));
	return 0;
}

/* Keeps what a walk has found of the threads whose usage it has told. Where one may be
 * running they are asked for anew: only who has slept is counted when it ends. */
__attribute__((noinline)) int keep_threads(void)
{
	struct found_threads *found;
	struct task_struct *leader;
	struct stamp *last;
	struct room *room;
	u32 zero = 0, slot;

	room = map_lookup(&rooms, &zero);
	found = map_lookup(&found_threads, &zero);
	if (!room || !found)
		return 0;
	leader = PLAIN(room->task);
	slot = slot_of(leader);
	last = map_lookup(&stamps, &slot);
	if (!last)
		return 0;
	last->threads = room->threads;
	last->set = room->threads && found->used - room->at == leader->signal->nr_threads - 1 ? room->set : 0;
	last->at = room->at;
	return 0;
}

/* Adds what is its threads' to the record of a process that has been left: to its usage,
 * which one that has not run does not tell of, and to what is counted. */
INLINE void leave_threads(struct room *room, struct task_struct *t)
{
	u64 at = room->last;
	struct process_record *p = (void *)room->bytes + at;
	struct tally_record *r;
	u32 found;

	if (at > sizeof(room->bytes) - sizeof(*p))
		return;
	r = tally_of(t, p->pid, &p->usage, &found);
	if (p->threads > 1 && (r || p->kind != RECORD_IDLE)) {
		found |= add_threads(&p->usage, r, t, room);
		if (p->kind != RECORD_IDLE)
			keep_threads();
	}
	if (r && found)
		leave(room, r, sizeof(*r), 0);
}

/* Is it the process that a walk goes on from? */
INLINE u32 is_next(const struct room *room, struct task_struct *t)
{
	return (u64)t == room->next && t->start_boottime == room->next_start_ns;
}

/* Leaves as many records as there is room for. What is one process's is left whole, or
 * taken back: the walk that follows begins with it. */
SEC("syscall")
int walk(void *unused __attribute__((unused)))
{
	struct bpf_iter_task it;
	struct task_struct *t;
	struct room *room;
	u32 zero = 0;
	u64 whole;

	room = map_lookup(&rooms, &zero);
	if (!room)
		return 1;
	room->used = room->cgroup = 0;
	bpf_rcu_read_lock();
	bpf_iter_task_new(&it, 0, WALK_PROCESSES);
	while ((t = bpf_iter_task_next(&it))) {
		if (room->next) {
			if (!is_next(room, t))
				continue;
			room->next = 0;
		}
		if (!t->pid)
			continue; /* no process, but what runs on the first CPU when nothing does */
		whole = room->used;
		room->task = (u64)t;
		leave_process();
		if (!room->next) {
			leave_threads(room, t);
			continue;
		}
		room->used = whole;
		room->next = (u64)t;
		room->next_start_ns = t->start_boottime;
		break;
	}
	bpf_iter_task_destroy(&it);
	bpf_rcu_read_unlock();
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

/* What a record of a process's command line has before the line; 0 where it has none. */
INLINE struct mm_struct *begin_line(struct arguments_record *a, struct task_struct *t)
{
	struct reader r = find_reader(UNTRUSTED(struct task_struct, task_type, current_task()));

	a->pid = number_of(t->thread_pid, &r);
	a->start_ns = t->start_boottime;
	a->exec_id = t->self_exec_id;
	return t->mm;
}

SEC("iter.s/task")
int arguments(struct bpf_iter__task *ctx)
{
	struct arguments_record a = { .kind = RECORD_ARGUMENTS };
	struct task_struct *trusted = ctx->task, *t;
	struct command_line *line;
	struct mm_struct *mm;
	u32 zero = 0, length;

	if (!trusted)
		return 0;
	t = UNTRUSTED(struct task_struct, task_type, trusted);
	if (t->pid != t->tgid || t->flags & PF_KTHREAD)
		return 0;
	mm = begin_line(&a, t);
	line = map_lookup(&command_lines, &zero);
	if (!mm || !line || !is_wanted(a.pid))
		return 0;
	length = copy_arguments(&a, line, mm, trusted);
	if (length > LIMIT_ARGUMENTS)
		return 0;
	a.length = length;
	seq_write(ctx->meta->seq, &a, sizeof(a));
	if (length)
		seq_write(ctx->meta->seq, line->bytes, length);
	return 0;
}

struct {
	MAP_NUMBER(type, MAP_ARRAY);
	MAP_NUMBER(map_flags, MAP_MAPPABLE);
	MAP_NUMBER(max_entries, 1);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct asked_lines);
} asking SEC(".maps");

/* Leaves a process's command line at a place where there is room for any; its size. */
INLINE u32 leave_line(struct arguments_record *to, struct task_struct *trusted)
{
	struct arguments_record a = { .kind = RECORD_ARGUMENTS };
	struct task_struct *t = PLAIN(trusted);
	struct mm_struct *mm = begin_line(&a, t);
	u32 length;

	if (!mm || t->flags & PF_KTHREAD)
		return 0;
	length = copy_arguments(&a, (void *)(to + 1), mm, trusted);
	if (length > LIMIT_ARGUMENTS)
		return 0;
	a.length = length;
	*to = a;
	return sizeof(a) + length;
}

/* The same as `arguments` for those alone that are asked for: an iterator steps over all
 * tasks to come to them, which takes as long as to read them. */
SEC("syscall")
int lines(void *unused __attribute__((unused)))
{
	struct asked_lines *asked;
	struct bpf_iter_num it;
	struct task_struct *t;
	u32 zero = 0;
	u64 at;
	s32 *i;

	asked = map_lookup(&asking, &zero);
	if (!asked)
		return 1;
	bpf_iter_num_new(&it, asked->next, asked->count);
	while ((i = bpf_iter_num_next(&it))) {
		at = asked->used;
		if (at > LIMIT_LINES - LIMIT_ARGUMENTS - sizeof(struct arguments_record))
			break;
		asked->next = *i + 1;
		t = bpf_task_from_pid(asked->tasks[*i & (LIMIT_ASKED - 1)]);
		if (!t)
			continue;
		asked->used = at + leave_line((void *)(asked->bytes + at), t);
		bpf_task_release(t);
	}
	bpf_iter_num_destroy(&it);
	return 0;
}
