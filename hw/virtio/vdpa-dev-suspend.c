/*
 * vhost-vdpa-device: suspending the backend, and where its rings are then
 *
 * A suspended device fetches no more descriptors.  One that can be resumed
 * keeps its requests.  Any other is reset: before that each ring's position is
 * asked for and what is in flight may be waited for, and after it, when
 * nothing changes any more, it is decided where the next start begins.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/vhost.h>
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

/* What the backend runs with; a legacy driver may write others meanwhile */
static bool vdpa_dev_has_feature(VhostVdpaDevice *v, unsigned feature)
{
    return virtio_has_feature(v->hdev.acked_features, feature);
}

/* Up to where the backend has used requests: its base if none is in flight */
static uint32_t vdpa_dev_used_base(VhostVdpaDevice *v, unsigned ring)
{
    return vdpa_dev_has_feature(v, VIRTIO_F_RING_PACKED) ?
           (v->rings[ring].base >> 16) * 0x10001u :
           vdpa_dev_used_idx(v, ring);
}

/* Whether it shows in a packed ring that something at @position was used */
static bool vdpa_dev_packed_is_used(VhostVdpaDevice *v, unsigned ring,
                                    uint16_t position)
{
    struct vhost_virtqueue *vq = &v->hdev.vqs[ring];
    uint16_t offset = position & ~BIT(VRING_PACKED_EVENT_F_WRAP_CTR);
    bool wrap = position & BIT(VRING_PACKED_EVENT_F_WRAP_CTR);
    uint16_t flags = vdpa_dev_load(vq->desc_phys + offset *
                                   sizeof(struct vring_packed_desc) +
                                   offsetof(struct vring_packed_desc, flags));

    return !!(flags & BIT(VRING_PACKED_DESC_F_AVAIL)) == wrap &&
           !!(flags & BIT(VRING_PACKED_DESC_F_USED)) == wrap;
}

static bool vdpa_dev_split_order_known(VhostVdpaDevice *v, unsigned ring,
                                       uint16_t used_idx)
{
    struct vhost_virtqueue *vq = &v->hdev.vqs[ring];
    g_autofree uint16_t *avail = g_new(uint16_t, vq->num);
    g_autofree uint32_t *used = g_new(uint32_t, vq->num);

    for (unsigned i = 0; i < vq->num; i++) {
        avail[i] = vdpa_dev_load(vq->avail_phys +
                                 offsetof(struct vring_avail, ring[i]));
        used[i] = address_space_ldl_le(&address_space_memory, vq->used_phys +
                                       offsetof(struct vring_used, ring[i].id),
                                       MEMTXATTRS_UNSPECIFIED, NULL);
    }
    return vdpa_dev_order_known(avail, used, vq->num, used_idx,
                                v->rings[ring].base,
                                vdpa_dev_load(vq->avail_phys +
                                              offsetof(struct vring_avail,
                                                       idx)));
}

/*
 * Whether the requests in flight are those from @used on.  In a packed ring it
 * does not show which of them were used since the backend was asked.
 */
static bool vdpa_dev_in_order(VhostVdpaDevice *v, unsigned ring, uint32_t used)
{
    bool in_order = vdpa_dev_has_feature(v, VIRTIO_F_IN_ORDER);

    if (vdpa_dev_has_feature(v, VIRTIO_F_RING_PACKED)) {
        return in_order && !vdpa_dev_packed_is_used(v, ring, used);
    }
    return in_order || vdpa_dev_split_order_known(v, ring, used);
}

static bool vdpa_dev_get_base(VhostVdpaDevice *v, unsigned ring, Error **errp)
{
    struct vhost_vring_state state = { .index = ring };
    int ret = v->hdev.vhost_ops->vhost_get_vring_base(&v->hdev, &state);

    v->rings[ring].base = vdpa_dev_has_feature(v, VIRTIO_F_RING_PACKED) ?
                          state.num : (uint16_t)state.num;
    return vdpa_dev_ring_result(v, "GET_VRING_BASE", ring, ret, errp);
}

static bool vdpa_dev_drain_ring(VhostVdpaDevice *v, unsigned ring,
                                int64_t deadline, Error **errp)
{
    while (vdpa_dev_used_base(v, ring) != v->rings[ring].base &&
           qemu_clock_get_ms(QEMU_CLOCK_REALTIME) < deadline) {
        g_usleep(VDPA_DEV_DRAIN_STEP_US);
        if (vdpa_dev_has_feature(v, VIRTIO_F_RING_PACKED) &&
            !vdpa_dev_get_base(v, ring, errp)) {
            return false;
        }
    }
    return true;
}

bool vdpa_dev_save_rings(VhostVdpaDevice *v, int64_t deadline, Error **errp)
{
    if (!vdpa_dev_suspend(v, errp)) {
        return false;
    }
    for (unsigned i = 0; i < v->num_rings; i++) {
        if (v->rings[i].used && !vdpa_dev_get_base(v, i, errp)) {
            return false;
        }
    }
    for (unsigned i = 0; i < v->num_rings; i++) {
        if (v->rings[i].used && !vdpa_dev_drain_ring(v, i, deadline, errp)) {
            return false;
        }
    }
    return true;
}

static void vdpa_dev_lose_ring(VhostVdpaDevice *v, unsigned ring,
                               uint32_t used)
{
    bool packed = vdpa_dev_has_feature(v, VIRTIO_F_RING_PACKED);
    uint16_t in_flight = v->rings[ring].base - used;
    /* The positions in a packed ring tell descriptors, not requests */
    g_autofree char *count = packed ? g_strdup("") :
                             g_strdup_printf(": %u", in_flight);

    if (!v->cannot_go_on) {
        error_setg(&v->cannot_go_on, "%s: ring %u: the host device was "
                   "stopped with requests in flight, which are lost%s",
                   v->name, ring, count);
    }
}

static void vdpa_dev_take_over_ring(VhostVdpaDevice *v, unsigned ring)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(v);
    uint32_t base = v->rings[ring].base;
    uint32_t used = vdpa_dev_used_base(v, ring);

    trace_vdpa_dev_take_over_ring(v->name, ring, base, used);
    if (base != used && vdpa_dev_in_order(v, ring, used)) {
        base = used;
    } else if (base != used) {
        vdpa_dev_lose_ring(v, ring, used);
    }
    virtio_queue_set_last_avail_idx(vdev, ring, base);
    virtio_queue_invalidate_signalled_used(vdev, ring);
    virtio_queue_update_used_idx(vdev, ring);
}

void vdpa_dev_take_over_rings(VhostVdpaDevice *v)
{
    for (unsigned i = 0; i < v->num_rings; i++) {
        if (v->rings[i].used) {
            vdpa_dev_take_over_ring(v, i);
        }
    }
}
