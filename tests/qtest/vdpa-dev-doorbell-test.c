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

/* No later than another device */
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
    g_assert_cmpint(2 * ours, <, 3 * other);
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

/* i440FX: the high half of PAM0, and the low ones of PAM1 to PAM6, alternate */
#define I440FX_PAM0             0x59
#define I440FX_PAM6             0x5f
#define I440FX_PAM0_RAM         0x30
#define I440FX_PAM_LOW_RAM      0x03

/* With a doorbell for every second one: each takes a memory slot */
#define SLOT_RINGS              256

#define SLOT_DIMMS              32
#define SLOT_DIMMS_ARGS         " -m 128M,slots=32,maxmem=1G"

/* The environment's: a library that has KVM say that it has few slots */
#define FEW_SLOTS               "VDPA_DEV_TEST_FEW_SLOTS"

#define FIRMWARE_SIZE           (64 * KiB)
#define HLT                     0xf4

static char *firmware_path;

/* KVM with few memory slots, and a CPU that halts at once */
static char *wrap_few_slots(const char *node, const char *command)
{
    g_autofree char *image = g_malloc(FIRMWARE_SIZE);
    int fd = g_file_open_tmp("vdpa-dev-XXXXXX", &firmware_path, NULL);

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    memset(image, HLT, FIRMWARE_SIZE);
    g_assert_true(g_file_set_contents(firmware_path, image, FIRMWARE_SIZE,
                                      NULL));
    return g_strdup_printf("sh -c 'LD_PRELOAD=$LD_PRELOAD:%s exec \"$0\" "
                           "\"$@\" -bios %s' %s", g_getenv(FEW_SLOTS) ?: "",
                           firmware_path, command);
}

static bool is_shown(VdpaTest *t, unsigned ring)
{
    g_autofree char *name = g_strdup_printf("doorbells-%u\r\n", ring);
    g_autofree char *tree = qtest_hmp(t->qts, "info mtree");

    return strstr(tree, name);
}

/* What takes slots later must find some, or QEMU aborts */
static void test_leave_slots(VdpaTest *t)
{
    QPCIDevice *host = qpci_device_find(t->bus, QPCI_DEVFN(0, 0));

    unlink(firmware_path);
    g_free(firmware_path);
    if (!g_getenv(FEW_SLOTS)) {
        g_free(host);
        g_test_skip("no library that leaves KVM few slots (" FEW_SLOTS ")");
        return;
    }
    vdpa_start(t, VDPA_PLAIN, 1);
    check_kick(t, t->ring[0].vq, true);
    g_assert_true(is_shown(t, 0));
    g_assert_false(is_shown(t, SLOT_RINGS - 2));

    qpci_config_writeb(host, I440FX_PAM0, I440FX_PAM0_RAM);
    for (int pam = I440FX_PAM0 + 1; pam <= I440FX_PAM6; pam++) {
        qpci_config_writeb(host, pam, I440FX_PAM_LOW_RAM);
    }
    for (int i = 0; i < SLOT_DIMMS; i++) {
        g_autofree char *mem = g_strdup_printf("mem%d", i);
        g_autofree char *dimm = g_strdup_printf("dimm%d", i);

        qtest_qmp_assert_success(t->qts, "{ 'execute': 'object-add',"
                                 " 'arguments': { 'id': %s, 'size': 2097152,"
                                 " 'qom-type': 'memory-backend-memfd' } }",
                                 mem);
        qtest_qmp_device_add(t->qts, "pc-dimm", dimm, "{ 'memdev': %s }", mem);
    }
    check_kick(t, t->ring[0].vq, true);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER_OK);
    g_free(host);
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

static VdpaCase slots_case = {
    "doorbell-kvm/leave-memory-slots", test_leave_slots, .kvm = true,
    .memory = VDPA_SHARED_RAM SLOT_DIMMS_ARGS, .args = " -accel kvm",
    .wrap = wrap_few_slots
};

static void register_vdpa_dev_doorbell_test(void)
{
    GString *sim = g_string_new("type=generic,id=5,doorbells=on");

    vdpa_add_cases(cases, ARRAY_SIZE(cases));
    g_string_append_printf(sim, ",queues=%d", SLOT_RINGS);
    for (int ring = 1; ring < SLOT_RINGS; ring += 2) {
        g_string_append_printf(sim, ",fault=MMAP:ring=%d:errno=EINVAL:always",
                               ring);
    }
    slots_case.sim = g_string_free(sim, false);
    vdpa_add_cases(&slots_case, 1);
}

libqos_init(register_vdpa_dev_doorbell_test);
