/*
 * vhost-vdpa-device: one ring's way to the backend
 *
 * Which rings there are, whether the driver has put them where a ring may be,
 * and the calls that hand one over.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/vhost.h>
#include <sys/ioctl.h>
#include "hw/virtio/vdpa-dev-internal.h"
#include "hw/virtio/virtio-bus.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "standard-headers/linux/virtio_config.h"

/* Virtio specification, sections 2.7 and 2.8: where a ring's parts may be */
static bool vdpa_dev_check_area(VhostVdpaDevice *v, unsigned ring,
                                const char *area, hwaddr addr, hwaddr size,
                                hwaddr align, Error **errp)
{
    if (!QEMU_IS_ALIGNED(addr, align)) {
        error_setg(errp, "%s: ring %u: its %s area at 0x%" HWADDR_PRIx
                   " is not aligned to %" HWADDR_PRIu, v->name, ring, area,
                   addr, align);
        return false;
    }
    if (!vdpa_dev_memory_covers(v, addr, size)) {
        error_setg(errp, "%s: ring %u: its %s area at 0x%" HWADDR_PRIx
                   ", %" HWADDR_PRIu " bytes, is not in guest RAM", v->name,
                   ring, area, addr, size);
        return false;
    }
    return true;
}

static bool vdpa_dev_check_ring(VhostVdpaDevice *v, unsigned ring,
                                Error **errp)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(v);
    bool packed = virtio_vdev_has_feature(vdev, VIRTIO_F_RING_PACKED);
    int num = virtio_queue_get_num(vdev, ring);

    if (num > v->ring_sizes[ring] || !is_power_of_2(num)) {
        error_setg(errp, "%s: ring %u: size %d is not a power of two of at "
                   "most %u", v->name, ring, num, v->ring_sizes[ring]);
        return false;
    }
    return vdpa_dev_check_area(v, ring, "descriptor",
                               virtio_queue_get_desc_addr(vdev, ring),
                               virtio_queue_get_desc_size(vdev, ring), 16,
                               errp) &&
           vdpa_dev_check_area(v, ring, "driver",
                               virtio_queue_get_avail_addr(vdev, ring),
                               virtio_queue_get_avail_size(vdev, ring),
                               packed ? 4 : 2, errp) &&
           vdpa_dev_check_area(v, ring, "device",
                               virtio_queue_get_used_addr(vdev, ring),
                               virtio_queue_get_used_size(vdev, ring), 4,
                               errp);
}

/* The eventfd that the backend is to signal for @ring, or -1 for none */
static int vdpa_dev_call_fd(VhostVdpaDevice *v, unsigned ring)
{
    BusState *bus = qdev_get_parent_bus(DEVICE(v));
    VirtioBusClass *k = VIRTIO_BUS_GET_CLASS(bus);
    VirtQueue *vq = virtio_get_queue(VIRTIO_DEVICE(v), ring);

    if (k->guest_notifier_used && !k->guest_notifier_used(bus->parent, ring)) {
        return -1;
    }
    return event_notifier_get_wfd(virtio_queue_get_guest_notifier(vq));
}

static bool vdpa_dev_set_call(VhostVdpaDevice *v, unsigned ring, Error **errp)
{
    struct vhost_dev *hdev = &v->hdev;
    const VhostOps *ops = hdev->vhost_ops;
    struct vhost_vring_file call = {
        .index = ring,
        .fd = vdpa_dev_call_fd(v, ring),
    };

    /* One from an earlier start, when the driver wanted it, is still there */
    if ((call.fd >= 0 || v->rings[ring].call) &&
        !vdpa_dev_ring_result(v, "SET_VRING_CALL", ring,
                              ops->vhost_set_vring_call(hdev, &call), errp)) {
        return false;
    }
    v->rings[ring].call = call.fd >= 0;
    vdpa_dev_ops_note_call(v, ring, call.fd);
    return true;
}

bool vdpa_dev_add_call(VhostVdpaDevice *v, unsigned ring, Error **errp)
{
    if (!v->rings[ring].used || v->rings[ring].call) {
        return true;
    }
    if (!vdpa_dev_set_call(v, ring, errp)) {
        return false;
    }
    /* vp_vdpa from Linux 6.12 on ignores it, and cannot be suspended either */
    if (v->rings[ring].call &&
        !(v->hdev.backend_cap & BIT_ULL(VHOST_BACKEND_F_SUSPEND))) {
        warn_report("%s: ring %u got its vector after DRIVER_OK: not every host "
                    "device signals it then", v->name, ring);
    }
    return true;
}

static bool vdpa_dev_set_up_ring(VhostVdpaDevice *v, unsigned ring,
                                 Error **errp)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(v);
    VirtQueue *vq = virtio_get_queue(vdev, ring);
    struct vhost_dev *hdev = &v->hdev;
    const VhostOps *ops = hdev->vhost_ops;
    struct vhost_vring_state state = { .index = ring };
    struct vhost_vring_addr addr = {
        .index = ring,
        .desc_user_addr = virtio_queue_get_desc_addr(vdev, ring),
        .avail_user_addr = virtio_queue_get_avail_addr(vdev, ring),
        .used_user_addr = virtio_queue_get_used_addr(vdev, ring),
    };
    struct vhost_vring_file kick = {
        .index = ring,
        .fd = event_notifier_get_fd(virtio_queue_get_host_notifier(vq)),
    };

    state.num = virtio_queue_get_num(vdev, ring);
    if (!vdpa_dev_check_ring(v, ring, errp) ||
        !vdpa_dev_ring_result(v, "SET_VRING_NUM", ring,
                              ops->vhost_set_vring_num(hdev, &state), errp) ||
        !vdpa_dev_ring_result(v, "SET_VRING_ADDR", ring,
                              ops->vhost_set_vring_addr(hdev, &addr), errp)) {
        return false;
    }
    state.num = virtio_queue_get_last_avail_idx(vdev, ring);
    if (!vdpa_dev_ring_result(v, "SET_VRING_BASE", ring,
                              ops->vhost_set_vring_base(hdev, &state),
                              errp) ||
        !vdpa_dev_ring_result(v, "SET_VRING_KICK", ring,
                              ops->vhost_set_vring_kick(hdev, &kick), errp)) {
        return false;
    }
    vdpa_dev_ops_note_ring(v, ring, &addr, kick.fd);
    return vdpa_dev_set_call(v, ring, errp);
}

static bool vdpa_dev_enable_ring(VhostVdpaDevice *v, unsigned ring,
                                 Error **errp)
{
    struct vhost_vring_state state = { .index = ring, .num = 1 };
    int ret = ioctl(v->device_fd, VHOST_VDPA_SET_VRING_ENABLE, &state);

    return vdpa_dev_ring_result(v, "SET_VRING_ENABLE", ring,
                                ret < 0 ? -errno : 0, errp);
}

bool vdpa_dev_set_up_rings(VhostVdpaDevice *v, Error **errp)
{
    for (unsigned i = 0; i < v->num_rings; i++) {
        if (v->rings[i].used && (!vdpa_dev_set_up_ring(v, i, errp) ||
                                 !vdpa_dev_enable_ring(v, i, errp))) {
            return false;
        }
    }
    return true;
}

void vdpa_dev_kick_rings(VhostVdpaDevice *v)
{
    for (unsigned i = 0; i < v->num_rings; i++) {
        if (v->rings[i].used) {
            VirtQueue *vq = virtio_get_queue(VIRTIO_DEVICE(v), i);

            event_notifier_set(virtio_queue_get_host_notifier(vq));
        }
    }
}

void vdpa_dev_find_used_rings(VhostVdpaDevice *v)
{
    v->guest_notifiers = 0;
    for (unsigned i = 0; i < v->num_rings; i++) {
        v->rings[i].used = virtio_queue_enabled(VIRTIO_DEVICE(v), i);
        vdpa_dev_ops_forget_ring(v, i);
        if (v->rings[i].used) {
            v->guest_notifiers = i + 1;
        }
    }
}
