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

/* A segmented packet is no larger than this. */
#define SIM_NET_PACKET_MAX (64 * 1024 + 256)

static uint64_t sim_net_features(SimDev *dev)
{
    uint64_t features = 1ull << VIRTIO_F_VERSION_1 |
                        1ull << VIRTIO_F_ACCESS_PLATFORM |
                        1ull << VIRTIO_F_ANY_LAYOUT |
                        1ull << VIRTIO_NET_F_MAC |
                        1ull << VIRTIO_NET_F_MTU |
                        1ull << VIRTIO_NET_F_STATUS;

    if (dev->conf.parent != SIM_PARENT_VDUSE) {
        features |= 1ull << VIRTIO_NET_F_CTRL_VQ |
                    1ull << VIRTIO_NET_F_CTRL_RX |
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
    struct virtio_net_config config = {
        .status = GUINT16_TO_LE(VIRTIO_NET_S_LINK_UP),
        .max_virtqueue_pairs = GUINT16_TO_LE(MAX(dev->conf.queues / 2, 1)),
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

/* Receive buffers wait until something is sent. */
static bool sim_net_served(SimDev *dev, SimRing *ring)
{
    return ring->index % 2 || sim_net_is_control(dev, ring);
}

static uint8_t sim_net_command(SimDev *dev,
                               const struct virtio_net_ctrl_hdr *hdr,
                               const uint8_t *data, size_t len)
{
    switch (hdr->class) {
    case VIRTIO_NET_CTRL_RX:
        return hdr->cmd <= VIRTIO_NET_CTRL_RX_NOBCAST && len == 1 ?
               VIRTIO_NET_OK : VIRTIO_NET_ERR;
    case VIRTIO_NET_CTRL_MAC:
        if (hdr->cmd == VIRTIO_NET_CTRL_MAC_TABLE_SET) {
            return VIRTIO_NET_OK;
        }
        if (hdr->cmd != VIRTIO_NET_CTRL_MAC_ADDR_SET || len != 6 ||
            dev->conf.config_size < 6) {
            return VIRTIO_NET_ERR;
        }
        memcpy(dev->config, data, 6);
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
        len > SIM_NET_PACKET_MAX) {
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

static int sim_net_receive(SimDev *dev, SimRing *ring, uint8_t *packet,
                           size_t len)
{
    struct virtio_net_hdr_v1 *hdr = (void *)packet;
    SimElem *elem;
    ssize_t done;
    int ret;

    elem = sim_ring_pop(dev, ring, &ret);
    if (!elem) {
        /* No buffer: the packet is lost, as on a wire. */
        return ret;
    }
    if (len >= sizeof(*hdr) && sim_ring_has(dev, VIRTIO_F_VERSION_1)) {
        hdr->num_buffers = GUINT16_TO_LE(1);
    }
    done = sim_elem_write(dev, ring, elem, 0, packet, len);
    ret = done < 0 ? done : sim_ring_push(dev, ring, elem, done);
    sim_elem_free(elem);
    return ret;
}

static ssize_t sim_net_request(SimDev *dev, SimRing *ring, SimElem *elem)
{
    g_autofree uint8_t *packet = NULL;

    if (sim_net_is_control(dev, ring)) {
        return sim_net_control(dev, ring, elem);
    }
    if (elem->out_len > SIM_NET_PACKET_MAX) {
        return sim_ring_error(dev, ring, "packet-size");
    }
    packet = g_malloc0(elem->out_len + 1);
    if (sim_elem_read(dev, ring, elem, 0, packet, elem->out_len) < 0) {
        return -EFAULT;
    }
    /* The receive ring's trouble is its own; this one goes on. */
    sim_net_receive(dev, &dev->rings[ring->index - 1], packet, elem->out_len);
    return 0;
}

const SimType sim_net = {
    .name = "net",
    .id = 1,
    .queues = 3,
    .features = sim_net_features,
    .config_size = sim_net_config_size,
    .fill_config = sim_net_fill_config,
    .served = sim_net_served,
    .request = sim_net_request,
};
