/*
 * vhost-vdpa-sim: conformance, a tiny driver
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include "conformance-device.h"

/*
 * Naps in which something may happen.  They are counted, not timed: a machine
 * that stands still takes no nap.
 */
#define NAPS        50
#define NAP_US      10000

#define RING_SPACE  (4 * PAGE)
#define AVAIL       PAGE
#define USED        (2 * PAGE)

uint8_t *buffer(uint64_t offset)
{
    return memory + BUFFERS + offset;
}

uint64_t buffer_iova(uint64_t offset)
{
    return MEMORY_IOVA + BUFFERS + offset;
}

struct vring_desc *ring_desc(Ring *ring)
{
    return (void *)(memory + ring->at);
}

struct vring_avail *ring_avail(Ring *ring)
{
    return (void *)(memory + ring->at + AVAIL);
}

struct vring_used *ring_used(Ring *ring)
{
    return (void *)(memory + ring->at + USED);
}

void ring_addr(Device *dev, Ring *ring)
{
    struct vhost_vring_addr addr = {
        .index = ring->index,
        .desc_user_addr = MEMORY_IOVA + ring->at,
        .avail_user_addr = MEMORY_IOVA + ring->at + AVAIL,
        .used_user_addr = MEMORY_IOVA + ring->at + USED,
    };

    call(dev->fd, VHOST_SET_VRING_ADDR, &addr);
}

void ring_call(Device *dev, Ring *ring)
{
    call_file(dev->fd, VHOST_SET_VRING_CALL, ring->index, ring->call);
}

void ring_kick_fd(Device *dev, Ring *ring)
{
    call_file(dev->fd, VHOST_SET_VRING_KICK, ring->index, ring->kick);
}

void ring_enable(Device *dev, Ring *ring, bool on)
{
    call_state(dev->fd, VHOST_VDPA_SET_VRING_ENABLE, ring->index, on);
}

void rings_set(Device *dev)
{
    unsigned i;

    for (i = 0; i < dev->nrings; i++) {
        Ring *ring = &dev->rings[i];

        call_state(dev->fd, VHOST_SET_VRING_NUM, i, RING_NUM);
        ring_addr(dev, ring);
        call_state(dev->fd, VHOST_SET_VRING_BASE, i, 0);
        ring_call(dev, ring);
        ring_kick_fd(dev, ring);
        ring_enable(dev, ring, true);
    }
}

void device_start(Device *dev)
{
    rings_set(dev);
    set_status(dev->fd, S_ALL);
}

void ring_add(Device *dev, Ring *ring, const Buf *bufs, unsigned n)
{
    struct vring_desc *desc = ring_desc(ring);
    struct vring_avail *avail = ring_avail(ring);
    uint16_t head = ring->head;
    unsigned i;

    for (i = 0; i < n; i++) {
        desc[head + i] = (struct vring_desc) {
            .addr = bufs[i].iova,
            .len = bufs[i].len,
            .flags = (bufs[i].writable ? VRING_DESC_F_WRITE : 0) |
                     (i + 1 < n ? VRING_DESC_F_NEXT : 0),
            .next = head + i + 1,
        };
    }
    ring->head += n;
    avail->ring[avail->idx % RING_NUM] = head;
    __atomic_store_n(&avail->idx, avail->idx + 1, __ATOMIC_SEQ_CST);
}

void ring_kick(Ring *ring)
{
    eventfd_write(ring->kick, 1);
}

bool ring_completes(Ring *ring)
{
    struct vring_used *used = ring_used(ring);
    int i;

    for (i = 0; i < NAPS; i++) {
        if (__atomic_load_n(&used->idx, __ATOMIC_SEQ_CST) ==
            ring_avail(ring)->idx) {
            return true;
        }
        g_usleep(NAP_US);
    }
    return false;
}

bool ring_interrupted(Ring *ring)
{
    eventfd_t count;
    int i;

    for (i = 0; i < NAPS; i++) {
        if (!eventfd_read(ring->call, &count)) {
            return true;
        }
        g_usleep(NAP_US);
    }
    return false;
}

void ring_new_kick(Ring *ring, unsigned count)
{
    close(ring->kick);
    ring->kick = eventfd(count, EFD_CLOEXEC | EFD_NONBLOCK);
}

void ring_new_call(Ring *ring)
{
    close(ring->call);
    ring->call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static void request_add_block(Device *dev)
{
    struct virtio_blk_outhdr *hdr = (void *)buffer(0);
    const Buf bufs[] = {
        { buffer_iova(0), sizeof(*hdr), false },
        { buffer_iova(PAGE), VIRTIO_BLK_ID_BYTES, true },
        { buffer_iova(2 * PAGE), 1, true },
    };

    *hdr = (struct virtio_blk_outhdr) { .type = VIRTIO_BLK_T_GET_ID };
    ring_add(dev, dev->ring, bufs, G_N_ELEMENTS(bufs));
}

static void request_add_net(Device *dev)
{
    const Buf bufs[] = { { buffer_iova(0), 12 + 60, false } };

    /* After the header, a MAC that nobody has */
    memset(buffer(0), 0, 12 + 60);
    buffer(0)[12] = 0x06;
    ring_add(dev, dev->ring, bufs, G_N_ELEMENTS(bufs));
}

void request_add(Device *dev)
{
    if (device_id == VIRTIO_ID_BLOCK) {
        request_add_block(dev);
    } else {
        request_add_net(dev);
    }
}

char *request_outcome(Device *dev)
{
    if (!ring_completes(dev->ring)) {
        return g_strdup("not completed");
    }
    return g_strdup(ring_interrupted(dev->ring) ? "completed" :
                    "completed without interrupt");
}

char *request_run(Device *dev)
{
    request_add(dev);
    ring_kick(dev->ring);
    return request_outcome(dev);
}

static void device_open(Device *dev)
{
    uint32_t count = 0;
    unsigned i;

    *dev = (Device) { .fd = node_open_owned() };
    dev->backend_features = get_backend_features(dev->fd) &
                            ~(1ull << VHOST_BACKEND_F_IOTLB_PERSIST);
    call_u64(dev->fd, VHOST_SET_BACKEND_FEATURES, dev->backend_features);
    call(dev->fd, VHOST_VDPA_GET_VQS_COUNT, &count);
    dev->nrings = MIN(count, RINGS);
    memset(memory, 0, MEMORY_SIZE);
    for (i = 0; i < dev->nrings; i++) {
        dev->rings[i] = (Ring) {
            .index = i,
            .at = i * RING_SPACE,
            .kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
            .call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
        };
    }
    dev->ring = &dev->rings[device_id == VIRTIO_ID_NET ? 1 : 0];
    /* In this order: a reset may take the mapping away. */
    negotiate(dev->fd);
    map_memory(dev->fd, 0);
}

static void device_close(Device *dev)
{
    unsigned i;

    close(dev->fd);
    for (i = 0; i < dev->nrings; i++) {
        close(dev->rings[i].kick);
        close(dev->rings[i].call);
    }
}

void ask_questions(const Question *questions, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++) {
        g_autofree char *answer = NULL;
        Device dev;

        device_open(&dev);
        answer = questions[i].ask(&dev);
        device_close(&dev);
        say(answer, "%s", questions[i].text);
    }
}
