/*
 * vhost-vdpa-sim: tests of the uAPI
 *
 * Who may call, in which order errors come, what the IOTLB takes, what a reset
 * loses, descriptors, faults, the log.  Requests are in sim-test-rings.c.
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
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <glib/gstdio.h>
#include "sim-test.h"

#define GENERIC     "type=generic,id=99,queues=2,features=0x77f000000"
#define BAD_POINTER ((void *)8)
#define F_PACKED    BIT(VIRTIO_F_RING_PACKED)

static int reopen(void)
{
    int fd = open(NODE, O_RDWR | O_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    return fd;
}

/* Dispatch */

static void test_open(void)
{
    int fd;

    node_set_env(GENERIC);
    g_assert_cmpint(open("/dev/vhost-vdpa-7", O_RDWR), ==, -1);
    g_assert_cmpint(errno, ==, ENOENT);
    fd = reopen();
    g_assert_cmpint(open(NODE, O_RDWR), ==, -1);
    g_assert_cmpint(errno, ==, EBUSY);
    close(fd);
    fd = reopen();
    g_assert_cmpint(state("opens"), ==, 2);
    close(fd);
}

static void test_open_resets(void)
{
    int fd = node_open_owned(GENERIC);

    device_init(fd, F_BASIC);
    g_assert_cmpint(call_u64(fd, VHOST_SET_BACKEND_FEATURES, 2), ==, 0);
    close(fd);
    fd = reopen();
    g_assert_cmpint(get_status(fd), ==, 0);
    g_assert_cmpint(state("owner"), ==, 0);
    g_assert_cmpint(state("backend-features"), ==, 0);
    close(fd);
}

static void test_read_poll(void)
{
    int fd = node_open(GENERIC);
    struct pollfd pfd = { .fd = fd, .events = POLLIN | POLLOUT };
    uint8_t buf[64];

    g_assert_cmpint(read(fd, buf, sizeof(buf)), ==, -1);
    g_assert_cmpint(errno, ==, EINVAL);
    g_assert_cmpint(poll(&pfd, 1, 0), ==, 1);
    g_assert_cmpint(pfd.revents, ==, POLLIN | POLLOUT);
    close(fd);
}

static void test_without_owner(void)
{
    struct vhost_vdpa_iova_range range;
    int fd = node_open(GENERIC ",iova-first=0x1000,iova-last=0xffffff,"
                       "queue-max=512");
    uint64_t features;
    uint32_t value;
    uint16_t num;
    int none = -1;

    g_assert_cmpint(call(fd, VHOST_VDPA_GET_DEVICE_ID, &value), ==, 0);
    g_assert_cmpint(value, ==, 99);
    g_assert_cmpint(call(fd, VHOST_VDPA_GET_CONFIG_SIZE, &value), ==, 0);
    g_assert_cmpint(value, ==, 64);
    g_assert_cmpint(call(fd, VHOST_VDPA_GET_VQS_COUNT, &value), ==, 0);
    g_assert_cmpint(value, ==, 2);
    g_assert_cmpint(call(fd, VHOST_VDPA_GET_GROUP_NUM, &value), ==, 0);
    g_assert_cmpint(value, ==, 1);
    g_assert_cmpint(call(fd, VHOST_VDPA_GET_AS_NUM, &value), ==, 0);
    g_assert_cmpint(value, ==, 1);
    num = 0;
    g_assert_cmpint(call(fd, VHOST_VDPA_GET_VRING_NUM, &num), ==, 0);
    g_assert_cmpint(num, ==, 512);
    g_assert_cmpint(call(fd, VHOST_GET_FEATURES, &features), ==, 0);
    g_assert_cmphex(features, ==, 0x77f000000);
    g_assert_cmpint(call(fd, VHOST_VDPA_GET_IOVA_RANGE, &range), ==, 0);
    g_assert_cmphex(range.first, ==, 0x1000);
    g_assert_cmphex(range.last, ==, 0xffffff);
    g_assert_cmpint(call(fd, VHOST_VDPA_SET_CONFIG_CALL, &none), ==, 0);
    g_assert_cmpint(call(fd, VHOST_VDPA_SUSPEND, NULL), ==, 0);
    g_assert_cmpint(call(fd, VHOST_VDPA_RESUME, NULL), ==, 0);
    g_assert_cmpint(set_status(fd, 1), ==, 0);
    close(fd);
}

static void test_bad_pointers(void)
{
    static const unsigned long requests[] = {
        VHOST_VDPA_GET_DEVICE_ID, VHOST_VDPA_GET_STATUS,
        VHOST_VDPA_SET_STATUS, VHOST_VDPA_GET_CONFIG, VHOST_VDPA_SET_CONFIG,
        VHOST_GET_FEATURES, VHOST_SET_FEATURES, VHOST_VDPA_GET_VRING_NUM,
        VHOST_VDPA_SET_CONFIG_CALL, VHOST_GET_BACKEND_FEATURES,
        VHOST_SET_BACKEND_FEATURES, VHOST_VDPA_GET_IOVA_RANGE,
        VHOST_SET_VRING_NUM, VHOST_SET_VRING_ADDR, VHOST_GET_VRING_BASE,
        VHOST_SET_VRING_KICK, VHOST_SET_MEM_TABLE,
    };
    int fd = node_open_owned(GENERIC);
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(requests); i++) {
        g_assert_cmpint(call(fd, requests[i], BAD_POINTER), ==, -EFAULT);
    }
    close(fd);
}

static void test_owner_needed(void)
{
    static const unsigned long requests[] = {
        VHOST_SET_VRING_NUM, VHOST_SET_VRING_ADDR, VHOST_SET_VRING_BASE,
        VHOST_GET_VRING_BASE, VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL,
        VHOST_SET_VRING_ERR, VHOST_VDPA_SET_VRING_ENABLE,
        VHOST_VDPA_GET_VRING_GROUP, VHOST_VDPA_SET_GROUP_ASID,
        VHOST_VDPA_GET_VRING_DESC_GROUP, VHOST_VDPA_GET_VRING_SIZE,
        VHOST_SET_MEM_TABLE, VHOST_RESET_OWNER, _IO(0xaf, 0xee),
    };
    int fd = node_open(GENERIC);
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(requests); i++) {
        /* EPERM comes before anything is read. */
        g_assert_cmpint(call(fd, requests[i], BAD_POINTER), ==, -EPERM);
    }
    g_assert_cmpint(call(fd, VHOST_SET_OWNER, NULL), ==, 0);
    g_assert_cmpint(call(fd, VHOST_SET_OWNER, NULL), ==, -EBUSY);
    g_assert_cmpint(state("owner"), ==, getpid());
    close(fd);
}

static void test_order_after_owner(void)
{
    int fd = node_open_owned(GENERIC);
    uint64_t zero = 0;

    g_assert_cmpint(call(fd, _IO(0xaf, 0xee), NULL), ==, -EFAULT);
    g_assert_cmpint(call_state(fd, _IO(0xaf, 0xee), 2, 0), ==, -ENOBUFS);
    g_assert_cmpint(call_state(fd, _IO(0xaf, 0xee), 1, 0), ==, -ENOTTY);
    g_assert_cmpint(call_state(fd, VHOST_SET_VRING_NUM, 2, 3), ==, -ENOBUFS);
    g_assert_cmpint(call_state(fd, VHOST_SET_VRING_ENDIAN, 0, 0), ==,
                    -ENOTTY);
    g_assert_cmpint(call(fd, VHOST_SET_LOG_BASE, &zero), ==, -ENOTTY);
    g_assert_cmpint(call(fd, VHOST_SET_LOG_FD, BAD_POINTER), ==, -ENOTTY);
    g_assert_cmpint(call(fd, VHOST_RESET_OWNER, NULL), ==, -EFAULT);
    g_assert_true(logged("UNKNOWN request=0xafee -> ENOTTY"));
    close(fd);
}

static void test_resume_6_1(void)
{
    int fd = node_open(GENERIC ",profile=6.1");

    g_assert_cmpint(call(fd, VHOST_VDPA_RESUME, NULL), ==, -EPERM);
    g_assert_cmpint(call(fd, VHOST_SET_OWNER, NULL), ==, 0);
    g_assert_cmpint(call(fd, VHOST_VDPA_RESUME, NULL), ==, -EFAULT);
    g_assert_cmpint(call_state(fd, VHOST_VDPA_GET_VRING_SIZE, 0, 0), ==,
                    -ENOTTY);
    close(fd);
}

static void test_suspend_support(void)
{
    int fd = node_open(GENERIC ",parent=vduse");

    /* 0 although it cannot, as long as the driver is not there. */
    g_assert_cmpint(call(fd, VHOST_VDPA_SUSPEND, NULL), ==, 0);
    g_assert_cmpint(call(fd, VHOST_VDPA_RESUME, NULL), ==, 0);
    set_status(fd, S_OK);
    g_assert_cmpint(call(fd, VHOST_VDPA_SUSPEND, NULL), ==, -EOPNOTSUPP);
    g_assert_cmpint(call(fd, VHOST_VDPA_RESUME, NULL), ==, -EOPNOTSUPP);
    close(fd);

    fd = node_open(GENERIC ",parent=vduse,profile=6.1");
    g_assert_cmpint(call(fd, VHOST_VDPA_SUSPEND, NULL), ==, -EOPNOTSUPP);
    close(fd);
}

static void test_fork(void)
{
    int fd = node_open_owned(GENERIC);
    int status;
    pid_t pid;

    set_status(fd, 1);
    pid = fork();
    if (!pid) {
        uint8_t seen = 0;
        bool good = call_state(fd, VHOST_SET_VRING_NUM, 0, 8) == -EPERM &&
                    iotlb(fd, 0, VHOST_IOTLB_BATCH_BEGIN, 0, 0, NULL, 0) ==
                    -EFAULT &&
                    call(fd, VHOST_VDPA_GET_STATUS, &seen) == 0 && seen == 1 &&
                    call(fd, VHOST_SET_OWNER, NULL) == -EBUSY;

        close(fd);
        _exit(good ? 0 : 1);
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_cmpint(status, ==, 0);
    /* The child's close was not the last one. */
    g_assert_cmpint(get_status(fd), ==, 1);
    g_assert_cmpint(call_state(fd, VHOST_SET_VRING_NUM, 0, 8), ==, 0);
    close(fd);
}

static void assert_backend_features(const char *conf, uint64_t want)
{
    int fd = node_open(conf);
    uint64_t got = 0;

    g_assert_cmpint(call(fd, VHOST_GET_BACKEND_FEATURES, &got), ==, 0);
    g_assert_cmphex(got, ==, want);
    g_assert_cmpint(call_u64(fd, VHOST_SET_BACKEND_FEATURES, got), ==, 0);
    close(fd);
}

/* The kernel does not look whether the parent offers this one. */
static void test_backend_features_unchecked(void)
{
    int fd = node_open(GENERIC ",profile=6.12,parent=vduse");

    g_assert_cmpint(call_u64(fd, VHOST_SET_BACKEND_FEATURES,
                             BIT(VHOST_BACKEND_F_ENABLE_AFTER_DRIVER_OK)), ==,
                    0);
    close(fd);
    fd = node_open(GENERIC ",profile=6.1");
    g_assert_cmpint(call_u64(fd, VHOST_SET_BACKEND_FEATURES,
                             BIT(VHOST_BACKEND_F_ENABLE_AFTER_DRIVER_OK)), ==,
                    -EOPNOTSUPP);
    close(fd);
}

static void test_backend_features_offered(void)
{
    assert_backend_features(GENERIC ",profile=6.1", 0x1e);
    assert_backend_features(GENERIC ",profile=6.12", 0x17e);
    assert_backend_features(GENERIC ",profile=7.2", 0x17e);
    assert_backend_features(GENERIC ",profile=6.1,parent=vduse", 0xe);
    assert_backend_features(GENERIC ",profile=7.2,parent=vduse", 0xe);
    assert_backend_features(GENERIC ",profile=6.1,parent=vp_vdpa", 0xe);
    assert_backend_features(GENERIC ",profile=7.2,parent=vp_vdpa", 0x10e);
    assert_backend_features(GENERIC ",backend-features=0x6", 0x6);
}

static void test_backend_features_refused(void)
{
    int fd = node_open(GENERIC ",parent=vduse");

    g_assert_cmpint(call_u64(fd, VHOST_SET_BACKEND_FEATURES, 0x10), ==,
                    -EOPNOTSUPP);
    g_assert_cmpint(call_u64(fd, VHOST_SET_BACKEND_FEATURES, BIT(40)), ==,
                    -EOPNOTSUPP);
    g_assert_cmpint(call_u64(fd, VHOST_SET_BACKEND_FEATURES, 0x80), ==,
                    -EINVAL);
    g_assert_cmpint(call_u64(fd, VHOST_SET_BACKEND_FEATURES, 0x88), ==,
                    -EOPNOTSUPP);
    close(fd);
    fd = node_open(GENERIC ",profile=6.1");
    g_assert_cmpint(call_u64(fd, VHOST_SET_BACKEND_FEATURES, 0x80), ==,
                    -EOPNOTSUPP);
    close(fd);
}

static void test_backend_features_stay(void)
{
    int fd = node_open(GENERIC);

    g_assert_cmpint(call_u64(fd, VHOST_SET_BACKEND_FEATURES, 0x6), ==, 0);
    set_status(fd, 0);
    g_assert_cmpint(state("backend-features"), ==, 6);
    close(fd);
}

static void test_features(void)
{
    int fd = node_open(GENERIC);

    g_assert_cmpint(call_u64(fd, VHOST_SET_FEATURES,
                             BIT(VIRTIO_F_VERSION_1)), ==, -EINVAL);
    device_init(fd, F_BASIC);
    g_assert_cmpint(call(fd, VHOST_SET_FEATURES, BAD_POINTER), ==, -EBUSY);
    g_assert_cmphex(state("features"), ==, F_BASIC);
    /* What is not offered is dropped, without a word. */
    device_init(fd, F_BASIC | 1);
    g_assert_cmphex(state("features"), ==, F_BASIC);
    close(fd);

    fd = node_open(GENERIC ",parent=vduse");
    g_assert_cmpint(call_u64(fd, VHOST_SET_FEATURES, 1), ==, 0);
    g_assert_cmphex(state("features"), ==, 1);
    close(fd);
}

static void test_status(void)
{
    int fd = node_open(GENERIC);

    g_assert_cmpint(set_status(fd, 3), ==, 0);
    g_assert_cmpint(set_status(fd, 1), ==, -EINVAL);
    g_assert_cmpint(get_status(fd), ==, 3);
    g_free(control_ok("needs-reset 0"));
    g_assert_cmphex(get_status(fd), ==, 0x43);
    g_assert_cmpint(set_status(fd, 7), ==, -EINVAL);
    g_assert_cmpint(set_status(fd, 0), ==, 0);
    g_assert_cmpint(get_status(fd), ==, 0);
    close(fd);
}

static void test_status_vp_vdpa(void)
{
    int fd = node_open(GENERIC ",parent=vp_vdpa");

    set_status(fd, S_DRIVER);
    g_assert_cmpint(call_u64(fd, VHOST_SET_FEATURES,
                             BIT(VIRTIO_F_VERSION_1)), ==, 0);
    /* The write is a success; the bit is not there. */
    g_assert_cmpint(set_status(fd, S_FEATURES), ==, 0);
    g_assert_cmpint(get_status(fd), ==, S_DRIVER);
    device_init(fd, F_BASIC);
    close(fd);
}

static int config_call(int fd, bool set, uint32_t off, uint32_t len,
                       uint8_t *bytes)
{
    g_autofree struct vhost_vdpa_config *c =
        g_malloc0(sizeof(*c) + MAX(len, 1u));
    int ret;

    c->off = off;
    c->len = len;
    if (set) {
        memcpy(c->buf, bytes, len);
    }
    ret = call(fd, set ? VHOST_VDPA_SET_CONFIG : VHOST_VDPA_GET_CONFIG, c);
    if (!set && !ret) {
        memcpy(bytes, c->buf, len);
    }
    return ret;
}

static void test_config(void)
{
    int fd = node_open(GENERIC ",config-size=8,config=0001020304050607");
    uint8_t bytes[16] = { 0 };

    g_assert_cmpint(config_call(fd, false, 2, 3, bytes), ==, 0);
    g_assert_cmpint(memcmp(bytes, "\2\3\4\0", 4), ==, 0);
    g_assert_cmpint(config_call(fd, false, 0, 0, bytes), ==, -EINVAL);
    g_assert_cmpint(config_call(fd, false, 9, 1, bytes), ==, -EINVAL);
    g_assert_cmpint(config_call(fd, false, 7, 2, bytes), ==, -EINVAL);
    g_assert_cmpint(config_call(fd, false, 8, 1, bytes), ==, -EINVAL);
    g_assert_cmpint(config_call(fd, true, 6, 2, (uint8_t *)"ab"), ==, 0);
    g_assert_cmpint(config_call(fd, true, 6, 3, (uint8_t *)"abc"), ==,
                    -EINVAL);
    g_assert_cmpint(config_call(fd, false, 5, 3, bytes), ==, 0);
    g_assert_cmpint(memcmp(bytes, "\5ab", 3), ==, 0);
    g_assert_true(logged("SET_CONFIG off=6 len=2 data=6162 -> 0"));
    close(fd);

    fd = node_open(GENERIC ",parent=vduse,config-size=4");
    g_assert_cmpint(config_call(fd, true, 0, 1, (uint8_t *)"x"), ==, 0);
    g_assert_cmpint(config_call(fd, false, 0, 1, bytes), ==, 0);
    g_assert_cmpint(bytes[0], ==, 0);
    close(fd);
}

/* What byte 0 is after a reset: the host has put 1 there, the driver 2 */
static uint8_t config_after_reset(int fd)
{
    uint8_t byte = 2;

    g_free(control_ok("config 0 0 01"));
    g_assert_cmpint(config_call(fd, true, 0, 1, &byte), ==, 0);
    g_assert_cmpint(set_status(fd, 0), ==, 0);
    g_assert_cmpint(config_call(fd, false, 0, 1, &byte), ==, 0);
    return byte;
}

static void test_config_reset(void)
{
    int fd = node_open(GENERIC);

    g_assert_cmpint(config_after_reset(fd), ==, 2);
    g_free(control_ok("set 0 config-reset on"));
    g_assert_cmpint(config_after_reset(fd), ==, 1);
    close(fd);
    fd = node_open(GENERIC ",parent=vp_vdpa");
    g_assert_cmpint(config_after_reset(fd), ==, 1);
    close(fd);
    fd = node_open(GENERIC ",parent=vp_vdpa,config-reset=off");
    g_assert_cmpint(config_after_reset(fd), ==, 2);
    close(fd);
}

static uint32_t config_size(const char *conf)
{
    int fd = node_open(conf);
    uint32_t size = 0;

    g_assert_cmpint(call(fd, VHOST_VDPA_GET_CONFIG_SIZE, &size), ==, 0);
    close(fd);
    return size;
}

static void test_config_sizes(void)
{
    g_assert_cmpint(config_size("type=block,size=1M,profile=6.1"), ==, 72);
    g_assert_cmpint(config_size("type=block,size=1M"), ==, 96);
    g_assert_cmpint(config_size("type=net"), ==, 24);
    g_assert_cmpint(config_size("type=net,parent=vp_vdpa"), ==, 4096);
}

static void config_call_test(const char *conf, bool unbinds)
{
    int fd = node_open(conf);
    int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int none = -1, bad = 9999, file = open("/dev/null", O_RDONLY);
    eventfd_t count;

    g_assert_cmpint(call(fd, VHOST_VDPA_SET_CONFIG_CALL, &event), ==, 0);
    g_free(control_ok("config 0 0 ff"));
    g_assert_cmpint(eventfd_read(event, &count), ==, 0);
    g_free(control_ok("config 0 0 00 quiet"));
    g_assert_cmpint(eventfd_read(event, &count), ==, -1);
    g_free(control_ok("interrupt 0 config"));
    g_assert_cmpint(eventfd_read(event, &count), ==, 0);
    g_assert_cmpint(call(fd, VHOST_VDPA_SET_CONFIG_CALL, &file), ==, -EINVAL);
    g_assert_cmpint(state("config-call"), ==, !unbinds);
    g_assert_cmpint(call(fd, VHOST_VDPA_SET_CONFIG_CALL, &bad), ==, -EBADF);
    g_assert_cmpint(call(fd, VHOST_VDPA_SET_CONFIG_CALL, &fd), ==, -EINVAL);
    g_assert_cmpint(call(fd, VHOST_VDPA_SET_CONFIG_CALL, &event), ==, 0);
    g_assert_cmpint(state("config-call"), ==, 1);
    g_assert_cmpint(call(fd, VHOST_VDPA_SET_CONFIG_CALL, &none), ==, 0);
    g_assert_cmpint(state("config-call"), ==, 0);
    close(file);
    close(event);
    close(fd);
}

static void test_config_call(void)
{
    config_call_test(GENERIC ",profile=6.1", false);
    config_call_test(GENERIC ",profile=6.12", true);
}

static void test_vring_num(void)
{
    int fd = node_open_owned(GENERIC);

    g_assert_cmpint(call_state(fd, VHOST_SET_VRING_NUM, 0, 0), ==, -EINVAL);
    g_assert_cmpint(call_state(fd, VHOST_SET_VRING_NUM, 0, 100), ==, -EINVAL);
    g_assert_cmpint(call_state(fd, VHOST_SET_VRING_NUM, 0, 65536), ==,
                    -EINVAL);
    g_assert_cmpint(call_state(fd, VHOST_SET_VRING_NUM, 0, 32768), ==, 0);
    device_init(fd, F_BASIC);
    set_status(fd, S_OK);
    g_assert_cmpint(call_state(fd, VHOST_SET_VRING_NUM, 0, 8), ==, 0);
    close(fd);
    fd = node_open_owned(GENERIC ",profile=7.2");
    g_assert_cmpint(call_state(fd, VHOST_SET_VRING_NUM, 0, 512), ==, -EINVAL);
    g_assert_cmpint(call_state(fd, VHOST_SET_VRING_NUM, 0, 256), ==, 0);
    close(fd);
}

static void test_vring_addr(void)
{
    int fd = node_open_owned(GENERIC);

    g_assert_cmpint(call_addr(fd, 0, 0, 1, 2, 4), ==, 0);
    g_assert_cmpint(call_addr(fd, 0, 0, 0, 1, 0), ==, -EINVAL);
    g_assert_cmpint(call_addr(fd, 0, 0, 0, 0, 2), ==, -EINVAL);
    g_assert_cmpint(call_addr(fd, 0, 1, 0, 0, 0), ==, 0);
    g_assert_cmpint(call_addr(fd, 0, 2, 0, 0, 0), ==, -EOPNOTSUPP);
    close(fd);
}

/* 6.12 fixes the ring while the device runs, 6.1 does not. */
static void vring_while_running(const char *conf, int want)
{
    int fd = node_open_owned(conf);

    device_init(fd, F_BASIC);
    set_status(fd, S_OK);
    g_assert_cmpint(call_addr(fd, 0, 0, 0, 0, 0), ==, want);
    g_assert_cmpint(call_state(fd, VHOST_SET_VRING_BASE, 0, 1), ==, want);
    g_assert_cmpint(call(fd, VHOST_VDPA_SUSPEND, NULL), ==, 0);
    g_assert_cmpint(call_addr(fd, 0, 0, 0, 0, 0), ==, 0);
    g_assert_cmpint(call_state(fd, VHOST_SET_VRING_BASE, 0, 1), ==, 0);
    close(fd);
}

static void test_vring_while_running(void)
{
    vring_while_running(GENERIC ",profile=6.1", 0);
    vring_while_running(GENERIC ",profile=6.12", -EINVAL);
    vring_while_running(GENERIC ",profile=7.2", -EINVAL);
}

static void test_vring_base_split(void)
{
    int fd = node_open_owned(GENERIC);

    device_init(fd, F_BASIC);
    g_assert_cmpint(get_base(fd, 0), ==, 0);
    g_assert_cmpint(call_state(fd, VHOST_SET_VRING_BASE, 0, 0x10000), ==,
                    -EINVAL);
    g_assert_cmpint(call_state(fd, VHOST_SET_VRING_BASE, 0, 0xffff), ==, 0);
    g_assert_cmpint(get_base(fd, 0), ==, 0xffff);
    set_status(fd, 0);
    g_assert_cmpint(get_base(fd, 0), ==, 0);
    close(fd);
}

static void test_vring_base_packed(void)
{
    int fd = node_open_owned(GENERIC);

    device_init(fd, F_BASIC | F_PACKED);
    g_assert_cmphex(get_base(fd, 0), ==, 0x80008000);
    g_assert_cmpint(call_state(fd, VHOST_SET_VRING_BASE, 0, 0x00038005), ==,
                    0);
    g_assert_cmphex(get_base(fd, 0), ==, 0x00038005);
    /* The acked features are stale until they are set again. */
    set_status(fd, 0);
    g_assert_cmphex(get_base(fd, 0), ==, 0x80008000);
    device_init(fd, F_BASIC);
    g_assert_cmphex(get_base(fd, 0), ==, 0);
    close(fd);

    fd = node_open_owned(GENERIC ",parent=vduse");
    device_init(fd, F_BASIC | F_PACKED);
    g_assert_cmphex(get_base(fd, 0), ==, 0);
    close(fd);
}

static void test_vring_base_vp_vdpa(void)
{
    int fd = node_open_owned(GENERIC ",parent=vp_vdpa");

    g_assert_cmpint(call_state(fd, VHOST_SET_VRING_BASE, 0, 0), ==,
                    -EOPNOTSUPP);
    device_init(fd, F_BASIC);
    g_assert_cmpint(call_state(fd, VHOST_SET_VRING_BASE, 0, 0), ==, 0);
    g_assert_cmpint(call_state(fd, VHOST_SET_VRING_BASE, 0, 1), ==,
                    -EOPNOTSUPP);
    g_assert_cmpint(call_state(fd, VHOST_GET_VRING_BASE, 0, 0), ==,
                    -EOPNOTSUPP);
    call_state(fd, VHOST_VDPA_SET_VRING_ENABLE, 0, 1);
    g_assert_cmpint(call_state(fd, VHOST_SET_VRING_BASE, 0, 0), ==,
                    -EOPNOTSUPP);
    call_state(fd, VHOST_VDPA_SET_VRING_ENABLE, 0, 0);
    g_assert_cmphex(get_status(fd), ==,
                    S_FEATURES | VIRTIO_CONFIG_S_NEEDS_RESET);
    close(fd);
}

static void test_vring_fds(void)
{
    static const unsigned long requests[] = {
        VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL, VHOST_SET_VRING_ERR,
    };
    int fd = node_open_owned(GENERIC);
    int event = eventfd(0, EFD_CLOEXEC);
    int file = open("/dev/null", O_RDONLY);
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(requests); i++) {
        g_assert_cmpint(call_file(fd, requests[i], 0, 9999), ==, -EBADF);
        g_assert_cmpint(call_file(fd, requests[i], 0, -2), ==, -EBADF);
        g_assert_cmpint(call_file(fd, requests[i], 0, file), ==, -EINVAL);
        g_assert_cmpint(call_file(fd, requests[i], 0, fd), ==, -EINVAL);
        g_assert_cmpint(call_file(fd, requests[i], 0, event), ==, 0);
        g_assert_cmpint(call_file(fd, requests[i], 0, -1), ==, 0);
    }
    close(file);
    close(event);
    close(fd);
}

static uint32_t get_group(int fd, uint32_t index)
{
    struct vhost_vring_state s = { .index = index, .num = 77 };

    g_assert_cmpint(call(fd, VHOST_VDPA_GET_VRING_GROUP, &s), ==, 0);
    return s.num;
}

static void test_groups(void)
{
    int fd = node_open_owned("type=net,profile=7.2");

    g_assert_cmpint(get_group(fd, 0), ==, 0);
    g_assert_cmpint(get_group(fd, 1), ==, 0);
    g_assert_cmpint(get_group(fd, 2), ==, 1);
    g_assert_cmpint(call_state(fd, VHOST_VDPA_SET_GROUP_ASID, 3, 0), ==,
                    -ENOBUFS);
    g_assert_cmpint(call_state(fd, VHOST_VDPA_SET_GROUP_ASID, 2, 0), ==,
                    -EINVAL);
    g_assert_cmpint(call_state(fd, VHOST_VDPA_SET_GROUP_ASID, 1, 2), ==,
                    -EINVAL);
    g_assert_cmpint(call_state(fd, VHOST_VDPA_SET_GROUP_ASID, 1, 1), ==, 0);
    device_init(fd, F_BASIC);
    set_status(fd, S_OK);
    g_assert_cmpint(call_state(fd, VHOST_VDPA_SET_GROUP_ASID, 1, 1), ==,
                    -EBUSY);
    close(fd);

    fd = node_open_owned(GENERIC ",parent=vp_vdpa");
    g_assert_cmpint(call_state(fd, VHOST_VDPA_GET_VRING_GROUP, 0, 0), ==,
                    -EOPNOTSUPP);
    g_assert_cmpint(call_state(fd, VHOST_VDPA_SET_GROUP_ASID, 0, 0), ==,
                    -EOPNOTSUPP);
    g_assert_cmpint(call_state(fd, VHOST_VDPA_SET_GROUP_ASID, 0, 1), ==,
                    -EINVAL);
    close(fd);
}

static void test_optional_calls(void)
{
    int fd = node_open_owned(GENERIC);

    g_assert_cmpint(call_state(fd, VHOST_VDPA_GET_VRING_DESC_GROUP, 0, 0), ==,
                    -EOPNOTSUPP);
    g_assert_cmpint(call_state(fd, VHOST_VDPA_GET_VRING_SIZE, 0, 0), ==,
                    -EOPNOTSUPP);
    close(fd);
}

/* IOTLB */

static ssize_t update(int fd, uint64_t iova, uint64_t size, void *uaddr)
{
    return iotlb(fd, 0, VHOST_IOTLB_UPDATE, iova, size, uaddr,
                 VHOST_ACCESS_RW);
}

static ssize_t invalidate(int fd, uint64_t iova, uint64_t size)
{
    return iotlb(fd, 0, VHOST_IOTLB_INVALIDATE, iova, size, NULL, 0);
}

static void test_iotlb_lengths(void)
{
    struct vhost_msg_v2 msg = {
        .type = VHOST_IOTLB_MSG_V2,
        .iotlb.type = VHOST_IOTLB_BATCH_BEGIN,
    };
    int fd = node_open_owned(GENERIC);
    void *nowhere = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
                         -1, 0);

    g_assert_cmpint(write(fd, &msg, 39), ==, -1);
    g_assert_cmpint(errno, ==, EINVAL);
    g_assert_cmpint(write(fd, &msg, 40), ==, 72);
    g_assert_cmpint(write(fd, &msg, 72), ==, 72);
    msg.type = VHOST_IOTLB_MSG;
    g_assert_cmpint(write(fd, &msg, 72), ==, 72);
    msg.type = 3;
    g_assert_cmpint(write(fd, &msg, 72), ==, -1);
    g_assert_cmpint(errno, ==, EINVAL);
    g_assert_cmpint(write(fd, nowhere, 72), ==, -1);
    g_assert_cmpint(errno, ==, EINVAL);
    g_assert_cmpint(update(fd, 0, 0, NULL), ==, -EINVAL);
    munmap(nowhere, PAGE);
    close(fd);
}

static void test_iotlb_owner(void)
{
    int fd = node_open(GENERIC);

    g_assert_cmpint(iotlb(fd, 0, VHOST_IOTLB_BATCH_BEGIN, 0, 0, NULL, 0), ==,
                    -EFAULT);
    g_assert_cmpint(iotlb(fd, 0, VHOST_IOTLB_MISS, 0, 0, NULL, 0), ==,
                    -EFAULT);
    close(fd);
}

static void test_iotlb_ranges(void)
{
    int fd = node_open_owned(GENERIC ",iova-first=0x1000,"
                             "iova-last=0xffffffffffffefff");
    Guest g;

    guest_init(&g);
    g_assert_cmpint(update(fd, 0, 0x1000, g.base), ==, -EFAULT);
    g_assert_cmpint(update(fd, -0x1000ull, 0x1000, g.base), ==, -EFAULT);
    g_assert_cmpint(update(fd, -0x2000ull, 0x3000, g.base), ==, -EFAULT);
    g_assert_cmpint(update(fd, -0x2000ull, 0x1000, g.base), ==, 72);
    g_assert_cmpint(update(fd, 0x10000, 0x3000, g.base), ==, 72);
    g_assert_cmpint(update(fd, 0x12000, 0x1000, g.base), ==, -EFAULT);
    g_assert_cmpint(update(fd, 0xf000, 0x2000, g.base), ==, -EFAULT);
    g_assert_cmpint(update(fd, 0x13000, 0x1000, g.base), ==, 72);
    g_assert_cmpint(state("entries"), ==, 3);
    close(fd);
    guest_free(&g);
}

static void test_iotlb_invalidate(void)
{
    int fd = node_open_owned(GENERIC);
    Guest g;

    guest_init(&g);
    /* There is no address space yet. */
    g_assert_cmpint(invalidate(fd, 0x10000, 0x1000), ==, -EFAULT);
    g_assert_cmpint(update(fd, 0x10000, 0x8000, g.base), ==, 72);
    g_assert_cmpint(update(fd, 0x20000, 0x1000, g.base), ==, 72);
    g_assert_cmpint(invalidate(fd, 0x40000, 0x1000), ==, 72);
    g_assert_cmpint(state("entries"), ==, 2);
    /* A page of it takes all of it. */
    g_assert_cmpint(invalidate(fd, 0x12000, 0x1000), ==, 72);
    g_assert_cmpint(state("entries"), ==, 1);
    close(fd);
    guest_free(&g);
}

/* The range ends before it begins: what holds both ends is found. */
static void test_iotlb_invalidate_backwards(void)
{
    int fd = node_open_owned(GENERIC);
    Guest g;

    guest_init(&g);
    g_assert_cmpint(update(fd, 0x10000, 0x2000, g.base), ==, 72);
    g_assert_cmpint(invalidate(fd, 0x10000, 0), ==, 72);
    g_assert_cmpint(invalidate(fd, 0x12000, 0), ==, 72);
    g_assert_cmpint(state("entries"), ==, 1);
    g_assert_cmpint(invalidate(fd, 0x11000, 0), ==, 72);
    g_assert_cmpint(state("entries"), ==, 0);
    g_assert_cmpint(update(fd, 0x10000, 0x2000, g.base), ==, 72);
    g_assert_cmpint(invalidate(fd, 0x11000, UINT64_MAX), ==, 72);
    g_assert_cmpint(state("entries"), ==, 0);
    g_assert_cmpint(update(fd, 0x10000, 0x2000, g.base), ==, 72);
    g_assert_cmpint(invalidate(fd, 0, 0), ==, 72);
    g_assert_cmpint(state("entries"), ==, 0);
    close(fd);
    guest_free(&g);
}

static void test_iotlb_asid(void)
{
    int fd = node_open_owned("type=net");
    g_autofree char *text = NULL;
    Guest g;

    guest_init(&g);
    /* Not acked: the number is not looked at. */
    g_assert_cmpint(iotlb(fd, 7, VHOST_IOTLB_UPDATE, 0x1000, 0x1000, g.base,
                          VHOST_ACCESS_RO), ==, 72);
    g_assert_cmpint(call_u64(fd, VHOST_SET_BACKEND_FEATURES, 0xe), ==, 0);
    g_assert_cmpint(iotlb(fd, 2, VHOST_IOTLB_UPDATE, 0x1000, 0x1000, g.base,
                          VHOST_ACCESS_RO), ==, -EFAULT);
    g_assert_cmpint(iotlb(fd, 1, VHOST_IOTLB_INVALIDATE, 0, 0x1000, NULL, 0),
                    ==, -EFAULT);
    g_assert_cmpint(iotlb(fd, 1, VHOST_IOTLB_UPDATE, 0x1000, 0x1000, g.base,
                          VHOST_ACCESS_RO), ==, 72);
    text = control_ok("iotlb 0");
    g_assert_true(g_str_has_prefix(text, "0 0x1000 0x1fff 0x"));
    g_assert_nonnull(strstr(text, "\n1 0x1000 0x1fff 0x"));
    g_assert_nonnull(strstr(text, " ro\n"));
    g_assert_nonnull(strstr(text, "\ndevice 1 0x1000 0x1fff 0x"));
    close(fd);
    guest_free(&g);
}

static bool device_has_entries(void)
{
    g_autofree char *text = control_ok("iotlb 0");

    return strstr(text, "device ");
}

static ssize_t batch(int fd, uint32_t asid, bool begin)
{
    return iotlb(fd, asid, begin ? VHOST_IOTLB_BATCH_BEGIN :
                 VHOST_IOTLB_BATCH_END, 0, 0, NULL, 0);
}

static void test_iotlb_batch(void)
{
    int fd = node_open_owned("type=net");
    Guest g;

    guest_init(&g);
    call_u64(fd, VHOST_SET_BACKEND_FEATURES, 0xe);
    g_assert_cmpint(batch(fd, 0, false), ==, -EFAULT);
    g_assert_cmpint(batch(fd, 0, true), ==, 72);
    g_assert_cmpint(batch(fd, 0, true), ==, 72);
    g_assert_cmpint(batch(fd, 1, true), ==, -EFAULT);
    g_assert_cmpint(iotlb(fd, 1, VHOST_IOTLB_UPDATE, 0x1000, 0x1000, g.base,
                          VHOST_ACCESS_RO), ==, -EFAULT);
    g_assert_cmpint(update(fd, 0x1000, 0x1000, g.base), ==, 72);
    /* The device hears of it at the end. */
    g_assert_false(device_has_entries());
    set_status(fd, 0);
    g_assert_cmpint(batch(fd, 1, true), ==, -EFAULT);
    g_assert_cmpint(batch(fd, 0, false), ==, 72);
    g_assert_true(device_has_entries());
    g_assert_cmpint(batch(fd, 0, false), ==, 72);
    close(fd);
    guest_free(&g);
}

static void test_iotlb_batch_vp_vdpa(void)
{
    int fd = node_open_owned(GENERIC ",parent=vp_vdpa");
    Guest g;

    guest_init(&g);
    g_assert_cmpint(batch(fd, 0, true), ==, 72);
    g_assert_cmpint(update(fd, 0x1000, 0x1000, g.base), ==, 72);
    /* An IOMMU does not wait. */
    g_assert_true(device_has_entries());
    close(fd);
    guest_free(&g);
}

static void test_iotlb_pa_refusals(void)
{
    int fd = node_open_owned(GENERIC ",mapping=pa");
    uint8_t *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    mprotect(p + PAGE, PAGE, PROT_READ);
    mprotect(p + 2 * PAGE, PAGE, PROT_NONE);
    munmap(p + 3 * PAGE, PAGE);
    g_assert_cmpint(update(fd, 0x1000, PAGE, p), ==, 72);
    g_assert_cmpint(update(fd, 0x10000, PAGE, p + PAGE), ==, -EFAULT);
    g_assert_cmpint(iotlb(fd, 0, VHOST_IOTLB_UPDATE, 0x10000, PAGE, p + PAGE,
                          VHOST_ACCESS_RO), ==, 72);
    g_assert_cmpint(iotlb(fd, 0, VHOST_IOTLB_UPDATE, 0x20000, PAGE,
                          p + 2 * PAGE, VHOST_ACCESS_RO), ==, -EFAULT);
    g_assert_cmpint(update(fd, 0x20000, PAGE, p + 3 * PAGE), ==, -EFAULT);
    /* What failed half way leaves nothing behind. */
    g_assert_cmpint(update(fd, 0x20000, 2 * PAGE, p), ==, -EFAULT);
    g_assert_cmpint(state("entries"), ==, 2);
    g_assert_cmpint(state("pinned"), ==, 2 * PAGE);
    close(fd);
    munmap(p, 3 * PAGE);
}

static void test_iotlb_memlock(void)
{
    int fd = node_open_owned(GENERIC ",mapping=pa,memlock=16K");
    Guest g;

    guest_init(&g);
    g_assert_cmpint(update(fd, 0x10000, 5 * PAGE, g.base), ==, -EFAULT);
    g_assert_cmpint(update(fd, 0x10000, 3 * PAGE, g.base), ==, 72);
    g_assert_cmpint(state("pinned"), ==, 3 * PAGE);
    /* Rounded out to pages: this takes two. */
    g_assert_cmpint(update(fd, 0x20ff0, 32, g.base + 0xff0), ==, -EFAULT);
    g_assert_cmpint(update(fd, 0x20ff0, 16, g.base + 0xff0), ==, 72);
    g_assert_cmpint(state("pinned"), ==, 4 * PAGE);
    g_assert_cmpint(invalidate(fd, 0x10000, 3 * PAGE), ==, 72);
    g_assert_cmpint(state("pinned"), ==, PAGE);
    g_free(control_ok("set 0 memlock 1M"));
    g_assert_cmpint(update(fd, 0x100000, 100 * PAGE, g.base), ==, 72);
    close(fd);
    g_assert_cmpint(state("pinned"), ==, 0);
    guest_free(&g);
}

/* How long an update takes, or is refused, in microseconds */
static int64_t update_time(int fd, uint64_t iova, uint64_t size, void *uaddr,
                           ssize_t result)
{
    int64_t begin = g_get_monotonic_time();

    g_assert_cmpint(update(fd, iova, size, uaddr), ==, result);
    return g_get_monotonic_time() - begin;
}

static void test_cost_map(void)
{
    /* A MiB takes 200 ms. */
    int fd = node_open_owned(GENERIC ",mapping=pa,cost-map=204800");
    int64_t all = 200 * 1000;
    int64_t begin;
    Guest g;

    guest_init(&g);
    g_assert_cmpint(update_time(fd, 0, GUEST_SIZE, g.base, 72), >=, all);
    g_assert_cmpint(update_time(fd, 0, GUEST_SIZE, g.base, -EFAULT), <, all);
    g_assert_cmpint(update_time(fd, GUEST_SIZE, PAGE, g.base, 72), <, all);
    begin = g_get_monotonic_time();
    g_assert_cmpint(invalidate(fd, 0, GUEST_SIZE), ==, 72);
    batch(fd, 0, true);
    batch(fd, 0, false);
    g_assert_cmpint(g_get_monotonic_time() - begin, <, all);
    close(fd);
    guest_free(&g);
}

static void test_cost_call(void)
{
    int fd = node_open_owned(GENERIC ",doorbells=on,cost-call=20000");
    int64_t begin = g_get_monotonic_time();
    void *bell;

    get_status(fd);
    batch(fd, 0, true);
    bell = mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, fd, 0);
    g_assert_true(bell != MAP_FAILED);
    g_assert_cmpint(g_get_monotonic_time() - begin, >=, 3 * 20000);
    munmap(bell, PAGE);
    close(fd);
}

static void test_iotlb_entries(void)
{
    int fd = node_open_owned(GENERIC ",mapping=pa,entries=4,run=8K");
    Guest g;

    guest_init(&g);
    g_assert_cmpint(update(fd, 0x10000, 6 * PAGE, g.base), ==, 72);
    g_assert_cmpint(state("entries"), ==, 3);
    g_assert_cmpint(update(fd, 0x20000, 4 * PAGE, g.base), ==, -EFAULT);
    g_assert_cmpint(state("entries"), ==, 3);
    g_assert_cmpint(update(fd, 0x20000, 2 * PAGE, g.base), ==, 72);
    /* A page takes the run that it is in, and no more. */
    g_assert_cmpint(invalidate(fd, 0x10000, PAGE), ==, 72);
    g_assert_cmpint(state("entries"), ==, 3);
    g_assert_cmpint(state("pinned"), ==, 6 * PAGE);
    close(fd);
    guest_free(&g);
}

static unsigned entries_taken(const char *conf)
{
    int fd = node_open_owned(conf);
    unsigned n = 0;
    Guest g;

    guest_init(&g);
    iotlb(fd, 0, VHOST_IOTLB_BATCH_BEGIN, 0, 0, NULL, 0);
    while (n < 3000 && update(fd, n * 2 * PAGE, PAGE, g.base) == 72) {
        n++;
    }
    close(fd);
    guest_free(&g);
    return n;
}

static void test_iotlb_entries_limit(void)
{
    g_assert_cmpint(entries_taken(GENERIC ",profile=6.1"), ==, 2048);
    g_assert_cmpint(entries_taken(GENERIC ",profile=6.12"), ==, 3000);
    g_assert_cmpint(entries_taken(GENERIC ",profile=7.2"), ==, 2048);
}

static void test_iotlb_va(void)
{
    int fd = node_open_owned(GENERIC);
    uint8_t *p = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    Guest g;

    guest_init(&g);
    g_assert_cmpint(update(fd, 0x10000, PAGE, p), ==, 72);
    g_assert_cmpint(state("entries"), ==, 0);
    /* One shared page in the middle. */
    g_assert_true(mmap(p + PAGE, PAGE, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_FIXED, g.memfd, 0) == p + PAGE);
    g_assert_cmpint(update(fd, 0x20000, 3 * PAGE, p), ==, 72);
    g_assert_cmpint(state("entries"), ==, 1);
    g_assert_cmpint(state("pinned"), ==, 0);
    g_assert_cmpint(update(fd, 0x1000000, 16, (void *)-4096), ==, -EFAULT);
    close(fd);
    munmap(p, 3 * PAGE);
    guest_free(&g);
}

/* Reset */

typedef struct ResetCase {
    const char *conf;
    bool callback;
    bool config_callback;
    unsigned num;
    bool mapping;
} ResetCase;

static const ResetCase reset_cases[] = {
    { "profile=6.1,parent=vdpa_sim", false, false, 16, false },
    { "profile=6.12,parent=vdpa_sim", false, false, 16, false },
    { "profile=7.2,parent=vduse", false, false, 0, true },
    { "profile=6.1,parent=vp_vdpa", true, true, 256, true },
    { "profile=6.12,parent=vp_vdpa", true, true, 256, true },
};

static void test_reset(gconstpointer opaque)
{
    const ResetCase *test = opaque;
    g_autofree char *conf = g_strconcat(GENERIC ",", test->conf, NULL);
    g_autofree char *ring = g_strdup_printf("ring0=ready=0 num=%u ",
                                            test->num);
    g_autofree char *text = NULL;
    int fd = node_open_owned(conf);
    int event = eventfd(0, EFD_CLOEXEC);
    Guest g;

    guest_init(&g);
    device_init(fd, F_BASIC);
    guest_map(&g, fd, 0);
    call_state(fd, VHOST_SET_VRING_NUM, 0, 16);
    call_file(fd, VHOST_SET_VRING_CALL, 0, event);
    call_file(fd, VHOST_SET_VRING_KICK, 0, event);
    call(fd, VHOST_VDPA_SET_CONFIG_CALL, &event);
    call_state(fd, VHOST_VDPA_SET_VRING_ENABLE, 0, 1);
    g_assert_cmpint(state("config-call"), ==, 1);
    set_status(fd, 0);

    text = control_ok("state 0");
    g_assert_nonnull(strstr(text, ring));
    g_assert_nonnull(strstr(text, test->callback ? " kick=1 call=1 " :
                                                   " kick=1 call=0 "));
    g_assert_cmpint(state("config-call"), ==, test->config_callback);
    g_assert_cmpint(device_has_entries(), ==, test->mapping);
    /* vhost goes on as if nothing had happened. */
    g_assert_cmpint(state("entries"), ==, 1);
    g_assert_cmpint(update(fd, GUEST_IOVA, GUEST_SIZE, g.base), ==, -EFAULT);
    close(fd);
    close(event);
    guest_free(&g);
}

static void test_reset_persist(void)
{
    int fd = node_open_owned(GENERIC);
    Guest g;

    guest_init(&g);
    g_assert_cmpint(call_u64(fd, VHOST_SET_BACKEND_FEATURES, 0x106), ==, 0);
    guest_map(&g, fd, 0);
    set_status(fd, 0);
    g_assert_true(device_has_entries());
    close(fd);
    guest_free(&g);
}

static void test_reset_empty_batch(void)
{
    int fd = node_open_owned(GENERIC);
    Guest g;

    guest_init(&g);
    guest_map(&g, fd, 0);
    set_status(fd, 0);
    g_assert_false(device_has_entries());
    batch(fd, 0, true);
    batch(fd, 0, false);
    g_assert_true(device_has_entries());
    close(fd);
    guest_free(&g);
}

static void test_reset_asid(void)
{
    int fd = node_open_owned("type=net");
    Guest g;

    guest_init(&g);
    call_u64(fd, VHOST_SET_BACKEND_FEATURES, 0xe);
    call_state(fd, VHOST_VDPA_SET_GROUP_ASID, 0, 1);
    set_status(fd, 0);
    device_init(fd, F_BASIC);
    iotlb(fd, 0, VHOST_IOTLB_UPDATE, GUEST_IOVA, GUEST_SIZE, g.base,
          VHOST_ACCESS_RW);
    {
        Buf buf = { GUEST_IOVA + 0x80000, 16, false };
        Vq vq, rx;

        vq_init(&rx, fd, &g, 0, 8, 0x10000, false);
        vq_init(&vq, fd, &g, 1, 8, 0, false);
        set_status(fd, S_OK);
        vq_add(&vq, 0, &buf, 1);
        vq_kick(&vq);
        /* The ring is in address space 0 again. */
        g_assert_true(vq_wait(&vq));
        vq_free(&vq);
        vq_free(&rx);
    }
    close(fd);
    guest_free(&g);
}

/* Descriptors */

/* Each way to duplicate makes one more reference to the same device. */
static void test_dup(gconstpointer how)
{
    int fd = node_open(GENERIC);
    int copy = -1;

    set_status(fd, 1);
    switch (*(const char *)how) {
    case '1':
        copy = dup(fd);
        break;
    case '2':
        copy = dup2(fd, 90);
        break;
    case '3':
        copy = dup3(fd, 90, O_CLOEXEC);
        break;
    case 'f':
        copy = fcntl(fd, F_DUPFD_CLOEXEC, 90);
        break;
    }
    g_assert_cmpint(copy, >=, 0);
    close(fd);
    g_assert_false(logged("CLOSE"));
    g_assert_cmpint(open(NODE, O_RDWR), ==, -1);
    g_assert_cmpint(errno, ==, EBUSY);
    g_assert_cmpint(get_status(copy), ==, 1);
    close(copy);
    g_assert_true(logged("CLOSE"));
}

static void test_replaced(void)
{
    int fd = node_open(GENERIC);

    g_assert_cmpint(dup2(STDERR_FILENO, fd), ==, fd);
    g_assert_true(logged("CLOSE"));
    close(fd);
    close(reopen());
}

/* As the C library does in its own functions. */
static void test_closed_unseen(void)
{
    int fd = node_open(GENERIC);

    g_assert_cmpint(syscall(SYS_close, fd), ==, 0);
    close(reopen());
    g_assert_cmpint(logged_times("CLOSE"), ==, 2);
}

static void test_other_fds(void)
{
    int fd = node_open(GENERIC);
    int event = eventfd(3, EFD_CLOEXEC);
    uint8_t status;
    uint64_t count;

    g_assert_cmpint(read(event, &count, sizeof(count)), ==, sizeof(count));
    g_assert_cmpint(count, ==, 3);
    g_assert_cmpint(call(event, VHOST_VDPA_GET_STATUS, &status), ==,
                    -ENOTTY);
    close(fd);
    /* The number is free for others. */
    g_assert_cmpint(dup2(event, fd), ==, fd);
    g_assert_cmpint(call(fd, VHOST_VDPA_GET_STATUS, &status), ==, -ENOTTY);
    close(fd);
    close(event);
}

static void send_fd(int sock, int fd)
{
    char byte = 'x', space[CMSG_SPACE(sizeof(int))] = { 0 };
    struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
    struct msghdr msg = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = space,
        .msg_controllen = sizeof(space),
    };
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    g_assert_cmpint(sendmsg(sock, &msg, 0), ==, 1);
}

static int receive_fd(int sock)
{
    char byte, space[CMSG_SPACE(sizeof(int))];
    struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
    struct msghdr msg = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = space,
        .msg_controllen = sizeof(space),
    };
    int fd = -1;

    if (recvmsg(sock, &msg, 0) == 1 && CMSG_FIRSTHDR(&msg)) {
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
    }
    return fd;
}

/* The other process: it opened nothing, and configures the id otherwise. */
static int stranger(const char *how)
{
    bool by_write = strchr(how, 'w'), dup_first = strchr(how, 'd');
    int fd = strchr(how, 's') ? receive_fd(STDIN_FILENO) : STDIN_FILENO;
    struct vhost_vring_state s = { .index = 0, .num = 8 };
    uint32_t id = 0;

    if (dup_first) {
        fd = dup(fd);
    }
    if (by_write && iotlb(fd, 0, VHOST_IOTLB_BATCH_BEGIN, 0, 0, NULL, 0) !=
                    -EFAULT) {
        return 1;
    }
    if (call(fd, VHOST_VDPA_GET_DEVICE_ID, &id) || id != 55) {
        return 2;
    }
    if (call(fd, VHOST_SET_VRING_NUM, &s) != -EPERM ||
        call(fd, VHOST_SET_OWNER, NULL) ||
        call(fd, VHOST_SET_VRING_NUM, &s)) {
        return 3;
    }
    /* Its node is open here now. */
    return open(NODE, O_RDWR) == -1 && errno == EBUSY ? 0 : 4;
}

static void run_stranger(const char *how, int input)
{
    pid_t pid = fork();
    int status;

    if (!pid) {
        dup2(input, STDIN_FILENO);
        unsetenv("VHOST_VDPA_SIM_CONTROL");
        setenv("VHOST_VDPA_SIM_0", "type=generic,id=55", 1);
        execl("/proc/self/exe", "sim-test", "--stranger", how, NULL);
        _exit(99);
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_cmpint(status, ==, 0);
}

static void test_adopt(gconstpointer how)
{
    int fd = node_open(GENERIC);
    int sock[2];

    if (strchr(how, 's')) {
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock);
        send_fd(sock[0], fd);
        run_stranger(how, sock[1]);
        close(sock[0]);
        close(sock[1]);
    } else {
        run_stranger(how, fd);
    }
    g_assert_cmpint(get_status(fd), ==, 0);
    close(fd);
}

/* A number that came over a socket to the process itself. */
static void test_adopt_own(void)
{
    int fd = node_open(GENERIC);
    int sock[2], copy;

    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock);
    send_fd(sock[0], fd);
    copy = receive_fd(sock[1]);
    set_status(fd, 1);
    g_assert_cmpint(get_status(copy), ==, 1);
    close(fd);
    g_assert_cmpint(get_status(copy), ==, 1);
    close(copy);
    g_assert_true(logged("CLOSE"));
    g_assert_cmpint(state("opens"), ==, 1);
    close(sock[0]);
    close(sock[1]);
}

/* Faults, log, control */

static void test_fault_nth(void)
{
    int fd = node_open(GENERIC);
    uint8_t status;

    g_free(control_ok("fault 0 GET_STATUS nth=2 errno=EIO"));
    g_assert_cmpint(call(fd, VHOST_VDPA_GET_STATUS, &status), ==, 0);
    g_assert_cmpint(call(fd, VHOST_VDPA_GET_STATUS, &status), ==, -EIO);
    g_assert_cmpint(call(fd, VHOST_VDPA_GET_STATUS, &status), ==, 0);
    g_free(control_ok("fault 0 GET_STATUS errno=524 always"));
    g_assert_cmpint(call(fd, VHOST_VDPA_GET_STATUS, &status), ==, -524);
    g_assert_cmpint(call(fd, VHOST_VDPA_GET_STATUS, &status), ==, -524);
    g_free(control_ok("unfault 0"));
    g_assert_cmpint(call(fd, VHOST_VDPA_GET_STATUS, &status), ==, 0);
    g_assert_cmpint(logged_times("GET_STATUS -> EIO\n"), ==, 1);
    g_assert_cmpint(logged_times("GET_STATUS -> ENOTSUPP\n"), ==, 2);
    close(fd);
}

static void test_fault_value(void)
{
    int fd = node_open_owned(GENERIC);
    uint32_t id;
    uint16_t num;

    g_free(control_ok("fault 0 GET_DEVICE_ID value=0xffffffff"));
    g_assert_cmpint(call(fd, VHOST_VDPA_GET_DEVICE_ID, &id), ==, 0);
    g_assert_cmphex(id, ==, 0xffffffff);
    g_assert_cmpint(call(fd, VHOST_VDPA_GET_DEVICE_ID, &id), ==, 0);
    g_assert_cmpint(id, ==, 99);
    g_free(control_ok("fault 0 GET_VRING_NUM value=0 always"));
    g_assert_cmpint(call(fd, VHOST_VDPA_GET_VRING_NUM, &num), ==, 0);
    g_assert_cmpint(num, ==, 0);
    g_free(control_ok("fault 0 GET_VRING_BASE ring=1 value=7"));
    g_assert_cmpint(get_base(fd, 0), ==, 0);
    g_assert_cmpint(get_base(fd, 1), ==, 7);
    g_assert_cmpint(get_base(fd, 1), ==, 0);
    g_assert_true(logged("GET_DEVICE_ID -> 4294967295\n"));
    close(fd);
}

static void test_fault_status(void)
{
    int fd = node_open(GENERIC);

    g_free(control_ok("fault 0 SET_STATUS nth=2 value=0x80"));
    g_assert_cmpint(set_status(fd, 1), ==, 0);
    g_assert_cmpint(set_status(fd, 3), ==, 0);
    g_assert_cmphex(get_status(fd), ==, 0x80);
    close(fd);
}

static void test_fault_env(void)
{
    int fd, event = eventfd(0, EFD_CLOEXEC);

    node_set_env(GENERIC ",fault=OPEN:errno=ENOTSUPP,"
                 "fault=SET_VRING_KICK:ring=1:errno=ENOMEM:always,"
                 "fault=IOTLB_UPDATE:errno=EFAULT");
    g_assert_cmpint(open(NODE, O_RDWR), ==, -1);
    g_assert_cmpint(errno, ==, SIM_ENOTSUPP);
    fd = reopen();
    call(fd, VHOST_SET_OWNER, NULL);
    g_assert_cmpint(call_file(fd, VHOST_SET_VRING_KICK, 0, event), ==, 0);
    g_assert_cmpint(call_file(fd, VHOST_SET_VRING_KICK, 1, event), ==,
                    -ENOMEM);
    g_assert_cmpint(update(fd, 0, 16, &event), ==, -EFAULT);
    g_assert_cmpint(update(fd, 0, 16, &event), ==, 72);
    close(fd);
    close(event);
}

/* The first answers to a question; returns how many are not the truth */
static int random_answers(const char *conf, uint64_t *answers, int num)
{
    int fd = node_open(conf);
    uint64_t truth = 0;
    int i, lies = 0;

    for (i = 0; i < num; i++) {
        g_assert_cmpint(call(fd, VHOST_GET_FEATURES, &answers[i]), ==, 0);
    }
    g_free(control_ok("set 0 random 0"));
    g_assert_cmpint(call(fd, VHOST_GET_FEATURES, &truth), ==, 0);
    for (i = 0; i < num; i++) {
        lies += answers[i] != truth;
    }
    close(fd);
    return lies;
}

static void test_random(void)
{
    uint64_t once[200], again[200], other[200];
    int lies;

    /* Seeds 4 and 8: one answer in four */
    lies = random_answers(GENERIC ",random=4", once, 200);
    g_assert_cmpint(lies, >, 10);
    g_assert_cmpint(lies, <, 100);
    random_answers(GENERIC ",random=8", other, 200);
    random_answers(GENERIC ",random=4", again, 200);
    g_assert_cmpint(memcmp(once, again, sizeof(once)), ==, 0);
    g_assert_cmpint(memcmp(once, other, sizeof(once)), !=, 0);
    g_assert_cmpint(random_answers(GENERIC, once, 200), ==, 0);
}

static void test_log_file(void)
{
    g_autofree char *path = g_strdup_printf("%s/vdpa-sim-log-%d",
                                            g_get_tmp_dir(), getpid());
    g_autofree char *text = NULL;
    int fd;

    g_setenv("VHOST_VDPA_SIM_LOG", path, true);
    fd = node_open(GENERIC);
    set_status(fd, 1);
    g_free(control_ok("clear 0"));
    close(fd);
    g_unsetenv("VHOST_VDPA_SIM_LOG");
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_true(g_str_has_prefix(text, "0 "));
    g_assert_nonnull(strstr(text, " SET_STATUS status=0x1 -> 0\n"));
    g_assert_true(g_str_has_suffix(text, " CLOSE -> 0\n"));
    unlink(path);
}

static void assert_refused(const char *command)
{
    g_autofree char *answer = control("%s", command);

    g_assert_true(g_str_has_prefix(answer, "error: "));
}

static void test_control_errors(void)
{
    int fd = node_open(GENERIC);

    assert_refused("nonsense");
    assert_refused("state");
    assert_refused("state 200");
    assert_refused("fault 0 OPEN");
    assert_refused("fault 0 OPEN errno=EWHAT");
    assert_refused("fault 0 OPEN errno=EIO value=3");
    assert_refused("fault 0 OPEN errno=EIO sometimes");
    assert_refused("set 0 queue-max 70000");
    assert_refused("set 0 type net");
    assert_refused("set 0 queues 5");
    assert_refused("set 0 config-reset maybe");
    assert_refused("config 0 64 00");
    assert_refused("config 0 0 abc");
    assert_refused("interrupt 0 2");
    close(fd);
}

static void test_control_set(void)
{
    int fd = node_open(GENERIC);
    g_autofree char *list = control_ok("list");
    uint64_t features;
    uint32_t size;

    g_assert_nonnull(strstr(list, "0 generic id=99 open=1\n"));
    g_free(control_ok("set 0 features 0x300000001"));
    g_assert_cmpint(call(fd, VHOST_GET_FEATURES, &features), ==, 0);
    g_assert_cmphex(features, ==, 0x300000001);
    g_free(control_ok("set 0 config-size 100"));
    g_assert_cmpint(call(fd, VHOST_VDPA_GET_CONFIG_SIZE, &size), ==, 0);
    g_assert_cmpint(size, ==, 100);
    g_free(control_ok("config 0 99 7f"));
    close(fd);
    /* A setting outlives the close. */
    fd = reopen();
    g_assert_cmpint(call(fd, VHOST_GET_FEATURES, &features), ==, 0);
    g_assert_cmphex(features, ==, 0x300000001);
    close(fd);
}

static void test_log(void)
{
    int fd = node_open(GENERIC);
    g_autofree char *text = NULL, *since = NULL;
    unsigned long long seq[2], usec[2];
    int n;

    call(fd, VHOST_SET_OWNER, NULL);
    call_state(fd, VHOST_SET_VRING_NUM, 1, 128);
    g_free(control_ok("clear 0"));
    set_status(fd, 1);
    call_state(fd, VHOST_SET_VRING_NUM, 1, 3);
    text = control_ok("log 0");
    n = sscanf(text, "%llu %llu SET_STATUS status=0x1 -> 0\n"
               "%llu %llu SET_VRING_NUM index=1 num=3 -> EINVAL\n",
               &seq[0], &usec[0], &seq[1], &usec[1]);
    g_assert_cmpint(n, ==, 4);
    g_assert_cmpint(seq[1], ==, seq[0] + 1);
    g_assert_cmpint(usec[0], <=, usec[1]);
    g_assert_true(g_str_has_suffix(text, "num=3 -> EINVAL\n"));
    since = control_ok("log 0 since %llu", seq[1]);
    g_assert_null(strstr(since, "SET_STATUS"));
    g_assert_nonnull(strstr(since, "SET_VRING_NUM"));
    close(fd);
}

static void assert_env_refused(const char *conf)
{
    node_set_env(conf);
    g_assert_cmpint(open(NODE, O_RDWR), ==, -1);
    g_assert_cmpint(errno, ==, ENOENT);
}

static void test_env_errors(void)
{
    /* The complaints on stderr are part of it, and no failure. */
    assert_env_refused("type=generic");
    assert_env_refused("type=toaster,id=1");
    assert_env_refused(GENERIC ",profile=5.4");
    assert_env_refused(GENERIC ",colour=blue");
    assert_env_refused(GENERIC ",queues");
    assert_env_refused(GENERIC ",queue-max=70000");
    assert_env_refused(GENERIC ",config=0");
    assert_env_refused(GENERIC ",config-size=1,config=0000");
    assert_env_refused(GENERIC ",fault=OPEN:errno=EWHAT");
    assert_env_refused("type=block,file=/nonexistent/disk");
}

/*
 * A helper that the program starts has the same environment.  The socket stays
 * with who has the node open.
 */
static void test_control_stays(void)
{
    int fd = node_open(GENERIC);
    int status;
    pid_t pid = fork();

    if (!pid) {
        execl("/proc/self/exe", "sim-test", "--idle", NULL);
        _exit(99);
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_cmpint(status, ==, 0);
    set_status(fd, 1);
    g_assert_cmpint(state("status"), ==, 1);
    close(fd);
}

static void add_dispatch_tests(void)
{
    g_test_add_func("/dispatch/open", test_open);
    g_test_add_func("/dispatch/open-resets", test_open_resets);
    g_test_add_func("/dispatch/read-and-poll", test_read_poll);
    g_test_add_func("/dispatch/without-owner", test_without_owner);
    g_test_add_func("/dispatch/bad-pointers", test_bad_pointers);
    g_test_add_func("/dispatch/owner-needed", test_owner_needed);
    g_test_add_func("/dispatch/order-after-owner", test_order_after_owner);
    g_test_add_func("/dispatch/resume-on-6.1", test_resume_6_1);
    g_test_add_func("/dispatch/suspend-support", test_suspend_support);
    g_test_add_func("/dispatch/fork", test_fork);
    g_test_add_func("/dispatch/backend-features/offered",
                    test_backend_features_offered);
    g_test_add_func("/dispatch/backend-features/unchecked",
                    test_backend_features_unchecked);
    g_test_add_func("/dispatch/backend-features/refused",
                    test_backend_features_refused);
    g_test_add_func("/dispatch/backend-features/survive-reset",
                    test_backend_features_stay);
    g_test_add_func("/dispatch/features", test_features);
    g_test_add_func("/dispatch/status", test_status);
    g_test_add_func("/dispatch/status-vp_vdpa", test_status_vp_vdpa);
    g_test_add_func("/dispatch/config", test_config);
    g_test_add_func("/dispatch/config-reset", test_config_reset);
    g_test_add_func("/dispatch/config-sizes", test_config_sizes);
    g_test_add_func("/dispatch/config-call", test_config_call);
    g_test_add_func("/dispatch/vring-num", test_vring_num);
    g_test_add_func("/dispatch/vring-addr", test_vring_addr);
    g_test_add_func("/dispatch/vring-while-running",
                    test_vring_while_running);
    g_test_add_func("/dispatch/vring-base/split", test_vring_base_split);
    g_test_add_func("/dispatch/vring-base/packed", test_vring_base_packed);
    g_test_add_func("/dispatch/vring-base/vp_vdpa", test_vring_base_vp_vdpa);
    g_test_add_func("/dispatch/vring-fds", test_vring_fds);
    g_test_add_func("/dispatch/groups", test_groups);
    g_test_add_func("/dispatch/optional-calls", test_optional_calls);
}

static void add_iotlb_tests(void)
{
    g_test_add_func("/iotlb/lengths", test_iotlb_lengths);
    g_test_add_func("/iotlb/owner", test_iotlb_owner);
    g_test_add_func("/iotlb/ranges", test_iotlb_ranges);
    g_test_add_func("/iotlb/invalidate", test_iotlb_invalidate);
    g_test_add_func("/iotlb/invalidate-backwards",
                    test_iotlb_invalidate_backwards);
    g_test_add_func("/iotlb/asid", test_iotlb_asid);
    g_test_add_func("/iotlb/batch", test_iotlb_batch);
    g_test_add_func("/iotlb/batch-vp_vdpa", test_iotlb_batch_vp_vdpa);
    g_test_add_func("/iotlb/pa-refusals", test_iotlb_pa_refusals);
    g_test_add_func("/iotlb/memlock", test_iotlb_memlock);
    g_test_add_func("/iotlb/entries", test_iotlb_entries);
    g_test_add_func("/cost/call", test_cost_call);
    g_test_add_func("/cost/map", test_cost_map);
    g_test_add_func("/iotlb/entries-limit", test_iotlb_entries_limit);
    g_test_add_func("/iotlb/va-skips-private", test_iotlb_va);
}

static void add_reset_tests(void)
{
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(reset_cases); i++) {
        g_autofree char *name = g_strconcat("/reset/", reset_cases[i].conf,
                                            NULL);

        g_test_add_data_func(name, &reset_cases[i], test_reset);
    }
    g_test_add_func("/reset/persist", test_reset_persist);
    g_test_add_func("/reset/empty-batch", test_reset_empty_batch);
    g_test_add_func("/reset/address-space", test_reset_asid);
}

static void add_other_tests(void)
{
    g_test_add_data_func("/descriptors/dup", "1", test_dup);
    g_test_add_data_func("/descriptors/dup2", "2", test_dup);
    g_test_add_data_func("/descriptors/dup3", "3", test_dup);
    g_test_add_data_func("/descriptors/fcntl", "f", test_dup);
    g_test_add_func("/descriptors/replaced", test_replaced);
    g_test_add_func("/descriptors/closed-unseen", test_closed_unseen);
    g_test_add_func("/descriptors/others-are-left-alone", test_other_fds);
    g_test_add_data_func("/descriptors/adopt/inherited", "i", test_adopt);
    g_test_add_data_func("/descriptors/adopt/by-write", "iw", test_adopt);
    g_test_add_data_func("/descriptors/adopt/socket", "s", test_adopt);
    g_test_add_data_func("/descriptors/adopt/fdset", "sd", test_adopt);
    g_test_add_func("/descriptors/adopt/own", test_adopt_own);
    g_test_add_func("/faults/nth-and-always", test_fault_nth);
    g_test_add_func("/faults/value-and-ring", test_fault_value);
    g_test_add_func("/faults/status", test_fault_status);
    g_test_add_func("/faults/environment", test_fault_env);
    g_test_add_func("/random/seed", test_random);
    g_test_add_func("/log/file", test_log_file);
    g_test_add_func("/control/errors", test_control_errors);
    g_test_add_func("/control/set", test_control_set);
    g_test_add_func("/control/stays", test_control_stays);
    g_test_add_func("/log", test_log);
    g_test_add_func("/environment/errors", test_env_errors);
}

/* The simulator reads the environment when it is loaded: so load it anew. */
static int run_again(char **argv)
{
    g_autofree char *dir = g_dir_make_tmp("vhost-vdpa-sim-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "control", NULL);
    int status;
    pid_t pid;

    g_setenv("VHOST_VDPA_SIM_CONTROL", path, true);
    pid = fork();
    if (!pid) {
        execv("/proc/self/exe", argv);
        _exit(99);
    }
    if (waitpid(pid, &status, 0) != pid) {
        status = 1;
    }
    g_unlink(path);
    g_rmdir(dir);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "--stranger")) {
        return stranger(argv[2]);
    }
    if (argc == 2 && !strcmp(argv[1], "--idle")) {
        return 0;
    }
    if (!g_getenv("VHOST_VDPA_SIM_CONTROL")) {
        return run_again(argv);
    }
    g_test_init(&argc, &argv, NULL);
    alarm(120);
    add_dispatch_tests();
    add_iotlb_tests();
    add_reset_tests();
    add_other_tests();
    add_ring_tests();
    return g_test_run();
}
