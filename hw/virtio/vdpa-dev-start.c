/*
 * vhost-vdpa-device: starting and stopping the backend
 *
 * While the driver has not set DRIVER_OK the backend's status is 0, and of the
 * guest it knows the memory alone.  So it is while the machine is stopped,
 * unless the backend can be resumed.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/vhost.h>
#include <sys/ioctl.h>
#include "hw/virtio/vdpa-dev-internal.h"
#include "hw/virtio/virtio-access.h"
#include "hw/virtio/virtio-bus.h"
#include "qapi/error.h"
#include "standard-headers/linux/virtio_config.h"
#include "trace.h"

/* Write @status and read back that all of its bits were taken */
static bool vdpa_dev_advance(VhostVdpaDevice *v, uint8_t status, Error **errp)
{
    uint8_t got;

    if (!vdpa_dev_set_status(v, status, errp) ||
        !vdpa_dev_get_status(v, &got, errp)) {
        return false;
    }
    if (got != status) {
        error_setg(errp, "%s: SET_STATUS: the host device did not accept "
                   "0x%x, its status is 0x%x", v->name, status, got);
        return false;
    }
    return true;
}

static bool vdpa_dev_negotiate(VhostVdpaDevice *v, Error **errp)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(v);
    struct vhost_dev *hdev = &v->hdev;
    uint8_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE;

    if (!vdpa_dev_set_status(v, status, errp)) {
        return false;
    }
    status |= VIRTIO_CONFIG_S_DRIVER;
    if (!vdpa_dev_set_status(v, status, errp)) {
        return false;
    }

    /* All parents insist on it */
    hdev->acked_features = vdev->guest_features |
                           BIT_ULL(VIRTIO_F_ACCESS_PLATFORM);
    if (!vdpa_dev_call(v, VHOST_SET_FEATURES, "SET_FEATURES",
                       &hdev->acked_features, errp)) {
        return false;
    }
    return vdpa_dev_advance(v, status | VIRTIO_CONFIG_S_FEATURES_OK, errp);
}

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
    VirtIODevice *vdev = VIRTIO_DEVICE(v);
    BusState *bus = qdev_get_parent_bus(DEVICE(v));
    VirtioBusClass *k = VIRTIO_BUS_GET_CLASS(bus);
    VirtQueue *vq = virtio_get_queue(vdev, ring);

    if (k->query_guest_notifiers && k->query_guest_notifiers(bus->parent) &&
        virtio_queue_vector(vdev, ring) == VIRTIO_NO_VECTOR) {
        return -1;
    }
    return event_notifier_get_wfd(virtio_queue_get_guest_notifier(vq));
}

/* Also for x-query-virtio-vhost-queue-status */
static void vdpa_dev_note_ring(VhostVdpaDevice *v, unsigned ring,
                               const struct vhost_vring_addr *addr,
                               int kick, int call)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(v);
    struct vhost_virtqueue *vq = &v->hdev.vqs[ring];

    *vq = (struct vhost_virtqueue) {
        .kick = kick,
        .call = call,
        .num = virtio_queue_get_num(vdev, ring),
        .desc_phys = addr->desc_user_addr,
        .desc_size = virtio_queue_get_desc_size(vdev, ring),
        .avail_phys = addr->avail_user_addr,
        .avail_size = virtio_queue_get_avail_size(vdev, ring),
        .used_phys = addr->used_user_addr,
        .used_size = virtio_queue_get_used_size(vdev, ring),
        .dev = &v->hdev,
    };
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
    struct vhost_vring_file call = {
        .index = ring,
        .fd = vdpa_dev_call_fd(v, ring),
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
    /* One from an earlier start, when the driver wanted it, is still there */
    if ((call.fd >= 0 || v->rings[ring].call) &&
        !vdpa_dev_ring_result(v, "SET_VRING_CALL", ring,
                              ops->vhost_set_vring_call(hdev, &call), errp)) {
        return false;
    }
    v->rings[ring].call = call.fd >= 0;
    vdpa_dev_note_ring(v, ring, &addr, kick.fd, call.fd);
    return true;
}

static bool vdpa_dev_enable_ring(VhostVdpaDevice *v, unsigned ring,
                                 Error **errp)
{
    struct vhost_vring_state state = { .index = ring, .num = 1 };
    int ret = ioctl(v->device_fd, VHOST_VDPA_SET_VRING_ENABLE, &state);

    return vdpa_dev_ring_result(v, "SET_VRING_ENABLE", ring,
                                ret < 0 ? -errno : 0, errp);
}

static bool vdpa_dev_set_up_rings(VhostVdpaDevice *v, Error **errp)
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

static bool vdpa_dev_check_driver(VhostVdpaDevice *v, uint8_t status,
                                  Error **errp)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(v);

    if (!vdpa_dev_has_legacy_driver(v, vdev->guest_features) &&
        !(status & VIRTIO_CONFIG_S_FEATURES_OK)) {
        error_setg(errp, "%s: the driver set DRIVER_OK without FEATURES_OK",
                   v->name);
        return false;
    }
    if (virtio_access_is_big_endian(vdev)) {
        error_setg(errp, "%s: a legacy driver of a big-endian guest cannot "
                   "use it", v->name);
        return false;
    }
    /* At realize a vIOMMU further along the command line is not there yet */
    if (virtio_vdev_has_feature(vdev, VIRTIO_F_ACCESS_PLATFORM) &&
        virtio_bus_device_iommu_enabled(vdev)) {
        error_setg(errp, "%s: a vIOMMU in front of it is not supported",
                   v->name);
        return false;
    }
    if (v->rings_lost) {
        error_propagate(errp, error_copy(v->rings_lost));
        return false;
    }
    return true;
}

static void vdpa_dev_find_used_rings(VhostVdpaDevice *v)
{
    v->guest_notifiers = 0;
    for (unsigned i = 0; i < v->num_rings; i++) {
        v->rings[i].used = virtio_queue_enabled(VIRTIO_DEVICE(v), i);
        v->hdev.vqs[i] = (struct vhost_virtqueue) { .kick = -1, .call = -1 };
        if (v->rings[i].used) {
            v->guest_notifiers = i + 1;
        }
    }
}

static void vdpa_dev_set_started(VhostVdpaDevice *v, bool started)
{
    v->started = started;
    v->hdev.started = started;
    VIRTIO_DEVICE(v)->vhost_started = started;
    trace_vdpa_dev_set_started(v->name, started);
}

bool vdpa_dev_start(VhostVdpaDevice *v, uint8_t status, Error **errp)
{
    const uint8_t driver_ok = VIRTIO_CONFIG_S_ACKNOWLEDGE |
                              VIRTIO_CONFIG_S_DRIVER |
                              VIRTIO_CONFIG_S_FEATURES_OK |
                              VIRTIO_CONFIG_S_DRIVER_OK;

    if (!vdpa_dev_check_driver(v, status, errp)) {
        return false;
    }
    if (v->needs_backend_reset && !vdpa_dev_reset_backend(v, errp)) {
        return false;
    }
    vdpa_dev_find_used_rings(v);
    /* First, so that the accelerator is given no eventfds behind doorbells */
    vdpa_dev_doorbells_show(v);
    if (!vdpa_dev_take_host_notifiers(v, errp)) {
        goto hide_doorbells;
    }
    if (!vdpa_dev_take_guest_notifiers(v, errp)) {
        goto drop_host_notifiers;
    }
    if (!vdpa_dev_iotlb_prepare(v, errp) ||
        !vdpa_dev_negotiate(v, errp) ||
        !vdpa_dev_set_up_rings(v, errp) ||
        !vdpa_dev_config_bind(v, errp) ||
        !vdpa_dev_advance(v, driver_ok, errp)) {
        goto reset;
    }
    vdpa_dev_kick_rings(v);
    vdpa_dev_set_started(v, true);
    return true;

reset:
    vdpa_dev_reset_backend(v, NULL);
    vdpa_dev_drop_guest_notifiers(v);
drop_host_notifiers:
    vdpa_dev_drop_host_notifiers(v);
hide_doorbells:
    vdpa_dev_doorbells_hide(v);
    return false;
}

bool vdpa_dev_stop(VhostVdpaDevice *v, bool keep, Error **errp)
{
    bool ok = !keep || vdpa_dev_save_rings(v, errp);

    vdpa_dev_set_started(v, false);
    ok &= vdpa_dev_reset_backend(v, ok ? errp : NULL);
    vdpa_dev_drop_guest_notifiers(v);
    vdpa_dev_drop_host_notifiers(v);
    /* Last, or the accelerator is given the eventfds behind them for a moment */
    vdpa_dev_doorbells_hide(v);
    return ok;
}

bool vdpa_dev_pause(VhostVdpaDevice *v, Error **errp)
{
    if (!vdpa_dev_suspend(v, errp)) {
        vdpa_dev_stop(v, false, NULL);
        return false;
    }
    return true;
}
