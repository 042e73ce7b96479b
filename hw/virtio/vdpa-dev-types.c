/*
 * vhost-vdpa-device: what is known of device types
 *
 * The device works without it.  Tables and look-ups alone.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/virtio/vdpa-dev-internal.h"
#include "qemu/range.h"
#include "standard-headers/linux/virtio_blk.h"
#include "standard-headers/linux/virtio_console.h"
#include "standard-headers/linux/virtio_gpu.h"
#include "standard-headers/linux/virtio_ids.h"
#include "standard-headers/linux/virtio_input.h"
#include "standard-headers/linux/virtio_net.h"
#include "standard-headers/linux/virtio_scsi.h"

#define VDPA_DEV_FIELD(device_id, type, member, name, act) \
    { device_id, offsetof(struct type, member), \
      sizeof_field(struct type, member), name, act }

/* The fields of config space that drivers write */
static const VdpaDevField vdpa_dev_fields[] = {
    /* Legacy drivers, where there is no command for it */
    VDPA_DEV_FIELD(VIRTIO_ID_NET, virtio_net_config, mac, "mac", false),
    VDPA_DEV_FIELD(VIRTIO_ID_BLOCK, virtio_blk_config, wce, "writeback",
                   false),
    /* Puts a character out (virtio specification, section 5.3.4) */
    VDPA_DEV_FIELD(VIRTIO_ID_CONSOLE, virtio_console_config, emerg_wr,
                   "emerg_wr", true),
    VDPA_DEV_FIELD(VIRTIO_ID_SCSI, virtio_scsi_config, sense_size,
                   "sense_size", false),
    VDPA_DEV_FIELD(VIRTIO_ID_SCSI, virtio_scsi_config, cdb_size, "cdb_size",
                   false),
    /* Clears bits of another field (section 5.7.4) */
    VDPA_DEV_FIELD(VIRTIO_ID_GPU, virtio_gpu_config, events_clear,
                   "events_clear", true),
    VDPA_DEV_FIELD(VIRTIO_ID_INPUT, virtio_input_config, select, "select",
                   false),
    VDPA_DEV_FIELD(VIRTIO_ID_INPUT, virtio_input_config, subsel, "subsel",
                   false),
};

const VdpaDevField *vdpa_dev_type_field(uint32_t device_id, uint32_t offset,
                                        uint32_t size)
{
    for (unsigned i = 0; i < ARRAY_SIZE(vdpa_dev_fields); i++) {
        const VdpaDevField *field = &vdpa_dev_fields[i];

        if (field->device_id == device_id &&
            ranges_overlap(field->offset, field->size, offset, size)) {
            return field;
        }
    }
    return NULL;
}
