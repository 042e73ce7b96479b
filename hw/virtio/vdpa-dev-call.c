/*
 * vhost-vdpa-device: calls on the backend
 *
 * Each call is traced, and a failed one is named the same way everywhere:
 * device, call, ring, errno.  What to call and when is not decided here.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/vhost.h>
#include <sys/ioctl.h>
#include "hw/virtio/vdpa-dev-internal.h"
#include "qapi/error.h"
#include "trace.h"

static void vdpa_dev_call_hint(int err, Error **errp)
{
    if (err == EMFILE) {
        error_append_hint(errp, "Raise RLIMIT_NOFILE: ulimit -n, "
                          "LimitNOFILE= of systemd, max_files of libvirt.\n");
    }
}

bool vdpa_dev_call_result(VhostVdpaDevice *v, const char *name, int ret,
                          Error **errp)
{
    ERRP_GUARD();

    trace_vdpa_dev_call_result(v->name, name, ret);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "%s: %s failed", v->name, name);
        vdpa_dev_call_hint(-ret, errp);
        return false;
    }
    return true;
}

bool vdpa_dev_ring_result(VhostVdpaDevice *v, const char *name, unsigned ring,
                          int ret, Error **errp)
{
    ERRP_GUARD();

    trace_vdpa_dev_ring_result(v->name, name, ring, ret);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "%s: %s failed for ring %u",
                         v->name, name, ring);
        vdpa_dev_call_hint(-ret, errp);
        return false;
    }
    return true;
}

bool vdpa_dev_call(VhostVdpaDevice *v, unsigned long request,
                   const char *name, void *arg, Error **errp)
{
    int ret = ioctl(v->device_fd, request, arg);

    return vdpa_dev_call_result(v, name, ret < 0 ? -errno : 0, errp);
}

bool vdpa_dev_get_status(VhostVdpaDevice *v, uint8_t *status, Error **errp)
{
    return vdpa_dev_call(v, VHOST_VDPA_GET_STATUS, "GET_STATUS", status, errp);
}

bool vdpa_dev_set_status(VhostVdpaDevice *v, uint8_t status, Error **errp)
{
    trace_vdpa_dev_set_status(v->name, status);
    return vdpa_dev_call(v, VHOST_VDPA_SET_STATUS, "SET_STATUS", &status,
                         errp);
}

bool vdpa_dev_check_running(VhostVdpaDevice *v, Error **errp)
{
    const uint8_t bits = VIRTIO_CONFIG_S_DRIVER_OK |
                         VIRTIO_CONFIG_S_NEEDS_RESET | VIRTIO_CONFIG_S_FAILED;
    uint8_t status;

    if (!vdpa_dev_get_status(v, &status, errp)) {
        return false;
    }
    if ((status & bits) != VIRTIO_CONFIG_S_DRIVER_OK) {
        error_setg(errp, "%s: the host device needs a reset "
                   "(GET_STATUS: 0x%x)", v->name, status);
        return false;
    }
    return true;
}
