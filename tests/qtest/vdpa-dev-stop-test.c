/*
 * QTests for vhost-vdpa-device: stop and cont
 *
 * A stopped machine's device stands still, and goes on where it was, or says
 * that it cannot.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/module.h"
#include "vdpa-dev-helpers.h"

#define RESUMES         "type=block"
#define SUSPENDS        "type=block,profile=6.1"

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
    vdpa_stop_machine(t);
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "suspended"), ==, 1);
    vdpa_cont_machine(t);
    log = qvdpa_sim_log(t->sim, 0);
    g_assert_cmpint(log->len, ==, 4);
    g_assert_cmpint(qvdpa_log_find(log, 0, "SUSPEND", NULL), ==, 0);
    g_assert_cmpint(qvdpa_log_find(log, 0, "GET_STATUS", NULL), ==, 1);
    g_assert_cmpint(qvdpa_log_find(log, 0, "RESUME", NULL), ==, 2);
    g_assert_cmpint(qvdpa_log_find(log, 3, "GET_STATUS", NULL), ==, 3);
    vdpa_blk_verify(t);

    vdpa_stop_machine(t);
    g_assert_cmpuint(queried_index(t), ==, 4);
    vdpa_cont_machine(t);
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
    vdpa_stop_machine(t);
    g_assert_cmpint(g_get_monotonic_time() - begin, <, G_USEC_PER_SEC);
    qvdpa_sim_do(t->sim, "release 0");
    vdpa_cont_machine(t);
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
    vdpa_stop_machine(t);
    vdpa_cont_machine(t);
    qvdpa_sim_wait_state(t->sim, 0, "kicks", kicks + 1, VDPA_TIMEOUT_US);
}

static void test_resume_fails(VdpaTest *t)
{
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    vdpa_stop_machine(t);
    qvdpa_sim_do(t->sim, "fault 0 RESUME errno=EIO");
    vdpa_cont_machine(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_expect_message(t, t->node, "RESUME", strerror(EIO), NULL);
    vdpa_stop_machine(t);
    vdpa_cont_machine(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "status"), ==, 0);
    vdpa_expect_silence(t);
    vdpa_reset(t);
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
}

static void test_suspend_fails(VdpaTest *t)
{
    g_autoptr(GPtrArray) log = NULL;

    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    qvdpa_sim_clear(t->sim, 0);
    qvdpa_sim_do(t->sim, "fault 0 SUSPEND errno=EIO");
    vdpa_stop_machine(t);
    vdpa_expect_message(t, t->node, "SUSPEND", strerror(EIO), NULL);
    log = qvdpa_sim_log(t->sim, 0);
    g_assert_cmpuint(qvdpa_log_count(log, "SUSPEND"), ==, 1);
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "status"), ==, 0);
    vdpa_cont_machine(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_reset(t);
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
}

static void test_reset_while_suspended(VdpaTest *t)
{
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    vdpa_stop_machine(t);
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'system_reset' }");
    qtest_qmp_eventwait(t->qts, "RESET");
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "status"), ==, 0);
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "suspended"), ==, 0);
    vdpa_cont_machine(t);
    vdpa_forget_rings(t);
    t->pci->pdev->msix_enabled = false;
    qvirtio_pci_device_enable(t->pci);
    vdpa_reset(t);
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
}

/* The backend has lost DRIVER_OK: it is not resumed as if nothing had been */
static void test_lost_while_suspended(VdpaTest *t)
{
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    vdpa_stop_machine(t);
    qvdpa_sim_do(t->sim, "fault 0 GET_STATUS value=0xb");
    vdpa_cont_machine(t);
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
    vdpa_stop_machine(t);
    set_used_address(t, t->ring[0].vq->used);
    vdpa_cont_machine(t);
    vdpa_blk_verify(t);
}

/* Nothing is left that would hear of it */
static void test_after_unplug(VdpaTest *t)
{
    vdpa_plug(t, "vhost-vdpa-device-pci", "");
    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_blk_verify(t);
    vdpa_unplug(t);
    vdpa_stop_machine(t);
    vdpa_cont_machine(t);
}

/* A legacy driver may use a device before DRIVER_OK */
static void test_started_by_kick(VdpaTest *t)
{
    vdpa_plug(t, "vhost-vdpa-device-pci-transitional", "");
    vdpa_use_legacy(t);
    vdpa_prepare(t, VDPA_PLAIN, 1);
    vdpa_blk_verify(t);
    vdpa_stop_machine(t);
    vdpa_cont_machine(t);
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
    { "stop/suspend-fails-6.1", test_suspend_fails, .sim = SUSPENDS },
    { "stop/system-reset-while-suspended", test_reset_while_suspended,
      .sim = RESUMES },
    { "stop/lost-while-suspended", test_lost_while_suspended,
      .sim = RESUMES },
    { "stop/address-changed-since-the-start", test_address_changed,
      .sim = SUSPENDS },
    { "stop/after-unplug", test_after_unplug, .sim = SUSPENDS,
      .plug = true },
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
