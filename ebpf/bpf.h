/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The little of BPF's C dialect that the programs need, so that compiling it needs
 * clang alone: no kernel headers, no libbpf. Numbers are the kernel's stable
 * ones (include/uapi/linux/bpf.h). */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;
typedef long long s64;

#define SEC(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))

/* How a map is described in BTF: numbers as array lengths, types as pointers. */
#define MAP_NUMBER(name, value) int(*name)[value]
#define MAP_TYPE(name, type) type *name

enum {
	MAP_HASH = 1,
	MAP_ARRAY = 2,
	MAP_PERCPU_ARRAY = 6,
	MAP_LRU_HASH = 9,
	MAP_RINGBUF = 27,
	MAP_TASK_STORAGE = 29,
};

/* Flags of maps, of map_update, of the ring buffer and of task_storage. */
enum { MAP_NO_PREALLOC = 1, MAP_MAPPABLE = 1024, MAP_ANY = 0, MAP_NO_EXIST = 1, RINGBUF_WAKE_READER = 0, STORAGE_CREATE = 1 };

struct file;
struct seq_file;
struct socket;
struct task_struct;

static void *(*map_lookup)(void *map, const void *key) = (void *)1;
static long (*map_update)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*map_delete)(void *map, const void *key) = (void *)3;
static long (*probe_read_user)(void *dst, u32 size, const void *user) = (void *)112;
static long (*probe_read)(void *dst, u32 size, const void *kernel) = (void *)113;
static long (*probe_read_str)(void *dst, u32 size, const void *kernel) = (void *)115;
static long (*seq_write)(struct seq_file *m, const void *data, u32 len) = (void *)127;
static long (*ringbuf_output)(void *ring, void *data, u64 size, u64 flags) = (void *)130;
static void *(*ringbuf_reserve)(void *ring, u64 size, u64 flags) = (void *)131;
static void (*ringbuf_submit)(void *data, u64 flags) = (void *)132;
static u64 (*since_boot)(void) = (void *)125;
static void *(*task_storage)(void *map, struct task_struct *task, void *value, u64 flags) = (void *)156;
static struct task_struct *(*current_task)(void) = (void *)158;
static struct socket *(*sock_from_file)(struct file *file) = (void *)162;
static long (*copy_from_user_task)(void *dst, u32 size, const void *user,
				   struct task_struct *task, u64 flags) = (void *)191;

/* Does the running kernel have this field, type? Where, how large? Answered when it is loaded. */
#define FIELD_EXISTS(field) __builtin_preserve_field_info(field, 2)
#define FIELD_OFFSET(field) __builtin_preserve_field_info(field, 0)
#define TYPE_EXISTS(type) __builtin_preserve_type_info(*(typeof(type) *)0, 0)
#define TYPE_SIZE(type) __builtin_preserve_type_info(*(typeof(type) *)0, 1)
#define ENUM_VALUE(type, value) __builtin_preserve_enum_value(*(typeof(type) *)value, 1)

#define KERNEL_FUNCTION extern __attribute__((weak, section(".ksyms")))

/* Makes a pointer that the verifier does not trust in, and does not ask after: for
 * each pointer loaded through one that it trusts, newer verifiers go through the
 * names of all types several times. The type goes by the kernel's number of it. Linux 6.2
 * and later; user space makes a plain move of it for others. */
KERNEL_FUNCTION void *bpf_rdonly_cast(const void *pointer, u32 type);
#define UNTRUSTED(type, id, pointer) ((type *)bpf_rdonly_cast(pointer, id))

/* A walk from task to task inside a program; Linux 6.7 and later. */
struct bpf_iter_task {
	u64 opaque[3];
};
enum { WALK_PROCESSES = 0, WALK_THREADS = 2 }; /* of all leaders, of one process's */
KERNEL_FUNCTION int bpf_iter_task_new(struct bpf_iter_task *it, struct task_struct *task, u32 what);
KERNEL_FUNCTION struct task_struct *bpf_iter_task_next(struct bpf_iter_task *it);
KERNEL_FUNCTION void bpf_iter_task_destroy(struct bpf_iter_task *it);
KERNEL_FUNCTION struct task_struct *bpf_task_acquire(struct task_struct *task);
KERNEL_FUNCTION void bpf_task_release(struct task_struct *task);
KERNEL_FUNCTION struct task_struct *bpf_task_from_pid(s32 pid); /* Linux 6.2 and later */
struct bpf_iter_num {
	u64 opaque[1];
};
KERNEL_FUNCTION int bpf_iter_num_new(struct bpf_iter_num *it, int begin, int end);
KERNEL_FUNCTION int *bpf_iter_num_next(struct bpf_iter_num *it);
KERNEL_FUNCTION void bpf_iter_num_destroy(struct bpf_iter_num *it);
KERNEL_FUNCTION void bpf_rcu_read_lock(void);
KERNEL_FUNCTION void bpf_rcu_read_unlock(void);

/* Reads a field through a pointer that the verifier does not know the type of. */
#define READ(dst, ptr, field) \
	probe_read(dst, sizeof(*(dst)), __builtin_preserve_access_index(&(ptr)->field))

/* Keeps clang from making one load of this one and another like it: the verifier
 * wants to know which structure a load is from. */
#define KEEP_APART(value) asm volatile("" : "+r"(value))

/* What is read before is read before what is read after. */
#define FIRST() asm volatile("" ::: "memory")
