/*
 * vhost-vdpa-sim: a disk
 *
 * virtio-blk requests on memory, which may be a mapped file.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include "sim.h"
#include "uapi.h"

#define SIM_BLK_ID          "vhost-vdpa-sim"
#define SIM_BLK_SECTOR      512
#define SIM_BLK_SIZE_MAX    4096
#define SIM_BLK_SEG_MAX     32
/* With the fields for zoned devices, which 6.12 has. */
#define SIM_BLK_CONFIG_6_1  72
#define SIM_BLK_CONFIG_6_12 96

static uint64_t sim_block_features(SimDev *dev)
{
    uint64_t features = 1ull << VIRTIO_F_VERSION_1 |
                        1ull << VIRTIO_F_ACCESS_PLATFORM |
                        1ull << VIRTIO_F_ANY_LAYOUT |
                        1ull << VIRTIO_BLK_F_SIZE_MAX |
                        1ull << VIRTIO_BLK_F_SEG_MAX |
                        1ull << VIRTIO_BLK_F_BLK_SIZE |
                        1ull << VIRTIO_BLK_F_TOPOLOGY |
                        1ull << VIRTIO_BLK_F_FLUSH |
                        1ull << VIRTIO_BLK_F_MQ;

    if (dev->conf.parent != SIM_PARENT_VDPA_SIM) {
        features |= 1ull << VIRTIO_RING_F_INDIRECT_DESC |
                    1ull << VIRTIO_RING_F_EVENT_IDX;
    }
    return features;
}

static uint32_t sim_block_config_size(SimDev *dev)
{
    return dev->conf.profile == SIM_PROFILE_6_1 ? SIM_BLK_CONFIG_6_1 :
                                                  SIM_BLK_CONFIG_6_12;
}

static void sim_block_fill_config(SimDev *dev)
{
    struct virtio_blk_config config = {
        .capacity = GUINT64_TO_LE(dev->disk_size / SIM_BLK_SECTOR),
        .size_max = GUINT32_TO_LE(SIM_BLK_SIZE_MAX),
        .seg_max = GUINT32_TO_LE(SIM_BLK_SEG_MAX),
        .blk_size = GUINT32_TO_LE(SIM_BLK_SECTOR),
        .min_io_size = GUINT16_TO_LE(1),
        .opt_io_size = GUINT32_TO_LE(1),
        .num_queues = GUINT16_TO_LE(dev->conf.queues),
    };

    memcpy(dev->config, &config, MIN(sizeof(config), dev->conf.config_size));
}

static bool sim_block_in_bounds(SimDev *dev, uint64_t sector, size_t len)
{
    uint64_t sectors = dev->disk_size / SIM_BLK_SECTOR;

    return sector <= sectors &&
           len <= (sectors - sector) * SIM_BLK_SECTOR;
}

/*
 * Moves the data of one request.  Adds what was written to the driver to
 * *@pushed; returns the status byte or a negative errno.
 */
static int sim_block_data(SimDev *dev, SimRing *ring, SimElem *elem,
                          const struct virtio_blk_outhdr *hdr, size_t *pushed)
{
    uint64_t sector = GUINT64_FROM_LE(hdr->sector);
    uint32_t type = GUINT32_FROM_LE(hdr->type);
    size_t out = elem->out_len - sizeof(*hdr);
    size_t in = elem->in_len - 1;
    uint8_t *at;
    char id[VIRTIO_BLK_ID_BYTES] = SIM_BLK_ID;
    ssize_t ret;

    switch (type) {
    case VIRTIO_BLK_T_IN:
    case VIRTIO_BLK_T_OUT:
        if (!sim_block_in_bounds(dev, sector, type == VIRTIO_BLK_T_IN ?
                                 in : out)) {
            return VIRTIO_BLK_S_IOERR;
        }
        at = dev->disk + sector * SIM_BLK_SECTOR;
        if (type == VIRTIO_BLK_T_IN) {
            ret = sim_elem_write(dev, ring, elem, 0, at, in);
            *pushed = in;
        } else if (sim_ring_has(dev, VIRTIO_BLK_F_RO)) {
            return VIRTIO_BLK_S_IOERR;
        } else {
            ret = sim_elem_read(dev, ring, elem, sizeof(*hdr), at, out);
        }
        return ret < 0 ? ret : VIRTIO_BLK_S_OK;
    case VIRTIO_BLK_T_FLUSH:
        if (dev->conf.file && msync(dev->disk, dev->disk_size, MS_SYNC) < 0) {
            return VIRTIO_BLK_S_IOERR;
        }
        return VIRTIO_BLK_S_OK;
    case VIRTIO_BLK_T_GET_ID:
        ret = sim_elem_write(dev, ring, elem, 0, id, MIN(in, sizeof(id)));
        *pushed = ret < 0 ? 0 : ret;
        return ret < 0 ? ret : VIRTIO_BLK_S_OK;
    default:
        return VIRTIO_BLK_S_UNSUPP;
    }
}

static ssize_t sim_block_request(SimDev *dev, SimRing *ring, SimElem *elem)
{
    struct virtio_blk_outhdr hdr;
    size_t pushed = 0;
    uint8_t status;
    int ret;

    if (!elem->in_len || elem->out_len < sizeof(hdr)) {
        return sim_ring_error(dev, ring, "no-header-or-status");
    }
    if (sim_elem_read(dev, ring, elem, 0, &hdr, sizeof(hdr)) < 0) {
        return -EFAULT;
    }
    ret = sim_block_data(dev, ring, elem, &hdr, &pushed);
    if (ret < 0) {
        return ret;
    }
    status = ret;
    ret = sim_elem_write(dev, ring, elem, elem->in_len - 1, &status, 1);
    return ret < 0 ? ret : (ssize_t)pushed + 1;
}

const SimType sim_block = {
    .name = "block",
    .id = 2,
    .queues = 1,
    .features = sim_block_features,
    .config_size = sim_block_config_size,
    .fill_config = sim_block_fill_config,
    .request = sim_block_request,
};
