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
#include "qemu/module.h"
#include "qemu/units.h"
#include "standard-headers/linux/virtio_blk.h"
#include "vdpa-dev-helpers.h"

#define GENERIC "vhost-vdpa-device-pci"

/* i440FX: PAM1 has [0xc0000, 0xc3fff] low and [0xc4000, 0xc7fff] high */
#define I440FX_PAM1             0x5a
#define I440FX_PAM2             0x5b
#define I440FX_PAM_BOTH_RAM     0x33
#define I440FX_PAM_LOW_RAM      0x03

/* Q35: SMRAM control, datasheet of the 3 series chipset, section 5.1 */
#define MCH_SMRAM               0x9d
#define MCH_SMRAM_D_OPEN        0x40
#define MCH_SMRAM_G_SMRAME      0x08
#define MCH_SMRAM_C_BASE        0xa0000
#define MCH_ESMRAMC             0x9e
#define MCH_ESMRAMC_TSEG_SZ_8MB 0x04
#define MCH_ESMRAMC_T_EN        0x01

#define SHARED                  "memory-backend-memfd,share=on"
#define DIMM_ARGS(backend) \
    " -m 128M,slots=2,maxmem=1G -object " backend ",id=mem0,size=128M"
#define NUMA_MEMORY \
    " -m 128M -object " SHARED ",id=ram0,size=64M -numa node,memdev=ram0" \
    " -object " SHARED ",id=ram1,size=64M -numa node,memdev=ram1"
/* Hot-added memory begins at 4 GiB */
#define DIMM_LAST               (4 * GiB + 128 * MiB - 1)

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

/* The lowest address that such a message has touched */
static uint64_t first_changed(VdpaTest *t)
{
    g_autoptr(GPtrArray) log = qvdpa_sim_log(t->sim, 0);
    uint64_t first = UINT64_MAX;
    unsigned i;

    for (i = 0; i < log->len; i++) {
        QVdpaSimCall *call = qvdpa_log_call(log, i);

        if (g_str_equal(call->name, "IOTLB_UPDATE") ||
            g_str_equal(call->name, "IOTLB_INVALIDATE")) {
            first = MIN(first, qvdpa_call_arg(call, "iova"));
        }
    }
    return first;
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

static void system_reset(VdpaTest *t)
{
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'system_reset' }");
    qtest_qmp_eventwait(t->qts, "RESET");
    t->pci->pdev->msix_enabled = false;
    qvirtio_pci_device_enable(t->pci);
}

static void test_system_reset_sends_nothing(VdpaTest *t)
{
    qvdpa_sim_clear(t->sim, 0);
    system_reset(t);
    vdpa_reset(t);
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    system_reset(t);
    vdpa_reset(t);
    vdpa_start(t, VDPA_MSIX, 1);
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

/* The kernel skips it and reports success */
static void test_private_ram(VdpaTest *t)
{
    vdpa_expect_refusal(t, "", t->node, "not shared", "share=on", NULL);
}

/* Whether vhost has the guest's page at @iova mapped */
static bool is_mapped(VdpaTest *t, uint64_t iova)
{
    g_auto(GStrv) lines = qvdpa_sim_command(t->sim, "iotlb 0");
    unsigned i;

    for (i = 0; lines[i]; i++) {
        uint64_t first, last;

        if (sscanf(lines[i], "%*u %" SCNx64 " %" SCNx64, &first, &last) == 2 &&
            first <= iova && iova <= last) {
            return true;
        }
    }
    return false;
}

static const char *dimm_driver(VdpaTest *t)
{
    return strstr(t->c->args, "nvdimm") ? "nvdimm" : "pc-dimm";
}

/* NULL, or why memory is not plugged */
static char *try_dimm(VdpaTest *t, const char *id)
{
    /* Over HMP, because QMP does not carry an error's hint */
    char *answer = qtest_hmp(t->qts, "device_add %s,id=%s,memdev=mem0",
                             dimm_driver(t), id);

    if (!*answer) {
        g_free(answer);
        return NULL;
    }
    return answer;
}

static void expect_dimm_refused(VdpaTest *t, const char *why,
                                const char *advice)
{
    g_autofree char *error = try_dimm(t, "dimm0");

    g_assert_nonnull(error);
    vdpa_assert_has(error, t->node);
    vdpa_assert_has(error, why);
    vdpa_assert_has(error, advice);
}

/* The guest has not noticed, and neither has the backend */
static void assert_unharmed(VdpaTest *t, unsigned entries)
{
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER_OK);
    g_assert_cmpuint(qvdpa_sim_iotlb_entries(t->sim, 0), ==, entries);
    vdpa_blk_verify(t);
    vdpa_expect_silence(t);
}

static void test_dimm(VdpaTest *t)
{
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    qvdpa_sim_clear(t->sim, 0);
    g_assert_null(try_dimm(t, "dimm0"));
    g_assert_cmpuint(count_changes(t), ==, 1);
    g_assert_true(is_mapped(t, DIMM_LAST));
    vdpa_blk_verify(t);
}

static void test_dimm_call_fails(VdpaTest *t)
{
    unsigned entries = qvdpa_sim_iotlb_entries(t->sim, 0);

    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    qvdpa_sim_do(t->sim, "fault 0 IOTLB_UPDATE errno=EFAULT");
    expect_dimm_refused(t, "IOTLB_UPDATE", strerror(EFAULT));
    assert_unharmed(t, entries);
    g_assert_null(try_dimm(t, "dimm0"));
    g_assert_true(is_mapped(t, DIMM_LAST));
    vdpa_blk_verify(t);
}

/* For a reason that is known before */
static void test_dimm_refused(VdpaTest *t)
{
    const char *const *why = t->c->data;
    unsigned entries = qvdpa_sim_iotlb_entries(t->sim, 0);

    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    expect_dimm_refused(t, why[0], why[1]);
    assert_unharmed(t, entries);
}

static void test_dimm_out_of_entries(VdpaTest *t)
{
    /* vhost's, and the same again as the device has them */
    unsigned lines = qvdpa_sim_iotlb_entries(t->sim, 0);

    qvdpa_sim_do(t->sim, "set 0 entries %u", lines / 2);
    vdpa_start(t, VDPA_MSIX, 1);
    expect_dimm_refused(t, "IOTLB_UPDATE", "max_iotlb_entries");
    assert_unharmed(t, lines);
}

/* The plug fails for another reason: what was mapped for it is given back */
static void test_dimm_withdrawn(VdpaTest *t)
{
    g_autofree char *error = NULL;
    unsigned entries;

    g_assert_null(try_dimm(t, "dimm0"));
    vdpa_start(t, VDPA_MSIX, 1);
    entries = qvdpa_sim_iotlb_entries(t->sim, 0);
    qvdpa_sim_clear(t->sim, 0);
    error = try_dimm(t, "dimm1");
    vdpa_assert_has(error, "mem0");
    g_assert_cmpuint(count_changes(t), >=, 1);
    vdpa_settle(t);
    g_assert_cmpuint(count_changes(t), ==, 2);
    assert_unharmed(t, entries);
}

/* Its BARs change the memory map between the question and the plug */
static void test_pmem(VdpaTest *t)
{
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    qvdpa_sim_clear(t->sim, 0);
    qvdpa_sim_do(t->sim, "fault 0 IOTLB_UPDATE nth=2 errno=EFAULT");
    qtest_qmp_device_add(t->qts, "virtio-pmem-pci", "pmem0",
                         "{ 'memdev': 'mem0', 'addr': '6' }");
    g_assert_cmpuint(count_changes(t), ==, 1);
    vdpa_settle(t);
    g_assert_cmpuint(count_changes(t), ==, 1);
    g_assert_true(is_mapped(t, DIMM_LAST));
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER_OK);
    vdpa_blk_verify(t);
}

/* It would come and go block by block, which is refused after the question */
static void test_virtio_mem(VdpaTest *t)
{
    unsigned entries = qvdpa_sim_iotlb_entries(t->sim, 0);
    g_autofree char *answer = NULL;

    vdpa_start(t, VDPA_MSIX, 1);
    qvdpa_sim_clear(t->sim, 0);
    answer = qtest_hmp(t->qts, "device_add virtio-mem-pci,id=vmem0,addr=06.0,"
                       "memdev=mem0");
    vdpa_assert_has(answer, "Discarding RAM is disabled");
    vdpa_settle(t);
    g_assert_cmpuint(count_iotlb(t), ==, 0);
    assert_unharmed(t, entries);
}

/* The second device cannot map it */
static void test_dimm_refused_by_another(VdpaTest *t)
{
    unsigned entries = qvdpa_sim_iotlb_entries(t->sim, 0);
    g_autofree char *answer = NULL, *error = NULL;

    vdpa_start(t, VDPA_MSIX, 1);
    answer = qtest_hmp(t->qts, "device_add vhost-vdpa-device-pci,id=vdpa1,"
                       "addr=06.0,vhostdev=/dev/vhost-vdpa-1");
    g_assert_cmpstr(answer, ==, "");
    qvdpa_sim_do(t->sim, "fault 1 IOTLB_UPDATE errno=EFAULT");
    error = try_dimm(t, "dimm0");
    vdpa_assert_has(error, "/dev/vhost-vdpa-1");
    vdpa_settle(t);
    assert_unharmed(t, entries);
}

/* Registers of ACPI memory hotplug: docs/specs/acpi_mem_hotplug.rst */
#define MHP_BASE        0xa00
#define MHP_SLOT        (MHP_BASE + 0x0)
#define MHP_CONTROL     (MHP_BASE + 0x14)
#define MHP_EJECT       0x8

static void eject_dimm(VdpaTest *t)
{
    qtest_qmp_device_del_send(t->qts, "dimm0");
    qtest_outl(t->qts, MHP_SLOT, 0);
    qtest_outb(t->qts, MHP_CONTROL, MHP_EJECT);
    qtest_qmp_eventwait(t->qts, "DEVICE_DELETED");
}

static void test_dimm_unplug(VdpaTest *t)
{
    unsigned entries = qvdpa_sim_iotlb_entries(t->sim, 0);

    vdpa_start(t, VDPA_MSIX, 1);
    g_assert_null(try_dimm(t, "dimm0"));
    eject_dimm(t);
    assert_unharmed(t, entries);
}

/* It does not run on with a mapping of memory that is gone */
static void test_dimm_unplug_fails(VdpaTest *t)
{
    vdpa_start(t, VDPA_MSIX, 1);
    g_assert_null(try_dimm(t, "dimm0"));
    qvdpa_sim_do(t->sim, "fault 0 IOTLB_INVALIDATE errno=EFAULT");
    eject_dimm(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_expect_message(t, t->node, "IOTLB_INVALIDATE", NULL);
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "status"), ==, 0);
    vdpa_reset(t);
    vdpa_start(t, VDPA_MSIX, 1);
    g_assert_false(is_mapped(t, DIMM_LAST));
    vdpa_blk_verify(t);
}

/* QEMU refuses a device when RCU has freed all that was given up before */
static void wait_for_rcu(VdpaTest *t)
{
    g_free(vdpa_qmp_error(t, "{ 'execute': 'device_add', 'arguments': {"
                          " 'driver': '" GENERIC "' } }"));
}

/* What vhost gave up in a batch that has no end is still the device's */
static void test_dimm_unplug_in_batch(VdpaTest *t)
{
    VdpaBlkReq req;
    uint32_t id;

    g_assert_null(try_dimm(t, "dimm0"));
    vdpa_start(t, VDPA_PLAIN, 1);
    qvdpa_sim_do(t->sim, "hold 0");
    vdpa_blk_request(t, &req, false, 0, NULL);
    req.bufs[1].addr = DIMM_LAST + 1 - VDPA_SECTOR;
    id = vdpa_submit(t, 0, req.bufs, ARRAY_SIZE(req.bufs));
    qvdpa_sim_wait_state(t->sim, 0, "inflight", 1, VDPA_TIMEOUT_US);

    qvdpa_sim_do(t->sim, "fault 0 IOTLB_BATCH_END errno=EFAULT always");
    qvdpa_sim_do(t->sim, "fault 0 SET_STATUS errno=EIO");
    eject_dimm(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_expect_message(t, t->node, "IOTLB_BATCH_END", NULL);
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'object-del',"
                             " 'arguments': { 'id': 'mem0' } }");
    wait_for_rcu(t);
    qvdpa_sim_do(t->sim, "release 0");
    vdpa_complete(t, 0, id);
    g_assert_cmphex(qtest_readb(t->qts, req.status), ==, VIRTIO_BLK_S_OK);

    qvdpa_sim_do(t->sim, "unfault 0");
    vdpa_reset(t);
    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_blk_verify(t);
}

/* Nothing asks before a window moves */
static void move_window(VdpaTest *t, uint8_t how)
{
    QPCIDevice *host = qpci_device_find(t->bus, QPCI_DEVFN(0, 0));

    qpci_config_writeb(host, I440FX_PAM1, how);
    g_free(host);
}

/* The device must not run with a hole, and a later start fills it first */
static void test_hole_while_running(VdpaTest *t)
{
    move_window(t, I440FX_PAM_LOW_RAM);
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    qvdpa_sim_do(t->sim, "fault 0 IOTLB_UPDATE errno=EFAULT");
    move_window(t, I440FX_PAM_BOTH_RAM);
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

/* A warning, and no start with it */
static void test_hole_before_start(VdpaTest *t)
{
    move_window(t, I440FX_PAM_LOW_RAM);
    qvdpa_sim_do(t->sim, "fault 0 IOTLB_UPDATE errno=EFAULT always");
    move_window(t, I440FX_PAM_BOTH_RAM);
    vdpa_expect_message(t, t->node, "IOTLB_UPDATE", NULL);
    vdpa_prepare(t, VDPA_MSIX, 1);
    vdpa_set_status(t, VDPA_S_DRIVER_OK);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_expect_message(t, t->node, "IOTLB_UPDATE", NULL);
    qvdpa_sim_do(t->sim, "unfault 0");
    vdpa_reset(t);
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
}

/* Lines of the IOTLB: what vhost holds, and what the device can reach */
static void count_tables(VdpaTest *t, unsigned *vhost, unsigned *device)
{
    g_auto(GStrv) lines = qvdpa_sim_command(t->sim, "iotlb 0");

    *device = 0;
    for (unsigned i = 0; lines[i]; i++) {
        *device += g_str_has_prefix(lines[i], "device");
    }
    *vhost = g_strv_length(lines) - *device;
}

/* A window moves, its batch cannot be ended, and the device not be reset */
static void break_in_batch(VdpaTest *t, const char *how)
{
    move_window(t, I440FX_PAM_BOTH_RAM);
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    qvdpa_sim_do(t->sim, "fault 0 IOTLB_BATCH_END errno=EFAULT%s", how);
    qvdpa_sim_do(t->sim, "fault 0 SET_STATUS errno=EIO");
    qvdpa_sim_clear(t->sim, 0);
    move_window(t, I440FX_PAM_LOW_RAM);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_expect_message(t, t->node, "IOTLB_BATCH_END", NULL);
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "status"), ==,
                    VDPA_S_DRIVER_OK);
}

/* As long as a batch is open the device keeps what is taken from vhost */
static void test_cut_in_batch(VdpaTest *t)
{
    unsigned vhost, device;

    break_in_batch(t, "");
    count_tables(t, &vhost, &device);
    g_assert_cmpuint(vhost, ==, 0);
    g_assert_cmpuint(device, ==, 0);
    vdpa_reset(t);
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
}

/* What the device can reach stays mapped, and so it is QEMU's to keep */
static void test_batch_never_ends(VdpaTest *t)
{
    unsigned vhost, device;

    break_in_batch(t, " always");
    count_tables(t, &vhost, &device);
    g_assert_cmpuint(vhost, >, 0);
    /* The window: nobody can tell the device */
    g_assert_cmpuint(device, ==, vhost + 1);
    g_assert_cmpuint(count_changes(t), ==, 1);
    qvdpa_sim_do(t->sim, "unfault 0");
    vdpa_reset(t);
    vdpa_start(t, VDPA_MSIX, 1);
    count_tables(t, &vhost, &device);
    g_assert_cmpuint(device, ==, vhost);
    vdpa_blk_verify(t);
}

/* Memory that a chipset takes away for SMM; the rest stays where it is */
static void test_smm(VdpaTest *t)
{
    QPCIDevice *host = qpci_device_find(t->bus, QPCI_DEVFN(0, 0));
    g_autofree char *error = vdpa_try_plug(t, GENERIC, ",bus=rp0");
    const uint64_t low = MCH_SMRAM_C_BASE, tseg = VDPA_RAM_SIZE - 8 * MiB;

    g_assert_cmpstr(error, ==, NULL);
    g_assert_true(is_mapped(t, tseg));
    g_assert_false(is_mapped(t, low));

    /* Open: RAM behind the VGA window */
    qpci_config_writeb(host, MCH_SMRAM, MCH_SMRAM_D_OPEN | MCH_SMRAM_G_SMRAME);
    g_assert_true(is_mapped(t, low));
    qvdpa_sim_clear(t->sim, 0);
    qpci_config_writeb(host, MCH_ESMRAMC, MCH_ESMRAMC_T_EN |
                       MCH_ESMRAMC_TSEG_SZ_8MB);
    g_assert_false(is_mapped(t, tseg));
    g_assert_false(is_mapped(t, VDPA_RAM_SIZE - 1));
    g_assert_true(is_mapped(t, tseg - 1));
    /* Of the 16 MiB at the end of RAM half is left */
    g_assert_cmpuint(count_changes(t), ==, 2);
    g_assert_cmphex(first_changed(t), ==, VDPA_RAM_SIZE - 16 * MiB);

    qpci_config_writeb(host, MCH_SMRAM, MCH_SMRAM_G_SMRAME);
    g_assert_false(is_mapped(t, low));
    qpci_config_writeb(host, MCH_ESMRAMC, 0);
    g_assert_true(is_mapped(t, tseg));
    g_free(host);
}

/* Each node of a NUMA machine has memory of its own */
static void test_numa(VdpaTest *t)
{
    g_assert_true(is_mapped(t, VDPA_RAM_SIZE / 2 - 1));
    g_assert_true(is_mapped(t, VDPA_RAM_SIZE / 2));
    g_assert_true(is_mapped(t, VDPA_RAM_SIZE - 1));
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
}

#define WHY(...)                (const char *const[]) { __VA_ARGS__ }

static const VdpaCase cases[] = {
    { "memory/mapped-when-the-device-is-made", test_mapped_at_realize,
      .plug = true },
    { "memory/reset-sends-nothing", test_reset_sends_nothing,
      .sim = "type=block" },
    { "memory/system-reset-sends-nothing", test_system_reset_sends_nothing,
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
    { "memory/private-refused", test_private_ram, .sim = "type=block",
      .plug = true, .memory = VDPA_ANONYMOUS_RAM },
    { "memory/hot-added", test_dimm, .sim = "type=block",
      .args = DIMM_ARGS(SHARED) },
    { "memory/hot-added-up-to-the-end-of-the-iova-range", test_dimm,
      .sim = "type=block,iova-last=0x107ffffff", .args = DIMM_ARGS(SHARED) },
    { "memory/hot-added-beyond-the-iova-range", test_dimm_refused,
      .sim = "type=block,iova-last=0x107fffffe", .args = DIMM_ARGS(SHARED),
      .data = WHY("outside the IOVA range", "0x107ffffff") },
    { "memory/hot-added-beyond-the-lock-limit", test_dimm_refused,
      .sim = "type=block,mapping=pa,memlock=192M", .args = DIMM_ARGS(SHARED),
      .data = WHY("IOTLB_UPDATE", "Bad address") },
    { "memory/hot-added-private", test_dimm_refused, .sim = "type=block",
      .args = DIMM_ARGS("memory-backend-ram"),
      .data = WHY("not shared", "share=on") },
    { "memory/hot-added-out-of-entries", test_dimm_out_of_entries,
      .sim = "type=block", .args = DIMM_ARGS(SHARED) },
    { "memory/hot-added-that-cannot-be-mapped", test_dimm_call_fails,
      .sim = "type=block", .args = DIMM_ARGS(SHARED) },
    { "memory/hot-added-nvdimm-that-cannot-be-mapped", test_dimm_call_fails,
      .sim = "type=block", .args = DIMM_ARGS(SHARED) " -machine nvdimm=on" },
    { "memory/hot-added-for-nothing", test_dimm_withdrawn,
      .sim = "type=block", .args = DIMM_ARGS(SHARED) },
    { "memory/hot-added-pmem-is-mapped-once", test_pmem,
      .sim = "type=block", .args = DIMM_ARGS(SHARED) },
    { "memory/hot-added-in-blocks-is-not-mapped", test_virtio_mem,
      .sim = "type=block", .args = DIMM_ARGS(SHARED) },
    { "memory/hot-added-refused-by-another", test_dimm_refused_by_another,
      .sim = "type=block|type=rng", .args = DIMM_ARGS(SHARED) },
    { "memory/hot-removed", test_dimm_unplug,
      .sim = "type=block", .args = DIMM_ARGS(SHARED) },
    { "memory/hot-removed-that-cannot-be-unmapped", test_dimm_unplug_fails,
      .sim = "type=block", .args = DIMM_ARGS(SHARED) },
    { "memory/hot-removed-in-a-batch-without-end", test_dimm_unplug_in_batch,
      .sim = "type=block", .args = DIMM_ARGS(SHARED) },
    { "memory/hole-while-running", test_hole_while_running,
      .sim = "type=block" },
    { "memory/hole-before-the-start", test_hole_before_start,
      .sim = "type=block" },
    { "memory/taken-from-a-device-in-a-batch", test_cut_in_batch,
      .sim = "type=block" },
    { "memory/kept-when-a-batch-never-ends", test_batch_never_ends,
      .sim = "type=block" },
    { "memory/taken-for-smm", test_smm, .sim = "type=block",
      .machine = "-M q35,smm=on -device pcie-root-port,id=rp0,addr=05.0" },
    { "memory/of-numa-nodes", test_numa, .sim = "type=block",
      .memory = NUMA_MEMORY },
};

static void register_vdpa_dev_memory_test(void)
{
    vdpa_add_cases(cases, ARRAY_SIZE(cases));
}

libqos_init(register_vdpa_dev_memory_test);
