/*
 * QTests for vhost-vdpa-device: stop and cont
 *
 * A stopped machine's device stands still, and goes on with nothing lost and
 * nothing done twice, or says that it cannot.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/qmp/qdict.h"
#include "qemu/module.h"
#include "vdpa-dev-helpers.h"

#define RESUMES         "type=block"
#define SUSPENDS        "type=block,profile=6.1"

/* Features of SUSPENDS with VIRTIO_F_RING_PACKED and VIRTIO_F_IN_ORDER */
#define F_PACKED        ",features=0x700000244"
#define F_PACKED_ORDER  ",features=0xf00000244"
#define F_ORDER         ",features=0xb00000244"

#define SMALL_RING      ",queue-size=8"
#define MAX_HELD        4

static void do_stop(VdpaTest *t)
{
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'stop' }");
}

static void do_cont(VdpaTest *t)
{
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'cont' }");
}

static VdpaStartFlags format(VdpaTest *t)
{
    return strstr(t->c->sim, F_PACKED) || strstr(t->c->sim, F_PACKED_ORDER) ?
           VDPA_PACKED : VDPA_PLAIN;
}

/* Makes @num reads that the device fetches and does not complete */
static void hold(VdpaTest *t, unsigned num, uint32_t *id)
{
    unsigned i;

    /* Their interrupts may come as one */
    t->poll = true;
    qvdpa_sim_do(t->sim, "hold 0");
    for (i = 0; i < num; i++) {
        VdpaBlkReq req;

        vdpa_blk_request(t, &req, false, i, NULL);
        id[i] = vdpa_submit(t, 0, req.bufs, ARRAY_SIZE(req.bufs));
    }
    qvdpa_sim_wait_state(t->sim, 0, "inflight", num, VDPA_TIMEOUT_US);
}

/* The index at which QEMU says that ring 0 stands */
static unsigned queried_index(VdpaTest *t)
{
    QDict *rsp = qtest_qmp(t->qts, "{ 'execute': 'x-query-virtio-queue-status',"
                           " 'arguments': { 'path': '/machine/peripheral/"
                           QVHOST_VDPA_ID "/virtio-backend', 'queue': 0 } }");
    unsigned index;

    g_assert_true(qdict_haskey(rsp, "return"));
    index = qdict_get_int(qdict_get_qdict(rsp, "return"), "last-avail-idx");
    qobject_unref(rsp);
    return index;
}

/*
 * One call each and a look at the status; the backend is asked for an index
 * only if somebody asks
 */
static void test_resume(VdpaTest *t)
{
    g_autoptr(GPtrArray) log = NULL;

    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    qvdpa_sim_clear(t->sim, 0);
    do_stop(t);
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "suspended"), ==, 1);
    do_cont(t);
    log = qvdpa_sim_log(t->sim, 0);
    g_assert_cmpint(log->len, ==, 4);
    g_assert_cmpint(qvdpa_log_find(log, 0, "SUSPEND", NULL), ==, 0);
    g_assert_cmpint(qvdpa_log_find(log, 0, "GET_STATUS", NULL), ==, 1);
    g_assert_cmpint(qvdpa_log_find(log, 0, "RESUME", NULL), ==, 2);
    g_assert_cmpint(qvdpa_log_find(log, 3, "GET_STATUS", NULL), ==, 3);
    vdpa_blk_verify(t);

    do_stop(t);
    g_assert_cmpuint(queried_index(t), ==, 4);
    do_cont(t);
    vdpa_blk_verify(t);
}

/* The device keeps its requests: nothing is waited for, nothing is judged */
static void test_resume_in_flight(VdpaTest *t)
{
    uint32_t id[2];
    int64_t begin;

    vdpa_start(t, VDPA_PLAIN, 1);
    hold(t, 2, id);
    begin = g_get_monotonic_time();
    do_stop(t);
    g_assert_cmpint(g_get_monotonic_time() - begin, <, G_USEC_PER_SEC);
    qvdpa_sim_do(t->sim, "release 0");
    do_cont(t);
    vdpa_complete(t, 0, id[0]);
    vdpa_complete(t, 0, id[1]);
    g_assert_cmpuint(qvdpa_sim_state(t->sim, 0, "requests"), ==, 2);
    vdpa_blk_verify(t);
}

/* As vdpa_sim does with a kick that came just before SUSPEND */
static void test_resume_kicks(VdpaTest *t)
{
    uint64_t kicks;

    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_blk_verify(t);
    kicks = qvdpa_sim_state(t->sim, 0, "kicks");
    do_stop(t);
    do_cont(t);
    qvdpa_sim_wait_state(t->sim, 0, "kicks", kicks + 1, VDPA_TIMEOUT_US);
}

static void test_resume_fails(VdpaTest *t)
{
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    do_stop(t);
    qvdpa_sim_do(t->sim, "fault 0 RESUME errno=EIO");
    do_cont(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_expect_message(t, t->node, "RESUME", strerror(EIO), NULL);
    do_stop(t);
    do_cont(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "status"), ==, 0);
    vdpa_expect_silence(t);
    vdpa_reset(t);
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
}

static void test_suspend_fails(VdpaTest *t)
{
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    qvdpa_sim_do(t->sim, "fault 0 SUSPEND errno=EIO");
    do_stop(t);
    vdpa_expect_message(t, t->node, "SUSPEND", strerror(EIO), NULL);
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "status"), ==, 0);
    do_cont(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_reset(t);
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
}

static void test_reset_while_suspended(VdpaTest *t)
{
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    do_stop(t);
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'system_reset' }");
    qtest_qmp_eventwait(t->qts, "RESET");
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "status"), ==, 0);
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "suspended"), ==, 0);
    do_cont(t);
    vdpa_forget_rings(t);
    t->pci->pdev->msix_enabled = false;
    qvirtio_pci_device_enable(t->pci);
    vdpa_reset(t);
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
}

/* Hardware that finishes what it has begun is waited for */
static void test_drained(VdpaTest *t)
{
    uint32_t id[2];
    QDict *rsp;

    vdpa_start(t, format(t), 1);
    vdpa_blk_verify(t);
    hold(t, 2, id);
    qtest_qmp_send(t->qts, "{ 'execute': 'stop' }");
    qvdpa_sim_wait_state(t->sim, 0, "suspended", 1, VDPA_TIMEOUT_US);
    qvdpa_sim_do(t->sim, "drain 0");
    do {
        rsp = qtest_qmp_receive_dict(t->qts);
        g_assert_false(qdict_haskey(rsp, "error"));
        if (qdict_haskey(rsp, "return")) {
            break;
        }
        qobject_unref(rsp);
    } while (true);
    qobject_unref(rsp);
    qvdpa_sim_do(t->sim, "release 0");
    do_cont(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER_OK);
    vdpa_complete(t, 0, id[0]);
    vdpa_complete(t, 0, id[1]);
    vdpa_blk_verify(t);
    g_assert_cmpuint(qvdpa_sim_state(t->sim, 0, "requests"), ==, 6);
}

/* What is in flight for longer than a second is fetched again */
static void check_taken_over(VdpaTest *t, unsigned num)
{
    uint32_t id[MAX_HELD];
    uint64_t done = qvdpa_sim_state(t->sim, 0, "requests");
    int64_t begin;
    unsigned i;

    hold(t, num, id);
    begin = g_get_monotonic_time();
    do_stop(t);
    /* Its clock counts milliseconds */
    g_assert_cmpint(g_get_monotonic_time() - begin + 1000, >=, G_USEC_PER_SEC);
    qvdpa_sim_do(t->sim, "release 0");
    do_cont(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER_OK);
    for (i = 0; i < num; i++) {
        vdpa_complete(t, 0, id[i]);
    }
    g_assert_cmpuint(qvdpa_sim_state(t->sim, 0, "requests"), ==,
                     done + 2 * num);
    vdpa_blk_verify(t);
    vdpa_expect_silence(t);
}

/* Heads differ from one to the next, so the ring shows its order */
static void test_order_shown(VdpaTest *t)
{
    int i;

    vdpa_start(t, VDPA_PLAIN, 1);
    for (i = 0; i < 4; i++) {
        vdpa_blk_verify(t);
    }
    check_taken_over(t, 1);
    check_taken_over(t, 2);
}

static void test_order_negotiated(VdpaTest *t)
{
    t->features = qvirtio_get_features(t->vdev);
    g_assert_true(t->features & VDPA_F(VIRTIO_F_IN_ORDER));
    qvirtio_set_features(t->vdev, t->features);
    vdpa_setup_ring(t, 0, format(t));
    qvirtio_set_driver_ok(t->vdev);
    /* Nothing was used yet, so the ring does not show it */
    check_taken_over(t, 2);
}

static void check_lost(VdpaTest *t)
{
    do_stop(t);
    vdpa_expect_silence(t);
    do_cont(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_expect_message(t, t->node, "ring 0", "in flight", NULL);
    do_stop(t);
    do_cont(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_expect_silence(t);
    qvdpa_sim_do(t->sim, "release 0");
    vdpa_reset(t);
    vdpa_start(t, format(t), 1);
    vdpa_blk_verify(t);
}

/* Nothing was used yet, so nothing shows an order */
static void test_order_unknown(VdpaTest *t)
{
    uint32_t id[2];

    vdpa_start(t, format(t), 1);
    hold(t, 2, id);
    check_lost(t);
}

/* The second of two was used, the first is in flight */
static void test_out_of_order(VdpaTest *t)
{
    uint32_t id[2];
    int i;

    vdpa_start(t, VDPA_PLAIN, 1);
    for (i = 0; i < 4; i++) {
        vdpa_blk_verify(t);
    }
    hold(t, 2, id);
    qvdpa_sim_do(t->sim, "drain 0 newest");
    check_lost(t);
}

/*
 * One request stays in flight while others, all with the same head, come and
 * go: the areas are equal wherever they can be compared.
 */
static void test_overtaken(VdpaTest *t)
{
    VdpaBlkReq req;
    uint32_t id;
    unsigned i;

    vdpa_start(t, VDPA_PLAIN, 1);
    hold(t, 1, &id);
    vdpa_blk_request(t, &req, false, 0, NULL);
    for (i = 0; i < 20; i++) {
        QVirtQueue *vq = t->ring[0].vq;

        if (i == 0) {
            id = vdpa_submit(t, 0, req.bufs, ARRAY_SIZE(req.bufs));
        } else {
            qvirtqueue_kick(t->qts, t->vdev, vq, id);
        }
        qvdpa_sim_wait_state(t->sim, 0, "inflight", 2, VDPA_TIMEOUT_US);
        qvdpa_sim_do(t->sim, "drain 0 newest");
        vdpa_complete(t, 0, id);
    }
    check_lost(t);
}

/* More than were made available */
static void test_impossible_base(VdpaTest *t)
{
    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_blk_verify(t);
    qvdpa_sim_do(t->sim, "fault 0 GET_VRING_BASE value=5");
    check_lost(t);
}

/* The backend has lost DRIVER_OK: it is not resumed as if nothing had been */
static void test_lost_while_suspended(VdpaTest *t)
{
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    do_stop(t);
    qvdpa_sim_do(t->sim, "fault 0 GET_STATUS value=0xb");
    do_cont(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_expect_message(t, t->node, "GET_STATUS", "0xb", NULL);
    vdpa_reset(t);
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
}

static void set_used_address(VdpaTest *t, uint64_t address)
{
    uint64_t cfg = t->pci->common_cfg_offset;
    QPCIDevice *dev = t->pci->pdev;

    qpci_io_writel(dev, t->pci->bar, cfg +
                   offsetof(struct virtio_pci_common_cfg, queue_used_lo),
                   address);
    qpci_io_writew(dev, t->pci->bar, cfg +
                   offsetof(struct virtio_pci_common_cfg, queue_enable), 1);
}

/* The addresses that count are those of the running backend */
static void test_address_changed(VdpaTest *t)
{
    uint64_t zeroes = guest_alloc(t->alloc, 4096);

    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_blk_verify(t);
    qtest_memset(t->qts, zeroes, 0, 4096);
    set_used_address(t, zeroes);
    do_stop(t);
    set_used_address(t, t->ring[0].vq->used);
    do_cont(t);
    vdpa_blk_verify(t);
}

/* A legacy driver may use a device before DRIVER_OK */
static void test_started_by_kick(VdpaTest *t)
{
    vdpa_plug(t, "vhost-vdpa-device-pci-transitional", "");
    vdpa_use_legacy(t);
    vdpa_prepare(t, VDPA_PLAIN, 1);
    vdpa_blk_verify(t);
    do_stop(t);
    do_cont(t);
    vdpa_blk_verify(t);
    qvirtio_set_driver_ok(t->vdev);
    vdpa_blk_verify(t);
}

static const VdpaCase cases[] = {
    { "stop/resume-costs-four-calls", test_resume, .sim = RESUMES },
    { "stop/resume-keeps-requests-in-flight", test_resume_in_flight,
      .sim = RESUMES },
    { "stop/resume-kicks", test_resume_kicks, .sim = RESUMES },
    { "stop/resume-fails", test_resume_fails, .sim = RESUMES },
    { "stop/suspend-fails", test_suspend_fails, .sim = RESUMES },
    { "stop/system-reset-while-suspended", test_reset_while_suspended,
      .sim = RESUMES },
    { "stop/requests-in-flight-are-waited-for", test_drained,
      .sim = SUSPENDS },
    { "stop/requests-in-flight-are-waited-for-packed", test_drained,
      .sim = SUSPENDS F_PACKED, .props = SMALL_RING },
    { "stop/in-flight-order-shown-by-the-ring", test_order_shown,
      .sim = SUSPENDS },
    { "stop/in-flight-order-negotiated", test_order_negotiated,
      .sim = SUSPENDS F_ORDER },
    { "stop/in-flight-order-negotiated-packed", test_order_negotiated,
      .sim = SUSPENDS F_PACKED_ORDER, .props = SMALL_RING },
    { "stop/in-flight-order-unknown", test_order_unknown, .sim = SUSPENDS },
    { "stop/in-flight-order-unknown-packed", test_order_unknown,
      .sim = SUSPENDS F_PACKED, .props = SMALL_RING },
    { "stop/in-flight-out-of-order", test_out_of_order, .sim = SUSPENDS },
    { "stop/in-flight-overtaken", test_overtaken, .sim = SUSPENDS,
      .props = SMALL_RING },
    { "stop/impossible-base", test_impossible_base, .sim = SUSPENDS },
    { "stop/lost-while-suspended", test_lost_while_suspended,
      .sim = RESUMES },
    { "stop/address-changed-since-the-start", test_address_changed,
      .sim = SUSPENDS },
    { "stop/started-by-a-kick", test_started_by_kick, .sim = SUSPENDS,
      .plug = true, .args = VDPA_LEGACY_MODEL },
    { "stop/started-by-a-kick-old-machine", test_started_by_kick,
      .sim = SUSPENDS, .plug = true,
      .args = VDPA_LEGACY_MODEL " -global virtio-device.use-started=off" },
};

static void register_vdpa_dev_stop_test(void)
{
    vdpa_add_cases(cases, ARRAY_SIZE(cases));
}

libqos_init(register_vdpa_dev_stop_test);
