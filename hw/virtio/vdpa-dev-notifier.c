/*
 * vhost-vdpa-device: eventfds of the transport
 *
 * For kicks (host notifiers) and interrupts (guest notifiers) of the rings that
 * the driver has set up.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/virtio/vdpa-dev-internal.h"
#include "hw/virtio/virtio-bus.h"
#include "qapi/error.h"

/*
 * Give back the host notifiers of the used rings below @end.  The eventfds
 * are closed when the transaction that takes them out of the memory map is
 * over.
 */
static void vdpa_dev_drop_host_notifiers_below(VhostVdpaDevice *v,
                                               unsigned end)
{
    VirtioBusState *bus = VIRTIO_BUS(qdev_get_parent_bus(DEVICE(v)));

    memory_region_transaction_begin();
    for (unsigned i = 0; i < end; i++) {
        if (v->rings[i].used) {
            virtio_bus_set_host_notifier(bus, i, false);
        }
    }
    memory_region_transaction_commit();
    for (unsigned i = 0; i < end; i++) {
        if (v->rings[i].used) {
            VirtQueue *vq = virtio_get_queue(VIRTIO_DEVICE(v), i);

            /* Or a kick that is left starts the device while it is stopped */
            event_notifier_test_and_clear(virtio_queue_get_host_notifier(vq));
            virtio_bus_cleanup_host_notifier(bus, i);
        }
    }
    virtio_device_release_ioeventfd(VIRTIO_DEVICE(v));
}

void vdpa_dev_drop_host_notifiers(VhostVdpaDevice *v)
{
    vdpa_dev_drop_host_notifiers_below(v, v->num_rings);
}

static int vdpa_dev_take_host_notifier(VhostVdpaDevice *v, unsigned ring)
{
    VirtioBusState *bus = VIRTIO_BUS(qdev_get_parent_bus(DEVICE(v)));
    VirtQueue *vq = virtio_get_queue(VIRTIO_DEVICE(v), ring);
    int ret = virtio_bus_set_host_notifier(bus, ring, true);

    if (!ret) {
        /* It is made signalled, which the backend would take for a kick */
        event_notifier_test_and_clear(virtio_queue_get_host_notifier(vq));
    }
    return ret;
}

/* All in one transaction: each of them alone costs a walk over all others */
bool vdpa_dev_take_host_notifiers(VhostVdpaDevice *v, Error **errp)
{
    int ret = virtio_device_grab_ioeventfd(VIRTIO_DEVICE(v));
    unsigned i;

    if (!vdpa_dev_call_result(v, "ioeventfd of the transport", ret, errp)) {
        return false;
    }
    memory_region_transaction_begin();
    for (i = 0; i < v->num_rings && ret >= 0; i++) {
        if (v->rings[i].used) {
            ret = vdpa_dev_take_host_notifier(v, i);
        }
    }
    memory_region_transaction_commit();
    if (ret < 0) {
        vdpa_dev_ring_result(v, "kick eventfd", i - 1, ret, errp);
        vdpa_dev_drop_host_notifiers_below(v, i - 1);
        return false;
    }
    return true;
}

void vdpa_dev_drop_guest_notifiers(VhostVdpaDevice *v)
{
    BusState *bus = qdev_get_parent_bus(DEVICE(v));
    VirtioBusClass *k = VIRTIO_BUS_GET_CLASS(bus);

    if (v->guest_notifiers) {
        k->set_guest_notifiers(bus->parent, v->guest_notifiers, false);
    }
}

bool vdpa_dev_take_guest_notifiers(VhostVdpaDevice *v, Error **errp)
{
    BusState *bus = qdev_get_parent_bus(DEVICE(v));
    VirtioBusClass *k = VIRTIO_BUS_GET_CLASS(bus);
    int ret = 0;

    if (v->guest_notifiers) {
        ret = k->set_guest_notifiers(bus->parent, v->guest_notifiers, true);
    }
    return vdpa_dev_call_result(v, "guest notifiers of the transport", ret,
                                errp);
}
