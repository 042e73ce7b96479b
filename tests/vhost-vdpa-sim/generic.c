/*
 * vhost-vdpa-sim: devices of which only the buffers count
 *
 * rng fills them with random bytes, generic with one byte.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <sys/random.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include "sim.h"
#include "uapi.h"

#define SIM_GENERIC_BYTE    0xa5
#define SIM_GENERIC_CONFIG  64

static uint64_t sim_generic_features(SimDev *dev)
{
    uint64_t features = 1ull << VIRTIO_F_VERSION_1 |
                        1ull << VIRTIO_F_ACCESS_PLATFORM;

    if (dev->conf.parent != SIM_PARENT_VDPA_SIM) {
        features |= 1ull << VIRTIO_RING_F_INDIRECT_DESC |
                    1ull << VIRTIO_RING_F_EVENT_IDX;
    }
    return features;
}

static uint32_t sim_generic_config_size(SimDev *dev)
{
    (void)dev;
    return SIM_GENERIC_CONFIG;
}

static uint32_t sim_rng_config_size(SimDev *dev)
{
    (void)dev;
    return 0;
}

static ssize_t sim_generic_request(SimDev *dev, SimRing *ring, SimElem *elem)
{
    guint i;

    for (i = 0; i < elem->in->len; i++) {
        SimSeg *seg = &g_array_index(elem->in, SimSeg, i);
        int ret = sim_dma_fill(dev, ring, seg->iova, SIM_GENERIC_BYTE,
                               seg->len);

        if (ret < 0) {
            return ret;
        }
    }
    return elem->in_len;
}

static ssize_t sim_rng_request(SimDev *dev, SimRing *ring, SimElem *elem)
{
    uint8_t bytes[256];
    size_t done = 0;

    while (done < elem->in_len) {
        ssize_t n = getrandom(bytes, MIN(sizeof(bytes), elem->in_len - done),
                              GRND_NONBLOCK);

        if (n <= 0) {
            break;
        }
        n = sim_elem_write(dev, ring, elem, done, bytes, n);
        if (n < 0) {
            return n;
        }
        done += n;
    }
    return done;
}

const SimType sim_generic = {
    .name = "generic",
    .queues = 1,
    .features = sim_generic_features,
    .config_size = sim_generic_config_size,
    .request = sim_generic_request,
};

const SimType sim_rng = {
    .name = "rng",
    .id = 4,
    .queues = 1,
    .features = sim_generic_features,
    .config_size = sim_rng_config_size,
    .request = sim_rng_request,
};
