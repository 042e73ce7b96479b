/*
 * QTest testcase for vhost-vdpa-device: doorbells
 *
 * A driver's kick goes to the hardware's page, with nobody in between.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/qmp/qdict.h"
#include "qemu/module.h"
#include "qemu/units.h"
#include "standard-headers/linux/pci_regs.h"
#include "standard-headers/linux/virtio_net.h"
#include "vdpa-dev-helpers.h"

#define BELLS           "type=block,doorbells=on"
#define NET_BELLS       "type=net,doorbells=on"

/* The netdev does not free what it has for a control ring */
#define NET_WITHOUT_CONTROL "type=net,queues=2,features=0x308010028"

/* Of the modern registers */
#define MODERN_BAR      4

/* By doorbell, and by eventfd */
typedef struct Kicks {
    uint64_t bell;
    uint64_t event;
} Kicks;

static Kicks kicks(VdpaTest *t)
{
    return (Kicks) {
        .bell = qvdpa_sim_state(t->sim, 0, "doorbell-kicks"),
        .event = qvdpa_sim_state(t->sim, 0, "kicks"),
    };
}

/*
 * Kicks @vq and asserts which way the kick went.  Of eventfds there may be
 * more kicks, from the start.
 */
static void check_kick(VdpaTest *t, QVirtQueue *vq, bool bell)
{
    gint64 start = g_get_monotonic_time();
    Kicks before = kicks(t), now;

    t->vdev->bus->virtqueue_kick(t->vdev, vq);
    do {
        g_assert_cmpint(g_get_monotonic_time() - start, <, VDPA_TIMEOUT_US);
        now = kicks(t);
    } while (bell ? now.bell == before.bell : now.event == before.event);
    g_assert_cmpuint(now.bell, ==, before.bell + bell);
}

static void test_by_default(VdpaTest *t)
{
    Kicks before;

    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    before = kicks(t);
    vdpa_blk_verify(t);
    g_assert_cmpuint(kicks(t).bell, >=, before.bell + 2);
    g_assert_cmpuint(kicks(t).event, ==, before.event);
}

static void test_off(VdpaTest *t)
{
    g_autoptr(GPtrArray) log = qvdpa_sim_log(t->sim, 0);

    g_assert_cmpuint(qvdpa_log_count(log, "MMAP"), ==, 0);
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    check_kick(t, t->ring[0].vq, false);
}

/* The middle one of three cannot be mapped */
static void test_each_for_itself(VdpaTest *t)
{
    unsigned i;

    g_assert_cmpuint(qvdpa_sim_state(t->sim, 0, "doorbells"), ==, 2);
    vdpa_start(t, VDPA_MSIX, 3);
    for (i = 0; i < 3; i++) {
        check_kick(t, t->ring[i].vq, i != 1);
    }
}

/* The first says that the device has none: the others are not asked */
static void test_none(VdpaTest *t)
{
    g_autoptr(GPtrArray) log = qvdpa_sim_log(t->sim, 0);

    g_assert_cmpuint(qvdpa_log_count(log, "MMAP"), ==, 1);
    vdpa_start(t, VDPA_MSIX, 2);
    check_kick(t, t->ring[1].vq, false);
}

/* Writes to where ring 0's doorbell is while the device runs */
static void check_hidden(VdpaTest *t)
{
    uint64_t bell = kicks(t).bell;
    QVirtQueuePCI copy;

    vdpa_prepare(t, VDPA_PLAIN, 1);
    copy = *container_of(t->ring[0].vq, QVirtQueuePCI, vq);
    t->vdev->bus->virtqueue_kick(t->vdev, &copy.vq);
    g_assert_cmpuint(kicks(t).bell, ==, bell);
}

static void test_while_running(VdpaTest *t)
{
    check_hidden(t);
    qvirtio_set_driver_ok(t->vdev);
    vdpa_blk_verify(t);
    g_assert_cmpuint(kicks(t).bell, >, 0);
    vdpa_reset(t);
    check_hidden(t);
    qvirtio_set_driver_ok(t->vdev);
    vdpa_blk_verify(t);
}

static void test_failed_start(VdpaTest *t)
{
    vdpa_prepare(t, VDPA_MSIX, 1);
    qvdpa_sim_do(t->sim, "fault 0 SET_VRING_ENABLE errno=EIO");
    vdpa_set_status(t, VDPA_S_DRIVER_OK);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    g_free(vdpa_take_stderr(t));
    vdpa_reset(t);
    check_hidden(t);
    qvirtio_set_driver_ok(t->vdev);
    vdpa_blk_verify(t);
    g_assert_cmpuint(kicks(t).bell, >, 0);
}

/* A mapped doorbell would keep the node open */
static void test_unplug(VdpaTest *t)
{
    g_autoptr(GPtrArray) log = NULL;
    int unmapped, closed;

    vdpa_plug(t, "vhost-vdpa-device-pci", "");
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    vdpa_unplug(t);
    g_assert_false(qvdpa_sim_is_open(t->sim, 0));
    vdpa_assert_balanced(t);
    log = qvdpa_sim_log(t->sim, 0);
    unmapped = qvdpa_log_find(log, 0, "MUNMAP", NULL);
    closed = qvdpa_log_find(log, 0, "CLOSE", NULL);
    g_assert_cmpint(unmapped, >=, 0);
    g_assert_cmpint(closed, >, unmapped);
    vdpa_plug(t, "vhost-vdpa-device-pci", "");
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
}

static int64_t time_unplug(VdpaTest *t)
{
    int64_t begin;

    vdpa_plug(t, "vhost-vdpa-device-pci", "");
    vdpa_start(t, VDPA_MSIX, 1);
    begin = g_get_monotonic_time();
    vdpa_unplug(t);
    g_assert_false(qvdpa_sim_is_open(t->sim, 0));
    return g_get_monotonic_time() - begin;
}

static int64_t time_unplug_other(VdpaTest *t)
{
    int64_t begin;

    qtest_qmp_device_add(t->qts, "virtio-rng-pci", "rng0", "{'addr': '6'}");
    begin = g_get_monotonic_time();
    qpci_unplug_acpi_device_test(t->qts, "rng0", 6);
    qtest_qmp_eventwait(t->qts, "DEVICE_DELETED");
    return g_get_monotonic_time() - begin;
}

/* RCU sleeps up to 50 ms before it frees any other device */
static void test_unplug_at_once(VdpaTest *t)
{
    int64_t ours = 0, other = 0;
    int i;

    for (i = 0; i < 8; i++) {
        other += time_unplug_other(t);
    }
    for (i = 0; i < 8; i++) {
        ours += time_unplug(t);
    }
    g_assert_cmpint(3 * ours, <, 2 * other);
}

/* As long as the rings need, so that it fits behind a hot-plug port */
static void test_window(VdpaTest *t)
{
    const uint64_t *size = t->c->data;
    uint8_t bar = PCI_BASE_ADDRESS_0 + 4 * MODERN_BAR;
    QPCIDevice *dev = t->pci->pdev;
    uint32_t old = qpci_config_readl(dev, bar), mask;

    qpci_config_writel(dev, bar, UINT32_MAX);
    mask = qpci_config_readl(dev, bar) & ~0xfu;
    qpci_config_writel(dev, bar, old);
    g_assert_cmphex(-mask, ==, *size);
}

/* Memory sections that QEMU's vhost core counts for the netdev's device */
static int64_t count_sections(VdpaTest *t)
{
    QDict *rsp = qtest_qmp(t->qts, "{ 'execute': 'x-query-virtio-status',"
                           " 'arguments': { 'path': '/machine/peripheral/"
                           "net0/virtio-backend' } }");
    int64_t count;

    g_assert_true(qdict_haskey(rsp, "return"));
    count = qdict_get_int(qdict_get_qdict(qdict_get_qdict(rsp, "return"),
                                          "vhost-dev"), "n-mem-sections");
    qobject_unref(rsp);
    return count;
}

static void test_no_memory_of_others(VdpaTest *t)
{
    QPCIAddress addr = { .devfn = QPCI_DEVFN(6, 0) };
    QVirtioPCIDevice *net = virtio_pci_new(t->bus, &addr);
    QVirtQueue *vq[2];
    int64_t count;
    unsigned i;

    qvirtio_pci_device_enable(net);
    qvirtio_start_device(&net->vdev);
    qvirtio_set_features(&net->vdev, qvirtio_get_features(&net->vdev) &
                         (VDPA_F(VIRTIO_F_VERSION_1) |
                          VDPA_F(VIRTIO_NET_F_MAC)));
    for (i = 0; i < ARRAY_SIZE(vq); i++) {
        vq[i] = qvirtqueue_setup(&net->vdev, t->alloc, i);
    }
    qvirtio_set_driver_ok(&net->vdev);
    count = count_sections(t);
    g_assert_cmpint(count, >, 0);

    vdpa_start(t, VDPA_MSIX, 1);
    check_kick(t, t->ring[0].vq, true);
    g_assert_cmpint(count_sections(t), ==, count);

    for (i = 0; i < ARRAY_SIZE(vq); i++) {
        qvirtqueue_cleanup(net->vdev.bus, vq[i], t->alloc);
    }
    qvirtio_pci_device_disable(net);
    g_free(net->pdev);
    g_free(net);
}

#define SIZE(size)      (const uint64_t[]) { size }

static const VdpaCase cases[] = {
    { "doorbell/mapped-by-default", test_by_default, .sim = BELLS },
    { "doorbell/off", test_off, .sim = BELLS, .props = ",page-per-vq=off" },
    { "doorbell/each-for-itself", test_each_for_itself,
      .sim = NET_BELLS ",fault=MMAP:ring=1:errno=EINVAL:always" },
    { "doorbell/none", test_none, .sim = "type=net" },
    { "doorbell/in-the-guest-while-running", test_while_running,
      .sim = BELLS },
    { "doorbell/hidden-after-a-failed-start", test_failed_start,
      .sim = BELLS },
    { "doorbell/unmapped-before-close", test_unplug, .sim = BELLS,
      .plug = true },
    { "doorbell/unplug-at-once", test_unplug_at_once, .sim = BELLS,
      .plug = true },
    { "doorbell/window-of-one-ring", test_window, .sim = BELLS,
      .data = SIZE(16 * KiB) },
    { "doorbell/window-of-64-rings", test_window, .sim = BELLS ",queues=64",
      .data = SIZE(512 * KiB) },
    { "doorbell/no-memory-of-other-vhost-devices", test_no_memory_of_others,
      .sim = BELLS "|" NET_WITHOUT_CONTROL,
      .args = " -netdev vhost-vdpa,id=nd0,vhostdev=/dev/vhost-vdpa-1"
              " -device virtio-net-pci,id=net0,netdev=nd0,addr=06.0" },
};

static void register_vdpa_dev_doorbell_test(void)
{
    vdpa_add_cases(cases, ARRAY_SIZE(cases));
}

libqos_init(register_vdpa_dev_doorbell_test);
