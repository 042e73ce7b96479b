/*
 * vhost-vdpa-sim: the conformance program
 *
 *   vhost-vdpa-conformance NODE [CHAPTER]...
 *
 * Asks what a vhost-vdpa node answers to calls, right and wrong ones, in each
 * state, and prints a line "<question>: <answer>" for each.  The lines of two
 * nodes of the same kind are equal, whoever serves them: a kernel or the
 * simulator.  What the answers should be is not in here.
 *
 * Here: the chapters and what they share.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include "conformance.h"

const char *node;
uint32_t device_id;
uint8_t *memory;

static void G_GNUC_PRINTF(2, 0) say_va(const char *answer, const char *fmt,
                                       va_list ap)
{
    vprintf(fmt, ap);
    printf(": %s\n", answer);
}

void say(const char *answer, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say_va(answer, fmt, ap);
    va_end(ap);
}

#define NAMED(error) [error] = #error

/* What calls on a node have been seen to fail with, and their like */
static const char *const error_names[] = {
    NAMED(EPERM), NAMED(ENOENT), NAMED(EIO), NAMED(ENXIO), NAMED(E2BIG),
    NAMED(EBADF), NAMED(EAGAIN), NAMED(ENOMEM), NAMED(EACCES), NAMED(EFAULT),
    NAMED(EBUSY), NAMED(EEXIST), NAMED(ENODEV), NAMED(EINVAL), NAMED(ENOTTY),
    NAMED(ENOSPC), NAMED(ERANGE), NAMED(ENOSYS), NAMED(EOVERFLOW),
    NAMED(EOPNOTSUPP), NAMED(ENOBUFS), NAMED(ETIMEDOUT),
};

const char *result_name(long ret)
{
    static char number[24];

    if (ret < 0 && -ret < G_N_ELEMENTS(error_names) && error_names[-ret]) {
        return error_names[-ret];
    }
    snprintf(number, sizeof(number), "%ld", ret);
    return number;
}

void say_result(long ret, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say_va(result_name(ret), fmt, ap);
    va_end(ap);
}

void say_bool(bool yes, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say_va(yes ? "yes" : "no", fmt, ap);
    va_end(ap);
}

int node_open(void)
{
    int fd = open(node, O_RDWR | O_CLOEXEC);

    if (fd < 0) {
        fprintf(stderr, "%s: %s\n", node, strerror(errno));
        exit(1);
    }
    return fd;
}

int node_open_owned(void)
{
    int fd = node_open();

    call(fd, VHOST_SET_OWNER, NULL);
    return fd;
}

int call(int fd, unsigned long request, void *arg)
{
    int ret = ioctl(fd, request, arg);

    return ret < 0 ? -errno : ret;
}

int call_state(int fd, unsigned long request, uint32_t index, uint32_t num)
{
    struct vhost_vring_state s = { .index = index, .num = num };

    return call(fd, request, &s);
}

int call_file(int fd, unsigned long request, uint32_t index, int file)
{
    struct vhost_vring_file f = { .index = index, .fd = file };

    return call(fd, request, &f);
}

int call_u64(int fd, unsigned long request, uint64_t value)
{
    return call(fd, request, &value);
}

int set_status(int fd, uint8_t status)
{
    return call(fd, VHOST_VDPA_SET_STATUS, &status);
}

uint8_t get_status(int fd)
{
    uint8_t status = 0;

    call(fd, VHOST_VDPA_GET_STATUS, &status);
    return status;
}

uint32_t get_base(int fd, uint32_t index)
{
    struct vhost_vring_state s = { .index = index };

    call(fd, VHOST_GET_VRING_BASE, &s);
    return s.num;
}

uint64_t get_backend_features(int fd)
{
    uint64_t features = 0;

    call(fd, VHOST_GET_BACKEND_FEATURES, &features);
    return features;
}

ssize_t iotlb(int fd, uint32_t asid, uint8_t type, uint64_t iova,
              uint64_t size, void *uaddr, uint8_t perm)
{
    struct vhost_msg_v2 msg = {
        .type = VHOST_IOTLB_MSG_V2,
        .asid = asid,
        .iotlb = {
            .iova = iova,
            .size = size,
            .uaddr = (uintptr_t)uaddr,
            .perm = perm,
            .type = type,
        },
    };
    ssize_t ret = write(fd, &msg, sizeof(msg));

    return ret < 0 ? -errno : ret;
}

ssize_t iotlb_map(int fd, uint64_t iova, uint64_t size, void *uaddr,
                  uint8_t perm)
{
    return iotlb(fd, 0, VHOST_IOTLB_UPDATE, iova, size, uaddr, perm);
}

ssize_t iotlb_unmap(int fd, uint64_t iova, uint64_t size)
{
    return iotlb(fd, 0, VHOST_IOTLB_INVALIDATE, iova, size, NULL, 0);
}

void map_memory(int fd, uint32_t asid)
{
    ssize_t ret = iotlb(fd, asid, VHOST_IOTLB_UPDATE, MEMORY_IOVA,
                        MEMORY_SIZE, memory, VHOST_ACCESS_RW);

    if (ret < 0) {
        fprintf(stderr, "%s: cannot map memory: %s\n", node,
                strerror(-ret));
        exit(1);
    }
}

void negotiate(int fd)
{
    set_status(fd, 0);
    set_status(fd, S_DRIVER);
    call_u64(fd, VHOST_SET_FEATURES, F_PLATFORM | F_VERSION_1);
    set_status(fd, S_FEATURES);
}

static void memory_init(void)
{
    int flags = MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE;

    memory = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE,
                  flags | MAP_HUGETLB, -1, 0);
    if (memory == MAP_FAILED) {
        memory = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, flags, -1,
                      0);
    }
    if (memory == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
}

static const struct {
    const char *name;
    void (*ask)(void);
} chapters[] = {
    { "calls", ask_calls },
    { "config", ask_config },
    { "node", ask_node },
    { "iotlb", ask_iotlb },
    { "rings", ask_rings },
    { "block", ask_block },
    { "net", ask_net },
};

int main(int argc, char **argv)
{
    size_t i;
    int fd;

    if (argc < 2) {
        fprintf(stderr, "usage: %s /dev/vhost-vdpa-N [CHAPTER]...\n",
                argv[0]);
        return 2;
    }
    node = argv[1];
    setvbuf(stdout, NULL, _IOLBF, 0);
    memory_init();
    fd = node_open();
    call(fd, VHOST_VDPA_GET_DEVICE_ID, &device_id);
    close(fd);

    for (i = 0; i < G_N_ELEMENTS(chapters); i++) {
        if (argc == 2 || g_strv_contains((const char *const *)argv + 2,
                                         chapters[i].name)) {
            chapters[i].ask();
        }
    }
    say("reached", "the end");
    return 0;
}
