/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* RTLD_NEXT */
#include "tests/unit/gate/allocations.h"

#include <dlfcn.h>
#include <errno.h>
#include <rte_malloc.h>
#include <rte_memzone.h>
#include <stdbool.h>
#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

static _Thread_local bool watching;
static _Thread_local uint64_t seen;

static void count(void)
{
    seen += watching;
}

#ifdef SANITIZED
int __sanitizer_install_malloc_and_free_hooks(void (*taken)(const volatile void *, size_t),
                                              void (*given)(const volatile void *));

static void taken(const volatile void *memory, size_t size)
{
    (void)memory;
    (void)size;
    count();
}

static void given(const volatile void *memory)
{
    (void)memory;
}

void allocations_init(void)
{
    static bool installed;
    if (!installed)
        __sanitizer_install_malloc_and_free_hooks(taken, given);
    installed = true;
}
#else
/* The C library's own names of what is replaced here. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t number, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void *malloc(size_t size);
void *calloc(size_t number, size_t size);
void *realloc(void *memory, size_t size);
void *aligned_alloc(size_t alignment, size_t size);
void *memalign(size_t alignment, size_t size);
int posix_memalign(void **memory, size_t alignment, size_t size);

void *malloc(size_t size)
{
    count();
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    count();
    return __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size)
{
    count();
    return __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    count();
    return __libc_memalign(alignment, size);
}

void *memalign(size_t alignment, size_t size)
{
    count();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    count();
    *memory = __libc_memalign(alignment, size);
    return *memory == NULL ? ENOMEM : 0;
}

void allocations_init(void)
{
}
#endif

/* ---- DPDK's ------------------------------------------------------------------------------------
 * DPDK is shared libraries, so what stands here is called for theirs, by DPDK's other libraries as
 * well. One of these functions may call another: calls are counted, not blocks. */

static void *next_of(const char *name)
{
    count();
    return dlsym(RTLD_NEXT, name);
}

/* A function of DPDK's by its type. */
#define NEXT(name) (*(__typeof__(&(name)) *)&(void *){next_of(#name)})

void *rte_malloc(const char *type, size_t size, unsigned int align)
{
    return NEXT(rte_malloc)(type, size, align);
}

void *rte_zmalloc(const char *type, size_t size, unsigned int align)
{
    return NEXT(rte_zmalloc)(type, size, align);
}

void *rte_calloc(const char *type, size_t number, size_t size, unsigned int align)
{
    return NEXT(rte_calloc)(type, number, size, align);
}

void *rte_realloc(void *memory, size_t size, unsigned int align)
{
    return NEXT(rte_realloc)(memory, size, align);
}

void *rte_malloc_socket(const char *type, size_t size, unsigned int align, int socket)
{
    return NEXT(rte_malloc_socket)(type, size, align, socket);
}

void *rte_zmalloc_socket(const char *type, size_t size, unsigned int align, int socket)
{
    return NEXT(rte_zmalloc_socket)(type, size, align, socket);
}

void *rte_calloc_socket(const char *type, size_t number, size_t size, unsigned int align,
                        int socket)
{
    return NEXT(rte_calloc_socket)(type, number, size, align, socket);
}

void *rte_realloc_socket(void *memory, size_t size, unsigned int align, int socket)
{
    return NEXT(rte_realloc_socket)(memory, size, align, socket);
}

const struct rte_memzone *rte_memzone_reserve(const char *name, size_t size, int socket,
                                              unsigned int flags)
{
    return NEXT(rte_memzone_reserve)(name, size, socket, flags);
}

const struct rte_memzone *rte_memzone_reserve_aligned(const char *name, size_t size, int socket,
                                                      unsigned int flags, unsigned int align)
{
    return NEXT(rte_memzone_reserve_aligned)(name, size, socket, flags, align);
}

/* ---- watching ------------------------------------------------------------------------------- */

void allocations_watch(void)
{
    seen = 0;
    watching = true;
}

uint64_t allocations_seen(void)
{
    watching = false;
    return seen;
}

uint64_t allocations_dpdk_blocks(void)
{
    uint64_t blocks = 0;
    for (int socket = 0; socket < RTE_MAX_NUMA_NODES; socket++) {
        struct rte_malloc_socket_stats stats;
        if (rte_malloc_get_socket_stats(socket, &stats) == 0)
            blocks += stats.alloc_count;
    }
    return blocks;
}
