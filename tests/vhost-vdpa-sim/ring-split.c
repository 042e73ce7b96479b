/*
 * vhost-vdpa-sim: the split layout
 *
 * Where requests are and how they are completed; what they mean is elsewhere.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <errno.h>
#include <stddef.h>
#include <linux/virtio_ring.h>
#include "sim.h"

static uint64_t sim_avail_entry(SimRing *ring, uint16_t idx)
{
    return ring->run_avail + offsetof(struct vring_avail, ring) +
           sizeof(uint16_t) * (idx % ring->run_num);
}

static uint64_t sim_used_entry(SimRing *ring, uint16_t idx)
{
    return ring->run_used + offsetof(struct vring_used, ring) +
           sizeof(struct vring_used_elem) * (idx % ring->run_num);
}

/* Behind the two rings: the indices at which the other side wants to know. */
static uint64_t sim_used_event(SimRing *ring)
{
    return ring->run_avail + offsetof(struct vring_avail, ring) +
           sizeof(uint16_t) * ring->run_num;
}

static uint64_t sim_avail_event(SimRing *ring)
{
    return ring->run_used + offsetof(struct vring_used, ring) +
           sizeof(struct vring_used_elem) * ring->run_num;
}

static int sim_split_pending(SimDev *dev, SimRing *ring, uint16_t *count)
{
    uint16_t idx;

    if (sim_dma_load16(dev, ring, ring->run_avail +
                       offsetof(struct vring_avail, idx), &idx) < 0) {
        return -EFAULT;
    }
    *count = idx - ring->avail_idx;
    if (*count > ring->run_num) {
        return sim_ring_error(dev, ring, "avail-index");
    }
    return 0;
}

static int sim_split_desc(SimDev *dev, SimRing *ring, uint64_t table,
                          uint32_t i, struct vring_desc *desc)
{
    if (sim_dma_read(dev, ring, table + sizeof(*desc) * i, desc,
                     sizeof(*desc)) < 0) {
        return -EFAULT;
    }
    desc->addr = GUINT64_FROM_LE(desc->addr);
    desc->len = GUINT32_FROM_LE(desc->len);
    desc->flags = GUINT16_FROM_LE(desc->flags);
    desc->next = GUINT16_FROM_LE(desc->next);
    return 0;
}

static int sim_split_indirect(SimDev *dev, SimRing *ring,
                              const struct vring_desc *desc)
{
    if (!sim_ring_has(dev, VIRTIO_RING_F_INDIRECT_DESC)) {
        return sim_ring_error(dev, ring, "indirect-not-acked");
    }
    if (!desc->len || desc->len % sizeof(*desc) ||
        desc->len / sizeof(*desc) > UINT16_MAX ||
        (desc->flags & VRING_DESC_F_NEXT)) {
        return sim_ring_error(dev, ring, "indirect-table");
    }
    return 0;
}

static int sim_split_walk(SimDev *dev, SimRing *ring, uint32_t i,
                          SimElem *elem)
{
    uint64_t table = ring->run_desc;
    uint32_t num = ring->run_num;
    uint32_t count = 0;
    bool indirect = false;
    struct vring_desc desc;

    for (;;) {
        if (sim_split_desc(dev, ring, table, i, &desc) < 0) {
            return -EFAULT;
        }
        if (desc.flags & VRING_DESC_F_INDIRECT) {
            if (indirect) {
                return sim_ring_error(dev, ring, "indirect-in-indirect");
            }
            if (sim_split_indirect(dev, ring, &desc) < 0) {
                return -EINVAL;
            }
            indirect = true;
            table = desc.addr;
            num = desc.len / sizeof(desc);
            count = 0;
            i = 0;
            continue;
        }
        if (++count > num) {
            return sim_ring_error(dev, ring, "loop");
        }
        if (sim_elem_add(dev, ring, elem, desc.addr, desc.len,
                         desc.flags & VRING_DESC_F_WRITE) < 0) {
            return -EINVAL;
        }
        if (!(desc.flags & VRING_DESC_F_NEXT)) {
            return 0;
        }
        i = desc.next;
        if (i >= num) {
            return sim_ring_error(dev, ring, "next");
        }
    }
}

SimElem *sim_split_pop(SimDev *dev, SimRing *ring, int *ret)
{
    uint16_t count, head;
    SimElem *elem;

    *ret = sim_split_pending(dev, ring, &count);
    if (*ret < 0 || !count) {
        return NULL;
    }
    *ret = sim_dma_load16(dev, ring, sim_avail_entry(ring, ring->avail_idx),
                          &head);
    if (*ret < 0) {
        return NULL;
    }
    if (head >= ring->run_num) {
        *ret = sim_ring_error(dev, ring, "head");
        return NULL;
    }
    /* From here on it is taken, even if its descriptors are bad. */
    ring->avail_idx++;
    elem = sim_elem_new();
    elem->id = head;
    *ret = sim_split_walk(dev, ring, head, elem);
    if (*ret < 0) {
        sim_elem_free(elem);
        return NULL;
    }
    return elem;
}

int sim_split_push(SimDev *dev, SimRing *ring, SimElem *elem, uint32_t len)
{
    struct vring_used_elem used = {
        .id = GUINT32_TO_LE(elem->id),
        .len = GUINT32_TO_LE(len),
    };

    if (sim_dma_write(dev, ring, sim_used_entry(ring, ring->used_idx), &used,
                      sizeof(used)) < 0) {
        return -EFAULT;
    }
    /* The entry is seen before the index: the store releases. */
    ring->used_idx++;
    return sim_dma_store16(dev, ring, ring->run_used +
                           offsetof(struct vring_used, idx), ring->used_idx);
}

bool sim_split_wants_interrupt(SimDev *dev, SimRing *ring)
{
    uint16_t flags, event, old = ring->signalled_idx;

    /* The index is seen before the driver's wish is read. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!sim_ring_has(dev, VIRTIO_RING_F_EVENT_IDX)) {
        return sim_dma_load16(dev, ring, ring->run_avail +
                              offsetof(struct vring_avail, flags),
                              &flags) == 0 &&
               !(flags & VRING_AVAIL_F_NO_INTERRUPT);
    }
    if (sim_dma_load16(dev, ring, sim_used_event(ring), &event) < 0) {
        return false;
    }
    ring->signalled_idx = ring->used_idx;
    return vring_need_event(event, ring->used_idx, old);
}

bool sim_split_arm(SimDev *dev, SimRing *ring)
{
    uint16_t count;

    if (!sim_ring_has(dev, VIRTIO_RING_F_EVENT_IDX)) {
        return false;
    }
    if (sim_dma_store16(dev, ring, sim_avail_event(ring),
                        ring->avail_idx) < 0) {
        return false;
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return sim_split_pending(dev, ring, &count) == 0 && count;
}
