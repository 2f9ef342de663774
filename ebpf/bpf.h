/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The little of BPF's C dialect that tasks.c needs, so that compiling it needs
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

enum { MAP_HASH = 1, MAP_ARRAY = 2 };

struct seq_file;
struct task_struct;

static void *(*map_lookup)(void *map, const void *key) = (void *)1;
static long (*probe_read)(void *dst, u32 size, const void *kernel) = (void *)113;
static long (*probe_read_str)(void *dst, u32 size, const void *kernel) = (void *)115;
static long (*seq_write)(struct seq_file *m, const void *data, u32 len) = (void *)127;
static struct task_struct *(*current_task)(void) = (void *)158;
static long (*copy_from_user_task)(void *dst, u32 size, const void *user,
				   struct task_struct *task, u64 flags) = (void *)191;

/* Does the running kernel have this field, type? Answered when it is loaded. */
#define FIELD_EXISTS(field) __builtin_preserve_field_info(field, 2)
#define TYPE_EXISTS(type) __builtin_preserve_type_info(*(typeof(type) *)0, 0)
#define ENUM_VALUE(type, value) __builtin_preserve_enum_value(*(typeof(type) *)value, 1)

/* Reads a field through a pointer that the verifier does not know the type of. */
#define READ(dst, ptr, field) \
	probe_read(dst, sizeof(*(dst)), __builtin_preserve_access_index(&(ptr)->field))

/* Keeps clang from making one load of this one and another like it: the verifier
 * wants to know which structure a load is from. */
#define KEEP_APART(value) asm volatile("" : "+r"(value))
