/*
 * vhost-vdpa-device: any virtio device that the host's vDPA framework offers
 *
 * The device takes its identity from /dev/vhost-vdpa-N and shows it to the
 * guest; it need not know its type.  Data does not pass through: rings,
 * kicks and interrupts are connected to the backend when the driver starts.
 * How the device looks on a bus is its proxy's job (vdpa-dev-pci.c).
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/qdev-properties.h"
#include "hw/virtio/vdpa-dev-internal.h"
#include "hw/virtio/virtio-bus.h"
#include "migration/blocker.h"
#include "migration/vmstate.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/error-report.h"
#include "qemu/timer.h"
#include "standard-headers/linux/virtio_ids.h"
#include "system/runstate.h"
#include "system/system.h"
#include "trace.h"

/* The config space of virtio-mmio: 0x100 to the end of its 0x200 bytes */
#define VDPA_DEV_SMALLEST_CONFIG_WINDOW 0x100

/* Modern virtio-pci */
#define VDPA_DEV_LARGEST_CONFIG_WINDOW 0x1000

/* What is in flight when the machine stops may take as long */
#define VDPA_DEV_DRAIN_MS 1000

/* Bits of the device type: virtio specification, section 2.2 */
#define VDPA_DEV_TYPE_FEATURES (MAKE_64BIT_MASK(0, 24) | \
                                MAKE_64BIT_MASK(50, 14))

/* Bits 24 to 49 that are served here and that a property may switch off */
#define VDPA_DEV_PROPERTY_FEATURES (BIT_ULL(VIRTIO_F_NOTIFY_ON_EMPTY) | \
                                    BIT_ULL(VIRTIO_F_ANY_LAYOUT) | \
                                    BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) | \
                                    BIT_ULL(VIRTIO_RING_F_EVENT_IDX) | \
                                    BIT_ULL(VIRTIO_F_VERSION_1) | \
                                    BIT_ULL(VIRTIO_F_ACCESS_PLATFORM) | \
                                    BIT_ULL(VIRTIO_F_RING_PACKED) | \
                                    BIT_ULL(VIRTIO_F_IN_ORDER))

static uint64_t vdpa_dev_get_features(VirtIODevice *vdev, uint64_t requested,
                                      Error **errp)
{
    VhostVdpaDevice *v = VHOST_VDPA_DEVICE(vdev);

    return v->hdev.features & (VDPA_DEV_TYPE_FEATURES |
                               BIT_ULL(VIRTIO_F_ORDER_PLATFORM) |
                               (VDPA_DEV_PROPERTY_FEATURES & requested));
}

static void vdpa_dev_driver_features(VirtIODevice *vdev, uint64_t features)
{
    vdpa_dev_show_failure(VHOST_VDPA_DEVICE(vdev), features, vdev->status);
}

/* The driver sets FEATURES_OK; a failed device shows DEVICE_NEEDS_RESET */
static int vdpa_dev_validate_features(VirtIODevice *vdev)
{
    VhostVdpaDevice *v = VHOST_VDPA_DEVICE(vdev);
    Error *err = NULL;

    if (v->failed || vdpa_dev_negotiate(v, &err)) {
        return 0;
    }
    vdpa_dev_reset_backend(v, NULL);
    error_prepend(&err, "cannot accept features 0x%" PRIx64 ": ",
                  vdev->guest_features);
    error_report_err(err);
    return -EINVAL;
}

static void vdpa_dev_try_start(VhostVdpaDevice *v, uint8_t status)
{
    Error *err = NULL;

    /* A ring that the core could not map: said again below, with the device */
    VIRTIO_DEVICE(v)->broken = false;
    if (v->suspended ? !vdpa_dev_resume(v, &err)
                     : !vdpa_dev_start(v, status, &err)) {
        error_prepend(&err, "cannot start: ");
        vdpa_dev_fail(v, err);
    }
}

static bool vdpa_dev_can(VhostVdpaDevice *v, unsigned backend_feature)
{
    return v->hdev.backend_cap & BIT_ULL(backend_feature);
}

static bool vdpa_dev_can_resume(VhostVdpaDevice *v)
{
    return vdpa_dev_can(v, VHOST_BACKEND_F_SUSPEND) &&
           vdpa_dev_can(v, VHOST_BACKEND_F_RESUME);
}

/* Why it would not go on after a reset as if nothing had been, or NULL */
static char *vdpa_dev_why_no_reset(VhostVdpaDevice *v)
{
    const char *state = vdpa_dev_type_state(v->device_id,
                                            v->hdev.acked_features);

    if (!vdpa_dev_can(v, VHOST_BACKEND_F_SUSPEND)) {
        return g_strdup("the host device cannot be suspended");
    }
    return !state ? NULL : g_strdup_printf("a reset would lose what the host "
                                           "device holds (%s)", state);
}

/* Whether the device can stand still while the machine is stopped */
static bool vdpa_dev_can_pause(VhostVdpaDevice *v)
{
    g_autofree char *why_not = vdpa_dev_why_no_reset(v);

    return vdpa_dev_can_resume(v) || !why_not;
}

/* At @status the device has to go on later where it is when it is stopped */
static bool vdpa_dev_goes_on(VhostVdpaDevice *v, uint8_t status)
{
    return status && !v->failed && !runstate_check(RUN_STATE_SHUTDOWN);
}

static void vdpa_dev_try_stop(VhostVdpaDevice *v, uint8_t status)
{
    bool go_on = vdpa_dev_goes_on(v, status);
    bool pause = go_on && !VIRTIO_DEVICE(v)->vm_running;
    g_autofree char *why = vdpa_dev_why_no_reset(v);
    Error *err = NULL;
    bool ok;

    /* vdpa_dev_vm_state() has suspended it */
    if (pause && vdpa_dev_can_resume(v)) {
        return;
    }
    if (pause && why) {
        if (!v->warned_running) {
            v->warned_running = true;
            warn_report("%s: %s: it keeps running and may write guest memory",
                        v->name, why);
        }
        return;
    }
    if (go_on && why) {
        error_setg(&v->cannot_go_on, "%s: the driver took DRIVER_OK back "
                   "without a reset, and %s", v->name, why);
    }
    /* A processor of the guest is not kept waiting */
    ok = go_on && !why ?
         vdpa_dev_stop_and_keep(v, pause ? v->drain_deadline : 0, &err) :
         vdpa_dev_stop(v, &err);
    if (!ok) {
        error_prepend(&err, "cannot stop: ");
        if (go_on) {
            vdpa_dev_fail(v, err);
        } else {
            error_report_err(err);
        }
    }
}

/* The driver resets a device that is not started, or that was not reset */
static void vdpa_dev_try_reset(VhostVdpaDevice *v)
{
    bool said = v->needs_backend_reset;
    Error *err = NULL;

    if (!vdpa_dev_reset_backend(v, said ? NULL : &err) && !said) {
        error_prepend(&err, "cannot reset: ");
        error_report_err(err);
    }
}

static void vdpa_dev_stop_and_fail(VhostVdpaDevice *v, Error *err)
{
    vdpa_dev_stop(v, NULL);
    vdpa_dev_fail(v, err);
}

/* Of a running device, and not by a reset */
static bool vdpa_dev_takes_features_back(VhostVdpaDevice *v, uint8_t status)
{
    return status && !(status & VIRTIO_CONFIG_S_FEATURES_OK) &&
           (status & VIRTIO_CONFIG_S_DRIVER_OK) &&
           virtio_has_feature(v->hdev.acked_features, VIRTIO_F_VERSION_1);
}

static void vdpa_dev_fail_without_features(VhostVdpaDevice *v)
{
    Error *err = NULL;

    error_setg(&err, "%s: the driver took FEATURES_OK back after DRIVER_OK",
               v->name);
    vdpa_dev_stop_and_fail(v, err);
}

static int vdpa_dev_driver_status(VirtIODevice *vdev, uint8_t status)
{
    VhostVdpaDevice *v = VHOST_VDPA_DEVICE(vdev);
    bool driver_ok = (status & VIRTIO_CONFIG_S_DRIVER_OK) ||
                     (status && v->kick_started);
    bool should_start = vdev->vm_running && driver_ok;

    if (v->started && vdpa_dev_takes_features_back(v, status)) {
        vdpa_dev_fail_without_features(v);
    } else if (should_start && (!v->started || v->suspended) && !v->failed) {
        vdpa_dev_try_start(v, status);
    } else if (!should_start && v->started) {
        vdpa_dev_try_stop(v, status);
    } else if (!status && (v->negotiated || v->config_writes->len ||
                           v->needs_backend_reset)) {
        vdpa_dev_try_reset(v);
    }
    if (status) {
        vdpa_dev_show_failure(v, vdev->guest_features, status);
    } else {
        vdpa_dev_config_forget(v);
    }
    return 0;
}

static void vdpa_dev_forget_rings(VhostVdpaDevice *v)
{
    error_free(v->cannot_go_on);
    v->cannot_go_on = NULL;
}

static void vdpa_dev_reset(VirtIODevice *vdev)
{
    VhostVdpaDevice *v = VHOST_VDPA_DEVICE(vdev);

    trace_vdpa_dev_reset(v->name);
    v->failed = false;
    v->kick_started = false;
    vdpa_dev_forget_rings(v);
    v->set_config_failed = false;
}

/*
 * Before virtio's own handlers, which stop one device after the other: all of
 * them are suspended by now, and the time that they have to finish what they
 * have begun is the same for all.
 */
static void vdpa_dev_vm_state(void *opaque, bool running, RunState state)
{
    VhostVdpaDevice *v = opaque;
    Error *err = NULL;

    if (running || !v->started || !vdpa_dev_can_pause(v) ||
        !vdpa_dev_goes_on(v, VIRTIO_DEVICE(v)->status)) {
        return;
    }
    if (!vdpa_dev_suspend(v, &err)) {
        error_prepend(&err, "cannot stop: ");
        vdpa_dev_stop_and_fail(v, err);
        return;
    }
    v->drain_deadline = qemu_clock_get_ms(QEMU_CLOCK_REALTIME) +
                        VDPA_DEV_DRAIN_MS;
}

/* A ring without VIRTIO_F_RING_RESET is gone only with the whole device */
static void vdpa_dev_queue_reset(VirtIODevice *vdev, uint32_t queue_index)
{
    VhostVdpaDevice *v = VHOST_VDPA_DEVICE(vdev);
    Error *err = NULL;

    if (v->started) {
        error_setg(&err, "%s: the driver reset ring %" PRIu32
                   " without VIRTIO_F_RING_RESET", v->name, queue_index);
        vdpa_dev_stop_and_fail(v, err);
    }
}

/* @queue_index is the guest's: there may be no such ring */
static void vdpa_dev_queue_enable(VirtIODevice *vdev, uint32_t queue_index)
{
    VhostVdpaDevice *v = VHOST_VDPA_DEVICE(vdev);
    Error *err = NULL;

    if (v->started && queue_index < v->num_rings &&
        !v->rings[queue_index].used) {
        error_setg(&err, "%s: the driver enabled ring %" PRIu32
                   " after DRIVER_OK", v->name, queue_index);
        vdpa_dev_stop_and_fail(v, err);
    }
}

/*
 * virtio-mmio's QueueReady.  A driver may stop using a ring there, but no
 * backend is asked to stop one alone: not all survive it.
 */
static void vdpa_dev_queue_ready(VirtIODevice *vdev, uint32_t queue_index,
                                 bool ready)
{
    VhostVdpaDevice *v = VHOST_VDPA_DEVICE(vdev);
    Error *err = NULL;

    if (ready) {
        vdpa_dev_queue_enable(vdev, queue_index);
    } else if (v->started && queue_index < v->num_rings &&
               v->rings[queue_index].used) {
        error_setg(&err, "%s: the driver stopped using ring %" PRIu32
                   " after DRIVER_OK", v->name, queue_index);
        vdpa_dev_stop_and_fail(v, err);
    }
}

/* The driver has given a ring a vector, or turned MSI-X on or off */
static void vdpa_dev_guest_notifier_changed(VirtIODevice *vdev, int n)
{
    VhostVdpaDevice *v = VHOST_VDPA_DEVICE(vdev);
    Error *err = NULL;

    if (v->started && !vdpa_dev_add_call(v, n, &err)) {
        vdpa_dev_fail(v, err);
    }
}

/* A kick that reaches QEMU: a legacy driver may use a device before DRIVER_OK */
static void vdpa_dev_handle_output(VirtIODevice *vdev, VirtQueue *vq)
{
    VhostVdpaDevice *v = VHOST_VDPA_DEVICE(vdev);

    if (vdev->start_on_kick &&
        vdpa_dev_has_legacy_driver(v, vdev->guest_features)) {
        virtio_set_started(vdev, true);
        v->kick_started = true;
        vdpa_dev_driver_status(vdev, vdev->status);
    }
}

/* QEMU never serves a ring: kicks need no eventfd while it is stopped */
static int vdpa_dev_start_ioeventfd(VirtIODevice *vdev)
{
    return 0;
}

static void vdpa_dev_stop_ioeventfd(VirtIODevice *vdev)
{
}

static struct vhost_dev *vdpa_dev_get_vhost(VirtIODevice *vdev)
{
    return &VHOST_VDPA_DEVICE(vdev)->hdev;
}

/* The suffixes that firmware knows, by virtio device id */
static const char *vdpa_dev_boot_suffix(uint32_t device_id)
{
    switch (device_id) {
    case VIRTIO_ID_NET:
        return "/ethernet-phy@0";
    case VIRTIO_ID_BLOCK:
        return "/disk@0,0";
    case VIRTIO_ID_FS:
        return "/filesystem@0";
    default:
        return NULL;
    }
}

/*
 * The property's setter has put the device into the boot order, before it was
 * known what the device is.
 */
static bool vdpa_dev_set_boot_path(VhostVdpaDevice *v, Error **errp)
{
    DeviceState *dev = DEVICE(v);
    const char *suffix = vdpa_dev_boot_suffix(v->device_id);

    if (suffix) {
        pstrcpy(v->boot_suffix, sizeof(v->boot_suffix), suffix);
    }
    if (v->bootindex < 0) {
        return true;
    }
    if (!suffix) {
        error_setg(errp, "%s: bootindex: firmware cannot boot from a virtio "
                   "device with id %" PRIu32, v->name, v->device_id);
        return false;
    }
    del_boot_device_path(dev, NULL);
    add_boot_device_path(v->bootindex, dev, suffix);
    return true;
}

static bool vdpa_dev_check_transport(VhostVdpaDevice *v, Error **errp)
{
    ERRP_GUARD();
    VirtIODevice *vdev = VIRTIO_DEVICE(v);

    if (v->config_size > v->config_window) {
        error_setg(errp, "%s: GET_CONFIG_SIZE: %" PRIu32 " bytes of config "
                   "space, the transport can show %" PRIu32, v->name,
                   v->config_size, v->config_window);
        if (v->config_size <= VDPA_DEV_LARGEST_CONFIG_WINDOW) {
            error_append_hint(errp, "Modern PCI can show it: "
                              "vhost-vdpa-device-pci-non-transitional.\n");
        } else {
            error_append_hint(errp, "No transport can show more than %d.\n",
                              VDPA_DEV_LARGEST_CONFIG_WINDOW);
        }
        return false;
    }
    if (virtio_host_has_feature(vdev, VIRTIO_F_RING_RESET)) {
        error_setg(errp, "%s: queue_reset=on: resetting a single ring is not "
                   "supported", v->name);
        return false;
    }
    if (virtio_host_has_feature(vdev, VIRTIO_F_ACCESS_PLATFORM) &&
        virtio_bus_device_iommu_enabled(vdev)) {
        error_setg(errp, "%s: iommu_platform=on: a vIOMMU in front of it is "
                   "not supported", v->name);
        return false;
    }
    return true;
}

static bool vdpa_dev_block_migration(VhostVdpaDevice *v, Error **errp)
{
    error_setg(&v->migration_blocker,
               "%s: a vhost-vdpa-device cannot be migrated or saved", v->name);
    return migrate_add_blocker(&v->migration_blocker, errp) >= 0;
}

static void vdpa_dev_add_rings(VhostVdpaDevice *v)
{
    v->rings = g_new0(VdpaDevRing, v->num_rings);
    vdpa_dev_ops_add_rings(v);
    for (unsigned i = 0; i < v->num_rings; i++) {
        virtio_add_queue(VIRTIO_DEVICE(v), v->ring_sizes[i],
                         vdpa_dev_handle_output);
    }
}

static void vdpa_dev_delete_rings(VhostVdpaDevice *v)
{
    for (unsigned i = 0; i < v->num_rings; i++) {
        virtio_del_queue(VIRTIO_DEVICE(v), i);
    }
    vdpa_dev_ops_delete_rings(v);
    g_clear_pointer(&v->rings, g_free);
    vdpa_dev_forget_rings(v);
}

static void vdpa_dev_realize(DeviceState *dev, Error **errp)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(dev);
    VhostVdpaDevice *v = VHOST_VDPA_DEVICE(dev);
    int ret;

    if (!vdpa_dev_open(v, errp)) {
        return;
    }
    if (!vdpa_dev_check_transport(v, errp) ||
        !vdpa_dev_set_boot_path(v, errp) ||
        !vdpa_dev_block_migration(v, errp)) {
        goto close;
    }
    ret = ram_block_discard_disable(true);
    if (ret) {
        error_setg_errno(errp, -ret, "%s: guest RAM is discarded by another "
                         "device (virtio-mem?)", v->name);
        goto unblock_migration;
    }

    virtio_init(vdev, v->device_id, v->config_size);
    /* Masking is the transport's: a running backend keeps its call eventfds */
    vdev->use_guest_notifier_mask = false;
    if (!vdpa_dev_config_init(v, errp)) {
        goto cleanup;
    }
    if (!vdpa_dev_memory_map(v, errp)) {
        goto cleanup_config;
    }
    vdpa_dev_add_rings(v);
    vdpa_dev_doorbells_map(v);
    /* Handlers of the highest priority are the first when the machine stops */
    v->vm_state = qemu_add_vm_change_state_handler_prio(vdpa_dev_vm_state, v,
                                                        INT_MAX);
    return;

cleanup_config:
    vdpa_dev_config_cleanup(v);
cleanup:
    virtio_cleanup(vdev);
    ram_block_discard_disable(false);
unblock_migration:
    migrate_del_blocker(&v->migration_blocker);
close:
    vdpa_dev_close(v);
}

static void vdpa_dev_unrealize(DeviceState *dev)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(dev);
    VhostVdpaDevice *v = VHOST_VDPA_DEVICE(dev);

    virtio_set_status(vdev, 0);
    qemu_del_vm_change_state_handler(v->vm_state);
    vdpa_dev_delete_rings(v);
    vdpa_dev_memory_unmap(v);
    vdpa_dev_config_cleanup(v);
    virtio_cleanup(vdev);
    ram_block_discard_disable(false);
    migrate_del_blocker(&v->migration_blocker);
    vdpa_dev_close(v);
}

static void vdpa_dev_instance_init(Object *obj)
{
    VhostVdpaDevice *v = VHOST_VDPA_DEVICE(obj);

    v->device_fd = -1;
    v->config_window = VDPA_DEV_SMALLEST_CONFIG_WINDOW;
    /* The common properties' default; here it means: as the backend has it */
    virtio_add_feature(&VIRTIO_DEVICE(v)->host_features, VIRTIO_F_RING_PACKED);
    virtio_add_feature(&VIRTIO_DEVICE(v)->host_features, VIRTIO_F_IN_ORDER);
    /* On by default for others; vhost-vdpa has no call for it */
    virtio_clear_feature(&VIRTIO_DEVICE(v)->host_features,
                         VIRTIO_F_RING_RESET);
    device_add_bootindex_property(obj, &v->bootindex, "bootindex",
                                  v->boot_suffix, DEVICE(obj));
}

static const Property vdpa_dev_properties[] = {
    DEFINE_PROP_STRING("vhostdev", VhostVdpaDevice, vhostdev),
    DEFINE_PROP_STRING("vhostfd", VhostVdpaDevice, vhostfd),
    DEFINE_PROP_UINT16("queue-size", VhostVdpaDevice, queue_size, 0),
};

/* The blocker keeps it from being saved, this also from being loaded */
static const VMStateDescription vmstate_vdpa_dev = {
    .name = TYPE_VHOST_VDPA_DEVICE,
    .unmigratable = 1,
};

static void vdpa_dev_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    VirtioDeviceClass *vdc = VIRTIO_DEVICE_CLASS(klass);

    device_class_set_props(dc, vdpa_dev_properties);
    object_class_property_set_description(klass, "vhostdev",
        "Path of the vhost-vdpa node, or /dev/fdset/N");
    object_class_property_set_description(klass, "vhostfd",
        "Descriptor of the node: a number, or a name given with getfd");
    object_class_property_set_description(klass, "queue-size",
        "Descriptors in a ring at most, a power of two (0: the host's)");
    dc->desc = "Generic vDPA device (vhost-vdpa)";
    dc->vmsd = &vmstate_vdpa_dev;
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    vdc->queue_size_is_max = true;
    vdc->realize = vdpa_dev_realize;
    vdc->unrealize = vdpa_dev_unrealize;
    vdc->get_features = vdpa_dev_get_features;
    vdc->set_features = vdpa_dev_driver_features;
    vdc->validate_features = vdpa_dev_validate_features;
    vdc->config_read = vdpa_dev_config_read;
    vdc->config_write = vdpa_dev_config_write;
    vdc->config_poll = vdpa_dev_config_poll;
    vdc->set_status = vdpa_dev_driver_status;
    vdc->reset = vdpa_dev_reset;
    vdc->queue_reset = vdpa_dev_queue_reset;
    vdc->queue_enable = vdpa_dev_queue_enable;
    vdc->queue_ready = vdpa_dev_queue_ready;
    vdc->guest_notifier_changed = vdpa_dev_guest_notifier_changed;
    vdc->start_ioeventfd = vdpa_dev_start_ioeventfd;
    vdc->stop_ioeventfd = vdpa_dev_stop_ioeventfd;
    vdc->get_vhost = vdpa_dev_get_vhost;
}

static const TypeInfo vdpa_dev_info = {
    .name = TYPE_VHOST_VDPA_DEVICE,
    .parent = TYPE_VIRTIO_DEVICE,
    .instance_size = sizeof(VhostVdpaDevice),
    .instance_init = vdpa_dev_instance_init,
    .class_init = vdpa_dev_class_init,
};

static void vdpa_dev_register_types(void)
{
    type_register_static(&vdpa_dev_info);
}

type_init(vdpa_dev_register_types)
