/*
 * vhost-vdpa-sim: random answers
 *
 * What a device with the key "random" answers instead of the truth.  The same
 * seed gives the same answers to the same questions.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <string.h>
#include "sim.h"

static const uint64_t sim_edges[] = {
    0, 1, 2, 3, 4, 0x7f, 0x80, 0xff, 0x100, 0x3ff, 0x400, 0x401, 0xfff, 0x1000,
    0x1001, 0x7fff, 0x8000, 0x8001, 0xfffe, 0xffff, 0x10000, 0x7fffffff,
    0x80000000, 0xfffffffe, 0xffffffff, 0x100000000, INT64_MAX,
    (uint64_t)INT64_MAX + 1, UINT64_MAX - 1, UINT64_MAX,
};

/* splitmix64 */
static uint64_t sim_random(SimDev *dev)
{
    uint64_t x = dev->conf.random * 0xd1b54a32d192ed03ull;

    dev->random_state += 0x9e3779b97f4a7c15ull;
    x += dev->random_state;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return x ^ x >> 31;
}

/* One answer in 4, 8, 16 or 32 is not the true one: the seed says which. */
static bool sim_random_lies(SimDev *dev)
{
    return dev->conf.random &&
           sim_random(dev) % (4ull << dev->conf.random % 4) == 0;
}

uint64_t sim_random_value(SimDev *dev, uint64_t value)
{
    if (!sim_random_lies(dev)) {
        return value;
    }
    switch (sim_random(dev) % 8) {
    case 0:
        return value - 1;
    case 1:
        return value + 1;
    case 2:
        return value ^ 1ull << sim_random(dev) % 64;
    case 3:
        return sim_random(dev);
    default:
        return sim_edges[sim_random(dev) % G_N_ELEMENTS(sim_edges)];
    }
}

bool sim_random_bytes(SimDev *dev, uint8_t *bytes, size_t len)
{
    size_t i;

    if (!sim_random_lies(dev)) {
        return false;
    }
    if (sim_random(dev) % 2) {
        memset(bytes, sim_random(dev) % 2 ? 0xff : 0, len);
    } else {
        for (i = 0; i < len; i++) {
            bytes[i] = sim_random(dev);
        }
    }
    return true;
}
