/*
 * vhost-vdpa-sim: the packed layout
 *
 * Where requests are and how they are completed; what they mean is elsewhere.
 * The driver area is at the avail address, the device area at the used one.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <errno.h>
#include <stddef.h>
#include <linux/virtio_ring.h>
#include "sim.h"

#define SIM_DESC_AVAIL  (1 << VRING_PACKED_DESC_F_AVAIL)
#define SIM_DESC_USED   (1 << VRING_PACKED_DESC_F_USED)

static uint64_t sim_packed_entry(SimRing *ring, uint16_t idx)
{
    return ring->run_desc + sizeof(struct vring_packed_desc) * idx;
}

static int sim_packed_flags(SimDev *dev, SimRing *ring, uint16_t idx,
                            uint16_t *flags)
{
    return sim_dma_load16(dev, ring, sim_packed_entry(ring, idx) +
                          offsetof(struct vring_packed_desc, flags), flags);
}

/* Available: AVAIL is the driver's wrap counter and USED is not. */
static int sim_packed_pending(SimDev *dev, SimRing *ring, bool *pending)
{
    uint16_t flags;

    if (sim_packed_flags(dev, ring, ring->avail_idx, &flags) < 0) {
        return -EFAULT;
    }
    *pending = !!(flags & SIM_DESC_AVAIL) == ring->avail_wrap &&
               !!(flags & SIM_DESC_USED) != ring->avail_wrap;
    return 0;
}

static int sim_packed_desc(SimDev *dev, SimRing *ring, uint64_t addr,
                           struct vring_packed_desc *desc)
{
    if (sim_dma_read(dev, ring, addr, desc, sizeof(*desc)) < 0) {
        return -EFAULT;
    }
    desc->addr = GUINT64_FROM_LE(desc->addr);
    desc->len = GUINT32_FROM_LE(desc->len);
    desc->id = GUINT16_FROM_LE(desc->id);
    desc->flags = GUINT16_FROM_LE(desc->flags);
    return 0;
}

/* In a table the order is that of the table; there is no NEXT in it. */
static int sim_packed_indirect(SimDev *dev, SimRing *ring, SimElem *elem,
                               const struct vring_packed_desc *head)
{
    uint32_t i, num = head->len / sizeof(*head);
    struct vring_packed_desc desc;

    if (!sim_ring_has(dev, VIRTIO_RING_F_INDIRECT_DESC)) {
        return sim_ring_error(dev, ring, "indirect-not-acked");
    }
    if (!num || head->len % sizeof(*head) || num > UINT16_MAX) {
        return sim_ring_error(dev, ring, "indirect-table");
    }
    for (i = 0; i < num; i++) {
        if (sim_packed_desc(dev, ring, head->addr + sizeof(desc) * i,
                            &desc) < 0) {
            return -EFAULT;
        }
        if (desc.flags & VRING_DESC_F_INDIRECT) {
            return sim_ring_error(dev, ring, "indirect-in-indirect");
        }
        if (sim_elem_add(dev, ring, elem, desc.addr, desc.len,
                         desc.flags & VRING_DESC_F_WRITE) < 0) {
            return -EINVAL;
        }
    }
    return 0;
}

static int sim_packed_walk(SimDev *dev, SimRing *ring, SimElem *elem)
{
    uint32_t idx = ring->avail_idx;
    struct vring_packed_desc desc;

    do {
        if (elem->slots == ring->run_num) {
            return sim_ring_error(dev, ring, "loop");
        }
        if (sim_packed_desc(dev, ring, sim_packed_entry(ring, idx),
                            &desc) < 0) {
            return -EFAULT;
        }
        elem->slots++;
        if (++idx == ring->run_num) {
            idx = 0;
        }
        if (desc.flags & VRING_DESC_F_INDIRECT) {
            if (elem->slots > 1 || (desc.flags & VRING_DESC_F_NEXT)) {
                return sim_ring_error(dev, ring, "indirect-in-chain");
            }
            if (sim_packed_indirect(dev, ring, elem, &desc) < 0) {
                return -EINVAL;
            }
        } else if (sim_elem_add(dev, ring, elem, desc.addr, desc.len,
                                desc.flags & VRING_DESC_F_WRITE) < 0) {
            return -EINVAL;
        }
    } while (desc.flags & VRING_DESC_F_NEXT);

    /* The id of the last one is that of the chain. */
    elem->id = desc.id;
    return 0;
}

static void sim_packed_advance(SimRing *ring, uint16_t *idx, bool *wrap,
                               uint16_t slots)
{
    uint32_t next = *idx + slots;

    if (next >= ring->run_num) {
        next -= ring->run_num;
        *wrap = !*wrap;
    }
    *idx = next;
}

SimElem *sim_packed_pop(SimDev *dev, SimRing *ring, int *ret)
{
    SimElem *elem;
    bool pending;

    *ret = ring->avail_idx < ring->run_num && ring->used_idx < ring->run_num ?
           sim_packed_pending(dev, ring, &pending) :
           sim_ring_error(dev, ring, "base");
    if (*ret < 0 || !pending) {
        return NULL;
    }
    elem = sim_elem_new();
    *ret = sim_packed_walk(dev, ring, elem);
    /* Taken, even if it is bad. */
    sim_packed_advance(ring, &ring->avail_idx, &ring->avail_wrap,
                       elem->slots ? elem->slots : 1);
    if (*ret < 0) {
        sim_elem_free(elem);
        return NULL;
    }
    return elem;
}

int sim_packed_push(SimDev *dev, SimRing *ring, SimElem *elem, uint32_t len)
{
    uint64_t entry = sim_packed_entry(ring, ring->used_idx);
    uint16_t flags = ring->used_wrap ? SIM_DESC_AVAIL | SIM_DESC_USED : 0;
    uint32_t le_len = GUINT32_TO_LE(len);

    if (elem->in_len) {
        flags |= VRING_DESC_F_WRITE;
    }
    if (sim_dma_write(dev, ring, entry +
                      offsetof(struct vring_packed_desc, len), &le_len,
                      sizeof(le_len)) < 0 ||
        sim_dma_store16(dev, ring, entry +
                        offsetof(struct vring_packed_desc, id),
                        elem->id) < 0) {
        return -EFAULT;
    }
    /* Last, as it hands the entry over: the store releases. */
    if (sim_dma_store16(dev, ring, entry +
                        offsetof(struct vring_packed_desc, flags),
                        flags) < 0) {
        return -EFAULT;
    }
    sim_packed_advance(ring, &ring->used_idx, &ring->used_wrap, elem->slots);
    return 0;
}

bool sim_packed_wants_interrupt(SimDev *dev, SimRing *ring)
{
    uint16_t flags, off_wrap, old = ring->signalled_idx;
    uint16_t now = ring->used_idx;
    bool same_lap = ring->signalled_wrap == ring->used_wrap;
    int32_t event;

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (sim_dma_load16(dev, ring, ring->run_avail +
                       offsetof(struct vring_packed_desc_event, flags),
                       &flags) < 0 ||
        sim_dma_load16(dev, ring, ring->run_avail +
                       offsetof(struct vring_packed_desc_event, off_wrap),
                       &off_wrap) < 0) {
        return false;
    }
    ring->signalled_idx = now;
    ring->signalled_wrap = ring->used_wrap;
    if (flags != VRING_PACKED_EVENT_FLAG_DESC ||
        !sim_ring_has(dev, VIRTIO_RING_F_EVENT_IDX)) {
        return flags != VRING_PACKED_EVENT_FLAG_DISABLE;
    }
    /* Positions before the wrap count as those of the lap before. */
    event = off_wrap & ~(1 << VRING_PACKED_EVENT_F_WRAP_CTR);
    if (!!(off_wrap >> VRING_PACKED_EVENT_F_WRAP_CTR) != ring->used_wrap) {
        event -= ring->run_num;
    }
    if (!same_lap) {
        old -= ring->run_num;
    }
    return vring_need_event(event, now, old);
}

bool sim_packed_arm(SimDev *dev, SimRing *ring)
{
    uint16_t off_wrap = ring->avail_idx | ring->avail_wrap <<
                        VRING_PACKED_EVENT_F_WRAP_CTR;
    bool pending;

    if (!sim_ring_has(dev, VIRTIO_RING_F_EVENT_IDX)) {
        return false;
    }
    if (sim_dma_store16(dev, ring, ring->run_used +
                        offsetof(struct vring_packed_desc_event, off_wrap),
                        off_wrap) < 0 ||
        sim_dma_store16(dev, ring, ring->run_used +
                        offsetof(struct vring_packed_desc_event, flags),
                        VRING_PACKED_EVENT_FLAG_DESC) < 0) {
        return false;
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return sim_packed_pending(dev, ring, &pending) == 0 && pending;
}
