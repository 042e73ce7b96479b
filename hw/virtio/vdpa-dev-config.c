/*
 * vhost-vdpa-device: config space and its interrupt
 *
 * A read asks the backend, a write goes to it, each with the offset and the
 * length that the driver used.  Of the writes a list is kept, for a reset that
 * the driver did not ask for.  A change is taken in by the main loop, or by the
 * next access, whichever comes first.
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
#include "qemu/range.h"
#include "standard-headers/linux/virtio_config.h"
#include "trace.h"

/*
 * A write of the driver's; @shown, when @saved, is what the device showed there
 * before a reset.  That may be something else: a backend may ignore a write.
 */
typedef struct VdpaDevConfigWrite {
    uint32_t offset;
    uint32_t size;
    uint8_t data[sizeof(uint32_t)];
    uint8_t shown[sizeof(uint32_t)];
    bool saved;
} VdpaDevConfigWrite;

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

static bool vdpa_dev_set_config(VhostVdpaDevice *v, uint32_t offset,
                                uint32_t size, const uint8_t *data,
                                Error **errp)
{
    struct vhost_dev *hdev = &v->hdev;
    int ret = hdev->vhost_ops->vhost_set_config(hdev, data, offset, size,
                                                VHOST_SET_CONFIG_TYPE_FRONTEND);

    return vdpa_dev_call_result(v, "SET_CONFIG", ret, errp);
}

static VdpaDevConfigWrite *vdpa_dev_config_write_at(VhostVdpaDevice *v,
                                                    unsigned i)
{
    return &g_array_index(v->config_writes, VdpaDevConfigWrite, i);
}

/* Instead of those that it overwrites; what it changes of others is not saved */
static void vdpa_dev_keep_write(VhostVdpaDevice *v, uint32_t offset,
                                uint32_t size, const uint8_t *data)
{
    const VdpaDevField *field = vdpa_dev_type_field(v->device_id, offset, size);
    VdpaDevConfigWrite write = { .offset = offset, .size = size };
    unsigned i = 0;

    /* The accesses that the core hands on are of one, two or four bytes */
    assert(size <= sizeof(write.data));
    if (field && field->act) {
        return;
    }
    while (i < v->config_writes->len) {
        VdpaDevConfigWrite *old = vdpa_dev_config_write_at(v, i);

        if (old->offset >= offset &&
            old->offset + old->size <= offset + size) {
            g_array_remove_index(v->config_writes, i);
            continue;
        }
        if (ranges_overlap(old->offset, old->size, offset, size)) {
            old->saved = false;
        }
        i++;
    }
    memcpy(write.data, data, size);
    g_array_append_val(v->config_writes, write);
}

void vdpa_dev_config_write(VirtIODevice *vdev, uint32_t offset, uint32_t size)
{
    VhostVdpaDevice *v = VHOST_VDPA_DEVICE(vdev);
    uint8_t *data = (uint8_t *)vdev->config + offset;
    Error *err = NULL;

    vdpa_dev_config_poll(vdev);
    if (vdpa_dev_set_config(v, offset, size, data, &err)) {
        vdpa_dev_keep_write(v, offset, size, data);
        return;
    }
    error_prepend(&err, "cannot write config space at %" PRIu32 ": ", offset);
    if (v->set_config_failed) {
        error_free(err);
    } else {
        v->set_config_failed = true;
        error_report_err(err);
    }
}

/* What messages call the place of a write */
static char *vdpa_dev_config_name(VhostVdpaDevice *v,
                                  const VdpaDevConfigWrite *write)
{
    const VdpaDevField *field = vdpa_dev_type_field(v->device_id,
                                                    write->offset,
                                                    write->size);

    return field ? g_strdup(field->name)
                 : g_strdup_printf("config space at offset %" PRIu32,
                                   write->offset);
}

bool vdpa_dev_config_save(VhostVdpaDevice *v, Error **errp)
{
    ERRP_GUARD();

    for (unsigned i = 0; i < v->config_writes->len; i++) {
        VdpaDevConfigWrite *write = vdpa_dev_config_write_at(v, i);

        write->saved = vdpa_dev_get_config(v, write->offset, write->size,
                                           write->shown, errp);
        if (!write->saved) {
            g_autofree char *name = vdpa_dev_config_name(v, write);

            error_prepend(errp, "cannot save %s: ", name);
            return false;
        }
    }
    return true;
}

static bool vdpa_dev_write_again(VhostVdpaDevice *v,
                                 const VdpaDevConfigWrite *write, Error **errp)
{
    ERRP_GUARD();

    if (!vdpa_dev_set_config(v, write->offset, write->size, write->data,
                             errp)) {
        g_autofree char *name = vdpa_dev_config_name(v, write);

        error_prepend(errp, "cannot restore %s: ", name);
        return false;
    }
    return true;
}

static bool vdpa_dev_check_restored(VhostVdpaDevice *v,
                                    const VdpaDevConfigWrite *write,
                                    Error **errp)
{
    ERRP_GUARD();
    g_autofree char *name = vdpa_dev_config_name(v, write);
    /* What ldn_le_p() may read */
    uint8_t data[sizeof(uint64_t)];

    if (!vdpa_dev_get_config(v, write->offset, write->size, data, errp)) {
        error_prepend(errp, "cannot restore %s: ", name);
        return false;
    }
    if (memcmp(data, write->shown, write->size)) {
        error_setg(errp, "cannot restore %s: %s: it was 0x%" PRIx64
                   ", GET_CONFIG shows 0x%" PRIx64, name, v->name,
                   ldn_le_p(write->shown, write->size),
                   ldn_le_p(data, write->size));
        return false;
    }
    return true;
}

bool vdpa_dev_config_restore(VhostVdpaDevice *v, Error **errp)
{
    if (!v->config_lost) {
        return true;
    }
    for (unsigned i = 0; i < v->config_writes->len; i++) {
        if (!vdpa_dev_write_again(v, vdpa_dev_config_write_at(v, i), errp)) {
            return false;
        }
    }
    for (unsigned i = 0; i < v->config_writes->len; i++) {
        const VdpaDevConfigWrite *write = vdpa_dev_config_write_at(v, i);

        if (write->saved && !vdpa_dev_check_restored(v, write, errp)) {
            return false;
        }
    }
    v->config_lost = false;
    return true;
}

void vdpa_dev_config_forget(VhostVdpaDevice *v)
{
    g_array_set_size(v->config_writes, 0);
    v->config_lost = false;
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
    v->config_writes = g_array_new(false, true, sizeof(VdpaDevConfigWrite));
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
    g_array_free(v->config_writes, true);
    v->config_writes = NULL;
}
