/*
 * QTest testcase for vhost-vdpa-device: on virtio-mmio
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/module.h"
#include "libqos/virtio-mmio-modern.h"
#include "standard-headers/linux/virtio_mmio.h"
#include "vdpa-dev-helpers.h"

#define MICROVM_MMIO_BASE       0xfeb00000
#define MICROVM_MMIO_SIZE       512
#define MICROVM_MMIO_SLOTS      24

#define MICROVM "-M microvm -global virtio-mmio.force-legacy=false"

#define MICROVM_DEVICE MICROVM \
    " -device vhost-vdpa-device,id=vdpa0,vhostdev=/dev/vhost-vdpa-0"

/* What virtio-mmio shows as the maximum of a ring of any other device */
#define MMIO_RING_MAX           1024

static bool is_type(QVirtioMMIODevice *mmio, uint16_t type)
{
    return !type || mmio->vdev.device_type == type;
}

/* Finds the device of that type on a microvm, or, with 0, the only device */
static void find_mmio(VdpaTest *t, QVirtioMMIODevice *mmio, uint16_t type)
{
    int i;

    for (i = 0; i < MICROVM_MMIO_SLOTS; i++) {
        if (qvirtio_mmio_modern_init(mmio, t->qts, MICROVM_MMIO_BASE +
                                     i * MICROVM_MMIO_SIZE) &&
            is_type(mmio, type)) {
            t->vdev = &mmio->vdev;
            qvirtio_start_device(t->vdev);
            return;
        }
    }
    g_assert_not_reached();
}

static void test_block(VdpaTest *t)
{
    QVirtioMMIODevice mmio;
    int i;

    find_mmio(t, &mmio, 0);
    g_assert_cmpuint(t->vdev->device_type, ==, VIRTIO_ID_BLOCK);
    vdpa_start(t, VDPA_PLAIN, 1);
    /* So often that a ring of 256 wraps around */
    for (i = 0; i < 50; i++) {
        vdpa_blk_verify(t);
    }
    vdpa_reset(t);
    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_blk_verify(t);
    vdpa_forget_rings(t);
}

static uint16_t ring_max(VdpaTest *t)
{
    t->vdev->bus->queue_select(t->vdev, 0);
    return t->vdev->bus->get_queue_size(t->vdev);
}

static void test_ring_max(VdpaTest *t)
{
    QVirtioMMIODevice mmio;

    find_mmio(t, &mmio, 0);
    vdpa_negotiate(t, VDPA_PLAIN);
    g_assert_cmpuint(ring_max(t), ==, 64);
}

/* Its ring has 8 entries on PCI */
static void test_ring_max_of_others(VdpaTest *t)
{
    QVirtioMMIODevice mmio;

    find_mmio(t, &mmio, VIRTIO_ID_RNG);
    g_assert_cmpuint(ring_max(t), ==, MMIO_RING_MAX);
}

static void test_any_id(VdpaTest *t)
{
    QVirtioMMIODevice mmio;

    find_mmio(t, &mmio, 0);
    g_assert_cmpuint(t->vdev->device_type, ==, 100);
}

static void test_config_window(VdpaTest *t)
{
    QVirtioMMIODevice mmio;
    g_autofree char *error = NULL;

    /* 256 bytes fit behind the registers; nothing more does */
    find_mmio(t, &mmio, 0);
    g_assert_cmphex(t->vdev->bus->config_readb(t->vdev, 255), ==, 0);
    error = vdpa_run_to_exit(t, "type=generic,id=2,config-size=257", MICROVM
                             " -device vhost-vdpa-device,"
                             "vhostdev=/dev/vhost-vdpa-0");
    vdpa_assert_has(error, "/dev/vhost-vdpa-0");
    vdpa_assert_has(error, "GET_CONFIG_SIZE");
    vdpa_assert_has(error, "257");
    vdpa_assert_has(error, "256");
}

/* QueueReady */

static void set_ready(VdpaTest *t, unsigned ring, uint32_t ready)
{
    QVirtioMMIODevice *mmio = container_of(t->vdev, QVirtioMMIODevice, vdev);

    qtest_writel(t->qts, mmio->addr + VIRTIO_MMIO_QUEUE_SEL, ring);
    qtest_writel(t->qts, mmio->addr + VIRTIO_MMIO_QUEUE_READY, ready);
    g_assert_cmphex(qtest_readl(t->qts, mmio->addr + VIRTIO_MMIO_QUEUE_READY),
                    ==, ready);
}

/* The device says that it cannot go on; after a reset it can */
static void check_failed(VdpaTest *t)
{
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_expect_message(t, t->node, "ring 1", "DRIVER_OK", NULL);
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "status"), ==, 0);
    vdpa_reset(t);
    vdpa_start(t, VDPA_PLAIN, 2);
    g_assert_cmpuint(qvdpa_sim_ring_state(t->sim, 0, 1, "ready"), ==, 1);
    vdpa_forget_rings(t);
}

static void test_ready_too_late(VdpaTest *t)
{
    QVirtioMMIODevice mmio;

    find_mmio(t, &mmio, 0);
    vdpa_start(t, VDPA_PLAIN, 1);
    /* There are three, none behind them */
    set_ready(t, 3, 1);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER_OK);
    vdpa_setup_ring(t, 1, VDPA_PLAIN);
    check_failed(t);
}

/* The driver stops using a ring; the host device cannot stop it alone */
static void test_taken_back(VdpaTest *t)
{
    QVirtioMMIODevice mmio;

    find_mmio(t, &mmio, 0);
    vdpa_start(t, VDPA_PLAIN, 2);
    /* None of these is used */
    set_ready(t, 2, 0);
    set_ready(t, 3, 0);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER_OK);
    set_ready(t, 1, 0);
    check_failed(t);
}

static void test_taken_back_before_start(VdpaTest *t)
{
    QVirtioMMIODevice mmio;

    find_mmio(t, &mmio, 0);
    vdpa_prepare(t, VDPA_PLAIN, 2);
    set_ready(t, 1, 0);
    qvirtio_set_driver_ok(t->vdev);
    g_assert_cmpuint(qvdpa_sim_ring_state(t->sim, 0, 0, "ready"), ==, 1);
    g_assert_cmpuint(qvdpa_sim_ring_state(t->sim, 0, 1, "ready"), ==, 0);
    /* It is made ready again, but too late */
    set_ready(t, 1, 1);
    check_failed(t);
}

static const VdpaCase cases[] = {
    { "mmio/block", test_block, .machine = MICROVM_DEVICE },
    { "mmio/ring-maximum-is-the-backends", test_ring_max,
      .sim = "type=block,queue-max=64", .machine = MICROVM_DEVICE },
    { "mmio/ring-maximum-of-others-unchanged", test_ring_max_of_others,
      .sim = "type=block", .machine = MICROVM_DEVICE
      " -device virtio-rng-device" },
    { "mmio/id-above-63", test_any_id, .sim = "type=generic,id=100",
      .machine = MICROVM_DEVICE },
    { "mmio/config-window", test_config_window,
      .sim = "type=generic,id=2,config-size=256", .machine = MICROVM_DEVICE },
    { "mmio/ring-made-ready-after-driver-ok", test_ready_too_late,
      .sim = "type=net", .machine = MICROVM_DEVICE },
    { "mmio/ring-taken-back-after-driver-ok", test_taken_back,
      .sim = "type=net", .machine = MICROVM_DEVICE },
    { "mmio/ring-taken-back-before-driver-ok", test_taken_back_before_start,
      .sim = "type=net", .machine = MICROVM_DEVICE },
};

static void register_vdpa_dev_mmio_test(void)
{
    vdpa_add_cases(cases, ARRAY_SIZE(cases));
}

libqos_init(register_vdpa_dev_mmio_test);
