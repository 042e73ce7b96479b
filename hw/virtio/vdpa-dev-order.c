/*
 * vhost-vdpa-device: which requests of a split ring are in flight
 *
 * A suspended backend says how many requests it has taken, not which of them
 * it has used.  The driver's and the device's area as they stand in memory
 * may prove it.  Nothing here knows the device, or anything but two arrays.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitmap.h"
#include "vdpa-dev-internal.h"

/* A driver within the rules has no head out twice, so at most @num of them */
static bool vdpa_dev_heads_differ(const uint16_t *avail, unsigned num,
                                  uint16_t begin, unsigned count)
{
    g_autofree unsigned long *seen = bitmap_new(num);

    for (unsigned i = 0; i < count; i++) {
        uint16_t head = avail[(uint16_t)(begin + i) % num];

        if (head >= num || test_and_set_bit(head, seen)) {
            return false;
        }
    }
    return true;
}

bool vdpa_dev_order_known(const uint16_t *avail, const uint32_t *used,
                          unsigned num, uint16_t used_idx, uint16_t base,
                          uint16_t avail_idx)
{
    uint16_t in_flight = base - used_idx;
    uint16_t outstanding = avail_idx - used_idx;
    g_autofree uint16_t *returned = NULL;

    if (in_flight > outstanding ||
        !vdpa_dev_heads_differ(avail, num, used_idx, outstanding)) {
        return false;
    }
    /* All heads are out, and these are all heads */
    if (outstanding == num) {
        return true;
    }

    /* How many positions before used_idx a head was returned last; 0: never */
    returned = g_new0(uint16_t, num);
    for (unsigned ago = num - 1; ago > 0; ago--) {
        uint32_t id = used[(uint16_t)(used_idx - ago) % num];

        if (id < num) {
            returned[id] = ago;
        }
    }
    /*
     * The entry at position q was made available when at least q + 1 - num
     * others had been returned, for no more than num are out at a time.  If its
     * head was not returned at a position from there on, it is in flight.  So
     * are then all from used_idx to base, and more than that are not.
     */
    for (unsigned i = 0; i < in_flight; i++) {
        uint16_t ago = returned[avail[(uint16_t)(used_idx + i) % num]];

        if (ago && ago < num - i) {
            return false;
        }
    }
    return true;
}
