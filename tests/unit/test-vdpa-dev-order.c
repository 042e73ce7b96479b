/*
 * Which requests of a split ring are in flight: every verdict against the truth
 *
 * A model of a driver and a device on a ring in memory, both within the rules
 * of the virtio specification and otherwise as odd as they can be.  It knows
 * what vdpa_dev_order_known() has to find out from the memory alone.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/virtio/vdpa-dev-internal.h"

#define MAX_NUM 256
#define NOBODY UINT16_MAX

/* Which of several the driver or the device takes next */
typedef enum Choice {
    OLDEST,
    NEWEST,
    ANY,
    NUM_CHOICES,
} Choice;

/**
 * List - heads or descriptors in the order in which they came
 */
typedef struct List {
    uint16_t at[MAX_NUM];
    unsigned len;
} List;

/**
 * Ring - a split ring, its driver and its device
 * @num: its size
 * @avail: the driver's area in memory
 * @used: the device's area in memory
 * @avail_idx: the driver's index in memory
 * @used_idx: the device's index in memory
 * @next: where the driver writes next: not all it wrote is in @avail_idx yet
 * @seen: what the driver has seen of @used_idx
 * @base: what the device has taken
 * @free: the driver's descriptors
 * @owner: the head of the chain that has the descriptor, or NOBODY
 * @flight: the heads that the device has taken and not used
 * @reuse: which descriptor the driver takes
 * @complete: which request the device completes
 * @chain: descriptors in a chain at most
 * @batch: requests that the driver makes available at a time at most
 */
typedef struct Ring {
    unsigned num;
    uint16_t avail[MAX_NUM];
    uint32_t used[MAX_NUM];
    uint16_t avail_idx;
    uint16_t used_idx;
    uint16_t next;
    uint16_t seen;
    uint16_t base;
    List free;
    uint16_t owner[MAX_NUM];
    List flight;
    Choice reuse;
    Choice complete;
    unsigned chain;
    unsigned batch;
} Ring;

static unsigned any(unsigned num)
{
    return g_test_rand_int_range(0, num);
}

static void put(List *list, uint16_t item)
{
    g_assert_cmpuint(list->len, <, MAX_NUM);
    list->at[list->len++] = item;
}

static uint16_t take_at(List *list, unsigned i)
{
    uint16_t item;

    g_assert_cmpuint(i, <, list->len);
    item = list->at[i];
    list->len--;
    memmove(&list->at[i], &list->at[i + 1],
            (list->len - i) * sizeof(list->at[0]));
    return item;
}

static uint16_t take(List *list, Choice choice)
{
    return take_at(list, choice == OLDEST ? 0 :
                         choice == NEWEST ? list->len - 1 : any(list->len));
}

static Ring *ring_new(unsigned num, uint16_t begin)
{
    Ring *r = g_new0(Ring, 1);

    r->num = num;
    r->avail_idx = r->used_idx = r->next = r->seen = r->base = begin;
    for (unsigned i = 0; i < num; i++) {
        put(&r->free, i);
        r->owner[i] = NOBODY;
    }
    r->chain = 1;
    r->batch = 1;
    return r;
}

/* Writes an entry into the driver's area, without telling the device */
static void driver_add(Ring *r)
{
    unsigned len = 1 + any(MIN(r->chain, r->free.len));
    uint16_t head = take(&r->free, r->reuse);

    r->owner[head] = head;
    for (unsigned i = 1; i < len; i++) {
        r->owner[take(&r->free, r->reuse)] = head;
    }
    r->avail[r->next++ % r->num] = head;
}

static void driver_publish(Ring *r)
{
    r->avail_idx = r->next;
}

static void driver_make(Ring *r)
{
    driver_add(r);
    driver_publish(r);
}

/* Takes back one chain */
static void driver_reap(Ring *r)
{
    uint16_t head = r->used[r->seen++ % r->num];

    for (unsigned i = 0; i < r->num; i++) {
        if (r->owner[i] == head) {
            r->owner[i] = NOBODY;
            put(&r->free, i);
        }
    }
}

static void device_fetch(Ring *r)
{
    put(&r->flight, r->avail[r->base++ % r->num]);
}

static void device_complete(Ring *r, uint16_t head)
{
    r->used[r->used_idx++ % r->num] = head;
}

/* Whether [used_idx, base) names the requests in flight */
static bool truth(Ring *r)
{
    bool in_flight[MAX_NUM] = {};

    for (unsigned i = 0; i < r->flight.len; i++) {
        in_flight[r->flight.at[i]] = true;
    }
    for (uint16_t i = r->used_idx; i != r->base; i++) {
        uint16_t head = r->avail[i % r->num];

        if (!in_flight[head]) {
            return false;
        }
        in_flight[head] = false;
    }
    return true;
}

static bool verdict(Ring *r)
{
    return vdpa_dev_order_known(r->avail, r->used, r->num, r->used_idx,
                                r->base, r->avail_idx);
}

static bool is_full(Ring *r)
{
    return (uint16_t)(r->avail_idx - r->used_idx) == r->num;
}

static void check(Ring *r)
{
    bool known = verdict(r);

    g_assert_true(!known || truth(r));
    /* Then nothing but the heads in the ring can be in flight */
    if (is_full(r)) {
        g_assert_true(known == truth(r));
    }
}

/* Something that the driver or the device may do now */
static void step(Ring *r)
{
    switch (any(4)) {
    case 0:
        for (unsigned i = any(r->batch) + 1; i && r->free.len; i--) {
            driver_add(r);
        }
        break;
    case 1:
        driver_publish(r);
        for (unsigned i = any(r->batch + 1); i && r->base != r->avail_idx;
             i--) {
            device_fetch(r);
        }
        break;
    case 2:
        for (unsigned i = any(r->batch + 1); i && r->flight.len; i--) {
            device_complete(r, take(&r->flight, r->complete));
        }
        break;
    default:
        for (unsigned i = any(r->batch + 1); i && r->seen != r->used_idx;
             i--) {
            driver_reap(r);
        }
    }
}

static void test_random(void)
{
    for (unsigned run = 0; run < 1000; run++) {
        unsigned num = 1 << any(run % 2 ? 4 : 9);
        g_autofree Ring *r = ring_new(num, -any(4 * num));

        r->reuse = any(NUM_CHOICES);
        r->complete = any(NUM_CHOICES);
        r->chain = 1 + any(3);
        r->batch = 1 + any(any(2) ? num : 2);
        for (unsigned i = 0; i < 500; i++) {
            step(r);
            check(r);
        }
    }
}

/* One request, or a few, never complete; the others come and go in order */
static void test_stuck(void)
{
    for (unsigned run = 0; run < 200; run++) {
        unsigned num = 2 << any(8);
        unsigned stuck = 1 + any(MIN(num - 1, 4));
        g_autofree Ring *r = ring_new(num, -any(4 * num));

        r->reuse = any(NUM_CHOICES);
        r->batch = 1 + any(num);
        for (unsigned i = 0; i < 500; i++) {
            while (any(r->batch) && r->free.len) {
                driver_make(r);
            }
            while (r->base != r->avail_idx) {
                device_fetch(r);
            }
            check(r);
            while (any(r->batch) && r->flight.len > stuck) {
                device_complete(r, take_at(&r->flight, stuck));
                check(r);
            }
            while (any(r->batch) && r->seen != r->used_idx) {
                driver_reap(r);
            }
        }
    }
}

/* Two were completed in the wrong order, and the driver has one of them back */
static void test_overtaken(void)
{
    g_autofree Ring *r = ring_new(4, 0);

    for (unsigned i = 0; i < 3; i++) {
        driver_make(r);
        device_fetch(r);
    }
    device_complete(r, take(&r->flight, NEWEST));
    device_complete(r, take(&r->flight, NEWEST));
    driver_reap(r);
    driver_reap(r);
    driver_make(r);
    r->reuse = NEWEST;
    driver_make(r);
    g_assert_cmpuint(r->avail[3], ==, 3);
    g_assert_cmpuint(r->avail[0], ==, 1);
    g_assert_false(truth(r));
    g_assert_false(verdict(r));
}

/* As a network card's receive ring: always full, and used in order */
static void test_full(void)
{
    for (unsigned num = 1; num <= MAX_NUM; num *= 2) {
        g_autofree Ring *r = ring_new(num, 65000);

        for (unsigned i = 0; i < num; i++) {
            driver_make(r);
        }
        g_assert_true(verdict(r));
        for (unsigned i = 0; i < 2000; i++) {
            while (any(num) && r->base != r->avail_idx) {
                device_fetch(r);
                g_assert_true(verdict(r));
            }
            while (any(num) && r->flight.len) {
                device_complete(r, take(&r->flight, OLDEST));
                g_assert_true(verdict(r));
                driver_reap(r);
                driver_make(r);
                g_assert_true(verdict(r));
            }
        }
    }
}

/* Each head's turn comes again when all others had theirs */
static void test_in_turn(void)
{
    for (unsigned num = 1; num <= MAX_NUM; num *= 2) {
        g_autofree Ring *r = ring_new(num, 65000);

        r->batch = num;
        for (unsigned i = 0; i < 3000; i++) {
            step(r);
            check(r);
            /* An area that was never used looks as if head 0 had been */
            if ((uint16_t)(r->used_idx - 65000) >= num) {
                break;
            }
        }
        for (unsigned i = 0; i < 3000; i++) {
            step(r);
            g_assert_true(verdict(r));
        }
    }
}

/* All heads are out, whatever came before */
static void test_all_out(void)
{
    for (unsigned run = 0; run < 200; run++) {
        unsigned num = 1 << any(9);
        g_autofree Ring *r = ring_new(num, -any(4 * num));

        r->reuse = r->complete = ANY;
        r->batch = num;
        for (unsigned i = 0; i < any(500); i++) {
            step(r);
        }
        driver_publish(r);
        while (r->base != r->avail_idx) {
            device_fetch(r);
        }
        while (r->flight.len) {
            device_complete(r, take(&r->flight, ANY));
        }
        while (r->seen != r->used_idx) {
            driver_reap(r);
        }
        while (r->free.len) {
            driver_make(r);
        }
        do {
            g_assert_true(verdict(r));
            if (r->base != r->avail_idx) {
                device_fetch(r);
            }
        } while (r->base != r->avail_idx);
        g_assert_true(verdict(r));
    }
}

/* The driver's area is the guest's: no entry is believed */
static void test_hostile(void)
{
    g_autofree uint16_t *avail = g_new(uint16_t, MAX_NUM);
    g_autofree uint32_t *used = g_new(uint32_t, MAX_NUM);

    for (unsigned run = 0; run < 10000; run++) {
        unsigned num = 1 << any(9);
        bool wild = any(2);
        uint16_t used_idx = any(0x10000);
        uint16_t base = used_idx + any(any(2) ? 0x10000 : 2 * num);
        uint16_t avail_idx = used_idx + any(any(2) ? 0x10000 : 2 * num);
        uint16_t outstanding = avail_idx - used_idx;
        bool known;

        /* Of exactly their size: a sanitizer sees what is beyond */
        avail = g_renew(uint16_t, avail, num);
        used = g_renew(uint32_t, used, num);
        for (unsigned i = 0; i < num; i++) {
            avail[i] = any(wild ? 0x10000 : num);
            used[i] = any(wild ? INT32_MAX : num) * (wild ? 2u : 1u);
        }
        known = vdpa_dev_order_known(avail, used, num, used_idx, base,
                                     avail_idx);
        if ((uint16_t)(base - used_idx) > outstanding || outstanding > num) {
            g_assert_false(known);
        }
        if (base != used_idx && avail[used_idx % num] >= num) {
            g_assert_false(known);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vdpa-dev-order/random", test_random);
    g_test_add_func("/vdpa-dev-order/stuck", test_stuck);
    g_test_add_func("/vdpa-dev-order/overtaken", test_overtaken);
    g_test_add_func("/vdpa-dev-order/full", test_full);
    g_test_add_func("/vdpa-dev-order/in-turn", test_in_turn);
    g_test_add_func("/vdpa-dev-order/all-out", test_all_out);
    g_test_add_func("/vdpa-dev-order/hostile", test_hostile);
    return g_test_run();
}
