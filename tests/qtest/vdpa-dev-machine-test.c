/*
 * QTest testcase for vhost-vdpa-device: the device and the rest of QEMU
 *
 * What the device shares with others: discarding of RAM, the dirty log, the
 * listeners of the memory map, a vIOMMU, file descriptors, the virtio core.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/eventfd.h>
#include <sys/resource.h>
#include "qemu/module.h"
#include "standard-headers/linux/virtio_ring.h"
#include "vdpa-dev-helpers.h"

#define GENERIC "vhost-vdpa-device-pci"

#define MEMORY_DEVICE \
    " -m 128M,slots=1,maxmem=1G" \
    " -object memory-backend-memfd,id=mem0,size=128M,share=on"

/* RAM discard, which pinned memory does not allow */

static char *try_virtio_mem(VdpaTest *t)
{
    return qtest_hmp(t->qts, "device_add virtio-mem-pci,id=vmem0,memdev=mem0"
                     ",addr=06.0");
}

static void test_ram_discard(VdpaTest *t)
{
    /* Before discarding is disabled, and after it */
    static const char *const calls[] = {
        "GET_BACKEND_FEATURES", "SET_CONFIG_CALL", "IOTLB_UPDATE",
    };
    g_autofree char *refused = NULL, *accepted = NULL;
    int i;

    for (i = 0; i < ARRAY_SIZE(calls); i++) {
        qvdpa_sim_do(t->sim, "fault 0 %s errno=EFAULT", calls[i]);
        vdpa_expect_refusal(t, "", t->node, calls[i], NULL);
        qvdpa_sim_do(t->sim, "unfault 0");

        vdpa_plug(t, GENERIC, "");
        refused = try_virtio_mem(t);
        vdpa_assert_has(refused, "Discarding RAM is disabled");
        g_clear_pointer(&refused, g_free);
        vdpa_unplug(t);
    }
    accepted = try_virtio_mem(t);
    g_assert_cmpstr(accepted, ==, "");
    vdpa_expect_refusal(t, "", t->node, "discarded by another device", NULL);
}

/* What is left behind */

/*
 * Hands descriptors over that are ready to be read, under the numbers that
 * QEMU has closed last.
 */
static void reuse_descriptors(VdpaTest *t, unsigned num)
{
    unsigned i;

    for (i = 0; i < num; i++) {
        g_autofree char *name = g_strdup_printf("fd%u", i);
        int fd = eventfd(1, 0);
        QDict *rsp;

        g_assert_cmpint(fd, >=, 0);
        rsp = qtest_qmp_fds(t->qts, &fd, 1, "{ 'execute': 'getfd',"
                            " 'arguments': { 'fdname': %s } }", name);
        g_assert_true(qdict_haskey(rsp, "return"));
        qobject_unref(rsp);
        close(fd);
    }
}

static void close_descriptors(VdpaTest *t, unsigned num)
{
    unsigned i;

    for (i = 0; i < num; i++) {
        g_autofree char *name = g_strdup_printf("fd%u", i);

        qtest_qmp_assert_success(t->qts, "{ 'execute': 'closefd',"
                                 " 'arguments': { 'fdname': %s } }", name);
    }
}

/* A device that was unplugged is freed by RCU; a refusal waits for that */
static void wait_until_freed(VdpaTest *t)
{
    g_free(vdpa_qmp_error(t, "{ 'execute': 'device_add', 'arguments': {"
                          " 'driver': '" GENERIC "' } }"));
}

static void test_nothing_left_behind(VdpaTest *t)
{
    QPCIDevice *host = qpci_device_find(t->bus, QPCI_DEVFN(0, 0));
    g_autoptr(GPtrArray) log = NULL;
    QDict *rsp;
    int pam;

    vdpa_plug(t, GENERIC, "");
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    vdpa_unplug(t);
    wait_until_freed(t);
    qvdpa_sim_clear(t->sim, 0);

    /* Whoever still listens is told of these; i440FX's PAM1 to PAM6 */
    for (pam = 0x5a; pam <= 0x5f; pam++) {
        qpci_config_writeb(host, pam, 0x33);
    }
    rsp = qtest_qmp(t->qts, "{ 'execute': 'device_add', 'arguments': {"
                    " 'driver': 'pc-dimm', 'id': 'dimm0',"
                    " 'memdev': 'mem0' } }");
    g_assert_true(qdict_haskey(rsp, "return"));
    qobject_unref(rsp);
    reuse_descriptors(t, 16);
    vdpa_settle(t);
    log = qvdpa_sim_log(t->sim, 0);
    g_assert_cmpuint(log->len, ==, 0);
    close_descriptors(t, 16);
    g_free(host);
}

/* The dirty log, which the backend cannot keep and is not asked to */

static char *dirty_rate_status(VdpaTest *t)
{
    QDict *rsp = qtest_qmp(t->qts, "{ 'execute': 'query-dirty-rate' }");
    char *status = g_strdup(qdict_get_str(qdict_get_qdict(rsp, "return"),
                                          "status"));

    qobject_unref(rsp);
    return status;
}

static void test_dirty_log(VdpaTest *t)
{
    gint64 start = g_get_monotonic_time();
    g_autoptr(GPtrArray) log = NULL;
    g_autofree char *status = NULL;

    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    qvdpa_sim_clear(t->sim, 0);
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'calc-dirty-rate',"
                             " 'arguments': { 'calc-time': 1,"
                             " 'mode': 'dirty-bitmap' } }");
    do {
        g_assert_cmpint(g_get_monotonic_time() - start, <, VDPA_TIMEOUT_US);
        g_free(status);
        status = dirty_rate_status(t);
        g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER_OK);
        vdpa_blk_verify(t);
    } while (!g_str_equal(status, "measured"));
    log = qvdpa_sim_log(t->sim, 0);
    g_assert_cmpuint(log->len, ==, 0);
}

/* A vIOMMU */

static void test_viommu_refused(VdpaTest *t)
{
    g_autofree char *error = NULL;

    error = vdpa_run_to_exit(t, "type=block", "-M q35" VDPA_SHARED_RAM
                             " -device intel-iommu -device " GENERIC
                             ",vhostdev=/dev/vhost-vdpa-0,iommu_platform=on");
    vdpa_assert_has(error, "/dev/vhost-vdpa-0");
    vdpa_assert_has(error, "iommu_platform=on");
    vdpa_assert_has(error, "vIOMMU");
}

/* One that is made after the device, and so not seen when that is made */
static void test_late_viommu_refused(VdpaTest *t)
{
    vdpa_choose_features(t, VDPA_PLAIN);
    g_assert_true(t->features & VDPA_F(VIRTIO_F_ACCESS_PLATFORM));
    t->vdev->bus->set_features(t->vdev, t->features);
    vdpa_set_status(t, VDPA_S_FEATURES_OK);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER);
    vdpa_expect_message(t, t->node, "vIOMMU", NULL);
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "status"), ==, 0);
}

/* Descriptors */

static pid_t qemu_pid(VdpaTest *t)
{
    return qvdpa_sim_state(t->sim, 0, "owner");
}

static bool has_descriptor(VdpaTest *t, unsigned fd)
{
    g_autofree char *link = g_strdup_printf("/proc/%d/fd/%u", qemu_pid(t), fd);

    return g_file_test(link, G_FILE_TEST_IS_SYMLINK);
}

static unsigned count_descriptors(VdpaTest *t)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/fd", qemu_pid(t));
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    unsigned n = 0;

    g_assert_nonnull(dir);
    while (g_dir_read_name(dir)) {
        n++;
    }
    return n;
}

/* How many are left by a start and a reset; the backend keeps some */
static unsigned start_and_count(VdpaTest *t)
{
    vdpa_start(t, VDPA_MSIX, 2);
    vdpa_reset(t);
    return count_descriptors(t);
}

/* Leaves QEMU with so many descriptors and no more; returns the old limit */
static struct rlimit leave_descriptors(VdpaTest *t, unsigned num)
{
    struct rlimit limit, old;
    unsigned fd = 0;

    g_assert_cmpint(prlimit(qemu_pid(t), RLIMIT_NOFILE, NULL, &old), ==, 0);
    while (has_descriptor(t, fd) || num--) {
        fd++;
    }
    limit = old;
    limit.rlim_cur = fd;
    g_assert_cmpint(prlimit(qemu_pid(t), RLIMIT_NOFILE, &limit, NULL), ==, 0);
    return old;
}

static void restore_descriptors(VdpaTest *t, struct rlimit *limit)
{
    g_assert_cmpint(prlimit(qemu_pid(t), RLIMIT_NOFILE, limit, NULL), ==, 0);
}

/* The device has failed; it gives all back, and works after a reset */
static void check_out_of_descriptors(VdpaTest *t, unsigned before)
{
    g_autofree char *news = vdpa_take_stderr(t);

    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    /* The virtio core may have had its say before */
    vdpa_assert_has(news, t->node);
    vdpa_assert_has(news, strerror(EMFILE));
    vdpa_assert_has(news, "RLIMIT_NOFILE");
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "status"), ==, 0);
    vdpa_reset(t);
    g_assert_cmpuint(start_and_count(t), ==, before);
}

/* Two rings need a kick and a call eventfd each: here any of the four fails */
static void test_start_out_of_descriptors(VdpaTest *t)
{
    struct rlimit limit;
    unsigned before, num;

    before = start_and_count(t);
    for (num = 0; num < 4; num++) {
        vdpa_prepare(t, VDPA_MSIX, 2);
        limit = leave_descriptors(t, num);
        vdpa_set_status(t, VDPA_S_DRIVER_OK);
        restore_descriptors(t, &limit);
        check_out_of_descriptors(t, before);
    }
}

/* On a backend that cannot be resumed, so that cont is a start */
static void test_cont_out_of_descriptors(VdpaTest *t)
{
    struct rlimit limit;
    unsigned before, num;

    before = start_and_count(t);
    for (num = 0; num < 4; num++) {
        vdpa_start(t, VDPA_MSIX, 2);
        qtest_qmp_assert_success(t->qts, "{ 'execute': 'stop' }");
        limit = leave_descriptors(t, num);
        qtest_qmp_assert_success(t->qts, "{ 'execute': 'cont' }");
        restore_descriptors(t, &limit);
        check_out_of_descriptors(t, before);
    }
}

/* The virtio core: DEVICE_NEEDS_RESET of other devices */

#define DISK    " -blockdev null-co,node-name=disk,read-zeroes=on" \
                " -device virtio-blk-pci,drive=disk,addr=04.0"

/* It looks at its ring at each write of the status */
#define RNG     " -device virtio-rng-pci,addr=04.0"

/* The next request is none: it starts behind the end of the descriptors */
static void offer_garbage(VdpaTest *t)
{
    QVirtQueue *vq = t->ring[0].vq;

    qtest_writew(t->qts, vq->avail + offsetof(struct vring_avail, ring[0]),
                 vq->size);
    qtest_writew(t->qts, vq->avail + offsetof(struct vring_avail, idx), 1);
    t->vdev->bus->virtqueue_kick(t->vdev, vq);
}

static void withdraw_garbage(VdpaTest *t)
{
    qtest_writew(t->qts, t->ring[0].vq->avail +
                 offsetof(struct vring_avail, idx), 0);
}

/* Config interrupts since the last call, by the generation */
static unsigned config_interrupts(VdpaTest *t, uint8_t *generation)
{
    uint8_t before = *generation;

    *generation = vdpa_generation(t);
    return (uint8_t)(*generation - before);
}

static void test_needs_reset(VdpaTest *t)
{
    uint8_t generation = vdpa_generation(t), data[VDPA_SECTOR];

    vdpa_start(t, VDPA_PLAIN, 1);
    offer_garbage(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_expect_message(t, "is available", NULL);
    g_assert_cmpuint(config_interrupts(t, &generation), ==, 1);
    g_assert_cmphex(vdpa_take_isr(t), ==, 3);

    /* The driver cannot take it back, and is not told again */
    vdpa_set_status(t, VDPA_S_DRIVER_OK);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_set_status(t, VDPA_S_DRIVER_OK | VIRTIO_CONFIG_S_FAILED);
    g_assert_cmphex(vdpa_status(t), ==,
                    VDPA_S_BROKEN | VIRTIO_CONFIG_S_FAILED);
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'stop' }");
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'cont' }");
    g_assert_cmphex(vdpa_status(t), ==,
                    VDPA_S_BROKEN | VIRTIO_CONFIG_S_FAILED);
    g_assert_cmpuint(config_interrupts(t, &generation), ==, 0);
    g_assert_cmphex(vdpa_take_isr(t), ==, 0);

    vdpa_reset(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER);
    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_blk_rw(t, false, 0, data);
    g_assert_cmpuint(config_interrupts(t, &generation), ==, 0);
}

/* A device that stores the status itself, as the driver writes it */
static void test_needs_reset_stored(VdpaTest *t)
{
    g_autofree char *again = NULL;
    uint8_t generation = vdpa_generation(t);

    vdpa_start(t, VDPA_PLAIN, 1);
    offer_garbage(t);
    withdraw_garbage(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_expect_message(t, "is available", NULL);
    g_assert_cmpuint(config_interrupts(t, &generation), ==, 1);
    vdpa_set_status(t, VDPA_S_DRIVER_OK);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    /* Not told again, unless it found the request again, and said so */
    again = vdpa_take_stderr(t);
    g_assert_cmpuint(config_interrupts(t, &generation), ==, *again ? 1 : 0);
}

/* Raised at DRIVER_OK, in the device's own set_status */
static void test_needs_reset_at_start(VdpaTest *t)
{
    uint8_t generation = vdpa_generation(t);

    vdpa_prepare(t, VDPA_PLAIN, 1);
    offer_garbage(t);
    vdpa_expect_silence(t);
    vdpa_set_status(t, VDPA_S_DRIVER_OK);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    g_free(vdpa_take_stderr(t));
    g_assert_cmpuint(config_interrupts(t, &generation), ==, 1);
}

/* Raised before DRIVER_OK, by a ring that cannot be mapped */
static void test_needs_reset_before_start(VdpaTest *t)
{
    const uint64_t desc = VDPA_RAM_SIZE - sizeof(struct vring_desc);
    uint8_t generation = vdpa_generation(t);

    vdpa_prepare(t, VDPA_PLAIN, 1);
    qpci_io_writel(t->pci->pdev, t->pci->bar, t->pci->common_cfg_offset +
                   vdpa_common_offset(queue_desc_lo), desc);
    vdpa_common_writew(t, vdpa_common_offset(queue_enable), 1);
    vdpa_expect_message(t, " map desc", NULL);
    g_assert_cmphex(vdpa_status(t), ==,
                    VDPA_S_FEATURES_OK | VIRTIO_CONFIG_S_NEEDS_RESET);
    g_assert_cmpuint(config_interrupts(t, &generation), ==, 0);

    vdpa_set_status(t, VDPA_S_DRIVER_OK);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    g_assert_cmpuint(config_interrupts(t, &generation), ==, 1);
}

static const VdpaCase cases[] = {
    { "ram-discard/disabled-while-plugged", test_ram_discard,
      .sim = "type=block", .plug = true, .args = MEMORY_DEVICE },
    { "plug/out-leaves-nothing-behind", test_nothing_left_behind,
      .sim = "type=block", .plug = true, .args = MEMORY_DEVICE },
    { "dirty-log/started-while-running", test_dirty_log,
      .sim = "type=block" },
    { "viommu/refused", test_viommu_refused, .plug = true },
    { "viommu/made-later-refused-at-features-ok", test_late_viommu_refused,
      .machine = "-M q35 -device " GENERIC ",id=" QVHOST_VDPA_ID
      ",addr=04.0,vhostdev=/dev/vhost-vdpa-0,iommu_platform=on"
      " -device intel-iommu" },
    { "needs-reset/stays", test_needs_reset, .sim = "type=block",
      .plug = true, .args = DISK },
    { "needs-reset/stays-though-the-device-stores-another",
      test_needs_reset_stored, .sim = "type=block", .plug = true,
      .args = RNG },
    { "needs-reset/raised-at-driver-ok", test_needs_reset_at_start,
      .sim = "type=block", .plug = true, .args = RNG },
    { "needs-reset/raised-before-driver-ok", test_needs_reset_before_start,
      .sim = "type=block", .plug = true, .args = RNG },
    { "descriptors/none-left-at-start", test_start_out_of_descriptors,
      .sim = "type=net" },
    { "descriptors/none-left-at-cont", test_cont_out_of_descriptors,
      .sim = "type=block,profile=6.1,queues=2" },
};

static void register_vdpa_dev_machine_test(void)
{
    vdpa_add_cases(cases, ARRAY_SIZE(cases));
}

libqos_init(register_vdpa_dev_machine_test);
