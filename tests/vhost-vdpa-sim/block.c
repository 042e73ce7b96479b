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

#define SIM_BLK_ID          "vdpa_blk_sim"
#define SIM_BLK_HEADER      sizeof(struct virtio_blk_outhdr)
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
                        1ull << VIRTIO_BLK_F_MQ |
                        1ull << VIRTIO_BLK_F_DISCARD |
                        1ull << VIRTIO_BLK_F_WRITE_ZEROES;

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
        .wce = sim_offers(dev->conf.features, VIRTIO_BLK_F_CONFIG_WCE),
        .num_queues = GUINT16_TO_LE(dev->conf.queues),
        .max_discard_sectors = UINT32_MAX,
        .max_discard_seg = GUINT32_TO_LE(1),
        .discard_sector_alignment = GUINT32_TO_LE(SIM_BLK_SECTOR),
        .max_write_zeroes_sectors = UINT32_MAX,
        .max_write_zeroes_seg = GUINT32_TO_LE(1),
    };

    memcpy(dev->config, &config, MIN(sizeof(config), dev->conf.config_size));
}

static bool sim_block_in_bounds(SimDev *dev, uint64_t sector, uint64_t len)
{
    uint64_t sectors = dev->disk_size / SIM_BLK_SECTOR;

    return sector <= sectors &&
           len <= (sectors - sector) * SIM_BLK_SECTOR;
}

static int sim_block_discard(SimDev *dev, SimRing *ring, SimElem *elem,
                             uint32_t type)
{
    struct virtio_blk_discard_write_zeroes range;
    uint32_t known = type == VIRTIO_BLK_T_DISCARD ?
                     0 : VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
    uint64_t sector, len;

    if (elem->out_len != SIM_BLK_HEADER + sizeof(range) ||
        sim_elem_read(dev, ring, elem, SIM_BLK_HEADER, &range,
                      sizeof(range)) < 0) {
        return VIRTIO_BLK_S_IOERR;
    }
    if (GUINT32_FROM_LE(range.flags) & ~known) {
        return VIRTIO_BLK_S_UNSUPP;
    }
    sector = GUINT64_FROM_LE(range.sector);
    len = (uint64_t)GUINT32_FROM_LE(range.num_sectors) * SIM_BLK_SECTOR;
    if (!sim_block_in_bounds(dev, sector, len)) {
        return VIRTIO_BLK_S_IOERR;
    }
    if (type == VIRTIO_BLK_T_WRITE_ZEROES) {
        memset(dev->disk + sector * SIM_BLK_SECTOR, 0, len);
    }
    return VIRTIO_BLK_S_OK;
}

/*
 * Carries one request out.  Adds what was written to the driver to *@pushed;
 * returns the status byte.
 */
static int sim_block_command(SimDev *dev, SimRing *ring, SimElem *elem,
                             const struct virtio_blk_outhdr *hdr,
                             size_t *pushed)
{
    uint64_t sector = GUINT64_FROM_LE(hdr->sector);
    uint32_t type = GUINT32_FROM_LE(hdr->type);
    bool in = type == VIRTIO_BLK_T_IN;
    size_t len = in ? elem->in_len - 1 : elem->out_len - sizeof(*hdr);
    char id[VIRTIO_BLK_ID_BYTES] = SIM_BLK_ID;
    ssize_t ret = 0;

    if (type != VIRTIO_BLK_T_IN && type != VIRTIO_BLK_T_OUT && sector) {
        return VIRTIO_BLK_S_IOERR;
    }
    switch (type) {
    case VIRTIO_BLK_T_IN:
    case VIRTIO_BLK_T_OUT:
        if (!sim_block_in_bounds(dev, sector, len) ||
            (!in && sim_ring_has(dev, VIRTIO_BLK_F_RO))) {
            return VIRTIO_BLK_S_IOERR;
        }
        ret = in ? sim_elem_write(dev, ring, elem, 0,
                                  dev->disk + sector * SIM_BLK_SECTOR, len) :
                   sim_elem_read(dev, ring, elem, sizeof(*hdr),
                                 dev->disk + sector * SIM_BLK_SECTOR, len);
        *pushed = in && ret > 0 ? ret : 0;
        break;
    case VIRTIO_BLK_T_FLUSH:
        if (dev->conf.file) {
            ret = msync(dev->disk, dev->disk_size, MS_SYNC);
        }
        break;
    case VIRTIO_BLK_T_GET_ID:
        ret = sim_elem_write(dev, ring, elem, 0, id, sizeof(id));
        *pushed = MAX(ret, 0);
        break;
    case VIRTIO_BLK_T_DISCARD:
    case VIRTIO_BLK_T_WRITE_ZEROES:
        return sim_block_discard(dev, ring, elem, type);
    default:
        return VIRTIO_BLK_S_IOERR;
    }
    return ret < 0 ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
}

static ssize_t sim_block_request(SimDev *dev, SimRing *ring, SimElem *elem)
{
    struct virtio_blk_outhdr hdr;
    size_t pushed = 0;
    uint8_t status;

    if (!elem->in_len || elem->out_len < sizeof(hdr)) {
        sim_ring_error(dev, ring, "no-header-or-status");
        return sim_ring_drop(dev, ring, elem, 0);
    }
    if (sim_elem_read(dev, ring, elem, 0, &hdr, sizeof(hdr)) < 0) {
        return sim_ring_drop(dev, ring, elem, 0);
    }
    status = sim_block_command(dev, ring, elem, &hdr, &pushed);
    /* An identity may have taken the place of the status as well. */
    if (pushed >= elem->in_len ||
        sim_elem_write(dev, ring, elem, elem->in_len - 1, &status, 1) < 0) {
        return sim_ring_drop(dev, ring, elem, pushed);
    }
    return pushed + 1;
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
