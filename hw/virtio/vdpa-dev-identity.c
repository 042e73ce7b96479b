/*
 * vhost-vdpa-device: opening the backend and learning what it is
 *
 * The answers come from a host device and are bounded here, once; the rest of
 * the device relies on them.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/vhost.h>
#include <sys/resource.h>
#include "hw/virtio/vdpa-dev-internal.h"
#include "monitor/monitor.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "trace.h"

/* In linux/vhost.h since Linux 6.12 */
#ifndef VHOST_VDPA_GET_VRING_SIZE
#define VHOST_VDPA_GET_VRING_SIZE _IOWR(VHOST_VIRTIO, 0x82, \
                                        struct vhost_vring_state)
#endif

/* What of the backend's features this device makes use of */
#define VDPA_DEV_BACKEND_FEATURES (BIT_ULL(VHOST_BACKEND_F_IOTLB_MSG_V2) | \
                                   BIT_ULL(VHOST_BACKEND_F_IOTLB_BATCH) | \
                                   BIT_ULL(VHOST_BACKEND_F_SUSPEND) | \
                                   BIT_ULL(VHOST_BACKEND_F_RESUME) | \
                                   BIT_ULL(VHOST_BACKEND_F_IOTLB_PERSIST))

/* The node's path for messages, however the descriptor came */
static char *vdpa_dev_find_name(VhostVdpaDevice *v)
{
    g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", v->device_fd);
    g_autofree char *path = g_file_read_link(link, NULL);
    bool passed = !v->vhostdev || strstart(v->vhostdev, "/dev/fdset/", NULL);

    if (passed && path && strstart(path, "/dev/", NULL)) {
        return g_steal_pointer(&path);
    }
    return v->vhostdev ? g_strdup(v->vhostdev)
                       : g_strdup_printf("vhostfd %s", v->vhostfd);
}

static bool vdpa_dev_open_fd(VhostVdpaDevice *v, Error **errp)
{
    if (!v->vhostdev == !v->vhostfd) {
        error_setg(errp, "exactly one of vhostdev and vhostfd is needed");
        error_append_hint(errp, "Example: vhostdev=/dev/vhost-vdpa-0\n");
        return false;
    }

    if (v->vhostdev) {
        v->device_fd = qemu_open(v->vhostdev, O_RDWR, errp);
    } else {
        v->device_fd = monitor_fd_param(monitor_cur(), v->vhostfd, errp);
    }
    if (v->device_fd < 0) {
        error_prepend(errp, "%s: ", v->vhostdev ? "vhostdev" : "vhostfd");
        return false;
    }
    v->name = vdpa_dev_find_name(v);
    trace_vdpa_dev_open_fd(v->name, v->device_fd);
    return true;
}

static bool vdpa_dev_ask_features(VhostVdpaDevice *v, Error **errp)
{
    struct vhost_dev *hdev = &v->hdev;
    uint64_t cap;

    if (!vdpa_dev_call(v, VHOST_GET_BACKEND_FEATURES, "GET_BACKEND_FEATURES",
                       &cap, errp)) {
        return false;
    }
    hdev->backend_cap = cap & VDPA_DEV_BACKEND_FEATURES;
    if (!(cap & BIT_ULL(VHOST_BACKEND_F_IOTLB_MSG_V2))) {
        error_setg(errp, "%s: GET_BACKEND_FEATURES: 0x%" PRIx64
                   " has no IOTLB_MSG_V2", v->name, cap);
        return false;
    }
    if (!vdpa_dev_call(v, VHOST_SET_BACKEND_FEATURES, "SET_BACKEND_FEATURES",
                       &hdev->backend_cap, errp)) {
        return false;
    }
    return vdpa_dev_call_result(v, "SET_OWNER",
                                hdev->vhost_ops->vhost_set_owner(hdev),
                                errp) &&
           vdpa_dev_call_result(v, "GET_FEATURES",
               hdev->vhost_ops->vhost_get_features(hdev, &hdev->features),
               errp);
}

static bool vdpa_dev_ask_iova_range(VhostVdpaDevice *v, Error **errp)
{
    struct vhost_vdpa_iova_range *range = &v->iova_range;

    if (!vdpa_dev_call(v, VHOST_VDPA_GET_IOVA_RANGE, "GET_IOVA_RANGE", range,
                       errp)) {
        return false;
    }
    if (range->first >= range->last) {
        error_setg(errp, "%s: GET_IOVA_RANGE: [0x%" PRIx64 ", 0x%" PRIx64
                   "] is not a range", v->name, (uint64_t)range->first,
                   (uint64_t)range->last);
        return false;
    }
    return true;
}

static bool vdpa_dev_ask_device_id(VhostVdpaDevice *v, Error **errp)
{
    struct vhost_dev *hdev = &v->hdev;
    int ret = hdev->vhost_ops->vhost_get_device_id(hdev, &v->device_id);

    if (!vdpa_dev_call_result(v, "GET_DEVICE_ID", ret, errp)) {
        if (ret == -ENOTTY) {
            error_append_hint(errp, "Is it a vhost-vdpa device?\n");
        }
        return false;
    }
    if (!v->device_id || v->device_id > UINT16_MAX) {
        error_setg(errp, "%s: GET_DEVICE_ID: %" PRIu32
                   " is not a virtio device id", v->name, v->device_id);
        return false;
    }
    return true;
}

static bool vdpa_dev_ask_config_size(VhostVdpaDevice *v, Error **errp)
{
    return vdpa_dev_call(v, VHOST_VDPA_GET_CONFIG_SIZE, "GET_CONFIG_SIZE",
                         &v->config_size, errp);
}

/*
 * Two eventfds a ring, for kicks and calls, are made when the driver starts
 * the device; it is better to know now that they will not fit.
 */
static bool vdpa_dev_check_nofile(VhostVdpaDevice *v, Error **errp)
{
    g_autoptr(GDir) fds = g_dir_open("/proc/self/fd", 0, NULL);
    struct rlimit limit;
    uint64_t needed = 2 * (uint64_t)v->num_rings + 1;

    if (!fds || getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return true;
    }
    while (g_dir_read_name(fds)) {
        needed++;
    }
    if (needed > limit.rlim_cur) {
        error_setg(errp, "%s: %" PRIu32 " rings need %" PRIu64
                   " open files in all, RLIMIT_NOFILE is %" PRIu64, v->name,
                   v->num_rings, needed, (uint64_t)limit.rlim_cur);
        error_append_hint(errp, "Raise it: ulimit -n, LimitNOFILE= of systemd,"
                          " max_files of libvirt.\n");
        return false;
    }
    return true;
}

/*
 * The size that a ring may have at most: what the backend says of it (Linux
 * 6.12), else of its largest; never above QEMU's limit, always a power of two.
 */
static uint16_t vdpa_dev_ask_ring_size(VhostVdpaDevice *v, unsigned ring,
                                       uint16_t largest, bool *each)
{
    struct vhost_vring_state state = { .index = ring };
    uint32_t size = largest;

    *each = *each && vdpa_dev_call(v, VHOST_VDPA_GET_VRING_SIZE,
                                   "GET_VRING_SIZE", &state, NULL);
    if (*each && state.num) {
        size = MIN(state.num, largest);
    }
    return pow2floor(MIN(size, VIRTQUEUE_MAX_SIZE));
}

static bool vdpa_dev_ask_rings(VhostVdpaDevice *v, Error **errp)
{
    uint16_t largest;
    bool each = true;

    if (!vdpa_dev_call(v, VHOST_VDPA_GET_VQS_COUNT, "GET_VQS_COUNT",
                       &v->num_rings, errp)) {
        return false;
    }
    if (!v->num_rings || v->num_rings > VIRTIO_QUEUE_MAX) {
        error_setg(errp, "%s: GET_VQS_COUNT: %" PRIu32
                   " rings, not 1 to %d", v->name, v->num_rings,
                   VIRTIO_QUEUE_MAX);
        return false;
    }
    if (!vdpa_dev_check_nofile(v, errp)) {
        return false;
    }
    if (!vdpa_dev_call(v, VHOST_VDPA_GET_VRING_NUM, "GET_VRING_NUM", &largest,
                       errp)) {
        return false;
    }
    if (!largest) {
        error_setg(errp, "%s: GET_VRING_NUM: rings of size 0", v->name);
        return false;
    }

    v->ring_sizes = g_new0(uint16_t, v->num_rings);
    for (unsigned i = 0; i < v->num_rings; i++) {
        v->ring_sizes[i] = vdpa_dev_ask_ring_size(v, i, largest, &each);
    }
    return true;
}

static bool vdpa_dev_narrow_rings(VhostVdpaDevice *v, Error **errp)
{
    uint16_t largest = 0;

    if (!v->queue_size) {
        return true;
    }
    for (unsigned i = 0; i < v->num_rings; i++) {
        largest = MAX(largest, v->ring_sizes[i]);
        v->ring_sizes[i] = MIN(v->ring_sizes[i], v->queue_size);
    }
    if (!is_power_of_2(v->queue_size)) {
        error_setg(errp, "%s: queue-size=%" PRIu16 " is not a power of two",
                   v->name, v->queue_size);
        return false;
    }
    if (v->queue_size > largest) {
        error_setg(errp, "%s: queue-size=%" PRIu16 " is above %" PRIu16
                   ", the most that the host device's rings can have",
                   v->name, v->queue_size, largest);
        return false;
    }
    return true;
}

bool vdpa_dev_open(VhostVdpaDevice *v, Error **errp)
{
    ERRP_GUARD();
    struct vhost_dev *hdev = &v->hdev;

    if (v->device_fd >= 0) {
        return true;
    }
    if (!vdpa_dev_open_fd(v, errp)) {
        return false;
    }

    vdpa_dev_ops_attach(v);

    if (!vdpa_dev_ask_device_id(v, errp) ||
        !vdpa_dev_set_status(v, 0, errp) ||
        !vdpa_dev_ask_features(v, errp) ||
        !vdpa_dev_ask_iova_range(v, errp) ||
        !vdpa_dev_ask_config_size(v, errp) ||
        !vdpa_dev_ask_rings(v, errp) ||
        !vdpa_dev_narrow_rings(v, errp)) {
        vdpa_dev_close(v);
        return false;
    }
    trace_vdpa_dev_open(v->name, v->device_id, v->num_rings, v->ring_sizes[0],
                        v->config_size, hdev->features, hdev->backend_cap);
    return true;
}

void vdpa_dev_close(VhostVdpaDevice *v)
{
    if (v->device_fd < 0) {
        return;
    }
    trace_vdpa_dev_close(v->name);
    if (!vdpa_dev_doorbells_close(v)) {
        qemu_close(v->device_fd);
    }
    v->device_fd = -1;
    vdpa_dev_ops_detach(v);
    g_clear_pointer(&v->ring_sizes, g_free);
    g_clear_pointer(&v->name, g_free);
}
