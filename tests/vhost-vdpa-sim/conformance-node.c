/*
 * vhost-vdpa-sim: conformance, the open file and config space
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
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include "conformance.h"

#define CONFIG_MAX 8192

static int try_open(int flags)
{
    int fd = open(node, flags | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

/* 0 if it opens; it is closed again. */
static int opens(void)
{
    int fd = try_open(O_RDWR);

    if (fd < 0) {
        return fd;
    }
    close(fd);
    return 0;
}

static void ask_open(void)
{
    int fd = node_open(), other;

    say_result(opens(), "a second open");
    other = dup(fd);
    close(fd);
    say_result(opens(), "open while a duplicate is open");
    say_result(call(other, VHOST_SET_OWNER, NULL), "SET_OWNER by duplicate");
    close(other);
    say_result(opens(), "open after the last duplicate is closed");

    fd = node_open();
    say_result(call(fd, VHOST_SET_OWNER, NULL), "SET_OWNER");
    say_result(call(fd, VHOST_SET_OWNER, NULL), "SET_OWNER again");
    set_status(fd, S_DRIVER);
    set_status(fd, 0);
    say_result(call(fd, VHOST_SET_OWNER, NULL), "SET_OWNER after a reset");
    close(fd);
    fd = node_open();
    say_result(call(fd, VHOST_SET_OWNER, NULL), "SET_OWNER after close");
    close(fd);
}

/* What an open file leaves to the next one. */
static void ask_reopen(void)
{
    int fd = node_open_owned();
    struct vhost_vring_state busyloop = { .index = 0 };
    int kick = eventfd(0, EFD_CLOEXEC);

    call_u64(fd, VHOST_SET_BACKEND_FEATURES, get_backend_features(fd));
    map_memory(fd, 0);
    negotiate(fd);
    call_state(fd, VHOST_SET_VRING_BASE, 0, 5);
    call_state(fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, 0, 7);
    call_file(fd, VHOST_SET_VRING_KICK, 0, kick);
    set_status(fd, S_ALL);
    iotlb(fd, 0, VHOST_IOTLB_BATCH_BEGIN, 0, 0, NULL, 0);
    close(fd);

    fd = node_open_owned();
    say_result(get_status(fd), "status after close at DRIVER_OK");
    say_result(get_base(fd, 0), "base after close");
    call(fd, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, &busyloop);
    say_result(busyloop.num, "busyloop timeout after close");
    say_result(iotlb(fd, 7, VHOST_IOTLB_UPDATE, MEMORY_IOVA, MEMORY_SIZE,
                     memory, VHOST_ACCESS_RW),
               "UPDATE of what was mapped before close, in space 7");
    close(fd);
    close(kick);
}

static void ask_access(void)
{
    uint64_t word = 0;
    ssize_t ret;
    int fd;
    struct pollfd pfd = { .events = POLLIN | POLLOUT | POLLPRI };

    fd = pfd.fd = node_open_owned();
    ret = read(fd, &word, sizeof(word));
    say_result(ret < 0 ? -errno : ret, "read of 8 bytes");
    ret = read(fd, &word, 0);
    say_result(ret < 0 ? -errno : ret, "read of no byte");
    poll(&pfd, 1, 0);
    say_result(pfd.revents, "poll");
    close(fd);

    fd = try_open(O_RDONLY);
    call(fd, VHOST_SET_OWNER, NULL);
    say_result(iotlb_map(fd, MEMORY_IOVA, PAGE, memory, VHOST_ACCESS_RW),
               "UPDATE by a descriptor for reading");
    say_result(set_status(fd, 1), "SET_STATUS by a descriptor for reading");
    close(fd);
    fd = try_open(O_WRONLY);
    ret = read(fd, &word, sizeof(word));
    say_result(ret < 0 ? -errno : ret, "read by a descriptor for writing");
    close(fd);
}

static void try_mmap(int fd, const char *what, size_t len, int prot,
                     int flags, off_t offset)
{
    void *map = mmap(NULL, len, prot, flags, fd, offset);

    say_result(map == MAP_FAILED ? -errno : 0, "mmap %s", what);
    if (map != MAP_FAILED) {
        munmap(map, len);
    }
}

static void ask_doorbell(void)
{
    int fd = node_open();

    try_mmap(fd, "of ring 0", PAGE, PROT_WRITE, MAP_SHARED, 0);
    try_mmap(fd, "of ring 0, a byte", 1, PROT_WRITE, MAP_SHARED, 0);
    try_mmap(fd, "of two pages", 2 * PAGE, PROT_WRITE, MAP_SHARED, 0);
    try_mmap(fd, "private", PAGE, PROT_WRITE, MAP_PRIVATE, 0);
    try_mmap(fd, "readable", PAGE, PROT_READ, MAP_SHARED, 0);
    try_mmap(fd, "readable and writable", PAGE, PROT_READ | PROT_WRITE,
             MAP_SHARED, 0);
    try_mmap(fd, "without access", PAGE, PROT_NONE, MAP_SHARED, 0);
    try_mmap(fd, "of ring 1000", PAGE, PROT_WRITE, MAP_SHARED, 1000 * PAGE);
    try_mmap(fd, "of ring 65536", PAGE, PROT_WRITE, MAP_SHARED,
             65536 * PAGE);
    try_mmap(fd, "at half a page", PAGE, PROT_WRITE, MAP_SHARED, PAGE / 2);
    close(fd);
}

typedef struct Config {
    uint32_t off;
    uint32_t len;
    uint8_t buf[CONFIG_MAX];
} Config;

static int get_config(int fd, Config *config, uint32_t off, uint32_t len)
{
    config->off = off;
    config->len = len;
    return call(fd, VHOST_VDPA_GET_CONFIG, config);
}

static int set_config(int fd, Config *config, uint32_t off, uint32_t len)
{
    config->off = off;
    config->len = len;
    return call(fd, VHOST_VDPA_SET_CONFIG, config);
}

static void say_config(int fd, uint32_t size, const char *when)
{
    Config config = { 0 };
    g_autoptr(GString) text = g_string_new(NULL);
    uint32_t i;

    get_config(fd, &config, 0, size);
    for (i = 0; i < size; i++) {
        g_string_append_printf(text, "%02x", config.buf[i]);
    }
    say(text->str, "config space %s", when);
}

static void ask_config_bounds(int fd, uint32_t size)
{
    const struct {
        uint32_t off;
        uint32_t len;
        const char *text;
    } ranges[] = {
        { 0, size, "all" },
        { 0, size + 1, "one byte too many" },
        { 1, size, "all, from the second byte" },
        { 1, 3, "three bytes at 1" },
        { 7, 5, "five bytes at 7" },
        { size - 1, 1, "the last byte" },
        { size - 1, 2, "the last byte and one more" },
        { size, 0, "no byte at the end" },
        { size, 1, "one byte at the end" },
        { size + 1, 1, "one byte beyond the end" },
        { UINT32_MAX, 1, "one byte at the largest offset" },
        { UINT32_MAX, UINT32_MAX, "the most at the largest offset" },
        { 1, UINT32_MAX, "the most at 1" },
    };
    Config original = { 0 };
    size_t i;

    get_config(fd, &original, 0, size);
    for (i = 0; i < G_N_ELEMENTS(ranges); i++) {
        Config config = { 0 };
        g_autoptr(GString) text = g_string_new(NULL);
        int ret = get_config(fd, &config, ranges[i].off, ranges[i].len);
        uint32_t j;

        g_string_append(text, result_name(ret));
        for (j = 0; !ret && j < ranges[i].len; j++) {
            g_string_append_printf(text, "%s%02x", j ? "" : ", ",
                                   config.buf[j]);
        }
        say(text->str, "GET_CONFIG %s", ranges[i].text);
    }
    for (i = 0; i < G_N_ELEMENTS(ranges); i++) {
        Config config = original;

        if (ranges[i].off < size) {
            memmove(config.buf, original.buf + ranges[i].off,
                    size - ranges[i].off);
        }
        say_result(set_config(fd, &config, ranges[i].off, ranges[i].len),
                   "SET_CONFIG %s", ranges[i].text);
    }
}

/* The bytes are half in memory that is not there. */
static void ask_config_pointer(int fd, uint32_t size)
{
    uint8_t *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct vhost_vdpa_config *config =
        (void *)(pages + PAGE - sizeof(*config) - 1);

    mprotect(pages + PAGE, PAGE, PROT_NONE);
    config->off = 0;
    config->len = size;
    say_result(call(fd, VHOST_VDPA_GET_CONFIG, config),
               "GET_CONFIG to memory that ends early");
    say_result(call(fd, VHOST_VDPA_SET_CONFIG, config),
               "SET_CONFIG from memory that ends early");
    munmap(pages, 2 * PAGE);
}

/* What is written stays or not; the original is put back. */
static void ask_config_write(int fd, uint32_t size)
{
    Config original = { 0 };
    Config config = { .buf = { 0x02, 0x11, 0x22, 0x33, 0x44, 0x55 } };

    get_config(fd, &original, 0, size);
    set_config(fd, &config, 0, 6);
    say_config(fd, size, "after SET_CONFIG of six bytes at 0");
    memset(config.buf, 0x5a, sizeof(config.buf));
    set_config(fd, &config, 9, 3);
    say_config(fd, size, "after SET_CONFIG of three bytes at 9");
    set_status(fd, S_DRIVER);
    set_status(fd, 0);
    say_config(fd, size, "after a reset");
    close(fd);
    fd = node_open();
    say_config(fd, size, "after close");
    set_config(fd, &original, 0, size);
    say_config(fd, size, "after SET_CONFIG of the original");
    close(fd);
}

void ask_config(void)
{
    int fd = node_open();
    uint32_t size = 0;

    call(fd, VHOST_VDPA_GET_CONFIG_SIZE, &size);
    size = MIN(size, CONFIG_MAX);
    say_config(fd, size, "after open");
    ask_config_bounds(fd, size);
    ask_config_pointer(fd, size);
    negotiate(fd);
    say_config(fd, size, "at FEATURES_OK");
    ask_config_write(fd, size);
}

void ask_node(void)
{
    ask_open();
    ask_reopen();
    ask_access();
    ask_doorbell();
}
