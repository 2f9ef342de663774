//go:build ignore

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which process holds which TCP socket: one pass over the open files of all
 * processes finds sockets of all network namespaces, with their ends. */
#include "read.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define IPPROTO_TCP 6
#define IPPROTO_MPTCP 262
#define TCP_CLOSE 7
#define TCP_CLOSE_WAIT 8
#define TCP_LAST_ACK 9
#define TCP_CLOSING 11

/* Kept in the object's BTF, so that Go's definitions can be made of them. */
struct {
	struct socket_record socket;
} *definitions __attribute__((unused));

INLINE void read_ends(struct socket_record *r, struct sock *sk)
{
	struct sock_common *c = &sk->__sk_common;

	r->local_port = c->skc_num;
	r->remote_port = __builtin_bswap16(c->skc_dport);
	if (r->family == AF_INET) {
		*(u32 *)r->local = c->skc_rcv_saddr;
		*(u32 *)r->remote = c->skc_daddr;
		return;
	}
	probe_read(r->local, sizeof(r->local), __builtin_preserve_access_index(&sk->__sk_common.skc_v6_rcv_saddr));
	probe_read(r->remote, sizeof(r->remote), __builtin_preserve_access_index(&sk->__sk_common.skc_v6_daddr));
}

/* The kernel counts the other end's FIN as a byte received, and of our own SYN and FIN
 * each as one acknowledged: of those that are neither no more can be than were sent. */
INLINE void read_bytes(struct socket_record *r, struct tcp_sock *tcp)
{
	u64 sent = ~0ULL, again = 0;

	READ(&r->rx_bytes, tcp, bytes_received);
	READ(&r->tx_bytes, tcp, bytes_acked);
	READ(&sent, tcp, bytes_sent);
	READ(&again, tcp, bytes_retrans);
	if (r->state == TCP_CLOSE_WAIT || r->state == TCP_LAST_ACK || r->state == TCP_CLOSING)
		r->rx_bytes--;
	if (r->tx_bytes > sent - again)
		r->tx_bytes = sent - again;
}

INLINE void read_socket(struct socket_record *r, struct sock *sk)
{
	r->netns = sk->__sk_common.skc_net.net->ns.inum;
	r->uid = sk->sk_uid.val;
	read_ends(r, sk);
	r->rx_bytes = r->tx_bytes = ~0ULL;
	if (sk->sk_protocol == IPPROTO_TCP)
		read_bytes(r, (void *)sk);
}

SEC("iter/task_file")
int sockets(struct bpf_iter__task_file *ctx)
{
	struct socket_record r = { .kind = RECORD_SOCKET };
	struct task_struct *t = ctx->task;
	struct file *file = ctx->file;
	struct socket *s;
	struct sock *sk;
	struct reader reader;

	if (!t || !file)
		return 0;
	s = sock_from_file(file);
	if (!s)
		return 0;
	sk = s->sk;
	if (!sk || sk->sk_type != SOCK_STREAM)
		return 0;
	if (sk->sk_protocol != IPPROTO_TCP && sk->sk_protocol != IPPROTO_MPTCP)
		return 0;
	r.family = sk->__sk_common.skc_family;
	r.state = sk->__sk_common.skc_state;
	if ((r.family != AF_INET && r.family != AF_INET6) || r.state == TCP_CLOSE)
		return 0;
	reader = find_reader(current_task());
	r.pid = number_of(t->signal->pids[PIDTYPE_TGID], &reader);
	if (!r.pid)
		return 0;
	r.start_ns = t->group_leader->start_boottime;
	r.inode = file->f_inode->i_ino;
	r.fd = ctx->fd;
	__builtin_memcpy(r.comm, t->group_leader->comm, sizeof(r.comm));
	read_socket(&r, sk);
	seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}
