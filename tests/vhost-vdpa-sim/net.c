/*
 * vhost-vdpa-sim: a network card
 *
 * What is sent is received.  The control ring knows MAC and receive modes; no
 * filter acts on them.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include "sim.h"
#include "uapi.h"

/* What vdpa_sim_net moves of a frame at most, its header included */
#define SIM_NET_FRAME_MAX   4096
#define SIM_NET_MAC_LEN     6
#define SIM_NET_COMMAND_MAX (64 * 1024)

static uint64_t sim_net_features(SimDev *dev)
{
    uint64_t features = 1ull << VIRTIO_F_VERSION_1 |
                        1ull << VIRTIO_F_ACCESS_PLATFORM |
                        1ull << VIRTIO_F_ANY_LAYOUT |
                        1ull << VIRTIO_NET_F_MAC |
                        1ull << VIRTIO_NET_F_MTU;

    if (dev->conf.profile != SIM_PROFILE_6_1) {
        features |= 1ull << VIRTIO_NET_F_STATUS;
    }
    if (dev->conf.parent != SIM_PARENT_VDUSE) {
        features |= 1ull << VIRTIO_NET_F_CTRL_VQ |
                    1ull << VIRTIO_NET_F_CTRL_MAC_ADDR;
    }
    if (dev->conf.parent != SIM_PARENT_VDPA_SIM) {
        features |= 1ull << VIRTIO_RING_F_INDIRECT_DESC |
                    1ull << VIRTIO_RING_F_EVENT_IDX;
    }
    return features;
}

static uint32_t sim_net_config_size(SimDev *dev)
{
    (void)dev;
    return sizeof(struct virtio_net_config);
}

static void sim_net_fill_config(SimDev *dev)
{
    /* One pair goes without saying, as long as MQ is not offered. */
    uint64_t pairs = dev->conf.queues / 2;
    struct virtio_net_config config = {
        .status = GUINT16_TO_LE(VIRTIO_NET_S_LINK_UP),
        .max_virtqueue_pairs = GUINT16_TO_LE(pairs > 1 ? pairs : 0),
        .mtu = GUINT16_TO_LE(dev->conf.mtu),
    };

    memcpy(config.mac, dev->conf.mac, sizeof(config.mac));
    memcpy(dev->config, &config, MIN(sizeof(config), dev->conf.config_size));
}

static bool sim_net_is_control(SimDev *dev, SimRing *ring)
{
    return dev->nrings % 2 && ring->index == dev->nrings - 1 &&
           sim_ring_has(dev, VIRTIO_NET_F_CTRL_VQ);
}

/* Frames wait for the receive ring to be enabled, and its buffers for them. */
static bool sim_net_served(SimDev *dev, SimRing *ring)
{
    return sim_net_is_control(dev, ring) ||
           (ring->index % 2 && dev->rings[ring->index - 1].ready);
}

static uint8_t sim_net_command(SimDev *dev,
                               const struct virtio_net_ctrl_hdr *hdr,
                               const uint8_t *data, size_t len)
{
    switch (hdr->class) {
    case VIRTIO_NET_CTRL_MAC:
        if (hdr->cmd != VIRTIO_NET_CTRL_MAC_ADDR_SET ||
            len < SIM_NET_MAC_LEN ||
            dev->conf.config_size < SIM_NET_MAC_LEN) {
            return VIRTIO_NET_ERR;
        }
        memcpy(dev->config, data, SIM_NET_MAC_LEN);
        return VIRTIO_NET_OK;
    case VIRTIO_NET_CTRL_MQ:
        return hdr->cmd == VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET && len == 2 &&
               sim_ring_has(dev, VIRTIO_NET_F_MQ) ?
               VIRTIO_NET_OK : VIRTIO_NET_ERR;
    default:
        return VIRTIO_NET_ERR;
    }
}

static ssize_t sim_net_control(SimDev *dev, SimRing *ring, SimElem *elem)
{
    struct virtio_net_ctrl_hdr hdr;
    size_t len = elem->out_len - sizeof(hdr);
    g_autofree uint8_t *data = NULL;
    uint8_t ack;

    if (!elem->in_len || elem->out_len < sizeof(hdr) ||
        len > SIM_NET_COMMAND_MAX) {
        return sim_ring_error(dev, ring, "control");
    }
    data = g_malloc0(len + 1);
    if (sim_elem_read(dev, ring, elem, 0, &hdr, sizeof(hdr)) < 0 ||
        sim_elem_read(dev, ring, elem, sizeof(hdr), data, len) < 0) {
        return -EFAULT;
    }
    ack = sim_net_command(dev, &hdr, data, len);
    return sim_elem_write(dev, ring, elem, 0, &ack, sizeof(ack));
}

/* Whether a frame that was sent is for this card. */
static bool sim_net_is_ours(SimDev *dev, const uint8_t *frame, size_t len)
{
    size_t header = sim_ring_has(dev, VIRTIO_F_VERSION_1) ?
                    sizeof(struct virtio_net_hdr_v1) :
                    sizeof(struct virtio_net_hdr);
    const char *to = (const char *)frame + header;

    if (len < header + SIM_NET_MAC_LEN) {
        return false;
    }
    /* As a string: the kernel looks no further than a zero. */
    return to[0] & 1 ||
           !strncmp(to, (const char *)dev->config,
                    MIN(SIM_NET_MAC_LEN, dev->conf.config_size));
}

/*
 * Hands a frame on.  A frame without a buffer is lost, as on a wire, and the
 * kernel's worker then leaves the ring; one that cannot be written into its
 * buffer stays uncompleted on both rings.
 */
static int sim_net_receive(SimDev *dev, SimRing *tx, SimElem *sent,
                           const uint8_t *frame, size_t len)
{
    SimRing *ring = &dev->rings[tx->index - 1];
    SimElem *elem;
    ssize_t done;
    int ret;

    elem = sim_ring_pop(dev, ring, &ret);
    if (elem && elem->out->len) {
        sim_ring_error(dev, ring, "readable");
        sim_elem_free(elem);
        elem = NULL;
    }
    if (!elem) {
        ret = sim_ring_push(dev, tx, sent, 0);
        return ret < 0 ? ret : -ENOBUFS;
    }
    done = sim_elem_write(dev, ring, elem, 0, frame, len);
    ret = done <= 0 ? -EFAULT : sim_ring_push(dev, ring, elem, done);
    sim_elem_free(elem);
    return ret;
}

static ssize_t sim_net_request(SimDev *dev, SimRing *ring, SimElem *elem)
{
    uint8_t frame[SIM_NET_FRAME_MAX];
    ssize_t len;

    if (sim_net_is_control(dev, ring)) {
        return sim_net_control(dev, ring, elem);
    }
    if (elem->in->len) {
        return sim_ring_error(dev, ring, "writable");
    }
    len = sim_elem_read(dev, ring, elem, 0, frame, sizeof(frame));
    if (len <= 0 || !sim_net_is_ours(dev, frame, len)) {
        return 0;
    }
    return sim_net_receive(dev, ring, elem, frame, len);
}

const SimType sim_net = {
    .name = "net",
    .id = 1,
    .queues = 3,
    .features = sim_net_features,
    .config_size = sim_net_config_size,
    .fill_config = sim_net_fill_config,
    .served = sim_net_served,
    .insists = sim_net_is_control,
    .request = sim_net_request,
};
