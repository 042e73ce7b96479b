/*
 * libqos driver for packed virtqueues
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "../libqtest.h"
#include "standard-headers/linux/virtio_ring.h"
#include "virtio-packed.h"

#define PACKED_DESC_SIZE        sizeof(struct vring_packed_desc)

static uint64_t packed_slot(QVirtQueuePacked *pq, uint16_t slot)
{
    return pq->vq->desc + slot * PACKED_DESC_SIZE;
}

static uint16_t packed_avail_flags(bool wrap)
{
    return wrap ? 1 << VRING_PACKED_DESC_F_AVAIL :
                  1 << VRING_PACKED_DESC_F_USED;
}

static void packed_write_desc(QTestState *qts, uint64_t at, uint64_t addr,
                              uint32_t len, uint16_t id)
{
    qtest_writeq(qts, at + offsetof(struct vring_packed_desc, addr), addr);
    qtest_writel(qts, at + offsetof(struct vring_packed_desc, len), len);
    qtest_writew(qts, at + offsetof(struct vring_packed_desc, id), id);
}

static void packed_write_flags(QTestState *qts, uint64_t at, uint16_t flags)
{
    qtest_writew(qts, at + offsetof(struct vring_packed_desc, flags), flags);
}

static uint16_t packed_read_flags(QTestState *qts, uint64_t at)
{
    return qtest_readw(qts, at + offsetof(struct vring_packed_desc, flags));
}

/* Takes the next slot; returns the flags that make it available */
static uint16_t packed_next_slot(QVirtQueuePacked *pq, uint64_t *at)
{
    uint16_t flags = packed_avail_flags(pq->avail_wrap);

    g_assert_cmpuint(pq->num_free, >, 0);
    pq->num_free--;
    *at = packed_slot(pq, pq->next_avail);
    if (++pq->next_avail == pq->vq->size) {
        pq->next_avail = 0;
        pq->avail_wrap = !pq->avail_wrap;
    }
    return flags;
}

/* An id is in use for as long as its request has slots */
static uint16_t packed_new_id(QVirtQueuePacked *pq, uint16_t slots)
{
    uint16_t id = pq->next_id;

    while (pq->slots[id]) {
        id = (id + 1) % pq->vq->size;
    }
    pq->slots[id] = slots;
    pq->next_id = (id + 1) % pq->vq->size;
    return id;
}

void qvirtqueue_packed_init(QTestState *qts, QVirtQueuePacked *pq,
                            QVirtQueue *vq)
{
    /* The fields would need swapping, see qvirtio_readw() */
    g_assert_false(qtest_big_endian(qts));

    qtest_memset(qts, vq->desc, 0, vq->size * PACKED_DESC_SIZE);
    qtest_memset(qts, vq->avail, 0, sizeof(struct vring_packed_desc_event));
    qtest_memset(qts, vq->used, 0, sizeof(struct vring_packed_desc_event));
    *pq = (QVirtQueuePacked) {
        .vq = vq,
        .avail_wrap = true,
        .used_wrap = true,
        .num_free = vq->size,
        .slots = g_new0(uint16_t, vq->size),
    };
}

void qvirtqueue_packed_cleanup(QVirtQueuePacked *pq)
{
    g_free(pq->slots);
    pq->slots = NULL;
}

uint16_t qvirtqueue_packed_add(QTestState *qts, QVirtQueuePacked *pq,
                               const QVirtioBuf *bufs, unsigned num)
{
    uint16_t id = packed_new_id(pq, num);
    uint16_t head_flags = 0;
    uint64_t head = 0;
    unsigned i;

    for (i = 0; i < num; i++) {
        uint64_t at;
        uint16_t flags = packed_next_slot(pq, &at);

        flags |= bufs[i].write ? VRING_DESC_F_WRITE : 0;
        flags |= i + 1 < num ? VRING_DESC_F_NEXT : 0;
        packed_write_desc(qts, at, bufs[i].addr, bufs[i].len, id);
        if (i == 0) {
            head = at;
            head_flags = flags;
        } else {
            packed_write_flags(qts, at, flags);
        }
    }
    /* The head comes last: it makes the whole chain available */
    packed_write_flags(qts, head, head_flags);
    return id;
}

uint16_t qvirtqueue_packed_add_indirect(QTestState *qts, QVirtQueuePacked *pq,
                                        QGuestAllocator *alloc,
                                        const QVirtioBuf *bufs, unsigned num)
{
    uint64_t table = guest_alloc(alloc, num * PACKED_DESC_SIZE);
    uint16_t id = packed_new_id(pq, 1);
    uint16_t flags;
    uint64_t at;
    unsigned i;

    for (i = 0; i < num; i++) {
        uint64_t entry = table + i * PACKED_DESC_SIZE;

        packed_write_desc(qts, entry, bufs[i].addr, bufs[i].len, 0);
        packed_write_flags(qts, entry,
                           bufs[i].write ? VRING_DESC_F_WRITE : 0);
    }
    flags = packed_next_slot(pq, &at);
    packed_write_desc(qts, at, table, num * PACKED_DESC_SIZE, id);
    packed_write_flags(qts, at, flags | VRING_DESC_F_INDIRECT);
    return id;
}

void qvirtqueue_packed_kick(QTestState *qts, QVirtQueuePacked *pq)
{
    uint16_t flags = qtest_readw(qts, pq->vq->used +
                                 offsetof(struct vring_packed_desc_event,
                                          flags));

    if (flags != VRING_PACKED_EVENT_FLAG_DISABLE) {
        pq->vq->vdev->bus->virtqueue_kick(pq->vq->vdev, pq->vq);
    }
}

bool qvirtqueue_packed_get_buf(QTestState *qts, QVirtQueuePacked *pq,
                               uint16_t *id, uint32_t *len)
{
    uint64_t at = packed_slot(pq, pq->next_used);
    uint16_t flags = packed_read_flags(qts, at);
    bool avail = flags & (1 << VRING_PACKED_DESC_F_AVAIL);
    bool used = flags & (1 << VRING_PACKED_DESC_F_USED);

    if (avail != used || used != pq->used_wrap) {
        return false;
    }
    *id = qtest_readw(qts, at + offsetof(struct vring_packed_desc, id));
    if (len) {
        *len = qtest_readl(qts, at + offsetof(struct vring_packed_desc, len));
    }
    g_assert_cmpuint(*id, <, pq->vq->size);
    g_assert_cmpuint(pq->slots[*id], !=, 0);

    /* One used descriptor stands for all the slots of its request */
    pq->num_free += pq->slots[*id];
    pq->next_used += pq->slots[*id];
    pq->slots[*id] = 0;
    if (pq->next_used >= pq->vq->size) {
        pq->next_used -= pq->vq->size;
        pq->used_wrap = !pq->used_wrap;
    }
    return true;
}
