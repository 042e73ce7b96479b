/*
 * vhost-vdpa-sim: what calls cost
 *
 * Time that the program spends in a call because of the hardware behind it.
 * How much is the configuration's; by default calls cost nothing.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <time.h>
#include "sim.h"

#define SIM_NSEC_PER_MSEC   1000000
#define SIM_NSEC_PER_SEC    1000000000

static uint64_t sim_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * (uint64_t)SIM_NSEC_PER_SEC + now.tv_nsec;
}

/* Sleeping is exact to a fraction of a millisecond; the rest is waited for. */
static void sim_spend(uint64_t nsec)
{
    uint64_t now = sim_now(), end = now + nsec;

    if (nsec > SIM_NSEC_PER_MSEC) {
        uint64_t wake = end - SIM_NSEC_PER_MSEC;
        struct timespec until = {
            .tv_sec = wake / SIM_NSEC_PER_SEC,
            .tv_nsec = wake % SIM_NSEC_PER_SEC,
        };

        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    }
    do {
        now = sim_now();
    } while (now < end);
}

void sim_cost_call(SimDev *dev)
{
    if (dev->conf.cost_call) {
        sim_spend(dev->conf.cost_call * 1000);
    }
}

void sim_cost_map(SimDev *dev, uint64_t size)
{
    if (dev->conf.cost_map) {
        sim_spend((double)size / (1 << 30) * dev->conf.cost_map *
                  SIM_NSEC_PER_MSEC);
    }
}
