/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is counted by tracepoints, between two passes. A thread counts for itself,
 * where nobody else writes; when it ends, its process takes that over. A process
 * is known by its number and its start, which outlive a change of its leader. */
#pragma once

#include "kernel.h"
#include "record.h"

/* Whether the programs of tally.c are there; set before loading. */
volatile const u32 tallied = 0;

struct tally_key {
	s32 task; /* the process's number in the first PID namespace */
	u32 reserved;
	u64 start_ns;
};

struct {
	MAP_NUMBER(type, MAP_TASK_STORAGE);
	MAP_NUMBER(map_flags, MAP_NO_PREALLOC);
	MAP_TYPE(key, s32);
	MAP_TYPE(value, struct traffic);
} thread_traffic SEC(".maps");

struct {
	MAP_NUMBER(type, MAP_HASH);
	MAP_NUMBER(map_flags, MAP_NO_PREALLOC);
	MAP_NUMBER(max_entries, LIMIT_TALLIES);
	MAP_TYPE(key, struct tally_key);
	MAP_TYPE(value, struct tally);
} tallies SEC(".maps");

INLINE struct tally_key tally_key_of(struct task_struct *t)
{
	return (struct tally_key){ .task = t->tgid, .start_ns = t->group_leader->start_boottime };
}

/* Fills in what a thread has counted for itself. False where it has not. */
INLINE u32 read_traffic(struct tally *sum, struct task_struct *t)
{
	struct traffic *own = task_storage(&thread_traffic, t, 0, 0);

	__builtin_memset(sum, 0, sizeof(*sum));
	if (!own)
		return 0;
	sum->traffic = *own;
	return 1;
}

INLINE void add_counts(struct traffic *sum, const struct traffic *t)
{
	sum->net_rx_bytes += t->net_rx_bytes;
	sum->net_tx_bytes += t->net_tx_bytes;
	sum->net_rx_calls += t->net_rx_calls;
	sum->net_tx_calls += t->net_tx_calls;
	sum->udp_rx_bytes += t->udp_rx_bytes;
	sum->udp_tx_bytes += t->udp_tx_bytes;
	sum->unix_rx_bytes += t->unix_rx_bytes;
	sum->unix_tx_bytes += t->unix_tx_bytes;
}

/* Adds what a thread has counted for itself. False where it has not. */
INLINE u32 add_traffic(struct traffic *sum, struct task_struct *t)
{
	struct traffic *own = task_storage(&thread_traffic, t, 0, 0);

	if (!own)
		return 0;
	add_counts(sum, own);
	return 1;
}

/* Fills in what is counted of a process, but for threads other than T that have
 * not ended. */
INLINE u32 read_tally(struct tally *sum, struct task_struct *t)
{
	struct tally_key key = tally_key_of(t);
	u32 found = read_traffic(sum, t);
	struct tally *known = map_lookup(&tallies, &key);

	if (!known)
		return found;
	add_counts(&sum->traffic, &known->traffic);
	sum->run_delay_ns = known->run_delay_ns;
	sum->block_io_ns = known->block_io_ns;
	sum->block_io_count = known->block_io_count;
	sum->ended_leader = known->ended_leader;
	return 1;
}
