/*
 * QTest testcase for vhost-vdpa-device: config space and its interrupt
 *
 * What the guest reads is what the device holds; what it writes reaches the
 * device at that offset and with that length; a change is announced once.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/pci/pci_regs.h"
#include "qemu/bswap.h"
#include "qemu/module.h"
#include "standard-headers/linux/virtio_blk.h"
#include "standard-headers/linux/virtio_net.h"
#include "vdpa-dev-helpers.h"

#define CONFIG_SIZE             64

/* Byte n of the config space is 0x40 + n */
#define CONFIG_HEX \
    "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f" \
    "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
#define CONFIG_NODE(id) \
    "type=generic,id=" id ",config-size=64,config=" CONFIG_HEX

static uint32_t config_read(VdpaTest *t, unsigned offset, unsigned len)
{
    switch (len) {
    case 1:
        return t->vdev->bus->config_readb(t->vdev, offset);
    case 2:
        return t->vdev->bus->config_readw(t->vdev, offset);
    default:
        return t->vdev->bus->config_readl(t->vdev, offset);
    }
}

/* What the simulated device holds */
static void sim_config(VdpaTest *t, uint8_t *data)
{
    g_auto(GStrv) hex = qvdpa_sim_command(t->sim, "read-config 0");
    int i;

    g_assert_cmpuint(g_strv_length(hex), ==, 1);
    g_assert_cmpuint(strlen(hex[0]), ==, 2 * CONFIG_SIZE);
    for (i = 0; i < CONFIG_SIZE; i++) {
        data[i] = g_ascii_xdigit_value(hex[0][2 * i]) << 4 |
                  g_ascii_xdigit_value(hex[0][2 * i + 1]);
    }
}

static uint32_t load(const uint8_t *data, unsigned len)
{
    return len == 1 ? *data : len == 2 ? lduw_le_p(data) : ldl_le_p(data);
}

/* Reads */

static void test_read_exact(VdpaTest *t)
{
    uint8_t want[CONFIG_SIZE];
    unsigned len, offset;

    sim_config(t, want);
    g_assert_cmphex(want[5], ==, 0x45);
    for (len = 1; len <= 4; len *= 2) {
        for (offset = 0; offset < CONFIG_SIZE; offset += len) {
            g_assert_cmphex(config_read(t, offset, len), ==,
                            load(want + offset, len));
        }
    }
}

static void test_read_is_not_kept(VdpaTest *t)
{
    g_assert_cmphex(config_read(t, 8, 4), ==, 0x4b4a4948);
    /* Without an interrupt: only asking again shows it */
    qvdpa_sim_do(t->sim, "config 0 9 c7 quiet");
    g_assert_cmphex(config_read(t, 8, 4), ==, 0x4b4ac748);
    vdpa_start(t, VDPA_PLAIN, 1);
    qvdpa_sim_do(t->sim, "config 0 9 c8 quiet");
    g_assert_cmphex(config_read(t, 8, 4), ==, 0x4b4ac848);
}

static void test_access_beyond_end(VdpaTest *t)
{
    g_autoptr(GPtrArray) log = NULL;
    uint8_t before[CONFIG_SIZE], after[CONFIG_SIZE];

    sim_config(t, before);
    vdpa_start(t, VDPA_PLAIN, 1);
    qvdpa_sim_clear(t->sim, 0);
    g_assert_cmphex(config_read(t, CONFIG_SIZE, 1), ==, 0xff);
    g_assert_cmphex(config_read(t, CONFIG_SIZE, 4), ==, 0xffffffff);
    g_assert_cmphex(config_read(t, 4092, 4), ==, 0xffffffff);
    vdpa_config_write(t, CONFIG_SIZE, 1, 0x11);
    vdpa_config_write(t, CONFIG_SIZE, 4, 0x11111111);
    vdpa_config_write(t, 4095, 1, 0x11);

    log = qvdpa_sim_log(t->sim, 0);
    g_assert_cmpuint(qvdpa_log_count(log, "GET_CONFIG"), ==, 0);
    g_assert_cmpuint(qvdpa_log_count(log, "SET_CONFIG"), ==, 0);
    sim_config(t, after);
    g_assert_cmpmem(after, CONFIG_SIZE, before, CONFIG_SIZE);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER_OK);
}

/* The last bytes of a size that is not a multiple of four */
static void test_access_across_end(VdpaTest *t)
{
    vdpa_start(t, VDPA_PLAIN, 1);
    g_assert_cmphex(config_read(t, 4, 2), ==, 0x4544);
    g_assert_cmphex(config_read(t, 5, 1), ==, 0x45);
    g_assert_cmphex(config_read(t, 6, 1), ==, 0xff);
    config_read(t, 4, 4);
    vdpa_config_write(t, 4, 4, 0x12345678);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER_OK);
}

static void test_real_block(VdpaTest *t)
{
    uint64_t capacity = t->vdev->bus->config_readq(t->vdev, 0);

    /* The data tests use the first sectors */
    g_assert_cmpuint(capacity, >=, 128);
    g_assert_cmpuint(capacity, <, 1ull << 40);
    g_assert_cmphex(config_read(t, 0, 4), ==, (uint32_t)capacity);
    g_assert_cmphex(config_read(t, 0, 1), ==, capacity & 0xff);
    g_assert_cmphex(config_read(t, 1, 1), ==, (capacity >> 8) & 0xff);
}

static void test_real_net(VdpaTest *t)
{
    uint8_t mac[6];
    int i;

    for (i = 0; i < sizeof(mac); i++) {
        mac[i] = config_read(t, i, 1);
    }
    g_assert_cmphex(mac[0] & 1, ==, 0);
    g_assert_cmphex(lduw_le_p(mac), ==, config_read(t, 0, 2));
    g_assert_cmphex(ldl_le_p(mac), ==, config_read(t, 0, 4));
}

/* Writes */

static void check_write(VdpaTest *t, unsigned offset, unsigned len,
                        uint32_t value)
{
    uint8_t want[CONFIG_SIZE], got[CONFIG_SIZE];
    g_autoptr(GPtrArray) log = NULL;
    QVdpaSimCall *call;
    int i;

    sim_config(t, want);
    for (i = 0; i < len; i++) {
        want[offset + i] = value >> (8 * i);
    }
    qvdpa_sim_clear(t->sim, 0);
    vdpa_config_write(t, offset, len, value);

    log = qvdpa_sim_log(t->sim, 0);
    g_assert_cmpuint(qvdpa_log_count(log, "SET_CONFIG"), ==, 1);
    call = qvdpa_log_call(log, qvdpa_log_find(log, 0, "SET_CONFIG", NULL));
    g_assert_cmpuint(qvdpa_call_arg(call, "off"), ==, offset);
    g_assert_cmpuint(qvdpa_call_arg(call, "len"), ==, len);
    sim_config(t, got);
    g_assert_cmpmem(got, CONFIG_SIZE, want, CONFIG_SIZE);
    g_assert_cmphex(config_read(t, offset, len), ==, load(want + offset, len));
}

static void check_writes(VdpaTest *t)
{
    unsigned len, offset;

    for (len = 1; len <= 4; len *= 2) {
        for (offset = 0; offset < CONFIG_SIZE; offset += 3 * len) {
            check_write(t, offset, len, 0x81828384 + offset);
        }
    }
    check_write(t, CONFIG_SIZE - 1, 1, 0xee);
}

static void test_write_exact(VdpaTest *t)
{
    check_writes(t);
    vdpa_start(t, VDPA_PLAIN, 1);
    check_writes(t);
}

static void test_write_exact_msix(VdpaTest *t)
{
    /* On a legacy device MSI-X moves the config space */
    vdpa_start(t, VDPA_MSIX, 1);
    check_writes(t);
    test_read_exact(t);
}

/* The access is made of the device's state, not of an older copy */
static void test_write_leaves_others(VdpaTest *t)
{
    config_read(t, 0, 4);
    qvdpa_sim_do(t->sim, "config 0 0 99 quiet");
    check_write(t, 1, 1, 0x77);
    g_assert_cmphex(config_read(t, 0, 4), ==, 0x43427799);
}

/* The window in PCI config space, through which firmware does it */
static void test_pci_cfg_window(VdpaTest *t)
{
    QPCIDevice *pdev = t->pci->pdev;
    uint8_t cap = 0;
    g_autoptr(GPtrArray) log = NULL;
    QVdpaSimCall *call;

    do {
        cap = qpci_find_capability(pdev, PCI_CAP_ID_VNDR, cap);
        g_assert_cmphex(cap, !=, 0);
    } while (qpci_config_readb(pdev, cap +
                               offsetof(struct virtio_pci_cap, cfg_type)) !=
             VIRTIO_PCI_CAP_PCI_CFG);
    qpci_config_writeb(pdev, cap + offsetof(struct virtio_pci_cap, bar),
                       t->pci->bar_idx);
    qpci_config_writel(pdev, cap + offsetof(struct virtio_pci_cap, offset),
                       t->pci->device_cfg_offset + 0x10);
    qpci_config_writel(pdev, cap + offsetof(struct virtio_pci_cap, length), 2);
    g_assert_cmphex(qpci_config_readw(pdev, cap + sizeof(struct
                                      virtio_pci_cap)), ==, 0x5150);

    qvdpa_sim_clear(t->sim, 0);
    qpci_config_writew(pdev, cap + sizeof(struct virtio_pci_cap), 0xabcd);
    log = qvdpa_sim_log(t->sim, 0);
    g_assert_cmpuint(qvdpa_log_count(log, "SET_CONFIG"), ==, 1);
    call = qvdpa_log_call(log, qvdpa_log_find(log, 0, "SET_CONFIG", NULL));
    g_assert_cmpuint(qvdpa_call_arg(call, "off"), ==, 0x10);
    g_assert_cmpuint(qvdpa_call_arg(call, "len"), ==, 2);
    g_assert_cmphex(config_read(t, 0x10, 4), ==, 0x5352abcd);
}

/* Failures */

static bool config_irq_pending(VdpaTest *t)
{
    return qtest_readl(t->qts, t->pci->config_msix_addr) ==
           t->pci->config_msix_data;
}

static void wait_config_irq(VdpaTest *t)
{
    qvirtio_wait_config_isr(t->vdev, VDPA_TIMEOUT_US);
}

static void test_failed_read(VdpaTest *t)
{
    vdpa_start(t, VDPA_MSIX, 1);
    g_assert_cmphex(config_read(t, 0, 4), ==, 0x43424140);
    qvdpa_sim_do(t->sim, "fault 0 GET_CONFIG errno=EIO always");
    g_assert_cmphex(config_read(t, 0, 4), ==, 0);
    g_assert_cmphex(config_read(t, 8, 1), ==, 0);
    g_assert_cmphex(config_read(t, 10, 2), ==, 0);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    wait_config_irq(t);
    vdpa_expect_message(t, t->node, "GET_CONFIG", strerror(EIO), NULL);

    qvdpa_sim_do(t->sim, "unfault 0");
    vdpa_reset(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER);
    vdpa_start(t, VDPA_MSIX, 1);
    g_assert_cmphex(config_read(t, 0, 4), ==, 0x43424140);
}

static void test_failed_read_before_features(VdpaTest *t)
{
    uint64_t features = qvirtio_get_features(t->vdev);

    qvdpa_sim_do(t->sim, "fault 0 GET_CONFIG errno=EIO");
    g_assert_cmphex(config_read(t, 0, 4), ==, 0);
    vdpa_expect_message(t, t->node, "GET_CONFIG", strerror(EIO), NULL);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER);
    /* A modern driver shows itself by VERSION_1 */
    t->vdev->bus->set_features(t->vdev, features);
    g_assert_cmphex(vdpa_status(t), ==,
                    VDPA_S_DRIVER | VIRTIO_CONFIG_S_NEEDS_RESET);
    vdpa_reset(t);
    vdpa_start(t, VDPA_PLAIN, 1);
}

static void test_failed_read_legacy(VdpaTest *t)
{
    QDict *status;

    vdpa_start(t, VDPA_PLAIN, 1);
    qvdpa_sim_do(t->sim, "fault 0 GET_CONFIG errno=EIO");
    g_assert_cmphex(config_read(t, 0, 4), ==, 0);
    vdpa_expect_message(t, t->node, "GET_CONFIG", strerror(EIO), NULL);
    /* There is no such bit for a legacy driver */
    g_assert_cmphex(vdpa_status(t) & VIRTIO_CONFIG_S_NEEDS_RESET, ==, 0);
    status = vdpa_qmp_status(t);
    g_assert_true(qdict_get_bool(status, "broken"));
    qobject_unref(status);
    vdpa_reset(t);
    vdpa_start(t, VDPA_PLAIN, 1);
    g_assert_cmphex(config_read(t, 0, 4), ==, 0x43424140);
}

static void test_failed_write(VdpaTest *t)
{
    vdpa_start(t, VDPA_PLAIN, 1);
    qvdpa_sim_do(t->sim, "fault 0 SET_CONFIG errno=EINVAL");
    vdpa_config_write(t, 4, 2, 0x1234);
    vdpa_expect_message(t, t->node, "SET_CONFIG", strerror(EINVAL), NULL);
    g_assert_cmphex(config_read(t, 4, 2), ==, 0x4544);
    check_write(t, 4, 2, 0x1234);
}

/* A parent that takes a write and ignores it */
static void test_ignored_write(VdpaTest *t)
{
    vdpa_config_write(t, 4, 2, 0x1234);
    g_assert_cmphex(config_read(t, 4, 2), ==, 0x4544);
}

/* The interrupt */

static void test_interrupt_once(VdpaTest *t)
{
    int i;

    vdpa_start(t, VDPA_MSIX, 1);
    for (i = 0; i < 3; i++) {
        uint8_t generation = vdpa_generation(t);

        qvdpa_sim_do(t->sim, "config 0 0 %02x", i);
        wait_config_irq(t);
        g_assert_cmphex(vdpa_generation(t), !=, generation);
        g_assert_cmphex(config_read(t, 0, 1), ==, i);
        generation = vdpa_generation(t);
        vdpa_settle(t);
        g_assert_false(config_irq_pending(t));
        g_assert_cmphex(vdpa_generation(t), ==, generation);
    }
}

/*
 * Each access shows a change that was made before it, and what is drained by
 * one raises the interrupt only once.  In a qtest the main loop mostly finds
 * the eventfd before it finds our access, hence the number of rounds.
 */
static void test_interrupt_drained(VdpaTest *t)
{
    int i;

    vdpa_start(t, VDPA_MSIX, 1);
    for (i = 0; i < 200; i++) {
        uint8_t generation = vdpa_generation(t);

        qvdpa_sim_do(t->sim, "config 0 0 %02x", i & 0xff);
        if (i & 1) {
            g_assert_cmphex(config_read(t, 0, 1), ==, i & 0xff);
        }
        g_assert_cmphex(vdpa_generation(t), !=, generation);
        wait_config_irq(t);
        vdpa_settle(t);
        g_assert_false(config_irq_pending(t));
    }
}

static void test_interrupt_without_change(VdpaTest *t)
{
    vdpa_start(t, VDPA_MSIX, 1);
    qvdpa_sim_do(t->sim, "interrupt 0 config");
    wait_config_irq(t);
    vdpa_settle(t);
    g_assert_false(config_irq_pending(t));
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER_OK);
}

static void test_no_interrupt_at_start(VdpaTest *t)
{
    int i;

    for (i = 0; i < 3; i++) {
        vdpa_start(t, VDPA_MSIX, 1);
        vdpa_blk_verify(t);
        vdpa_settle(t);
        g_assert_false(config_irq_pending(t));
        vdpa_reset(t);
    }
}

/* A change that the guest could see before DRIVER_OK is no news after it */
static void test_no_old_interrupt_at_start(VdpaTest *t)
{
    int i;

    for (i = 0; i < 3; i++) {
        vdpa_prepare(t, VDPA_MSIX, 1);
        qvdpa_sim_do(t->sim, "config 0 0 %02x", i);
        g_assert_cmphex(config_read(t, 0, 1), ==, i);
        qvirtio_set_driver_ok(t->vdev);
        vdpa_settle(t);
        g_assert_false(config_irq_pending(t));
        vdpa_reset(t);
    }
}

static void test_generation_in_every_state(VdpaTest *t)
{
    uint64_t features = qvirtio_get_features(t->vdev);
    static const uint8_t states[] = { 0, 1, 3, 0xb };
    int i;

    for (i = 0; i < ARRAY_SIZE(states); i++) {
        uint8_t generation;

        if (states[i] == 0xb) {
            t->vdev->bus->set_features(t->vdev, features &
                                       ~VDPA_F(VIRTIO_F_RING_PACKED));
        }
        vdpa_set_status(t, states[i]);
        generation = vdpa_generation(t);
        qvdpa_sim_do(t->sim, "config 0 0 %02x", 0xf0 + i);
        g_assert_cmphex(vdpa_generation(t), !=, generation);
        g_assert_cmphex(config_read(t, 0, 1), ==, 0xf0 + i);
        vdpa_settle(t);
        /* The guest hears of it only once it runs the device */
        g_assert_cmphex(vdpa_take_isr(t) & 2, ==, 0);
    }
}

static void test_interrupt_intx(VdpaTest *t)
{
    gint64 start = g_get_monotonic_time();
    uint8_t isr;

    vdpa_start(t, VDPA_PLAIN, 1);
    g_assert_cmphex(vdpa_take_isr(t), ==, 0);
    qvdpa_sim_do(t->sim, "config 0 0 77");
    while (!(isr = vdpa_take_isr(t))) {
        g_assert_cmpint(g_get_monotonic_time() - start, <, VDPA_TIMEOUT_US);
        qtest_clock_step(t->qts, 100);
    }
    g_assert_cmphex(isr & 2, ==, 2);
    vdpa_settle(t);
    g_assert_cmphex(vdpa_take_isr(t), ==, 0);
}

static void test_interrupt_no_vector(VdpaTest *t)
{
    uint8_t generation;

    vdpa_start(t, VDPA_NO_VECTOR, 1);
    generation = vdpa_generation(t);
    qvdpa_sim_do(t->sim, "config 0 0 77");
    g_assert_cmphex(vdpa_generation(t), !=, generation);
    vdpa_settle(t);
    g_assert_cmphex(config_read(t, 0, 1), ==, 0x77);
}

static void test_interrupt_after_reset(VdpaTest *t)
{
    int i;

    for (i = 0; i < 3; i++) {
        vdpa_start(t, VDPA_MSIX, 1);
        qvdpa_sim_do(t->sim, "config 0 0 %02x", i);
        wait_config_irq(t);
        vdpa_reset(t);
    }
}

static void test_interrupt_after_cont(VdpaTest *t)
{
    uint8_t generation;

    vdpa_start(t, VDPA_MSIX, 1);
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'stop' }");
    generation = vdpa_generation(t);
    qvdpa_sim_do(t->sim, "config 0 0 55");
    g_assert_cmphex(vdpa_generation(t), !=, generation);
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'cont' }");
    wait_config_irq(t);
    qvdpa_sim_do(t->sim, "config 0 0 56");
    wait_config_irq(t);
    g_free(vdpa_take_stderr(t));
}

static void test_needs_reset(VdpaTest *t)
{
    vdpa_start(t, VDPA_MSIX, 1);
    qvdpa_sim_do(t->sim, "needs-reset 0");
    wait_config_irq(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_settle(t);
    g_assert_false(config_irq_pending(t));
    vdpa_expect_message(t, t->node, NULL);

    vdpa_reset(t);
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
}

static const VdpaCase cases[] = {
    { "config/read-exact", test_read_exact, .sim = CONFIG_NODE("45") },
    { "config/read-exact-legacy", test_read_exact, .sim = CONFIG_NODE("2"),
      .props = ",disable-modern=on" },
    { "config/read-asks-the-device", test_read_is_not_kept,
      .sim = CONFIG_NODE("45") },
    { "config/beyond-the-end", test_access_beyond_end,
      .sim = CONFIG_NODE("45") },
    { "config/across-the-end", test_access_across_end,
      .sim = "type=generic,id=45,config-size=6,config=404142434445" },
    { "config/of-a-disk", test_real_block, VDPA_NEEDS_BLOCK },
    { "config/of-a-network-device", test_real_net, VDPA_NEEDS_NET },
    { "config/write-exact", test_write_exact, .sim = CONFIG_NODE("45") },
    { "config/write-exact-msix", test_write_exact_msix,
      .sim = CONFIG_NODE("45") },
    { "config/write-exact-legacy", test_write_exact, .sim = CONFIG_NODE("2"),
      .props = ",disable-modern=on" },
    { "config/write-exact-legacy-msix", test_write_exact_msix,
      .sim = CONFIG_NODE("2"), .props = ",disable-modern=on" },
    { "config/write-leaves-other-bytes", test_write_leaves_others,
      .sim = CONFIG_NODE("45") },
    { "config/window-in-pci-config-space", test_pci_cfg_window,
      .sim = CONFIG_NODE("45") },
    { "config/failed-read-needs-reset", test_failed_read,
      .sim = CONFIG_NODE("45") },
    { "config/failed-read-shown-with-version-1",
      test_failed_read_before_features, .sim = CONFIG_NODE("45") },
    { "config/failed-read-legacy-broken", test_failed_read_legacy,
      .sim = CONFIG_NODE("2"), .props = ",disable-modern=on" },
    { "config/failed-write-changes-nothing", test_failed_write,
      .sim = CONFIG_NODE("45") },
    { "config/ignored-write-changes-nothing", test_ignored_write,
      .sim = CONFIG_NODE("45") ",parent=vduse" },
    { "config-interrupt/once-per-change", test_interrupt_once,
      .sim = CONFIG_NODE("45") },
    { "config-interrupt/drained-by-access", test_interrupt_drained,
      .sim = CONFIG_NODE("45") },
    { "config-interrupt/without-change", test_interrupt_without_change,
      .sim = CONFIG_NODE("45") },
    { "config-interrupt/not-at-start", test_no_interrupt_at_start,
      .sim = "type=block" },
    { "config-interrupt/no-old-one-at-start", test_no_old_interrupt_at_start,
      .sim = CONFIG_NODE("45") },
    { "config-interrupt/not-before-driver-ok",
      test_generation_in_every_state, .sim = CONFIG_NODE("45") },
    { "config-interrupt/intx", test_interrupt_intx,
      .sim = CONFIG_NODE("45") },
    { "config-interrupt/no-vector", test_interrupt_no_vector,
      .sim = CONFIG_NODE("45") },
    { "config-interrupt/after-reset-vdpa-sim", test_interrupt_after_reset,
      .sim = CONFIG_NODE("45") },
    { "config-interrupt/after-reset-vduse", test_interrupt_after_reset,
      .sim = CONFIG_NODE("45") ",parent=vduse" },
    { "config-interrupt/after-reset-vp-vdpa", test_interrupt_after_reset,
      .sim = CONFIG_NODE("45") ",parent=vp_vdpa" },
    { "config-interrupt/after-stop-and-cont", test_interrupt_after_cont,
      .sim = CONFIG_NODE("45") },
    { "config-interrupt/device-needs-reset", test_needs_reset,
      .sim = "type=block" },
};

static void register_vdpa_dev_config_test(void)
{
    vdpa_add_cases(cases, ARRAY_SIZE(cases));
}

libqos_init(register_vdpa_dev_config_test);
