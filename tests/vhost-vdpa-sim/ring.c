/*
 * vhost-vdpa-sim: what split and packed rings have in common
 *
 * Kicks, the loop that serves a ring, held requests, interrupts, and a
 * request's bytes.  The layouts are in ring-split.c and ring-packed.c.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <errno.h>
#include <string.h>
#include <linux/virtio_config.h>
#include "sim.h"
#include "uapi.h"

/* Requests between two looks at who waits for the lock. */
#define SIM_BUDGET 16

bool sim_ring_has(SimDev *dev, unsigned feature)
{
    return sim_offers(dev->features, feature);
}

bool sim_ring_packed(SimDev *dev)
{
    return sim_ring_has(dev, VIRTIO_F_RING_PACKED);
}

int sim_ring_error(SimDev *dev, SimRing *ring, const char *why)
{
    dev->ring_errors++;
    sim_logf(dev, -EINVAL, "RING_ERROR ring=%u why=%s", ring->index, why);
    return -EINVAL;
}

SimElem *sim_elem_new(void)
{
    SimElem *elem = g_new0(SimElem, 1);

    elem->out = g_array_new(false, false, sizeof(SimSeg));
    elem->in = g_array_new(false, false, sizeof(SimSeg));
    return elem;
}

void sim_elem_free(SimElem *elem)
{
    if (elem) {
        g_array_free(elem->out, true);
        g_array_free(elem->in, true);
        g_free(elem);
    }
}

int sim_elem_add(SimDev *dev, SimRing *ring, SimElem *elem, uint64_t iova,
                 uint32_t len, bool writable)
{
    SimSeg seg = { .iova = iova, .len = len };

    if (writable) {
        g_array_append_val(elem->in, seg);
        elem->in_len += len;
    } else if (elem->in->len) {
        return sim_ring_error(dev, ring, "readable-after-writable");
    } else {
        g_array_append_val(elem->out, seg);
        elem->out_len += len;
    }
    return 0;
}

static ssize_t sim_elem_copy(SimDev *dev, SimRing *ring, GArray *segs,
                             size_t off, uint8_t *buf, size_t len, bool write)
{
    size_t done = 0;
    guint i;

    for (i = 0; i < segs->len && done < len; i++) {
        SimSeg *seg = &g_array_index(segs, SimSeg, i);
        size_t n;
        int ret;

        if (off >= seg->len) {
            off -= seg->len;
            continue;
        }
        n = MIN(seg->len - off, len - done);
        ret = write ?
              sim_dma_write(dev, ring, seg->iova + off, buf + done, n) :
              sim_dma_read(dev, ring, seg->iova + off, buf + done, n);
        if (ret < 0) {
            return ret;
        }
        done += n;
        off = 0;
    }
    return done;
}

ssize_t sim_elem_read(SimDev *dev, SimRing *ring, SimElem *elem, size_t off,
                      void *buf, size_t len)
{
    return sim_elem_copy(dev, ring, elem->out, off, buf, len, false);
}

ssize_t sim_elem_write(SimDev *dev, SimRing *ring, SimElem *elem, size_t off,
                       const void *buf, size_t len)
{
    return sim_elem_copy(dev, ring, elem->in, off, (uint8_t *)buf, len, true);
}

void sim_ring_start(SimDev *dev, SimRing *ring)
{
    ring->run_num = ring->num;
    ring->run_desc = ring->desc;
    ring->run_avail = ring->avail;
    ring->run_used = ring->used;
    if (!sim_ring_packed(dev)) {
        ring->used_idx = ring->avail_idx;
    }
    ring->signalled_idx = ring->used_idx;
    ring->signalled_wrap = ring->used_wrap;
}

void sim_ring_reset(SimDev *dev, SimRing *ring)
{
    SimElem *elem;

    ring->ready = false;
    ring->pending = false;
    ring->vector = false;
    ring->avail_idx = 0;
    ring->used_idx = 0;
    ring->avail_wrap = dev->conf.parent != SIM_PARENT_VDUSE;
    ring->used_wrap = ring->avail_wrap;
    while ((elem = g_queue_pop_head(&ring->held))) {
        sim_elem_free(elem);
    }
}

static bool sim_ring_can_run(SimDev *dev, SimRing *ring)
{
    return (dev->status & VIRTIO_CONFIG_S_DRIVER_OK) && dev->running &&
           !dev->broken && ring->ready && ring->run_num;
}

/* vdpa_sim has one worker, which looks at every ring. */
static void sim_ring_look(SimDev *dev, SimRing *ring)
{
    unsigned i;

    ring->pending = true;
    for (i = 0; dev->conf.parent == SIM_PARENT_VDPA_SIM && i < dev->nrings;
         i++) {
        dev->rings[i].pending |= dev->rings[i].ready;
    }
}

void sim_ring_kick(SimDev *dev, SimRing *ring)
{
    if (!(dev->status & VIRTIO_CONFIG_S_DRIVER_OK)) {
        return;
    }
    if (!dev->running) {
        dev->pending_kick = dev->conf.profile != SIM_PROFILE_6_1;
    } else if (ring->ready) {
        sim_ring_look(dev, ring);
    }
}

void sim_ring_interrupt(SimDev *dev, SimRing *ring)
{
    uint64_t one = 1;

    if (!ring->callback || ring->call_fd < 0) {
        return;
    }
    if (dev->conf.parent == SIM_PARENT_VP_VDPA && !ring->vector) {
        return;
    }
    if (sim_real.write(ring->call_fd, &one, sizeof(one)) < 0) {
        sim_complain("ring %u: interrupt: %s", ring->index,
                     g_strerror(errno));
    }
}

SimElem *sim_ring_pop(SimDev *dev, SimRing *ring, int *ret)
{
    SimElem *elem;

    *ret = 0;
    if (!sim_ring_can_run(dev, ring)) {
        return NULL;
    }
    elem = sim_ring_packed(dev) ? sim_packed_pop(dev, ring, ret) :
                                  sim_split_pop(dev, ring, ret);
    if (elem) {
        dev->requests++;
        ring->requests++;
    }
    return elem;
}

static int sim_ring_complete(SimDev *dev, SimRing *ring, SimElem *elem,
                             uint32_t len)
{
    return sim_ring_packed(dev) ? sim_packed_push(dev, ring, elem, len) :
                                  sim_split_push(dev, ring, elem, len);
}

static bool sim_ring_wants_interrupt(SimDev *dev, SimRing *ring)
{
    return sim_ring_packed(dev) ? sim_packed_wants_interrupt(dev, ring) :
                                  sim_split_wants_interrupt(dev, ring);
}

int sim_ring_push(SimDev *dev, SimRing *ring, SimElem *elem, uint32_t len)
{
    const SimType *type = dev->conf.type;
    int ret = sim_ring_complete(dev, ring, elem, len);

    if (ret >= 0 && (sim_ring_wants_interrupt(dev, ring) ||
                     (type->insists && type->insists(dev, ring)))) {
        sim_ring_interrupt(dev, ring);
    }
    return ret;
}

int sim_ring_drop(SimDev *dev, SimRing *ring, SimElem *elem, uint32_t len)
{
    int ret = sim_ring_complete(dev, ring, elem, len);

    return ret < 0 ? ret : -ECANCELED;
}

/* Carries out and completes. */
static int sim_ring_finish(SimDev *dev, SimRing *ring, SimElem *elem)
{
    ssize_t used = dev->conf.type->request(dev, ring, elem);
    int ret = used < 0 ? used : sim_ring_push(dev, ring, elem, used);

    sim_elem_free(elem);
    return ret;
}

static bool sim_ring_arm(SimDev *dev, SimRing *ring)
{
    return sim_ring_packed(dev) ? sim_packed_arm(dev, ring) :
                                  sim_split_arm(dev, ring);
}

bool sim_ring_run(SimDev *dev, SimRing *ring)
{
    const SimType *type = dev->conf.type;
    int i, ret;

    if (ring->pending && !dev->running) {
        /* It waits for RESUME. */
        dev->pending_kick = true;
    }
    if (!ring->pending || !sim_ring_can_run(dev, ring) ||
        (type->served && !type->served(dev, ring))) {
        ring->pending = false;
        return false;
    }
    for (i = 0; i < SIM_BUDGET; i++) {
        SimElem *elem = sim_ring_pop(dev, ring, &ret);

        if (!elem) {
            ring->pending = !ret && sim_ring_arm(dev, ring);
            return ring->pending;
        }
        if (dev->held) {
            g_queue_push_tail(&ring->held, elem);
        } else if (sim_ring_finish(dev, ring, elem) < 0) {
            ring->pending = false;
            return false;
        }
    }
    return true;
}

void sim_ring_release(SimDev *dev, SimRing *ring, bool newest)
{
    SimElem *elem;

    while ((elem = newest ? g_queue_pop_tail(&ring->held)
                          : g_queue_pop_head(&ring->held))) {
        sim_ring_finish(dev, ring, elem);
        if (newest) {
            return;
        }
    }
}
