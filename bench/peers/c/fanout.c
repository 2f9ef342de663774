/*
 * bench-c: the floor that middlecon is measured against: a one-threaded epoll
 * server that writes a caller's message to every member, reads every reply and
 * hands all of them to the caller in one answer.
 *
 * It speaks as much of middlecon's frames (protocol/SPEC.md) as the members of
 * bench need, so that the same fleet serves both: hello, join, deliver, reply,
 * and the receipt, which it takes and which quick members never send. A call
 * is answered by an account frame without a body, whose field room says how
 * many reply frames follow, each with its member's id: as many bytes as
 * middlecon's account, but nothing to encode.
 *
 * What it does not do: rooms, names, labels, views, deadlines, completion
 * rules, outcomes, queues with limits, flow control, identity, keepalive,
 * metrics. It trusts everybody. A member that goes during a call leaves that
 * call without an end.
 *
 * usage: bench-c tcp ADDRESS PORT | bench-c unix PATH
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	HEADER = 40, MAX_FRAME = 65536, MAX_CALLS = 4096, EVENTS = 256,
	HELLO = 1, WELCOME = 2, JOIN = 3, JOINED = 4, CALL = 7, DELIVER = 8, RECEIPT = 9, REPLY = 10, ACCOUNT = 11,
};

struct bytes {
	char *at;
	size_t used, room;
};

struct conn {
	int fd, dirty, waits; /* waits: for the kernel to take more of out */
	size_t place;         /* in members, 1 is the first; 0: none */
	uint64_t id;
	struct bytes in, out; /* in: the part of a frame that has come */
};

struct call {
	struct conn *caller;
	uint64_t sequence; /* the caller's */
	size_t want, got;
	struct bytes account;
};

static struct conn **members, **dirty;
static size_t member_count, member_room, dirty_count, dirty_room;
static struct call calls[MAX_CALLS]; /* by id modulo MAX_CALLS */
static uint64_t last_call, last_id;
static int epoll;

static void die(const char *what)
{
	fprintf(stderr, "bench-c: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *grown(void *p, size_t size)
{
	p = realloc(p, size);
	if (!p)
		die("memory");
	return p;
}

static void append(struct bytes *b, const void *from, size_t n)
{
	if (b->used + n > b->room) {
		b->room = (b->used + n) * 2;
		b->at = grown(b->at, b->room);
	}
	memcpy(b->at + b->used, from, n);
	b->used += n;
}

static void put(struct conn ***list, size_t *count, size_t *room, struct conn *c)
{
	if (*count == *room) {
		*room = *room * 2 + 64;
		*list = grown(*list, *room * sizeof **list);
	}
	(*list)[(*count)++] = c;
}

static void header(char *h, int kind, uint32_t length, uint64_t sequence, uint64_t member, uint32_t room, uint16_t meta)
{
	memset(h, 0, HEADER);
	h[0] = 1;
	h[1] = (char)kind;
	length = htobe32(length), sequence = htobe64(sequence), member = htobe64(member), room = htobe32(room), meta = htobe16(meta);
	memcpy(h + 4, &length, 4);
	memcpy(h + 8, &sequence, 8);
	memcpy(h + 16, &member, 8);
	memcpy(h + 24, &room, 4);
	memcpy(h + 32, &meta, 2);
}

static uint16_t get16(const char *p)
{
	uint16_t n;
	memcpy(&n, p, 2);
	return be16toh(n);
}

static uint32_t get32(const char *p)
{
	uint32_t n;
	memcpy(&n, p, 4);
	return be32toh(n);
}

static uint64_t get64(const char *p)
{
	uint64_t n;
	memcpy(&n, p, 8);
	return be64toh(n);
}

/* say queues bytes; what one read brought leaves in one write for each socket. */
static void say(struct conn *c, const void *p, size_t n)
{
	append(&c->out, p, n);
	if (!c->dirty) {
		c->dirty = 1;
		put(&dirty, &dirty_count, &dirty_room, c);
	}
}

static void watch(struct conn *c, int op, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = c};
	if (epoll_ctl(epoll, op, c->fd, &e))
		die("epoll_ctl");
}

static void flush(struct conn *c)
{
	ssize_t n = write(c->fd, c->out.at, c->out.used);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		n = (ssize_t)c->out.used; /* it has gone: its read tells */
	if (n > 0) {
		c->out.used -= (size_t)n;
		memmove(c->out.at, c->out.at + n, c->out.used);
	}
	int waits = c->out.used > 0;
	if (waits != c->waits)
		watch(c, EPOLL_CTL_MOD, waits ? EPOLLIN | EPOLLOUT : EPOLLIN);
	c->waits = waits;
}

static void flush_all(void)
{
	for (size_t i = 0; i < dirty_count; i++) {
		dirty[i]->dirty = 0;
		if (!dirty[i]->waits)
			flush(dirty[i]);
	}
	dirty_count = 0;
}

/* fan_out writes one and the same frame to every member. */
static void fan_out(struct conn *caller, const char *f, size_t size)
{
	/* {"view":1,"host":"127.0.0.1","pid":0}: as middlecon's deliver has it */
	static const char meta[] = "\x83\xa4view\x01\xa4host\xa9" "127.0.0.1\xa3pid\x00";
	static char frame[MAX_FRAME + sizeof meta];
	size_t skip = HEADER + (size_t)get16(f + 32), payload = size - skip;
	struct call *call = &calls[++last_call % MAX_CALLS];

	call->caller = caller;
	call->sequence = get64(f + 8);
	call->want = member_count;
	call->got = call->account.used = 0;
	char head[HEADER];
	header(head, ACCOUNT, 0, call->sequence, 0, (uint32_t)member_count, 0);
	append(&call->account, head, HEADER);

	size_t meta_len = sizeof meta - 1;
	header(frame, DELIVER, (uint32_t)(meta_len + payload), last_call, 0, 1, (uint16_t)meta_len);
	memcpy(frame + HEADER, meta, meta_len);
	memcpy(frame + HEADER + meta_len, f + skip, payload);
	for (size_t i = 0; i < member_count; i++)
		say(members[i], frame, HEADER + meta_len + payload);
}

/* collect adds one reply to its call's account, and sends that with the last. */
static void collect(struct conn *member, char *f, size_t size)
{
	uint64_t number = get64(f + 8), id = htobe64(member->id), sequence;
	struct call *call = &calls[number % MAX_CALLS];

	if (!call->caller || number > last_call || number + MAX_CALLS <= last_call)
		return;
	sequence = htobe64(call->sequence);
	memcpy(f + 8, &sequence, 8);
	memcpy(f + 16, &id, 8);
	append(&call->account, f, size);
	if (++call->got < call->want)
		return;
	say(call->caller, call->account.at, call->account.used);
	call->caller = NULL;
}

static void frame(struct conn *c, char *f, size_t size)
{
	char answer[HEADER];
	switch (f[1]) {
	case HELLO:
		header(answer, WELCOME, 0, 0, 0, 0, 0);
		say(c, answer, HEADER);
		break;
	case JOIN:
		if (!c->place) { /* it has one room only */
			put(&members, &member_count, &member_room, c);
			c->place = member_count;
			c->id = ++last_id;
		}
		header(answer, JOINED, 0, get64(f + 8), c->id, 1, 0);
		say(c, answer, HEADER);
		break;
	case CALL:
		fan_out(c, f, size);
		break;
	case REPLY:
		collect(c, f, size);
		break;
	case RECEIPT:
		break;
	}
}

static void gone(struct conn *c)
{
	if (c->place) {
		members[c->place - 1] = members[--member_count];
		members[c->place - 1]->place = c->place;
	}
	for (int i = 0; i < MAX_CALLS; i++)
		if (calls[i].caller == c)
			calls[i].caller = NULL;
	close(c->fd);
	free(c->in.at);
	free(c->out.at);
	free(c);
}

/* take handles all whole frames and returns how many bytes they had; -1: not ours. */
static ssize_t take(struct conn *c, char *p, size_t n)
{
	size_t at = 0;
	while (n - at >= HEADER) {
		size_t size = HEADER + (size_t)get32(p + at + 4);
		if (size > MAX_FRAME || HEADER + (size_t)get16(p + at + 32) > size)
			return -1;
		if (n - at < size)
			break;
		frame(c, p + at, size);
		at += size;
	}
	return (ssize_t)at;
}

static void readable(struct conn *c)
{
	static char buf[MAX_FRAME];
	ssize_t n = read(c->fd, buf, sizeof buf), used;
	char *p = buf;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		gone(c);
		return;
	}
	if (c->in.used) {
		append(&c->in, buf, (size_t)n);
		p = c->in.at, n = (ssize_t)c->in.used;
		c->in.used = 0;
	}
	used = take(c, p, (size_t)n);
	if (used >= 0 && used < n && p != buf) {
		memmove(p, p + used, (size_t)(n - used));
		c->in.used = (size_t)(n - used);
	} else if (used >= 0 && used < n) {
		append(&c->in, p + used, (size_t)(n - used));
	}
	flush_all();
	if (used < 0)
		gone(c);
}

static void accept_all(int listener)
{
	for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
		int on = 1;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* no Unix socket minds */
		struct conn *c = calloc(1, sizeof *c);
		if (!c)
			die("memory");
		c->fd = fd;
		watch(c, EPOLL_CTL_ADD, EPOLLIN);
	}
}

static int listen_on(int argc, char **argv)
{
	struct sockaddr_in tcp = {.sin_family = AF_INET};
	struct sockaddr_un path = {.sun_family = AF_UNIX};
	struct sockaddr *address = (struct sockaddr *)&tcp;
	socklen_t size = sizeof tcp;

	if (argc == 4 && !strcmp(argv[1], "tcp") && inet_pton(AF_INET, argv[2], &tcp.sin_addr) == 1) {
		tcp.sin_port = htons((uint16_t)atoi(argv[3]));
	} else if (argc == 3 && !strcmp(argv[1], "unix") && strlen(argv[2]) < sizeof path.sun_path) {
		strcpy(path.sun_path, argv[2]);
		address = (struct sockaddr *)&path;
		size = sizeof path;
	} else {
		fprintf(stderr, "usage: bench-c tcp ADDRESS PORT | bench-c unix PATH\n");
		exit(2);
	}
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) || bind(fd, address, size) || listen(fd, 4096))
		die("listen");
	return fd;
}

int main(int argc, char **argv)
{
	static struct conn listener;
	struct epoll_event events[EVENTS];
	struct rlimit files;

	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	listener.fd = listen_on(argc, argv);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0)
		die("epoll");
	watch(&listener, EPOLL_CTL_ADD, EPOLLIN);
	for (;;) {
		int n = epoll_wait(epoll, events, EVENTS, -1);
		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0; i < n; i++) {
			struct conn *c = events[i].data.ptr;
			if (c == &listener) {
				accept_all(listener.fd);
				continue;
			}
			if (events[i].events & EPOLLOUT)
				flush(c);
			if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
				readable(c);
		}
	}
}
