/*
 * vhost-vdpa-device: suspending the backend, and where its rings are then
 *
 * A suspended device fetches no more descriptors.  One that can be resumed
 * keeps its requests.  Of any other each ring's position is taken over, for
 * the start after the reset; what is in flight then is waited for.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/vhost.h>
#include "exec/address-spaces.h"
#include "hw/virtio/vdpa-dev-internal.h"
#include "qapi/error.h"
#include "qemu/timer.h"
#include "standard-headers/linux/virtio_config.h"
#include "standard-headers/linux/virtio_ring.h"
#include "trace.h"

/* In linux/vhost.h since Linux 6.3 */
#ifndef VHOST_VDPA_RESUME
#define VHOST_VDPA_RESUME _IO(VHOST_VIRTIO, 0x7E)
#endif

/* What the requests in flight of all rings together may take */
#define VDPA_DEV_DRAIN_MS 1000
#define VDPA_DEV_DRAIN_STEP_US 1000

bool vdpa_dev_suspend(VhostVdpaDevice *v, Error **errp)
{
    /* From Linux 6.12 on it succeeds without effect when DRIVER_OK is lost */
    if (!v->suspended) {
        v->suspended = vdpa_dev_call(v, VHOST_VDPA_SUSPEND, "SUSPEND", NULL,
                                     errp) &&
                       vdpa_dev_check_running(v, errp);
    }
    return v->suspended;
}

bool vdpa_dev_resume(VhostVdpaDevice *v, Error **errp)
{
    if (!vdpa_dev_call(v, VHOST_VDPA_RESUME, "RESUME", NULL, errp) ||
        !vdpa_dev_check_running(v, errp)) {
        return false;
    }
    v->suspended = false;
    /* vdpa_sim forgets one that it got just before SUSPEND */
    vdpa_dev_kick_rings(v);
    return true;
}

static uint16_t vdpa_dev_load(hwaddr addr)
{
    return address_space_lduw_le(&address_space_memory, addr,
                                 MEMTXATTRS_UNSPECIFIED, NULL);
}

/* Where the backend has the ring; the guest may have written other addresses */
static uint16_t vdpa_dev_used_idx(VhostVdpaDevice *v, unsigned ring)
{
    return vdpa_dev_load(v->hdev.vqs[ring].used_phys +
                         offsetof(struct vring_used, idx));
}

static bool vdpa_dev_is_packed(VhostVdpaDevice *v)
{
    return virtio_vdev_has_feature(VIRTIO_DEVICE(v), VIRTIO_F_RING_PACKED);
}

/* Requests that the backend at @base has taken and not used; packed: 0 if none */
static uint16_t vdpa_dev_in_flight(VhostVdpaDevice *v, unsigned ring,
                                   uint32_t base)
{
    return vdpa_dev_is_packed(v) ? base ^ (base >> 16)
                                 : base - vdpa_dev_used_idx(v, ring);
}

/*
 * Whether a split ring shows that its requests are used in order: where the
 * driver's area and the device's can be compared they name the same heads,
 * and they would not if one to @in_flight older requests were missing.
 */
static bool vdpa_dev_shows_order(VhostVdpaDevice *v, unsigned ring,
                                 uint16_t in_flight)
{
    struct vhost_virtqueue *vq = &v->hdev.vqs[ring];
    hwaddr avail = vq->avail_phys;
    hwaddr used = vq->used_phys;
    unsigned num = vq->num;
    uint16_t used_idx = vdpa_dev_used_idx(v, ring);
    uint16_t avail_idx = vdpa_dev_load(avail +
                                       offsetof(struct vring_avail, idx));
    uint16_t outstanding = avail_idx - used_idx;

    if (in_flight > outstanding || outstanding > num) {
        return false;
    }
    for (unsigned missing = 0; missing <= in_flight; missing++) {
        bool equal = true;

        for (uint16_t i = avail_idx - num; equal && i != used_idx; i++) {
            uint16_t slot = i + missing;

            equal = vdpa_dev_load(avail + offsetof(struct vring_avail,
                                                   ring[slot % num])) ==
                    vdpa_dev_load(used + offsetof(struct vring_used,
                                                  ring[i % num].id));
        }
        if (equal != !missing) {
            return false;
        }
    }
    return true;
}

/* Whether the requests in flight are those that follow the last used one */
static bool vdpa_dev_in_order(VhostVdpaDevice *v, unsigned ring,
                              uint16_t in_flight)
{
    return virtio_vdev_has_feature(VIRTIO_DEVICE(v), VIRTIO_F_IN_ORDER) ||
           (!vdpa_dev_is_packed(v) &&
            vdpa_dev_shows_order(v, ring, in_flight));
}

static bool vdpa_dev_get_base(VhostVdpaDevice *v, unsigned ring,
                              uint32_t *base, Error **errp)
{
    struct vhost_vring_state state = { .index = ring };
    int ret = v->hdev.vhost_ops->vhost_get_vring_base(&v->hdev, &state);

    *base = state.num;
    return vdpa_dev_ring_result(v, "GET_VRING_BASE", ring, ret, errp);
}

static bool vdpa_dev_save_ring(VhostVdpaDevice *v, unsigned ring,
                               int64_t deadline, Error **errp)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(v);
    uint16_t in_flight;
    uint32_t base;

    if (!vdpa_dev_get_base(v, ring, &base, errp)) {
        return false;
    }
    while ((in_flight = vdpa_dev_in_flight(v, ring, base)) &&
           qemu_clock_get_ms(QEMU_CLOCK_REALTIME) < deadline) {
        g_usleep(VDPA_DEV_DRAIN_STEP_US);
        if (vdpa_dev_is_packed(v) &&
            !vdpa_dev_get_base(v, ring, &base, errp)) {
            return false;
        }
    }
    trace_vdpa_dev_save_ring(v->name, ring, base, in_flight);
    if (in_flight && vdpa_dev_in_order(v, ring, in_flight)) {
        base = vdpa_dev_is_packed(v) ? (base >> 16) * 0x10001u
                                     : vdpa_dev_used_idx(v, ring);
    } else if (in_flight && !v->rings_lost) {
        error_setg(&v->rings_lost, "%s: ring %u: the host device was stopped "
                   "with requests in flight, which are lost", v->name, ring);
    }
    virtio_queue_set_last_avail_idx(vdev, ring, base);
    virtio_queue_invalidate_signalled_used(vdev, ring);
    virtio_queue_update_used_idx(vdev, ring);
    return true;
}

bool vdpa_dev_save_rings(VhostVdpaDevice *v, Error **errp)
{
    int64_t deadline = qemu_clock_get_ms(QEMU_CLOCK_REALTIME) +
                       VDPA_DEV_DRAIN_MS;

    if (!vdpa_dev_suspend(v, errp)) {
        return false;
    }
    for (unsigned i = 0; i < v->num_rings; i++) {
        if (v->rings[i].used && !vdpa_dev_save_ring(v, i, deadline, errp)) {
            return false;
        }
    }
    return true;
}
