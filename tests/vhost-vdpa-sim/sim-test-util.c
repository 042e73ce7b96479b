/*
 * vhost-vdpa-sim: helpers of the simulator's own tests
 *
 * A minimal driver: it has no more of virtio than the tests need.
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
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "sim-test.h"

#define WAIT_MS     5000
#define QUIET_MS    60

void node_set_env(const char *conf)
{
    /* A node that the environment does not know forgets everything. */
    g_unsetenv("VHOST_VDPA_SIM_0");
    g_assert_cmpint(open(NODE, O_RDWR), ==, -1);
    g_assert_cmpint(errno, ==, ENOENT);
    g_setenv("VHOST_VDPA_SIM_0", conf, true);
}

int node_open(const char *conf)
{
    int fd;

    node_set_env(conf);
    fd = open(NODE, O_RDWR | O_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    return fd;
}

int node_open_owned(const char *conf)
{
    int fd = node_open(conf);

    g_assert_cmpint(call(fd, VHOST_SET_OWNER, NULL), ==, 0);
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

int call_addr(int fd, uint32_t index, uint32_t flags, uint64_t desc,
              uint64_t avail, uint64_t used)
{
    struct vhost_vring_addr a = {
        .index = index,
        .flags = flags,
        .desc_user_addr = desc,
        .avail_user_addr = avail,
        .used_user_addr = used,
    };

    return call(fd, VHOST_SET_VRING_ADDR, &a);
}

int set_status(int fd, uint8_t status)
{
    return call(fd, VHOST_VDPA_SET_STATUS, &status);
}

uint8_t get_status(int fd)
{
    uint8_t status = 0xff;

    g_assert_cmpint(call(fd, VHOST_VDPA_GET_STATUS, &status), ==, 0);
    return status;
}

uint32_t get_base(int fd, uint32_t index)
{
    struct vhost_vring_state s = { .index = index };

    g_assert_cmpint(call(fd, VHOST_GET_VRING_BASE, &s), ==, 0);
    return s.num;
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

static int control_connect(void)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(fd, >=, 0);
    g_strlcpy(addr.sun_path, g_getenv("VHOST_VDPA_SIM_CONTROL"),
              sizeof(addr.sun_path));
    g_assert_cmpint(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), ==,
                    0);
    return fd;
}

/* The last line is "ok" or begins with "error: ". */
static bool control_is_whole(GString *text)
{
    const char *last;

    if (!text->len || text->str[text->len - 1] != '\n') {
        return false;
    }
    last = text->str + text->len - 1;
    while (last > text->str && last[-1] != '\n') {
        last--;
    }
    return !strcmp(last, "ok\n") || g_str_has_prefix(last, "error: ");
}

static char * G_GNUC_PRINTF(1, 0) control_va(const char *fmt, va_list ap)
{
    g_autofree char *command = g_strdup_vprintf(fmt, ap);
    g_autofree char *line = g_strconcat(command, "\n", NULL);
    GString *answer = g_string_new(NULL);
    int fd = control_connect();
    char buf[4096];

    g_assert_cmpint(send(fd, line, strlen(line), 0), ==, strlen(line));
    while (!control_is_whole(answer)) {
        ssize_t n = recv(fd, buf, sizeof(buf), 0);

        g_assert_cmpint(n, >, 0);
        g_string_append_len(answer, buf, n);
    }
    close(fd);
    return g_string_free(answer, false);
}

char *control(const char *fmt, ...)
{
    va_list ap;
    char *answer;

    va_start(ap, fmt);
    answer = control_va(fmt, ap);
    va_end(ap);
    return answer;
}

char *control_ok(const char *fmt, ...)
{
    va_list ap;
    char *answer;

    va_start(ap, fmt);
    answer = control_va(fmt, ap);
    va_end(ap);
    if (!g_str_has_suffix(answer, "ok\n")) {
        g_error("%s: %s", fmt, answer);
    }
    answer[strlen(answer) - 3] = 0;
    return answer;
}

uint64_t state(const char *key)
{
    g_autofree char *answer = control_ok("state 0");
    g_autofree char *want = g_strdup_printf("\n%s=", key);
    g_autofree char *text = g_strconcat("\n", answer, NULL);
    char *at = strstr(text, want);

    g_assert_nonnull(at);
    return g_ascii_strtoull(at + strlen(want), NULL, 0);
}

void state_wait(const char *key, uint64_t value)
{
    int64_t end = g_get_monotonic_time() + WAIT_MS * 1000;

    while (state(key) != value && g_get_monotonic_time() < end) {
        g_usleep(1000);
    }
    g_assert_cmpuint(state(key), ==, value);
}

int logged_times(const char *text)
{
    g_autofree char *log = control_ok("log 0");
    const char *at = log;
    int times = 0;

    while ((at = strstr(at, text))) {
        times++;
        at += strlen(text);
    }
    return times;
}

bool logged(const char *text)
{
    return logged_times(text) > 0;
}

void guest_init(Guest *guest)
{
    guest->memfd = memfd_create("guest", MFD_CLOEXEC);
    g_assert_cmpint(guest->memfd, >=, 0);
    g_assert_cmpint(ftruncate(guest->memfd, GUEST_SIZE), ==, 0);
    guest->base = mmap(NULL, GUEST_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
                       guest->memfd, 0);
    g_assert_true(guest->base != MAP_FAILED);
}

void guest_free(Guest *guest)
{
    munmap(guest->base, GUEST_SIZE);
    close(guest->memfd);
}

void guest_map(Guest *guest, int fd, uint32_t asid)
{
    g_assert_cmpint(iotlb(fd, asid, VHOST_IOTLB_UPDATE, GUEST_IOVA,
                          GUEST_SIZE, guest->base, VHOST_ACCESS_RW), ==, 72);
}

void device_init(int fd, uint64_t features)
{
    g_assert_cmpint(set_status(fd, 0), ==, 0);
    g_assert_cmpint(set_status(fd, S_DRIVER), ==, 0);
    g_assert_cmpint(call_u64(fd, VHOST_SET_FEATURES, features), ==, 0);
    g_assert_cmpint(set_status(fd, S_FEATURES), ==, 0);
    g_assert_cmpint(get_status(fd), ==, S_FEATURES);
}

void vq_init(Vq *vq, int fd, Guest *guest, uint32_t index, uint16_t num,
             uint64_t offset, bool packed)
{
    *vq = (Vq) {
        .fd = fd,
        .guest = guest,
        .index = index,
        .num = num,
        .packed = packed,
        .offset = offset,
        .desc = GUEST_IOVA + offset,
        .avail = GUEST_IOVA + offset + PAGE,
        .used = GUEST_IOVA + offset + 2 * PAGE,
        .kick = eventfd(0, EFD_CLOEXEC),
        .call = eventfd(0, EFD_CLOEXEC),
        .wrap = true,
    };
    memset(guest->base + offset, 0, 3 * PAGE);
    g_assert_cmpint(call_state(fd, VHOST_SET_VRING_NUM, index, num), ==, 0);
    g_assert_cmpint(call_addr(fd, index, 0, vq->desc, vq->avail, vq->used),
                    ==, 0);
    g_assert_cmpint(call_state(fd, VHOST_SET_VRING_BASE, index,
                               packed ? 0x80008000 : 0), ==, 0);
    g_assert_cmpint(call_file(fd, VHOST_SET_VRING_CALL, index, vq->call), ==,
                    0);
    g_assert_cmpint(call_file(fd, VHOST_SET_VRING_KICK, index, vq->kick), ==,
                    0);
    g_assert_cmpint(call_state(fd, VHOST_VDPA_SET_VRING_ENABLE, index, 1), ==,
                    0);
}

void vq_free(Vq *vq)
{
    close(vq->kick);
    close(vq->call);
}

static void *vq_at(Vq *vq, uint64_t iova)
{
    return vq->guest->base + (iova - GUEST_IOVA);
}

static void vq_split_publish(Vq *vq, uint16_t head)
{
    struct vring_avail *avail = vq_at(vq, vq->avail);

    avail->ring[avail->idx % vq->num] = head;
    __atomic_store_n(&avail->idx, avail->idx + 1, __ATOMIC_SEQ_CST);
}

static void vq_split_fill(struct vring_desc *table, uint16_t first,
                          const Buf *bufs, unsigned n)
{
    unsigned i;

    for (i = 0; i < n; i++) {
        table[first + i] = (struct vring_desc) {
            .addr = bufs[i].iova,
            .len = bufs[i].len,
            .flags = (bufs[i].writable ? VRING_DESC_F_WRITE : 0) |
                     (i + 1 < n ? VRING_DESC_F_NEXT : 0),
            .next = first + i + 1,
        };
    }
}

/* The flags of the first entry last: they hand the chain over. */
static void vq_packed_add(Vq *vq, uint16_t id, const Buf *bufs, unsigned n,
                          uint16_t extra)
{
    struct vring_packed_desc *ring = vq_at(vq, vq->desc);
    uint16_t first = vq->next, first_flags = 0;
    unsigned i;

    for (i = 0; i < n; i++) {
        uint16_t flags = (bufs[i].writable ? VRING_DESC_F_WRITE : 0) |
                         (i + 1 < n ? VRING_DESC_F_NEXT : 0) | extra |
                         (vq->wrap ? 1 << VRING_PACKED_DESC_F_AVAIL :
                                     1 << VRING_PACKED_DESC_F_USED);

        ring[vq->next].addr = bufs[i].iova;
        ring[vq->next].len = bufs[i].len;
        ring[vq->next].id = id;
        if (i) {
            ring[vq->next].flags = flags;
        } else {
            first_flags = flags;
        }
        if (++vq->next == vq->num) {
            vq->next = 0;
            vq->wrap = !vq->wrap;
        }
    }
    __atomic_store_n(&ring[first].flags, first_flags, __ATOMIC_SEQ_CST);
}

void vq_add(Vq *vq, uint16_t head, const Buf *bufs, unsigned n)
{
    if (vq->packed) {
        vq_packed_add(vq, head, bufs, n, 0);
    } else {
        vq_split_fill(vq_at(vq, vq->desc), head, bufs, n);
        vq_split_publish(vq, head);
    }
}

void vq_add_indirect(Vq *vq, uint16_t head, uint64_t table, const Buf *bufs,
                     unsigned n)
{
    Buf whole = { .iova = table, .len = n * sizeof(struct vring_desc) };
    struct vring_packed_desc *packed = vq_at(vq, table);
    struct vring_desc *split = vq_at(vq, vq->desc);
    unsigned i;

    if (!vq->packed) {
        vq_split_fill(vq_at(vq, table), 0, bufs, n);
        vq_split_fill(split, head, &whole, 1);
        split[head].flags = VRING_DESC_F_INDIRECT;
        vq_split_publish(vq, head);
        return;
    }
    for (i = 0; i < n; i++) {
        packed[i].addr = bufs[i].iova;
        packed[i].len = bufs[i].len;
        packed[i].flags = bufs[i].writable ? VRING_DESC_F_WRITE : 0;
    }
    vq_packed_add(vq, head, &whole, 1, VRING_DESC_F_INDIRECT);
}

void vq_kick(Vq *vq)
{
    g_assert_cmpint(eventfd_write(vq->kick, 1), ==, 0);
}

static bool vq_interrupted(Vq *vq, int ms)
{
    struct pollfd pfd = { .fd = vq->call, .events = POLLIN };
    eventfd_t count;

    if (poll(&pfd, 1, ms) != 1) {
        return false;
    }
    g_assert_cmpint(eventfd_read(vq->call, &count), ==, 0);
    return true;
}

bool vq_wait(Vq *vq)
{
    return vq_interrupted(vq, WAIT_MS);
}

bool vq_quiet(Vq *vq)
{
    return !vq_interrupted(vq, QUIET_MS);
}

uint16_t vq_used_idx(Vq *vq)
{
    struct vring_used *used = vq_at(vq, vq->used);

    return __atomic_load_n(&used->idx, __ATOMIC_SEQ_CST);
}

struct vring_used_elem vq_used(Vq *vq, uint16_t i)
{
    struct vring_used *used = vq_at(vq, vq->used);

    return used->ring[i % vq->num];
}
