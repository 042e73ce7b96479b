/*
 * vhost-vdpa-device: what is known of device types
 *
 * The device works without it.  It says what a reset that is not the driver's
 * own takes from a device: of types that are not here everything is assumed.
 * Tables and look-ups alone.
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

/*
 * @state: what the device holds beyond rings and config space, NULL for
 *         nothing
 * @features: those of which one has to be negotiated for it to hold that; 0:
 *            it always does
 */
typedef struct VdpaDevType {
    uint32_t id;
    const char *state;
    uint64_t features;
} VdpaDevType;

static const VdpaDevType vdpa_dev_types[] = {
    /* Set by commands on the control ring */
    { VIRTIO_ID_NET, "MAC address, filters, queue pairs, offloads",
      BIT_ULL(VIRTIO_NET_F_CTRL_VQ) },
    /* Each request stands alone */
    { VIRTIO_ID_BLOCK },
    { VIRTIO_ID_CONSOLE, "which ports are open",
      BIT_ULL(VIRTIO_CONSOLE_F_MULTIPORT) },
    { VIRTIO_ID_RNG },
    { VIRTIO_ID_BALLOON, "which pages it was given" },
    /* What a logical unit loses it reports itself, by a unit attention */
    { VIRTIO_ID_SCSI },
    { VIRTIO_ID_9P, "the session and its open files" },
    { VIRTIO_ID_GPU, "resources, contexts and scanouts" },
    /* Keys and lights are as they are, whoever asks */
    { VIRTIO_ID_INPUT },
    { VIRTIO_ID_VSOCK, "connections" },
    { VIRTIO_ID_CRYPTO, "sessions" },
    { VIRTIO_ID_IOMMU, "domains and their mappings" },
    { VIRTIO_ID_MEM, "which blocks are plugged" },
    { VIRTIO_ID_SOUND, "streams and controls" },
    { VIRTIO_ID_FS, "the session and its open files" },
    /* Flush is its only request */
    { VIRTIO_ID_PMEM },
    { VIRTIO_ID_GPIO, "what the lines are set to" },
};

const char *vdpa_dev_type_state(uint32_t device_id, uint64_t features)
{
    for (unsigned i = 0; i < ARRAY_SIZE(vdpa_dev_types); i++) {
        const VdpaDevType *type = &vdpa_dev_types[i];

        if (type->id == device_id) {
            return !type->features || (type->features & features) ?
                   type->state : NULL;
        }
    }
    return "unknown for this type";
}

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
