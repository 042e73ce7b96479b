/*
 * QTest testcase for vhost-vdpa-device: what QMP shows of its rings
 *
 * x-query-virtio-queue-status and x-query-virtio-queue-element look at what
 * the driver has written, which may be anything.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/module.h"
#include "standard-headers/linux/virtio_ring.h"
#include "vdpa-dev-helpers.h"

#define BACKEND_PATH "/machine/peripheral/" QVHOST_VDPA_ID "/virtio-backend"

#define SMALL_RING      ",queue-size=8"

/* Of the available ring and of the descriptor table: not used otherwise */
#define SLOT            7
#define DESC            7

/* A chain of a driver has no more descriptors */
#define CHAIN_MAX       1024

static QDict *query_status(VdpaTest *t)
{
    QDict *rsp = qtest_qmp(t->qts, "{ 'execute':"
                           " 'x-query-virtio-queue-status', 'arguments':"
                           " { 'path': %s, 'queue': 0 } }", BACKEND_PATH);
    QDict *status;

    g_assert_true(qdict_haskey(rsp, "return"));
    status = qdict_get_qdict(rsp, "return");
    qobject_ref(status);
    qobject_unref(rsp);
    return status;
}

/* The third descriptor of a request is the third of the ring */
static void test_packed_used_index(VdpaTest *t)
{
    uint8_t data[VDPA_SECTOR];
    QDict *status;

    vdpa_start(t, VDPA_PACKED, 1);
    vdpa_blk_rw(t, false, 0, data);
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'stop' }");
    status = query_status(t);
    g_assert_cmpint(qdict_get_int(status, "used-idx"), ==, 3);
    qobject_unref(status);
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'cont' }");
    vdpa_blk_rw(t, false, 0, data);
}

/* What is in the ring at @index, and what it may be */

#define QUERY_ELEMENT \
    "{ 'execute': 'x-query-virtio-queue-element', 'arguments':" \
    " { 'path': %s, 'queue': 0, 'index': %d } }", BACKEND_PATH

static void expect_error(VdpaTest *t, int index, const char *text)
{
    g_autofree char *error = vdpa_qmp_error(t, QUERY_ELEMENT, index);

    vdpa_assert_has(error, text);
}

/* The number of descriptors in the chain, as far as it is shown */
static size_t count_descs(VdpaTest *t, int index)
{
    QDict *rsp = qtest_qmp(t->qts, QUERY_ELEMENT, index);
    size_t count;

    g_assert_true(qdict_haskey(rsp, "return"));
    count = qlist_size(qdict_get_qlist(qdict_get_qdict(rsp, "return"),
                                       "descs"));
    qobject_unref(rsp);
    return count;
}

static void write_desc(VdpaTest *t, uint64_t addr, uint64_t target,
                       uint32_t len, uint16_t flags, uint16_t next)
{
    struct vring_desc desc = {
        .addr = cpu_to_le64(target),
        .len = cpu_to_le32(len),
        .flags = cpu_to_le16(flags),
        .next = cpu_to_le16(next),
    };

    qtest_memwrite(t->qts, addr, &desc, sizeof(desc));
}

/* Puts a chain that starts with this descriptor into the ring */
static void offer_desc(VdpaTest *t, uint64_t target, uint32_t len,
                       uint16_t flags, uint16_t next)
{
    QVirtQueue *vq = t->ring[0].vq;

    write_desc(t, vq->desc + DESC * sizeof(struct vring_desc), target, len,
               flags, next);
    qtest_writew(t->qts, vq->avail +
                 offsetof(struct vring_avail, ring[SLOT]), DESC);
}

static void check_unharmed(VdpaTest *t)
{
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER_OK);
    vdpa_expect_silence(t);
}

static void test_element(VdpaTest *t)
{
    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_blk_verify(t);
    g_assert_cmpuint(count_descs(t, 0), ==, 3);
}

static void test_element_of_larger_ring(VdpaTest *t)
{
    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_common_writew(t, vdpa_common_offset(queue_select), 0);
    vdpa_common_writew(t, vdpa_common_offset(queue_size), 1024);
    /* It is mapped anew, and what stands there is nobody's */
    qobject_unref(qtest_qmp(t->qts, QUERY_ELEMENT, 1000));
    qobject_unref(qtest_qmp(t->qts, QUERY_ELEMENT, 0));
    check_unharmed(t);
}

static void test_element_head_outside(VdpaTest *t)
{
    static const uint16_t heads[] = { 8, 1023, 0xffff };
    int i;

    vdpa_start(t, VDPA_PLAIN, 1);
    for (i = 0; i < ARRAY_SIZE(heads); i++) {
        g_autofree char *index = g_strdup_printf("index %d", heads[i]);

        qtest_writew(t->qts, t->ring[0].vq->avail +
                     offsetof(struct vring_avail, ring[SLOT]), heads[i]);
        expect_error(t, SLOT, index);
    }
    check_unharmed(t);
}

static void test_element_indirect_size(VdpaTest *t)
{
    static const uint32_t sizes[] = {
        0, 1, sizeof(struct vring_desc) - 1, sizeof(struct vring_desc) + 1,
        UINT32_MAX,
    };
    uint64_t table = guest_alloc(t->alloc, 4096);
    int i;

    vdpa_start(t, VDPA_INDIRECT, 1);
    for (i = 0; i < ARRAY_SIZE(sizes); i++) {
        g_test_message("%u bytes", sizes[i]);
        offer_desc(t, table, sizes[i], VRING_DESC_F_INDIRECT, 0);
        expect_error(t, SLOT, "indirect");
    }
    check_unharmed(t);
    guest_free(t->alloc, table);
}

static void test_element_next_outside(VdpaTest *t)
{
    static const uint16_t nexts[] = { 8, 0xffff };
    int i;

    vdpa_start(t, VDPA_PLAIN, 1);
    for (i = 0; i < ARRAY_SIZE(nexts); i++) {
        offer_desc(t, 0, 1, VRING_DESC_F_NEXT, nexts[i]);
        g_assert_cmpuint(count_descs(t, SLOT), ==, 1);
        check_unharmed(t);
    }
}

static void test_element_loop(VdpaTest *t)
{
    uint64_t table = guest_alloc(t->alloc, 1 * MiB);

    vdpa_start(t, VDPA_INDIRECT, 1);
    offer_desc(t, table, 1 * MiB, VRING_DESC_F_INDIRECT, 0);
    write_desc(t, table, 0, 1, VRING_DESC_F_NEXT, 0);
    g_assert_cmpuint(count_descs(t, SLOT), ==, CHAIN_MAX);
    check_unharmed(t);
    guest_free(t->alloc, table);
}

static const VdpaCase cases[] = {
    { "qmp/used-index-of-a-packed-ring", test_packed_used_index,
      .sim = VDPA_BLK_ALL_RINGS ",profile=6.1" },
    { "qmp/element-of-a-ring", test_element, VDPA_NEEDS_BLOCK },
    { "qmp/element-of-a-ring-of-another-size", test_element_of_larger_ring,
      VDPA_NEEDS_BLOCK, .props = SMALL_RING },
    { "qmp/element-outside-the-ring", test_element_head_outside,
      VDPA_NEEDS_BLOCK, .props = SMALL_RING },
    { "qmp/element-with-an-odd-indirect-table", test_element_indirect_size,
      .sim = VDPA_BLK_ALL_RINGS, .props = SMALL_RING },
    { "qmp/element-that-leads-outside", test_element_next_outside,
      VDPA_NEEDS_BLOCK, .props = SMALL_RING },
    { "qmp/element-that-loops", test_element_loop,
      .sim = VDPA_BLK_ALL_RINGS, .props = SMALL_RING },
};

static void register_vdpa_dev_qmp_test(void)
{
    vdpa_add_cases(cases, ARRAY_SIZE(cases));
}

libqos_init(register_vdpa_dev_qmp_test);
