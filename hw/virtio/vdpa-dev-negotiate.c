/*
 * vhost-vdpa-device: negotiating features with the backend
 *
 * It is done when the driver sets FEATURES_OK, which is where the device may
 * refuse (virtio specification, section 3.1.1).  A legacy driver has no such
 * step: then, and after a reset that the driver did not ask for, it is done
 * when the device starts.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/vhost.h>
#include "hw/virtio/vdpa-dev-internal.h"
#include "hw/virtio/virtio-bus.h"
#include "qapi/error.h"
#include "standard-headers/linux/virtio_config.h"

bool vdpa_dev_advance(VhostVdpaDevice *v, uint8_t status, Error **errp)
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

/* The driver's, and what all parents insist on */
static uint64_t vdpa_dev_wanted_features(VhostVdpaDevice *v)
{
    return VIRTIO_DEVICE(v)->guest_features | BIT_ULL(VIRTIO_F_ACCESS_PLATFORM);
}

bool vdpa_dev_is_negotiated(VhostVdpaDevice *v)
{
    return v->negotiated &&
           v->hdev.acked_features == vdpa_dev_wanted_features(v);
}

/* At realize one further along the command line is not there yet */
static bool vdpa_dev_check_viommu(VhostVdpaDevice *v, Error **errp)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(v);

    if (virtio_vdev_has_feature(vdev, VIRTIO_F_ACCESS_PLATFORM) &&
        virtio_bus_device_iommu_enabled(vdev)) {
        error_setg(errp, "%s: a vIOMMU in front of it is not supported",
                   v->name);
        return false;
    }
    return true;
}

static bool vdpa_dev_set_features(VhostVdpaDevice *v, Error **errp)
{
    v->hdev.acked_features = vdpa_dev_wanted_features(v);
    return vdpa_dev_call(v, VHOST_SET_FEATURES, "SET_FEATURES",
                         &v->hdev.acked_features, errp);
}

bool vdpa_dev_negotiate(VhostVdpaDevice *v, Error **errp)
{
    const uint8_t acknowledge = VIRTIO_CONFIG_S_ACKNOWLEDGE;
    const uint8_t driver = acknowledge | VIRTIO_CONFIG_S_DRIVER;

    if ((v->negotiated || v->needs_backend_reset) &&
        !vdpa_dev_reset_backend(v, errp)) {
        return false;
    }
    v->negotiated = vdpa_dev_check_viommu(v, errp) &&
                    vdpa_dev_set_status(v, acknowledge, errp) &&
                    vdpa_dev_set_status(v, driver, errp) &&
                    vdpa_dev_set_features(v, errp) &&
                    vdpa_dev_advance(v, driver | VIRTIO_CONFIG_S_FEATURES_OK,
                                     errp) &&
                    vdpa_dev_config_restore(v, errp);
    return v->negotiated;
}
