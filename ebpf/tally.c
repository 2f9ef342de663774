//go:build ignore

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What processes do that the process table does not tell: bytes through sockets,
 * time that block devices took for them. Nothing of this is an event: the
 * programs add up, and the next pass reads. */
#include "tally.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Whether the delay of threads that end is wanted; set before loading. */
volatile const u32 delays = 0;

#define MSG_PEEK 0x2
#define MSG_ERRQUEUE 0x2000

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_NETLINK 16
#define IPPROTO_UDP 17

struct {
	MAP_NUMBER(type, MAP_PERCPU_ARRAY);
	MAP_NUMBER(max_entries, 1);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct tally_losses);
} losses SEC(".maps");

/* Requests at work, by the kernel's address of each. Of some no end is told: of one
 * that is merged into another, and under load now and then of others. Its place is
 * taken when its address is used again. */
struct request_start {
	struct tally_key key;
	u64 at_ns;
};
struct {
	MAP_NUMBER(type, MAP_HASH);
	MAP_NUMBER(max_entries, LIMIT_REQUESTS);
	MAP_TYPE(key, u64);
	MAP_TYPE(value, struct request_start);
} requests SEC(".maps");

/* Kept in the object's BTF, so that Go's definitions can be made of them. */
struct {
	struct tally_losses losses;
	struct tally tally;
	enum limit limit;
} *definitions __attribute__((unused));

INLINE struct tally_losses *own_losses(void)
{
	u32 zero = 0;

	return map_lookup(&losses, &zero);
}

INLINE void lose_thread(void)
{
	struct tally_losses *l = own_losses();

	if (l)
		l->threads++;
}

INLINE void lose_request(void)
{
	struct tally_losses *l = own_losses();

	if (l)
		l->requests++;
}

INLINE void miss_end(void)
{
	struct tally_losses *l = own_losses();

	if (l)
		l->untold++;
}

/* What the running thread has sent and received: its own, so that no other one
 * waits for it. */
INLINE struct traffic *own_traffic(void)
{
	struct traffic *own = task_storage(&thread_traffic, current_task(), 0, STORAGE_CREATE);

	if (!own)
		lose_thread();
	return own;
}

INLINE u32 is_udp(struct sock *sk, u16 family)
{
	return (family == AF_INET || family == AF_INET6) && sk->sk_protocol == IPPROTO_UDP;
}

SEC("tp_btf/sock_send_length")
int on_send(u64 *ctx)
{
	struct sock *sk = (void *)ctx[0];
	u16 family = sk->__sk_common.skc_family;
	s32 sent = (s32)ctx[1];
	struct traffic *own;

	if (sent < 0 || family == AF_NETLINK)
		return 0;
	own = own_traffic();
	if (!own)
		return 0;
	if (family == AF_UNIX) {
		own->unix_tx_bytes += sent;
		return 0;
	}
	own->net_tx_bytes += sent;
	own->net_tx_calls++;
	if (is_udp(sk, family))
		own->udp_tx_bytes += sent;
	return 0;
}

/* What is only looked at is received later, and errors are nobody's bytes. */
SEC("tp_btf/sock_recv_length")
int on_receive(u64 *ctx)
{
	struct sock *sk = (void *)ctx[0];
	u16 family = sk->__sk_common.skc_family;
	s32 got = (s32)ctx[1];
	struct traffic *own;

	if (got < 0 || family == AF_NETLINK || (s32)ctx[2] & (MSG_PEEK | MSG_ERRQUEUE))
		return 0;
	own = own_traffic();
	if (!own)
		return 0;
	if (family == AF_UNIX) {
		own->unix_rx_bytes += got;
		return 0;
	}
	own->net_rx_bytes += got;
	own->net_rx_calls++;
	if (is_udp(sk, family))
		own->udp_rx_bytes += got;
	return 0;
}

/* The tally of a process, made where there is none yet. */
INLINE struct tally *find_tally(const struct tally_key *key)
{
	struct tally *known = map_lookup(&tallies, key);
	struct tally none = {};

	if (known)
		return known;
	map_update(&tallies, key, &none, MAP_NO_EXIST); /* another thread may have been quicker */
	return map_lookup(&tallies, key);
}

/* Other threads, or another CPU, may add at the same time. */
INLINE void add(u64 *sum, u64 more)
{
	if (more)
		__sync_fetch_and_add(sum, more);
}

/* Gives the process what a thread counted. It is gone from the thread before the
 * process has it: a pass that comes between misses it, and none sees it twice. */
INLINE void hand_over(struct tally *sum, struct traffic *own)
{
	struct traffic taken = *own;

	__builtin_memset(own, 0, sizeof(*own));
	add(&sum->traffic.net_rx_bytes, taken.net_rx_bytes);
	add(&sum->traffic.net_tx_bytes, taken.net_tx_bytes);
	add(&sum->traffic.net_rx_calls, taken.net_rx_calls);
	add(&sum->traffic.net_tx_calls, taken.net_tx_calls);
	add(&sum->traffic.udp_rx_bytes, taken.udp_rx_bytes);
	add(&sum->traffic.udp_tx_bytes, taken.udp_tx_bytes);
	add(&sum->traffic.unix_rx_bytes, taken.unix_rx_bytes);
	add(&sum->traffic.unix_tx_bytes, taken.unix_tx_bytes);
}

/* A thread ends: its process keeps what it counted. A leader that ends last needs
 * no help for its delay, since its task stays as long as the process is known. */
SEC("tp_btf/sched_process_exit")
int on_thread_end(u64 *ctx)
{
	struct task_struct *t = (void *)ctx[0];
	struct traffic *own = task_storage(&thread_traffic, t, 0, 0);
	u32 leads = t == t->group_leader, alone = leads && !t->signal->live.counter;
	struct tally_key key = tally_key_of(t);
	struct tally *sum;

	if (!own && (alone || !delays))
		return 0;
	sum = find_tally(&key);
	if (!sum) {
		lose_thread();
		return 0;
	}
	if (own)
		hand_over(sum, own);
	if (alone || !delays || !FIELD_EXISTS(t->sched_info.run_delay))
		return 0;
	add(&sum->run_delay_ns, t->sched_info.run_delay);
	if (leads)
		sum->ended_leader = (u64)t;
	return 0;
}

/* The kernel forgets a process. */
SEC("tp_btf/sched_process_free")
int on_forgotten(u64 *ctx)
{
	struct task_struct *t = (void *)ctx[0];
	struct tally_key key = { .task = t->tgid, .start_ns = t->start_boottime };

	if (t->pid == t->tgid)
		map_delete(&tallies, &key);
	return 0;
}

/* A request to a block device begins, in the process that asks for it. */
SEC("tp_btf/block_io_start")
int on_block_start(u64 *ctx)
{
	struct request_start start = { .key = tally_key_of(current_task()), .at_ns = since_boot() };
	u64 address = ctx[0];

	if (map_lookup(&requests, &address))
		miss_end();
	if (!find_tally(&start.key) || map_update(&requests, &address, &start, MAP_ANY))
		lose_request();
	return 0;
}

SEC("tp_btf/block_io_done")
int on_block_done(u64 *ctx)
{
	u64 address = ctx[0], now = since_boot();
	struct request_start *start = map_lookup(&requests, &address);
	struct tally *sum;

	if (!start)
		return 0; /* it began before there were programs */
	sum = map_lookup(&tallies, &start->key);
	if (sum) { /* else the process has ended */
		add(&sum->block_io_ns, now - start->at_ns);
		add(&sum->block_io_count, 1);
	}
	map_delete(&requests, &address);
	return 0;
}
