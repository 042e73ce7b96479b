/*
 * vhost-vdpa-device: config space and its interrupt
 *
 * Nothing is kept: a read asks the backend, a write goes to it, each with the
 * offset and the length that the driver used.  A change is taken in by the
 * main loop, or by the next access, whichever comes first.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/vhost.h>
#include "hw/virtio/vdpa-dev-internal.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "standard-headers/linux/virtio_config.h"
#include "trace.h"

static void vdpa_dev_check_status(VhostVdpaDevice *v)
{
    Error *err = NULL;

    if (v->started && !v->failed && !vdpa_dev_check_running(v, &err)) {
        vdpa_dev_fail(v, err);
    }
}

void vdpa_dev_config_poll(VirtIODevice *vdev)
{
    VhostVdpaDevice *v = VHOST_VDPA_DEVICE(vdev);
    uint32_t generation = vdev->generation;

    if (!event_notifier_test_and_clear(&v->config_notifier)) {
        return;
    }
    trace_vdpa_dev_config_poll(v->name);
    vdpa_dev_check_status(v);
    if (vdev->generation != generation) {
        /* One interrupt for both */
        return;
    }
    if (vdev->status & VIRTIO_CONFIG_S_DRIVER_OK) {
        virtio_notify_config(vdev);
    } else {
        vdev->generation++;
    }
}

static void vdpa_dev_config_event(EventNotifier *n)
{
    VhostVdpaDevice *v = container_of(n, VhostVdpaDevice, config_notifier);

    vdpa_dev_config_poll(VIRTIO_DEVICE(v));
}

static bool vdpa_dev_get_config(VhostVdpaDevice *v, uint32_t offset,
                                uint32_t size, void *data, Error **errp)
{
    g_autofree struct vhost_vdpa_config *config =
        g_malloc0(sizeof(*config) + size);

    config->off = offset;
    config->len = size;
    if (!vdpa_dev_call(v, VHOST_VDPA_GET_CONFIG, "GET_CONFIG", config, errp)) {
        return false;
    }
    memcpy(data, config->buf, size);
    return true;
}

void vdpa_dev_config_read(VirtIODevice *vdev, uint32_t offset, uint32_t size)
{
    VhostVdpaDevice *v = VHOST_VDPA_DEVICE(vdev);
    uint8_t *data = (uint8_t *)vdev->config + offset;
    Error *err = NULL;

    vdpa_dev_config_poll(vdev);
    if (!vdpa_dev_get_config(v, offset, size, data, &err)) {
        memset(data, 0, size);
        error_prepend(&err, "cannot read config space at %" PRIu32 ": ",
                      offset);
        vdpa_dev_fail(v, err);
    }
}

void vdpa_dev_config_write(VirtIODevice *vdev, uint32_t offset, uint32_t size)
{
    VhostVdpaDevice *v = VHOST_VDPA_DEVICE(vdev);
    uint8_t *data = (uint8_t *)vdev->config + offset;
    struct vhost_dev *hdev = &v->hdev;
    Error *err = NULL;
    int ret;

    vdpa_dev_config_poll(vdev);
    ret = hdev->vhost_ops->vhost_set_config(hdev, data, offset, size,
                                            VHOST_SET_CONFIG_TYPE_MASTER);
    if (!vdpa_dev_call_result(v, "SET_CONFIG", ret, &err)) {
        error_prepend(&err, "cannot write config space at %" PRIu32 ": ",
                      offset);
        if (v->set_config_failed) {
            error_free(err);
        } else {
            v->set_config_failed = true;
            error_report_err(err);
        }
    }
}

bool vdpa_dev_config_bind(VhostVdpaDevice *v, Error **errp)
{
    int fd = event_notifier_get_wfd(&v->config_notifier);

    if (!v->config_call) {
        v->config_call = vdpa_dev_call(v, VHOST_VDPA_SET_CONFIG_CALL,
                                       "SET_CONFIG_CALL", &fd, errp);
    }
    return v->config_call;
}

bool vdpa_dev_config_init(VhostVdpaDevice *v, Error **errp)
{
    int ret = event_notifier_init(&v->config_notifier, 0);

    if (ret < 0) {
        error_setg_errno(errp, -ret, "%s: no eventfd for the config interrupt",
                         v->name);
        return false;
    }
    if (!vdpa_dev_config_bind(v, errp)) {
        event_notifier_cleanup(&v->config_notifier);
        return false;
    }
    event_notifier_set_handler(&v->config_notifier, vdpa_dev_config_event);
    return true;
}

void vdpa_dev_config_cleanup(VhostVdpaDevice *v)
{
    int none = -1;

    if (v->config_call) {
        vdpa_dev_call(v, VHOST_VDPA_SET_CONFIG_CALL, "SET_CONFIG_CALL", &none,
                      NULL);
        v->config_call = false;
    }
    event_notifier_set_handler(&v->config_notifier, NULL);
    event_notifier_cleanup(&v->config_notifier);
}
