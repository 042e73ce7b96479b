/*
 * vhost-vdpa-sim: conformance, IOTLB messages
 *
 * What is accepted; what the device then reaches is asked in
 * conformance-block.c.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "conformance.h"

#define RW          VHOST_ACCESS_RW
#define IOVA        MEMORY_IOVA
/* More than any address space here takes. */
#define MANY        4096

/* All backend features that the node has. */
static int open_for_messages(void)
{
    int fd = node_open_owned();

    call_u64(fd, VHOST_SET_BACKEND_FEATURES, get_backend_features(fd));
    return fd;
}

static void ask_length(uint32_t type, const char *name)
{
    static const size_t lengths[] = { 0, 1, 4, 8, 39, 40, 71, 72, 73, 200 };
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(lengths); i++) {
        int fd = open_for_messages();
        uint8_t raw[200] = { 0 };
        struct vhost_msg_v2 *msg = (void *)raw;
        ssize_t ret;

        msg->type = type;
        msg->iotlb = (struct vhost_iotlb_msg) {
            .iova = IOVA,
            .size = PAGE,
            .uaddr = (uintptr_t)memory,
            .perm = RW,
            .type = VHOST_IOTLB_UPDATE,
        };
        ret = write(fd, raw, lengths[i]);
        say_result(ret < 0 ? -errno : ret, "write of %zu bytes, %s",
                   lengths[i], name);
        close(fd);
    }
}

static void ask_types(void)
{
    ssize_t ret;
    int fd, type;

    ask_length(VHOST_IOTLB_MSG, "IOTLB_MSG");
    ask_length(VHOST_IOTLB_MSG_V2, "IOTLB_MSG_V2");
    ask_length(0, "type 0");
    ask_length(3, "type 3");
    for (type = 0; type < 9; type++) {
        fd = open_for_messages();
        say_result(iotlb(fd, 0, type, IOVA, PAGE, memory, RW),
                   "message %d", type);
        say_result(iotlb(fd, 0, type, IOVA, 0, memory, RW),
                   "message %d of size 0", type);
        close(fd);
        fd = open_for_messages();
        map_memory(fd, 0);
        say_result(iotlb(fd, 0, type, IOVA, PAGE, memory, RW),
                   "message %d, space in use", type);
        close(fd);
    }
    fd = open_for_messages();
    ret = write(fd, (void *)PAGE, sizeof(struct vhost_msg_v2));
    say_result(ret < 0 ? -errno : ret, "message at a bad address");
    close(fd);
    fd = node_open();
    say_result(iotlb_map(fd, IOVA, PAGE, memory, RW), "UPDATE not owned");
    say_result(iotlb_unmap(fd, IOVA, PAGE), "INVALIDATE not owned");
    close(fd);
}

static void ask_child(void)
{
    int fd = open_for_messages();
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (!pid) {
        say_result(iotlb_map(fd, IOVA, PAGE, memory, RW),
                   "UPDATE in a child");
        say_result(iotlb_unmap(fd, IOVA, PAGE), "INVALIDATE in a child");
        fflush(stdout);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    close(fd);
}

static void ask_overlap(void)
{
    static const struct {
        int64_t first;      /* from the first mapped address, in pages */
        uint64_t pages;
        const char *text;
    } ranges[] = {
        { 0, 512, "the same" },
        { 0, 1, "its first page" },
        { 511, 1, "its last page" },
        { 100, 4, "a piece" },
        { -1, 2, "its first page and the one below" },
        { 511, 2, "its last page and the one above" },
        { -1, 1, "the page below" },
        { 512, 1, "the page above" },
    };
    size_t i;
    int fd;

    for (i = 0; i < G_N_ELEMENTS(ranges); i++) {
        fd = open_for_messages();
        map_memory(fd, 0);
        say_result(iotlb_map(fd, IOVA + ranges[i].first * (int64_t)PAGE,
                             ranges[i].pages * PAGE, memory, RW),
                   "UPDATE over a mapping, %s", ranges[i].text);
        close(fd);
    }
    fd = open_for_messages();
    map_memory(fd, 0);
    say_result(iotlb_map(fd, IOVA + MEMORY_SIZE, MEMORY_SIZE, memory, RW),
               "UPDATE of the same memory at another address");
    close(fd);
}

static void ask_range(void)
{
    static const struct {
        uint64_t iova;
        uint64_t size;
        const char *text;
    } ranges[] = {
        { 0, PAGE, "the first page" },
        { -PAGE, PAGE, "the last page" },
        { -PAGE, PAGE + 1, "one byte beyond the last page" },
        { -PAGE, 2 * PAGE, "one page beyond the last page" },
        { PAGE, -PAGE, "all but the first page" },
        { 0, UINT64_MAX, "all but a byte" },
        { IOVA, UINT64_MAX, "the largest size" },
        { IOVA, 1, "a byte" },
        { IOVA, PAGE - 1, "a page but a byte" },
        { IOVA, PAGE + 1, "a page and a byte" },
        { IOVA + 0x800, 0x100, "256 bytes in the middle of a page" },
        { IOVA + 0x800, PAGE, "a page from the middle of one" },
    };
    size_t i;
    int fd;

    for (i = 0; i < G_N_ELEMENTS(ranges); i++) {
        fd = open_for_messages();
        say_result(iotlb_map(fd, ranges[i].iova, ranges[i].size, memory, RW),
                   "UPDATE of %s", ranges[i].text);
        close(fd);
    }
    fd = open_for_messages();
    say_result(iotlb_map(fd, IOVA, 0x100, memory, RW),
               "UPDATE of a page's first 256 bytes");
    say_result(iotlb_map(fd, IOVA + 0x100, 0x100, memory, RW),
               "UPDATE of its next 256 bytes");
    say_result(iotlb_unmap(fd, IOVA + 0xf00, 0x10),
               "INVALIDATE of 16 bytes near its end");
    say_result(iotlb_map(fd, IOVA, 0x100, memory, RW),
               "UPDATE of its first 256 bytes again");
    close(fd);
}

/* Maps a page of each kind; a second time shows whether it was skipped. */
static void ask_page(const char *what, void *page)
{
    static const struct {
        uint8_t perm;
        const char *name;
    } perms[] = {
        { VHOST_ACCESS_RO, "ro" },
        { VHOST_ACCESS_WO, "wo" },
        { VHOST_ACCESS_RW, "rw" },
        { 0, "no access" },
    };
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(perms); i++) {
        int fd = open_for_messages();

        say_result(iotlb_map(fd, IOVA, PAGE, page, perms[i].perm),
                   "UPDATE of %s, %s", what, perms[i].name);
        say_result(iotlb_map(fd, IOVA, PAGE, page, perms[i].perm),
                   "UPDATE of %s, %s, again", what, perms[i].name);
        close(fd);
    }
}

static void *page_new(int prot, int flags, int fd)
{
    return mmap(NULL, PAGE, prot, flags, fd, 0);
}

static void ask_memory(void)
{
    int memfd = memfd_create("page", MFD_CLOEXEC);
    int rw = PROT_READ | PROT_WRITE;
    const struct {
        const char *text;
        int prot;
        int flags;
        int fd;
    } kinds[] = {
        { "shared memory", rw, MAP_SHARED, memfd },
        { "shared anonymous memory", rw, MAP_SHARED | MAP_ANONYMOUS, -1 },
        { "private memory", rw, MAP_PRIVATE | MAP_ANONYMOUS, -1 },
        { "a private file mapping", rw, MAP_PRIVATE, memfd },
        { "shared memory, read-only", PROT_READ, MAP_SHARED, memfd },
        { "private memory, read-only", PROT_READ,
          MAP_PRIVATE | MAP_ANONYMOUS, -1 },
        { "shared memory without access", PROT_NONE, MAP_SHARED, memfd },
        { "private memory without access", PROT_NONE,
          MAP_PRIVATE | MAP_ANONYMOUS, -1 },
    };
    uint8_t *two;
    size_t i;
    int fd;

    if (ftruncate(memfd, PAGE) < 0) {
        perror("ftruncate");
    }
    for (i = 0; i < G_N_ELEMENTS(kinds); i++) {
        void *page = page_new(kinds[i].prot, kinds[i].flags, kinds[i].fd);

        ask_page(kinds[i].text, page);
        munmap(page, PAGE);
    }
    ask_page("address 0", NULL);
    ask_page("the kernel's half", (void *)0xffff800000000000ull);
    ask_page("program text", (void *)((uintptr_t)ask_memory & ~(PAGE - 1)));

    /* A page that is followed by a hole */
    two = mmap(NULL, 2 * PAGE, rw, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    munmap(two + PAGE, PAGE);
    fd = open_for_messages();
    say_result(iotlb_map(fd, IOVA, 2 * PAGE, two, RW),
               "UPDATE of a page and a hole");
    say_result(iotlb_map(fd, IOVA, PAGE, two, RW),
               "UPDATE of the page alone, afterwards");
    close(fd);
    munmap(two, PAGE);
    close(memfd);
}

static void ask_invalidate(void)
{
    static const struct {
        uint64_t iova;
        uint64_t size;
        const char *text;
    } ranges[] = {
        { IOVA, MEMORY_SIZE, "what is mapped" },
        { IOVA - MEMORY_SIZE, 3 * MEMORY_SIZE, "more than is mapped" },
        { IOVA, PAGE, "the first page" },
        { IOVA + MiB, PAGE, "a page in the middle" },
        { IOVA + MEMORY_SIZE - 1, 1, "the last byte" },
        { IOVA - PAGE, PAGE, "the page below" },
        { IOVA + MEMORY_SIZE, PAGE, "the page above" },
        { IOVA, 0, "size 0 at its start" },
        { IOVA + MiB, 0, "size 0 in the middle" },
        { IOVA + MEMORY_SIZE, 0, "size 0 behind its end" },
        { 0, 0, "size 0 at 0" },
        { 0, UINT64_MAX, "all but a byte" },
        { IOVA + MiB, UINT64_MAX, "the largest size in the middle" },
        { -PAGE, 2 * PAGE, "a range that wraps" },
    };
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(ranges); i++) {
        int fd = open_for_messages();

        map_memory(fd, 0);
        say_result(iotlb_unmap(fd, ranges[i].iova, ranges[i].size),
                   "INVALIDATE of %s", ranges[i].text);
        say_result(iotlb_map(fd, IOVA, PAGE, memory, RW),
                   "UPDATE of the first page after INVALIDATE of %s",
                   ranges[i].text);
        say_result(iotlb_map(fd, IOVA + MEMORY_SIZE - PAGE, PAGE, memory,
                             RW),
                   "UPDATE of the last page after INVALIDATE of %s",
                   ranges[i].text);
        close(fd);
    }
}

static void ask_space(uint32_t asid)
{
    int fd = open_for_messages();

    say_result(iotlb(fd, asid, VHOST_IOTLB_INVALIDATE, IOVA, PAGE, NULL, 0),
               "INVALIDATE in unused space %u", asid);
    say_result(iotlb(fd, asid, VHOST_IOTLB_BATCH_END, 0, 0, NULL, 0),
               "BATCH_END in unused space %u", asid);
    say_result(iotlb(fd, asid, VHOST_IOTLB_BATCH_BEGIN, 0, 0, NULL, 0),
               "BATCH_BEGIN in unused space %u", asid);
    say_result(iotlb(fd, asid, VHOST_IOTLB_INVALIDATE, IOVA, PAGE, NULL, 0),
               "INVALIDATE after BATCH_BEGIN in space %u", asid);
    say_result(iotlb(fd, asid, VHOST_IOTLB_BATCH_END, 0, 0, NULL, 0),
               "BATCH_END in space %u", asid);
    say_result(iotlb(fd, asid, VHOST_IOTLB_BATCH_END, 0, 0, NULL, 0),
               "BATCH_END again in space %u", asid);
    close(fd);
    fd = open_for_messages();
    say_result(iotlb(fd, asid, VHOST_IOTLB_UPDATE, IOVA, PAGE, memory, RW),
               "UPDATE in unused space %u", asid);
    say_result(iotlb(fd, asid, VHOST_IOTLB_INVALIDATE, 0, PAGE, NULL, 0),
               "INVALIDATE of nothing in space %u", asid);
    say_result(iotlb(fd, 0, VHOST_IOTLB_UPDATE, IOVA, PAGE, memory, RW),
               "UPDATE in space 0 of what is mapped in space %u", asid);
    close(fd);
}

static void ask_spaces(void)
{
    int fd;

    ask_space(0);
    ask_space(1);
    ask_space(2);
    ask_space(UINT32_MAX);

    fd = node_open_owned();
    say_result(iotlb(fd, 9, VHOST_IOTLB_UPDATE, IOVA, PAGE, memory, RW),
               "UPDATE in space 9, IOTLB_ASID not acked");
    say_result(iotlb(fd, 0, VHOST_IOTLB_UPDATE, IOVA, PAGE, memory, RW),
               "UPDATE in space 0 of the same");
    call_u64(fd, VHOST_SET_BACKEND_FEATURES,
             1ull << VHOST_BACKEND_F_IOTLB_ASID);
    set_status(fd, S_DRIVER);
    set_status(fd, 0);
    say_result(iotlb(fd, 9, VHOST_IOTLB_UPDATE, 0, PAGE, memory, RW),
               "UPDATE in space 9, IOTLB_ASID acked before a reset");
    close(fd);
}

static int batch(int fd, uint32_t asid, uint8_t type)
{
    return iotlb(fd, asid, type, 0, 0, NULL, 0);
}

static void ask_batch(void)
{
    int fd = open_for_messages();

    batch(fd, 0, VHOST_IOTLB_BATCH_BEGIN);
    say_result(batch(fd, 0, VHOST_IOTLB_BATCH_BEGIN), "BATCH_BEGIN nested");
    say_result(iotlb_map(fd, IOVA, PAGE, memory, RW), "UPDATE in a batch");
    say_result(iotlb_map(fd, IOVA, PAGE, memory, RW),
               "UPDATE in a batch of what is mapped");
    say_result(iotlb(fd, 1, VHOST_IOTLB_UPDATE, IOVA, PAGE, memory, RW),
               "UPDATE of another space in a batch");
    say_result(batch(fd, 1, VHOST_IOTLB_BATCH_BEGIN),
               "BATCH_BEGIN of another space in a batch");
    say_result(batch(fd, 1, VHOST_IOTLB_BATCH_END),
               "BATCH_END of another space in a batch");
    say_result(batch(fd, 0, VHOST_IOTLB_BATCH_END), "BATCH_END of two");
    say_result(iotlb(fd, 1, VHOST_IOTLB_UPDATE, IOVA, PAGE, memory, RW),
               "UPDATE of another space after one BATCH_END");
    close(fd);

    fd = open_for_messages();
    batch(fd, 0, VHOST_IOTLB_BATCH_BEGIN);
    set_status(fd, 0);
    say_result(iotlb(fd, 1, VHOST_IOTLB_UPDATE, IOVA, PAGE, memory, RW),
               "UPDATE of another space in a batch, after a reset");
    close(fd);
    fd = open_for_messages();
    say_result(iotlb(fd, 1, VHOST_IOTLB_UPDATE, IOVA, PAGE, memory, RW),
               "UPDATE of another space in a batch, after close");
    close(fd);
}

static void ask_reset(bool persist)
{
    uint64_t bit = 1ull << VHOST_BACKEND_F_IOTLB_PERSIST;
    const char *how = persist ? "with" : "without";
    int fd = node_open_owned();
    uint64_t features = get_backend_features(fd);

    call_u64(fd, VHOST_SET_BACKEND_FEATURES,
             persist ? features : features & ~bit);
    map_memory(fd, 0);
    negotiate(fd);
    set_status(fd, S_ALL);
    set_status(fd, 0);
    say_result(iotlb_map(fd, IOVA, PAGE, memory, RW),
               "UPDATE of what is mapped, after a reset %s PERSIST", how);
    say_result(iotlb_unmap(fd, IOVA, MEMORY_SIZE),
               "INVALIDATE after a reset %s PERSIST", how);
    say_result(iotlb_map(fd, IOVA, PAGE, memory, RW),
               "UPDATE after that, %s PERSIST", how);
    close(fd);
}

static void ask_limits(void)
{
    int fd = open_for_messages(), i;

    for (i = 0; i < 32; i++) {
        if (iotlb_map(fd, i * MEMORY_SIZE, MEMORY_SIZE, memory, RW) < 0) {
            break;
        }
    }
    say_result(i, "areas of 2 MiB under RLIMIT_MEMLOCK, of 32");
    iotlb_unmap(fd, 0, MEMORY_SIZE);
    say_result(iotlb_map(fd, 0, MEMORY_SIZE, memory, RW),
               "one more after one was unmapped");
    close(fd);

    fd = open_for_messages();
    batch(fd, 0, VHOST_IOTLB_BATCH_BEGIN);
    for (i = 0; i < MANY; i++) {
        if (iotlb_map(fd, i * 2 * PAGE, PAGE, memory, RW) < 0) {
            break;
        }
    }
    say_result(i, "entries of an address space, of %d", MANY);
    say_result(batch(fd, 0, VHOST_IOTLB_BATCH_END), "BATCH_END when full");
    say_result(iotlb_map(fd, IOVA, PAGE, memory, RW), "UPDATE when full");
    say_result(iotlb_unmap(fd, 0, PAGE), "INVALIDATE when full");
    say_result(iotlb_map(fd, IOVA, PAGE, memory, RW),
               "UPDATE after that");
    close(fd);
}

void ask_iotlb(void)
{
    ask_types();
    ask_child();
    ask_overlap();
    ask_range();
    ask_memory();
    ask_invalidate();
    ask_spaces();
    ask_batch();
    ask_reset(false);
    ask_reset(true);
    ask_limits();
}
