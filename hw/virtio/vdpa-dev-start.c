/*
 * vhost-vdpa-device: starting and stopping the backend
 *
 * While the driver has not set DRIVER_OK the backend knows the memory of the
 * guest, and its features once they are negotiated.  When the machine stops a
 * started one is reset, unless it can be resumed or is left running.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/virtio/vdpa-dev-internal.h"
#include "hw/virtio/virtio-access.h"
#include "hw/virtio/virtio-bus.h"
#include "qapi/error.h"
#include "standard-headers/linux/virtio_config.h"
#include "trace.h"

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
    if (v->cannot_go_on) {
        error_propagate(errp, error_copy(v->cannot_go_on));
        return false;
    }
    return true;
}

/* Only a reset clears DEVICE_NEEDS_RESET: a device that shows it cannot run */
static bool vdpa_dev_check_unbroken(VhostVdpaDevice *v, Error **errp)
{
    if (VIRTIO_DEVICE(v)->status & VIRTIO_CONFIG_S_NEEDS_RESET) {
        error_setg(errp, "%s: the driver put a ring where there is no guest "
                   "RAM, and did not reset the device since", v->name);
        return false;
    }
    return true;
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
        goto reset_negotiated;
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
        (!vdpa_dev_is_negotiated(v) && !vdpa_dev_negotiate(v, errp)) ||
        !vdpa_dev_set_up_rings(v, errp) ||
        !vdpa_dev_check_unbroken(v, errp) ||
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
reset_negotiated:
    if (v->negotiated) {
        vdpa_dev_reset_backend(v, NULL);
    }
    return false;
}

bool vdpa_dev_stop(VhostVdpaDevice *v, Error **errp)
{
    bool ok;

    vdpa_dev_set_started(v, false);
    ok = vdpa_dev_reset_backend(v, errp);
    vdpa_dev_drop_guest_notifiers(v);
    vdpa_dev_drop_host_notifiers(v);
    /* Last, or the accelerator is given the eventfds behind them for a moment */
    vdpa_dev_doorbells_hide(v);
    return ok;
}

bool vdpa_dev_stop_and_keep(VhostVdpaDevice *v, int64_t deadline, Error **errp)
{
    bool saved = vdpa_dev_save_rings(v, deadline, errp) &&
                 vdpa_dev_config_save(v, errp);

    if (!vdpa_dev_stop(v, saved ? errp : NULL) || !saved) {
        return false;
    }
    vdpa_dev_take_over_rings(v);
    return true;
}
