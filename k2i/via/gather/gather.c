//go:build ignore

// gather reads files of /proc and writes them out as they are, once: it is what
// dps --via carries over to a host, and dps makes rows of what comes back. It has no
// library, so that it starts as quickly as a program can; it takes nothing apart
// but the names of processes. The first that it does is to remove its own file.
//
// Its plan is in the environment, DDCOS_REQUEST, in words with a blank between:
//
//	fLIMIT/PATH   a file of the host, up to LIMIT bytes of it
//	lLIMIT/PATH   where a link points
//	pLIMIT/NAME   a file of each process, in one read
//	wMS           waits so long and gathers everything once again
//
// Standard output has records: a header, and as many bytes as it says. Package
// gather reads them.
#include <stddef.h>
#include <stdint.h>

// The kernel's numbers, and what it lays out otherwise on each kind of machine.
#if defined(__x86_64__)
enum {
	SYS_read = 0, SYS_write = 1, SYS_close = 3, SYS_fstat = 5, SYS_nanosleep = 35, SYS_setitimer = 38, SYS_uname = 63,
	SYS_geteuid = 107, SYS_prctl = 157, SYS_getdents64 = 217, SYS_clock_gettime = 228, SYS_exit_group = 231,
	SYS_openat = 257, SYS_unlinkat = 263, SYS_readlinkat = 267,
	STAT_UID = 28,
};

static long call(long number, long a, long b, long c, long d) {
	register long r10 __asm__("r10") = d;
	long result;
	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
	return result;
}

__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call start\n");
#elif defined(__aarch64__)
enum {
	SYS_unlinkat = 35, SYS_openat = 56, SYS_close = 57, SYS_getdents64 = 61, SYS_read = 63, SYS_write = 64, SYS_readlinkat = 78, SYS_fstat = 80,
	SYS_exit_group = 94, SYS_nanosleep = 101, SYS_setitimer = 103, SYS_clock_gettime = 113, SYS_uname = 160, SYS_prctl = 167,
	SYS_geteuid = 175,
	STAT_UID = 24,
};

static long call(long number, long a, long b, long c, long d) {
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
	return x0;
}

__asm__(".globl _start\n_start: mov x0, sp\n bl start\n");
#endif

enum {
	AT_FDCWD = -100, O_RDONLY = 0, O_NONBLOCK = 04000, O_PATH = 010000000, // the same on both
	CLOCK_REALTIME = 0, CLOCK_BOOTTIME = 7, PR_SET_NAME = 15, AT_PAGESZ = 6, EINTR = 4,

	OWNER = 8, // bytes of a uid and a gid
	MAX_WORDS = 32,
	MAX_LIMIT = 1 << 20,  // bytes of a file
	BATCH = 32 << 10,     // bytes that are worth a write
	PATIENCE = 60,        // seconds: whoever asked may be gone without a word
};

// A header says what the bytes behind it are: of a word of the plan by its number,
// or one of these.
enum { SAMPLE = -1, PROCESS = -2, LIST = -3, END = -4 };

struct __attribute__((packed)) header {
	int32_t word;
	int32_t pid;    // of PROCESS
	uint32_t error; // the kernel's number; 0 for none
	uint32_t length;
};

// sample is what system calls tell, before anything is read.
struct __attribute__((packed)) sample {
	int64_t boot_ns, wall_ns; // CLOCK_BOOTTIME, CLOCK_REALTIME
	uint32_t euid, page;
	char names[6 * 65]; // struct utsname
};

struct word {
	char kind;
	long limit;
	const char *path;
};

static struct word plan[MAX_WORDS];
static int words;
static char out[BATCH + sizeof(struct header) + MAX_LIMIT];
static size_t used; // of out

static void quit(int status) {
	for (;;)
		call(SYS_exit_group, status, 0, 0, 0);
}

static void flush(void) {
	size_t at = 0;
	while (at < used) {
		long n = call(SYS_write, 1, (long)(out + at), (long)(used - at), 0);
		if (n == -EINTR)
			continue;
		if (n <= 0)
			quit(1);
		at += (size_t)n;
	}
	used = 0;
}

// room is where the bytes of the next record go.
static char *room(void) { return out + used + sizeof(struct header); }

// record ends one whose bytes are there; a negative result is the kernel's error.
static void record(int word, int pid, long result) {
	struct header *h = (void *)(out + used);
	h->word = word;
	h->pid = pid;
	h->error = result < 0 ? (uint32_t)-result : 0;
	h->length = result < 0 ? 0 : (uint32_t)result;
	used += sizeof *h + h->length;
	if (used >= BATCH)
		flush();
}

// file reads up to limit bytes of a file, or as many as one read gives.
static long file(int dir, const char *path, long limit, int once) {
	long fd = call(SYS_openat, dir, (long)path, O_RDONLY | O_NONBLOCK, 0), n = 0, got;
	if (fd < 0)
		return fd;
	do {
		got = call(SYS_read, fd, (long)(room() + n), limit - n, 0);
		n += got > 0 ? got : 0;
	} while (got == -EINTR || (got > 0 && n < limit && !once));
	call(SYS_close, fd, 0, 0, 0);
	return got < 0 ? got : n;
}

static int64_t clock(int which) {
	int64_t t[2] = {0, 0};
	call(SYS_clock_gettime, which, (long)t, 0, 0);
	return t[0] * 1000000000 + t[1];
}

static void process(int proc, const char *name, int pid) {
	char st[256]; // struct stat is shorter
	long fd = call(SYS_openat, proc, (long)name, O_PATH, 0);
	if (fd < 0) {
		record(PROCESS, pid, fd);
		return;
	}
	long result = call(SYS_fstat, fd, (long)st, 0, 0);
	for (int i = 0; i < OWNER; i++) // uid and gid
		room()[i] = st[STAT_UID + i];
	record(PROCESS, pid, result < 0 ? result : OWNER);
	for (int i = 0; i < words; i++)
		if (plan[i].kind == 'p')
			record(i, pid, file((int)fd, plan[i].path + 1, plan[i].limit, 1));
	call(SYS_close, fd, 0, 0, 0);
}

// number is the decimal number that a text begins with, and where it ends.
static long number(const char *text, const char **end) {
	long n = 0;
	for (; *text >= '0' && *text <= '9' && n < MAX_LIMIT; text++)
		n = n * 10 + *text - '0';
	*end = text;
	return n;
}

static void processes(void) {
	static char names[32 << 10] __attribute__((aligned(8)));
	const char *end;
	long proc = call(SYS_openat, AT_FDCWD, (long)"/proc", O_RDONLY, 0), n = proc;
	while (n >= 0 && (n = call(SYS_getdents64, proc, (long)names, sizeof names, 0)) > 0)
		for (char *d = names; d < names + n; d += *(uint16_t *)(void *)(d + 16)) { // struct linux_dirent64
			long pid = number(d + 19, &end);
			if (pid > 0 && *end == 0)
				process((int)proc, d + 19, (int)pid);
		}
	if (n < 0)
		record(LIST, 0, n);
	call(SYS_close, proc, 0, 0, 0);
}

static void gather(uint32_t page) {
	struct sample *s = (void *)room();
	s->boot_ns = clock(CLOCK_BOOTTIME);
	s->wall_ns = clock(CLOCK_REALTIME);
	s->euid = (uint32_t)call(SYS_geteuid, 0, 0, 0, 0);
	s->page = page;
	long result = call(SYS_uname, (long)s->names, 0, 0, 0);
	record(SAMPLE, 0, result < 0 ? result : (long)sizeof *s);
	for (int i = 0; i < words; i++)
		if (plan[i].kind == 'f')
			record(i, 0, file(AT_FDCWD, plan[i].path, plan[i].limit, 0));
		else if (plan[i].kind == 'l')
			record(i, 0, call(SYS_readlinkat, AT_FDCWD, (long)plan[i].path, (long)room(), plan[i].limit));
	processes();
}

// read_plan cuts the text into words, in place.
static void read_plan(char *text) {
	while (*text) {
		if (words == MAX_WORDS)
			quit(2);
		struct word *w = &plan[words++];
		w->kind = *text++;
		w->limit = number(text, &w->path);
		if (w->limit > MAX_LIMIT)
			quit(2);
		while (*text && *text != ' ')
			text++;
		if (*text)
			*text++ = 0;
	}
}

static int begins(const char *text, const char *with) {
	while (*with && *text == *with)
		text++, with++;
	return *with == 0;
}

// start is given the stack as the kernel makes it: arguments, environment, and then
// what the kernel tells.
__attribute__((noreturn, used)) void start(long *stack) {
	static const char variable[] = "DDCOS_REQUEST=";
	int64_t patience[4] = {0, 0, PATIENCE, 0};
	long *at = stack + 1 + stack[0] + 1;
	uint32_t page = 4096;
	for (; *at; at++)
		if (begins((char *)*at, variable))
			read_plan((char *)*at + sizeof variable - 1);
	for (at++; *at; at += 2)
		if (*at == AT_PAGESZ)
			page = (uint32_t)at[1];
	if (words == 0)
		quit(2);
	call(SYS_unlinkat, AT_FDCWD, stack[1], 0, 0);
	call(SYS_setitimer, 0, (long)patience, 0, 0);
	call(SYS_prctl, PR_SET_NAME, (long)"k2i-gather", 0, 0);
	gather(page);
	for (int i = 0; i < words; i++)
		if (plan[i].kind == 'w') {
			int64_t pause[2] = {plan[i].limit / 1000, plan[i].limit % 1000 * 1000000};
			flush();
			call(SYS_nanosleep, (long)pause, 0, 0, 0);
			gather(page);
		}
	record(END, 0, 0);
	flush();
	quit(0);
	__builtin_unreachable();
}
