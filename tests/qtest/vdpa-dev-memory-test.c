/*
 * QTests for vhost-vdpa-device: guest memory
 *
 * What is mapped, when, and what is said when it cannot be.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/resource.h>
#include "qapi/qmp/qdict.h"
#include "qemu/module.h"
#include "qemu/units.h"
#include "vdpa-dev-helpers.h"

#define GENERIC "vhost-vdpa-device-pci"

/* i440FX: PAM1 has [0xc0000, 0xc3fff] low and [0xc4000, 0xc7fff] high */
#define I440FX_PAM1             0x5a
#define I440FX_PAM2             0x5b
#define I440FX_PAM_BOTH_RAM     0x33
#define I440FX_PAM_LOW_RAM      0x03

#define DIMM_ARGS(backend) \
    " -m 128M,slots=1,maxmem=1G -object " backend ",id=mem0,size=128M"

/* IOTLB messages that change the table, since the log was cleared */
static unsigned count_changes(VdpaTest *t)
{
    g_autoptr(GPtrArray) log = qvdpa_sim_log(t->sim, 0);
    unsigned i, n = 0;

    for (i = 0; i < log->len; i++) {
        const char *name = qvdpa_log_call(log, i)->name;

        n += g_str_equal(name, "IOTLB_UPDATE") ||
             g_str_equal(name, "IOTLB_INVALIDATE");
    }
    return n;
}

static unsigned count_iotlb(VdpaTest *t)
{
    g_autoptr(GPtrArray) log = qvdpa_sim_log(t->sim, 0);
    unsigned i, n = 0;

    for (i = 0; i < log->len; i++) {
        n += g_str_has_prefix(qvdpa_log_call(log, i)->name, "IOTLB");
    }
    return n;
}

static void stop_and_cont(VdpaTest *t)
{
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'stop' }");
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'cont' }");
}

static void test_mapped_at_realize(VdpaTest *t)
{
    g_autoptr(GPtrArray) log = NULL;
    int last;

    vdpa_plug(t, GENERIC, "");
    g_assert_cmpuint(qvdpa_sim_iotlb_entries(t->sim, 0), >, 0);
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "status"), ==, 0);

    /* The kernel tells nothing of a batch: the last one goes outside it */
    log = qvdpa_sim_log(t->sim, 0);
    last = qvdpa_log_find(log, 0, "IOTLB_BATCH_END", NULL);
    g_assert_cmpint(last, >=, 0);
    g_assert_cmpint(qvdpa_log_find(log, last, "IOTLB_UPDATE", NULL), >, last);
}

static void test_reset_sends_nothing(VdpaTest *t)
{
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    qvdpa_sim_clear(t->sim, 0);

    vdpa_reset(t);
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    stop_and_cont(t);
    vdpa_blk_verify(t);
    g_assert_cmpuint(count_iotlb(t), ==, 0);
}

/* Without IOTLB_PERSIST a piece is sent again, and the backend takes all */
static void test_reset_reminds(VdpaTest *t)
{
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    qvdpa_sim_clear(t->sim, 0);
    vdpa_reset(t);
    g_assert_cmpuint(count_iotlb(t), ==, 0);
    vdpa_start(t, VDPA_MSIX, 1);
    g_assert_cmpuint(count_iotlb(t), ==, 2);
    vdpa_blk_verify(t);
}

static void test_reminder_fails(VdpaTest *t)
{
    const char *call = t->c->data;
    int i;

    for (i = 0; i < 2; i++) {
        vdpa_start(t, VDPA_MSIX, 1);
        vdpa_reset(t);
        vdpa_prepare(t, VDPA_MSIX, 1);
        qvdpa_sim_do(t->sim, "fault 0 %s errno=EFAULT", call);
        vdpa_set_status(t, VDPA_S_DRIVER_OK);
        g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
        vdpa_expect_message(t, t->node, call, strerror(EFAULT), NULL);
        vdpa_reset(t);
        vdpa_start(t, VDPA_MSIX, 1);
        vdpa_blk_verify(t);
        vdpa_reset(t);
    }
}

/* What firmware does at the end of POST, under a running device */
static void test_window_moves(VdpaTest *t)
{
    QPCIDevice *host = qpci_device_find(t->bus, QPCI_DEVFN(0, 0));
    g_autoptr(GPtrArray) log = NULL;
    unsigned i;

    qpci_config_writeb(host, I440FX_PAM1, I440FX_PAM_BOTH_RAM);
    qpci_config_writeb(host, I440FX_PAM2, I440FX_PAM_BOTH_RAM);
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    qvdpa_sim_clear(t->sim, 0);

    /* One of four windows that are next to each other */
    qpci_config_writeb(host, I440FX_PAM1, I440FX_PAM_LOW_RAM);
    g_assert_cmpuint(count_changes(t), ==, 1);
    qpci_config_writeb(host, I440FX_PAM1, I440FX_PAM_BOTH_RAM);
    g_assert_cmpuint(count_changes(t), ==, 2);
    log = qvdpa_sim_log(t->sim, 0);
    for (i = 0; i < log->len; i++) {
        QVdpaSimCall *call = qvdpa_log_call(log, i);

        if (g_str_equal(call->name, "IOTLB_UPDATE") ||
            g_str_equal(call->name, "IOTLB_INVALIDATE")) {
            g_assert_cmphex(qvdpa_call_arg(call, "iova"), ==, 0xc4000);
            g_assert_cmphex(qvdpa_call_arg(call, "size"), ==, 0x4000);
        }
    }
    vdpa_blk_verify(t);
    g_free(host);
}

/* A device that failed but still runs reaches no memory that went away */
static void test_followed_after_failure(VdpaTest *t)
{
    QPCIDevice *host = qpci_device_find(t->bus, QPCI_DEVFN(0, 0));

    qpci_config_writeb(host, I440FX_PAM1, I440FX_PAM_BOTH_RAM);
    vdpa_start(t, VDPA_MSIX, 1);
    qvdpa_sim_do(t->sim, "fault 0 GET_CONFIG errno=EIO");
    qvirtio_config_readl(t->vdev, 0);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_expect_message(t, t->node, "GET_CONFIG", NULL);

    qvdpa_sim_clear(t->sim, 0);
    qpci_config_writeb(host, I440FX_PAM1, I440FX_PAM_LOW_RAM);
    g_assert_cmpuint(count_changes(t), ==, 1);
    g_free(host);
}

static void test_lock_limit(VdpaTest *t)
{
    struct rlimit limit;
    const char *advice = "entries";

    g_assert_cmpint(getrlimit(RLIMIT_MEMLOCK, &limit), ==, 0);
    if (limit.rlim_cur < VDPA_RAM_SIZE) {
        advice = "RLIMIT_MEMLOCK";
    }
    vdpa_expect_refusal(t, "", t->node, "IOTLB_UPDATE", strerror(EFAULT),
                        advice, NULL);
}

static void test_beyond_range(VdpaTest *t)
{
    /* The last page of RAM */
    qvdpa_sim_do(t->sim, "set 0 iova-last 0x7ffefff");
    vdpa_expect_refusal(t, "", t->node, "outside the IOVA range", "0x7ffffff",
                        NULL);
}

static QDict *plug_dimm(VdpaTest *t)
{
    return qtest_qmp(t->qts, "{ 'execute': 'device_add', 'arguments': {"
                     " 'driver': 'pc-dimm', 'id': 'dimm0',"
                     " 'memdev': 'mem0' } }");
}

static void test_dimm(VdpaTest *t)
{
    QDict *rsp;

    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    qvdpa_sim_clear(t->sim, 0);
    rsp = plug_dimm(t);
    g_assert_true(qdict_haskey(rsp, "return"));
    qobject_unref(rsp);
    g_assert_cmpuint(count_changes(t), ==, 1);
    vdpa_blk_verify(t);
}

/* The device must not run with a hole, and a later start fills it */
static void test_dimm_fails(VdpaTest *t)
{
    QDict *rsp;

    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    qvdpa_sim_do(t->sim, "fault 0 IOTLB_UPDATE errno=ENOMEM");
    rsp = plug_dimm(t);
    qobject_unref(rsp);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    qvirtio_wait_config_isr(t->vdev, VDPA_TIMEOUT_US);
    vdpa_expect_message(t, t->node, "IOTLB_UPDATE", NULL);
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "status"), ==, 0);

    vdpa_reset(t);
    qvdpa_sim_clear(t->sim, 0);
    vdpa_start(t, VDPA_MSIX, 1);
    g_assert_cmpuint(count_changes(t), ==, 1);
    vdpa_blk_verify(t);
}

/* The kernel skips it and reports success */
static void test_private_dimm(VdpaTest *t)
{
    QDict *rsp;

    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    rsp = plug_dimm(t);
    qobject_unref(rsp);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_expect_message(t, t->node, "not shared", "share=on", NULL);

    /* It stays a hole, and the device does not start with it */
    vdpa_reset(t);
    vdpa_prepare(t, VDPA_MSIX, 1);
    vdpa_set_status(t, VDPA_S_DRIVER_OK);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_expect_message(t, t->node, "not shared", "share=on", NULL);
}

/* Plugged before the driver comes: a warning, and no start either */
static void test_private_dimm_before_start(VdpaTest *t)
{
    QDict *rsp = plug_dimm(t);

    qobject_unref(rsp);
    vdpa_expect_message(t, t->node, "not shared", "share=on", NULL);
    vdpa_prepare(t, VDPA_MSIX, 1);
    vdpa_set_status(t, VDPA_S_DRIVER_OK);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_expect_message(t, t->node, "not shared", "share=on", NULL);
}

static const VdpaCase cases[] = {
    { "memory/mapped-when-the-device-is-made", test_mapped_at_realize,
      .plug = true },
    { "memory/reset-sends-nothing", test_reset_sends_nothing,
      .sim = "type=block" },
    { "memory/reset-without-persist-reminds", test_reset_reminds,
      .sim = "type=block,profile=6.1" },
    { "memory/reminder-unmap-fails", test_reminder_fails,
      .sim = "type=block,profile=6.1", .data = "IOTLB_INVALIDATE" },
    { "memory/reminder-map-fails", test_reminder_fails,
      .sim = "type=block,profile=6.1", .data = "IOTLB_UPDATE" },
    { "memory/windows-move-alone", test_window_moves, .sim = "type=block" },
    { "memory/followed-after-a-failure", test_followed_after_failure,
      .sim = "type=block" },
    { "memory/lock-limit", test_lock_limit, .plug = true,
      .sim = "type=block,mapping=pa,memlock=8M" },
    { "memory/beyond-the-iova-range", test_beyond_range, .plug = true },
    { "memory/hot-added", test_dimm, .sim = "type=block",
      .args = DIMM_ARGS("memory-backend-memfd,share=on") },
    { "memory/hot-added-that-cannot-be-mapped", test_dimm_fails,
      .sim = "type=block",
      .args = DIMM_ARGS("memory-backend-memfd,share=on") },
    { "memory/hot-added-private", test_private_dimm, .sim = "type=block",
      .args = DIMM_ARGS("memory-backend-ram") },
    { "memory/hot-added-private-before-the-start",
      test_private_dimm_before_start, .sim = "type=block",
      .args = DIMM_ARGS("memory-backend-ram") },
};

static void register_vdpa_dev_memory_test(void)
{
    vdpa_add_cases(cases, ARRAY_SIZE(cases));
}

libqos_init(register_vdpa_dev_memory_test);
