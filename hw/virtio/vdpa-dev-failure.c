/*
 * vhost-vdpa-device: how a failure is shown
 *
 * One line in the log for whoever runs the host, DEVICE_NEEDS_RESET for the
 * driver, until the driver resets the device.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/virtio/vdpa-dev-internal.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "standard-headers/linux/virtio_config.h"
#include "trace.h"

bool vdpa_dev_has_legacy_driver(VhostVdpaDevice *v, uint64_t features)
{
    bool legacy_interface = v->transitional ||
        !virtio_host_has_feature(VIRTIO_DEVICE(v), VIRTIO_F_VERSION_1);

    return legacy_interface &&
           !virtio_has_feature(features, VIRTIO_F_VERSION_1);
}

/*
 * A legacy driver cannot be shown DEVICE_NEEDS_RESET.  Which kind of driver
 * there is shows when it acknowledges features, at the latest by DRIVER_OK or
 * by the kick that starts a legacy driver's device.
 */
void vdpa_dev_show_failure(VhostVdpaDevice *v, uint64_t features,
                           uint8_t status)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(v);

    if (!v->failed || !(virtio_has_feature(features, VIRTIO_F_VERSION_1) ||
                        (status & VIRTIO_CONFIG_S_DRIVER_OK) ||
                        v->kick_started)) {
        return;
    }
    if (vdpa_dev_has_legacy_driver(v, features)) {
        vdev->broken = true;
    } else if (!(vdev->status & VIRTIO_CONFIG_S_NEEDS_RESET)) {
        vdev->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
        virtio_notify_config(vdev);
    }
}

void vdpa_dev_fail(VhostVdpaDevice *v, Error *err)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(v);

    if (v->failed) {
        error_free(err);
        return;
    }
    trace_vdpa_dev_fail(v->name, error_get_pretty(err));
    error_report_err(err);
    v->failed = true;
    vdpa_dev_show_failure(v, vdev->guest_features, vdev->status);
}
