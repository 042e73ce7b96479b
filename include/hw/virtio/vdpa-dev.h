/*
 * vhost-vdpa-device: the generic vDPA device
 *
 * The device's type, and what its transport proxies may ask of it.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_VIRTIO_VDPA_DEV_H
#define HW_VIRTIO_VDPA_DEV_H

#include <linux/vhost_types.h>
#include "hw/virtio/vhost.h"
#include "hw/virtio/virtio.h"
#include "qom/object.h"

#define TYPE_VHOST_VDPA_DEVICE "vhost-vdpa-device"
OBJECT_DECLARE_SIMPLE_TYPE(VhostVdpaDevice, VHOST_VDPA_DEVICE)

#define VHOST_VDPA_DEVICE_BOOT_SUFFIX_MAX 32

struct VhostVdpaDevice {
    VirtIODevice parent_obj;

    /* Properties */
    char *vhostdev;
    char *vhostfd;
    uint16_t queue_size;
    int32_t bootindex;

    /* Set by the proxy before realize: bytes of config space it can show */
    uint32_t config_window;
    /* Set by the proxy before realize: a legacy driver may come */
    bool transitional;
    /* Set by the proxy before realize: each ring is kicked in its own page */
    bool wants_doorbells;

    /* What the backend says that it is, from vdpa_dev_open() on */
    char *name;
    uint32_t device_id;
    uint32_t num_rings;
    uint32_t config_size;

    /*< private >*/
    /* The open backend, or -1 */
    int device_fd;
    struct vhost_dev hdev;
    struct VdpaDevOps *ops;
    struct vhost_vdpa_iova_range iova_range;

    uint16_t *ring_sizes;
    char boot_suffix[VHOST_VDPA_DEVICE_BOOT_SUFFIX_MAX];

    struct VdpaDevRing *rings;
    /* The rings below this one have an eventfd for interrupts */
    unsigned guest_notifiers;
    struct VdpaDevDoorbells *doorbells;
    struct VdpaDevMemory *memory;
    EventNotifier config_notifier;
    /* What the driver has written to config space since its reset */
    GArray *config_writes;
    Error *migration_blocker;

    VMChangeStateEntry *vm_state;
    /* What is in flight when the machine stops is waited for until then, in ms */
    int64_t drain_deadline;

    /* Why the device cannot go on where it was, or NULL */
    Error *cannot_go_on;

    /* The backend is at FEATURES_OK, or further, with the driver's features */
    bool negotiated;
    bool started;
    /* By a legacy driver's kick, before DRIVER_OK */
    bool kick_started;
    bool suspended;
    /* The backend has config_notifier */
    bool config_call;
    /* The backend was reset, and may have lost what was written */
    bool config_lost;
    /* The last reset failed: memory was taken from the backend */
    bool needs_backend_reset;
    /* NEEDS_RESET is shown, or will be when the driver can see it */
    bool failed;
    bool set_config_failed;
    bool warned_running;
};

/**
 * vdpa_dev_open() - open the backend and ask what it is
 * @v: the device, with its properties set and not realized
 * @errp: filled with what failed: property, path, call, errno or value
 *
 * Opens @vhostdev or takes @vhostfd, resets the backend, becomes its owner,
 * and fills device_id, num_rings, config_size, ring_sizes and the feature
 * words of @v->hdev, each of them checked.  Does nothing when @v is open.
 * A proxy whose own set-up depends on the identity calls this before it
 * realizes the device.
 *
 * Returns: true on success; on failure the descriptor is closed.
 */
bool vdpa_dev_open(VhostVdpaDevice *v, Error **errp);

/**
 * vdpa_dev_close() - close the backend
 * @v: the device, stopped
 *
 * Does nothing when @v is not open.
 */
void vdpa_dev_close(VhostVdpaDevice *v);

#endif
