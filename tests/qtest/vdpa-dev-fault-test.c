/*
 * QTest testcase for vhost-vdpa-device: failures
 *
 * Whatever fails while the device starts or stops, the guest hears of it, the
 * log says what failed, everything is given back, and after the guest's reset
 * the device works.  The same for guests that break the rules.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/module.h"
#include "standard-headers/linux/virtio_blk.h"
#include "vdpa-dev-helpers.h"

/* Nothing is left on the backend but guest memory, which stays mapped */
static void assert_given_back(VdpaTest *t)
{
    if (!t->sim) {
        return;
    }
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "status"), ==, 0);
    g_assert_cmpuint(qvdpa_sim_iotlb_entries(t->sim, 0), <=, t->entries);
    g_assert_cmpuint(qvdpa_sim_state(t->sim, 0, "doorbells"), ==, 0);
}

/* After its reset the guest has a device that works */
static void assert_reset_mends(VdpaTest *t, VdpaStartFlags flags)
{
    vdpa_reset(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER);
    vdpa_start(t, flags, 1);
    vdpa_blk_verify(t);
    vdpa_expect_silence(t);
}

/* The text of the errno in a fault, such as "SET_FEATURES errno=EIO" */
static const char *fault_errno_text(const char *fault)
{
    static const struct {
        const char *name;
        int value;
    } errnos[] = {
        { "errno=EIO", EIO }, { "errno=EINVAL", EINVAL },
        { "errno=EBUSY", EBUSY }, { "errno=EFAULT", EFAULT },
        { "errno=ENOMEM", ENOMEM },
    };
    int i;

    for (i = 0; i < ARRAY_SIZE(errnos); i++) {
        if (strstr(fault, errnos[i].name)) {
            return strerror(errnos[i].value);
        }
    }
    return "";
}

/* The start that fails, as the guest and the log have it */
static void check_failed_start(VdpaTest *t, const char *call, const char *why)
{
    vdpa_set_status(t, VDPA_S_DRIVER_OK);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    qvirtio_wait_config_isr(t->vdev, VDPA_TIMEOUT_US);
    assert_given_back(t);
    vdpa_expect_message(t, t->node, call, why, NULL);
}

static void test_start_failure(VdpaTest *t)
{
    const char *fault = t->c->data;
    g_auto(GStrv) words = g_strsplit(fault, " ", 2);
    int i;

    /* The first start, and one after a reset */
    for (i = 0; i < 2; i++) {
        vdpa_prepare(t, VDPA_MSIX, 1);
        qvdpa_sim_do(t->sim, "fault 0 %s", fault);
        check_failed_start(t, words[0], fault_errno_text(fault));
        qvdpa_sim_do(t->sim, "unfault 0");
        assert_reset_mends(t, VDPA_MSIX);
        vdpa_reset(t);
    }
}

/* The second of two rings: the first was set up already */
static void test_start_failure_second_ring(VdpaTest *t)
{
    const char *fault = t->c->data;
    g_auto(GStrv) words = g_strsplit(fault, " ", 2);

    vdpa_prepare(t, VDPA_MSIX, 2);
    qvdpa_sim_do(t->sim, "fault 0 %s ring=1", fault);
    check_failed_start(t, words[0], "ring 1");
    g_assert_cmpuint(qvdpa_sim_ring_state(t->sim, 0, 0, "ready"), ==, 0);
    vdpa_reset(t);
    vdpa_start(t, VDPA_MSIX, 2);
}

static void test_status_not_taken(VdpaTest *t)
{
    vdpa_prepare(t, VDPA_MSIX, 1);
    qvdpa_sim_do(t->sim, "fault 0 SET_STATUS value=%s",
                 (const char *)t->c->data);
    check_failed_start(t, "STATUS", "");
    assert_reset_mends(t, VDPA_MSIX);
}

/* FEATURES_OK: where a device may refuse, and the driver gives up cleanly */

static bool try_features(VdpaTest *t)
{
    vdpa_choose_features(t, VDPA_PLAIN);
    t->vdev->bus->set_features(t->vdev, t->features);
    vdpa_set_status(t, VDPA_S_FEATURES_OK);
    return vdpa_status(t) == VDPA_S_FEATURES_OK;
}

static void check_refused(VdpaTest *t, const char *call)
{
    g_assert_false(try_features(t));
    qvdpa_sim_do(t->sim, "unfault 0");
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER);
    vdpa_expect_message(t, "cannot accept features", t->node, call, NULL);
    assert_given_back(t);
    assert_reset_mends(t, VDPA_MSIX);
    vdpa_reset(t);
}

/* Each call that it takes fails once */
static void test_features_refused(VdpaTest *t)
{
    g_autoptr(GPtrArray) log = NULL;
    int i, j;

    qvdpa_sim_clear(t->sim, 0);
    vdpa_negotiate(t, VDPA_PLAIN);
    log = qvdpa_sim_log(t->sim, 0);
    vdpa_reset(t);
    g_assert_cmpint(log->len, ==, 5);
    for (i = 0; i < log->len; i++) {
        const char *call = qvdpa_log_call(log, i)->name;
        int nth = 1;

        for (j = 0; j < i; j++) {
            nth += g_str_equal(qvdpa_log_call(log, j)->name, call);
        }
        g_test_message("%s, number %d", call, nth);
        qvdpa_sim_do(t->sim, "fault 0 %s nth=%d errno=EINVAL", call, nth);
        check_refused(t, call);
    }
}

static void test_features_not_taken(VdpaTest *t)
{
    /* ACKNOWLEDGE, DRIVER, FEATURES_OK */
    qvdpa_sim_do(t->sim, "fault 0 SET_STATUS nth=3 value=0x3");
    check_refused(t, "SET_STATUS");
}

/* The backend follows a driver that gives up after FEATURES_OK */
static void test_reset_after_features(VdpaTest *t)
{
    vdpa_negotiate(t, VDPA_PLAIN);
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "status"), ==,
                    VDPA_S_FEATURES_OK);
    vdpa_reset(t);
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "status"), ==, 0);

    vdpa_negotiate(t, VDPA_PLAIN);
    qvdpa_sim_do(t->sim, "fault 0 SET_STATUS errno=EIO");
    vdpa_set_status(t, 0);
    g_assert_cmphex(vdpa_status(t), ==, 0);
    vdpa_expect_message(t, t->node, "SET_STATUS", strerror(EIO), NULL);
    assert_reset_mends(t, VDPA_MSIX);
}

/* A driver that takes FEATURES_OK back and wants others */
static void test_features_again(VdpaTest *t)
{
    uint64_t version_1 = VDPA_F(VIRTIO_F_VERSION_1);

    vdpa_negotiate(t, VDPA_PLAIN);
    vdpa_set_status(t, VDPA_S_DRIVER);
    t->vdev->bus->set_features(t->vdev, version_1);
    vdpa_set_status(t, VDPA_S_FEATURES_OK);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_FEATURES_OK);
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "features"), ==,
                    version_1 | VDPA_F(VIRTIO_F_ACCESS_PLATFORM));
    assert_reset_mends(t, VDPA_MSIX);
}

/* A driver that takes FEATURES_OK back under a running device */
static void test_features_taken_back(VdpaTest *t)
{
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_set_status(t, VDPA_S_DRIVER_OK & ~VIRTIO_CONFIG_S_FEATURES_OK);
    g_assert_true(vdpa_status(t) & VIRTIO_CONFIG_S_NEEDS_RESET);
    vdpa_expect_message(t, t->node, "FEATURES_OK", NULL);
    vdpa_set_status(t, VDPA_S_DRIVER_OK);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    assert_given_back(t);
    assert_reset_mends(t, VDPA_MSIX);
}

/* A legacy driver after a modern one: the first one's features are gone */
static void test_features_of_another_driver(VdpaTest *t)
{
    uint32_t legacy;

    vdpa_choose_features(t, VDPA_PLAIN);
    t->vdev->bus->set_features(t->vdev, t->features);
    vdpa_set_status(t, VDPA_S_FEATURES_OK);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_FEATURES_OK);
    legacy = t->features;
    vdpa_set_status(t, VDPA_S_DRIVER);
    /* VERSION_1 is bit 0 of the upper half */
    vdpa_common_writew(t, vdpa_common_offset(guest_feature_select), 1);
    vdpa_common_writew(t, vdpa_common_offset(guest_feature), 0);
    vdpa_set_status(t, VDPA_S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK);
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "features"), ==,
                    legacy | VDPA_F(VIRTIO_F_ACCESS_PLATFORM));
    assert_reset_mends(t, VDPA_MSIX);
}

/* Gives ring 0 other addresses and another size than libqos did */
static void set_ring(VdpaTest *t, uint64_t desc, uint64_t avail,
                     uint64_t used, uint16_t size)
{
    QVirtQueue vq = {
        .vdev = t->vdev,
        .desc = desc,
        .avail = avail,
        .used = used,
    };

    t->vdev->bus->queue_select(t->vdev, 0);
    vdpa_common_writew(t, vdpa_common_offset(queue_size), size);
    t->vdev->bus->set_queue_address(t->vdev, &vq);
    vdpa_common_writew(t, vdpa_common_offset(queue_enable), 1);
}

/* A ring that the core could not map, put right without a reset */
static void test_ring_put_right(VdpaTest *t)
{
    QVirtQueue *vq;

    vdpa_prepare(t, VDPA_MSIX, 1);
    vq = t->ring[0].vq;
    set_ring(t, VDPA_RAM_SIZE - 16, VDPA_RAM_SIZE - 16, VDPA_RAM_SIZE - 16,
             vq->size);
    set_ring(t, vq->desc, vq->avail, vq->used, vq->size);
    vdpa_set_status(t, VDPA_S_DRIVER_OK);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "status"), ==, 0);
    g_free(vdpa_take_stderr(t));
    assert_reset_mends(t, VDPA_MSIX);
}

/*
 * Each call that a start makes fails once.  The device may do without one,
 * but must not be silent about one that it needs.
 */
static void test_start_every_call(VdpaTest *t)
{
    g_autoptr(GPtrArray) log = NULL;
    int i, j, failed = 0;

    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_reset(t);
    vdpa_prepare(t, VDPA_MSIX, 1);
    qvdpa_sim_clear(t->sim, 0);
    vdpa_set_status(t, VDPA_S_DRIVER_OK);
    log = qvdpa_sim_log(t->sim, 0);
    vdpa_reset(t);

    for (i = 0; i < log->len; i++) {
        const char *call = qvdpa_log_call(log, i)->name;
        const char *error = g_str_has_prefix(call, "IOTLB") ? "EFAULT" : "EIO";
        int nth = 1;

        for (j = 0; j < i; j++) {
            nth += g_str_equal(qvdpa_log_call(log, j)->name, call);
        }
        g_test_message("%s, number %d", call, nth);
        vdpa_prepare(t, VDPA_MSIX, 1);
        qvdpa_sim_do(t->sim, "fault 0 %s nth=%d errno=%s", call, nth, error);
        vdpa_set_status(t, VDPA_S_DRIVER_OK);
        qvdpa_sim_do(t->sim, "unfault 0");
        if (vdpa_status(t) == VDPA_S_DRIVER_OK) {
            vdpa_blk_verify(t);
        } else {
            g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
            vdpa_expect_message(t, t->node, call, NULL);
            assert_given_back(t);
            failed++;
        }
        assert_reset_mends(t, VDPA_MSIX);
        vdpa_reset(t);
    }
    g_assert_cmpint(failed, >=, 8);
}

static void test_start_failure_legacy(VdpaTest *t)
{
    QDict *status;

    vdpa_prepare(t, VDPA_PLAIN, 1);
    qvdpa_sim_do(t->sim, "fault 0 SET_FEATURES errno=EINVAL");
    vdpa_set_status(t, VDPA_S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK);
    vdpa_expect_message(t, t->node, "SET_FEATURES", strerror(EINVAL), NULL);
    assert_given_back(t);
    status = vdpa_qmp_status(t);
    g_assert_true(qdict_get_bool(status, "broken"));
    qobject_unref(status);
    assert_reset_mends(t, VDPA_PLAIN);
}

static void test_kick_after_failed_start(VdpaTest *t)
{
    VdpaBlkReq req;

    vdpa_prepare(t, VDPA_MSIX, 1);
    qvdpa_sim_do(t->sim, "fault 0 SET_VRING_NUM errno=EINVAL");
    check_failed_start(t, "SET_VRING_NUM", strerror(EINVAL));
    vdpa_blk_request(t, &req, false, 0, NULL);
    vdpa_submit(t, 0, req.bufs, ARRAY_SIZE(req.bufs));
    vdpa_settle(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    g_assert_false(vdpa_is_complete(t, 0));
    assert_reset_mends(t, VDPA_MSIX);
}

static void test_unplug_after_failed_start(VdpaTest *t)
{
    vdpa_plug(t, "vhost-vdpa-device-pci", "");
    vdpa_prepare(t, VDPA_MSIX, 1);
    qvdpa_sim_do(t->sim, "fault 0 SET_VRING_ADDR errno=EINVAL");
    check_failed_start(t, "SET_VRING_ADDR", strerror(EINVAL));
    vdpa_unplug(t);
    vdpa_assert_balanced(t);
}

static void test_system_reset_after_failed_start(VdpaTest *t)
{
    vdpa_prepare(t, VDPA_MSIX, 1);
    qvdpa_sim_do(t->sim, "fault 0 SET_VRING_ADDR errno=EINVAL");
    check_failed_start(t, "SET_VRING_ADDR", strerror(EINVAL));
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'system_reset' }");
    qtest_qmp_eventwait(t->qts, "RESET");
    t->pci->pdev->msix_enabled = false;
    qvirtio_pci_device_enable(t->pci);
    assert_reset_mends(t, VDPA_MSIX);
}

/* Stop */

/* Each call that a stop makes fails once */
static void test_stop_every_call(VdpaTest *t)
{
    g_autoptr(GPtrArray) log = NULL;
    int i, j, failed = 0;

    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    qvdpa_sim_clear(t->sim, 0);
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'stop' }");
    log = qvdpa_sim_log(t->sim, 0);
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'cont' }");

    for (i = 0; i < log->len; i++) {
        const char *call = qvdpa_log_call(log, i)->name;
        int nth = 1;

        for (j = 0; j < i; j++) {
            nth += g_str_equal(qvdpa_log_call(log, j)->name, call);
        }
        g_test_message("%s, number %d", call, nth);
        vdpa_blk_verify(t);
        vdpa_expect_silence(t);
        qvdpa_sim_do(t->sim, "fault 0 %s nth=%d errno=EIO", call, nth);
        qtest_qmp_assert_success(t->qts, "{ 'execute': 'stop' }");
        qvdpa_sim_do(t->sim, "unfault 0");
        qtest_qmp_assert_success(t->qts, "{ 'execute': 'cont' }");
        if (vdpa_status(t) == VDPA_S_DRIVER_OK) {
            vdpa_blk_verify(t);
        } else {
            g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
            vdpa_expect_message(t, t->node, call, NULL);
            failed++;
        }
        assert_reset_mends(t, VDPA_MSIX);
    }
    /* SUSPEND, GET_STATUS, GET_VRING_BASE and SET_STATUS */
    g_assert_cmpint(failed, ==, 4);
}

static void test_failed_guest_reset(VdpaTest *t)
{
    vdpa_start(t, VDPA_MSIX, 1);
    qvdpa_sim_do(t->sim, "fault 0 SET_STATUS errno=EIO");
    vdpa_set_status(t, 0);
    g_assert_cmphex(vdpa_status(t), ==, 0);
    vdpa_expect_message(t, t->node, "SET_STATUS", strerror(EIO), NULL);
    /* To the guest its memory is its own again */
    g_assert_cmpuint(qvdpa_sim_iotlb_entries(t->sim, 0), ==, 0);
    assert_reset_mends(t, VDPA_MSIX);
}

/* Guests that break the rules */

typedef struct VdpaBadRing {
    const char *what;
    uint64_t desc;              /* added to what libqos made */
    uint64_t avail;
    uint64_t used;
    uint16_t size;              /* 0: as libqos made it */
    bool absolute;              /* the addresses are not relative */
} VdpaBadRing;

static void check_bad_ring(VdpaTest *t, const VdpaBadRing *bad)
{
    QVirtQueue *vq;
    uint64_t desc, avail, used;

    g_test_message("%s", bad->what);
    vdpa_prepare(t, VDPA_MSIX, 1);
    vq = t->ring[0].vq;
    desc = bad->absolute && bad->desc ? bad->desc : vq->desc + bad->desc;
    avail = bad->absolute && bad->avail ? bad->avail : vq->avail + bad->avail;
    used = bad->absolute && bad->used ? bad->used : vq->used + bad->used;
    set_ring(t, desc, avail, used, bad->size ?: vq->size);
    /* The virtio core may have had its say about memory that is not there */
    g_free(vdpa_take_stderr(t));
    check_failed_start(t, "ring 0", "");
    assert_reset_mends(t, VDPA_MSIX);
    vdpa_reset(t);
}

static void test_misaligned_ring(VdpaTest *t)
{
    static const VdpaBadRing bad[] = {
        { "descriptors", .desc = 8 },
        { "driver area", .avail = 1 },
        { "device area", .used = 2 },
    };
    int i;

    for (i = 0; i < ARRAY_SIZE(bad); i++) {
        check_bad_ring(t, &bad[i]);
    }
}

static void test_odd_ring_size(VdpaTest *t)
{
    static const VdpaBadRing bad[] = {
        { "of 3", .size = 3 },
        { "of 100", .size = 100 },
        { "above the maximum", .size = 512 },
    };
    int i;

    for (i = 0; i < ARRAY_SIZE(bad); i++) {
        check_bad_ring(t, &bad[i]);
    }
}

static void test_ring_outside_ram(VdpaTest *t)
{
    static const VdpaBadRing bad[] = {
        { "descriptors across the end", .absolute = true,
          .desc = VDPA_RAM_SIZE - 4096 + 16 },
        { "driver area across the end", .absolute = true,
          .avail = VDPA_RAM_SIZE - 2 },
        { "device area across the end", .absolute = true,
          .used = VDPA_RAM_SIZE - 4 },
        { "descriptors beyond the end", .absolute = true,
          .desc = VDPA_RAM_SIZE },
        { "descriptors far away", .absolute = true, .desc = 1ull << 60 },
        { "descriptors that wrap", .absolute = true, .desc = -16ull },
        { "device area that wraps", .absolute = true, .used = -4ull },
        { "descriptors in ROM", .absolute = true, .desc = 0xfffff000 },
    };
    int i;

    for (i = 0; i < ARRAY_SIZE(bad); i++) {
        check_bad_ring(t, &bad[i]);
    }
}

static void test_driver_ok_without_features_ok(VdpaTest *t)
{
    uint64_t features = qvirtio_get_features(t->vdev);

    t->vdev->bus->set_features(t->vdev, features &
                               ~VDPA_F(VIRTIO_F_RING_PACKED));
    t->vdev->features = features;
    t->vdev->features_negotiated = true;
    vdpa_setup_ring(t, 0, VDPA_PLAIN);
    vdpa_set_status(t, VDPA_S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER |
                    VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_NEEDS_RESET);
    assert_given_back(t);
    vdpa_expect_message(t, t->node, "FEATURES_OK", NULL);
    assert_reset_mends(t, VDPA_PLAIN);
}

/* It is not an error, but nothing is served */
static void test_driver_ok_without_rings(VdpaTest *t)
{
    vdpa_negotiate(t, VDPA_PLAIN);
    qvirtio_set_driver_ok(t->vdev);
    assert_reset_mends(t, VDPA_PLAIN);
}

static void test_garbage_status(VdpaTest *t)
{
    int status;

    for (status = 0; status < 256; status++) {
        vdpa_set_status(t, status);
        vdpa_set_status(t, 0xff);
        vdpa_set_status(t, status);
    }
    g_free(vdpa_take_stderr(t));
    assert_reset_mends(t, VDPA_PLAIN);
}

static void test_ring_too_late(VdpaTest *t)
{
    QVirtQueue *vq;

    vdpa_start(t, VDPA_MSIX, 1);
    /* There are three, none behind them */
    t->vdev->bus->queue_select(t->vdev, 3);
    qpci_io_writew(t->pci->pdev, t->pci->bar, t->pci->common_cfg_offset +
                   offsetof(struct virtio_pci_common_cfg, queue_enable), 1);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER_OK);

    vq = qvirtqueue_setup(t->vdev, t->alloc, 1);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_expect_message(t, t->node, "ring 1", "DRIVER_OK", NULL);
    qvirtqueue_cleanup(t->vdev->bus, vq, t->alloc);
}

#define FAULT(words) \
    { "start-failure/" words, test_start_failure, .sim = "type=block", \
      .data = words " errno=EIO" }
#define FAULT_RING1(words) \
    { "start-failure/second-ring-" words, test_start_failure_second_ring, \
      .sim = "type=net", .data = words " errno=EINVAL" }

static const VdpaCase cases[] = {
    { "features/refused", test_features_refused, .sim = "type=block" },
    { "features/refused-by-the-status", test_features_not_taken,
      .sim = "type=block" },
    { "features/then-reset", test_reset_after_features,
      .sim = "type=block" },
    { "features/negotiated-again", test_features_again, .sim = "type=block" },
    { "features/taken-back", test_features_taken_back, .sim = "type=block" },
    { "features/of-another-driver", test_features_of_another_driver,
      .sim = "type=block" },
    { "bad-guest/ring-put-right", test_ring_put_right, .sim = "type=block" },
    FAULT("SET_STATUS"),
    FAULT("GET_STATUS"),
    FAULT("SET_VRING_NUM"),
    FAULT("SET_VRING_ADDR"),
    FAULT("SET_VRING_BASE"),
    FAULT("SET_VRING_KICK"),
    FAULT("SET_VRING_CALL"),
    FAULT("SET_VRING_ENABLE"),
    FAULT_RING1("SET_VRING_NUM"),
    FAULT_RING1("SET_VRING_ADDR"),
    FAULT_RING1("SET_VRING_CALL"),
    FAULT_RING1("SET_VRING_ENABLE"),
    { "start-failure/DRIVER_OK-not-taken", test_status_not_taken,
      .sim = "type=block", .data = "0xb" },
    { "start-failure/FAILED-set", test_status_not_taken,
      .sim = "type=block", .data = "0x8f" },
    { "start-failure/NEEDS_RESET-set", test_status_not_taken,
      .sim = "type=block", .data = "0x4f" },
    { "start-failure/every-call-vdpa-sim", test_start_every_call,
      .sim = "type=block" },
    { "start-failure/every-call-vdpa-sim-6.1", test_start_every_call,
      .sim = "type=block,profile=6.1" },
    { "start-failure/every-call-vp-vdpa", test_start_every_call,
      .sim = "type=block,parent=vp_vdpa" },
    { "start-failure/every-call-vduse", test_start_every_call,
      .sim = "type=block,parent=vduse" },
    { "start-failure/legacy-is-broken-in-qmp", test_start_failure_legacy,
      .sim = "type=block", .props = ",disable-modern=on" },
    { "start-failure/kick-does-nothing", test_kick_after_failed_start,
      .sim = "type=block" },
    { "start-failure/then-unplug", test_unplug_after_failed_start,
      .sim = "type=block", .plug = true },
    { "start-failure/then-system-reset",
      test_system_reset_after_failed_start, .sim = "type=block" },
    { "stop-failure/every-call", test_stop_every_call,
      .sim = "type=block,profile=6.1" },
    { "stop-failure/guest-reset", test_failed_guest_reset,
      .sim = "type=block" },
    { "bad-guest/misaligned-ring", test_misaligned_ring, VDPA_NEEDS_BLOCK },
    { "bad-guest/odd-ring-size", test_odd_ring_size, VDPA_NEEDS_BLOCK },
    { "bad-guest/ring-outside-ram", test_ring_outside_ram,
      VDPA_NEEDS_BLOCK },
    { "bad-guest/driver-ok-without-features-ok",
      test_driver_ok_without_features_ok, VDPA_NEEDS_BLOCK },
    { "bad-guest/driver-ok-without-rings", test_driver_ok_without_rings,
      VDPA_NEEDS_BLOCK },
    { "bad-guest/ring-enabled-after-driver-ok", test_ring_too_late,
      .sim = "type=net" },
    { "bad-guest/garbage-in-status", test_garbage_status,
      VDPA_NEEDS_BLOCK },
};

static void register_vdpa_dev_fault_test(void)
{
    vdpa_add_cases(cases, ARRAY_SIZE(cases));
}

libqos_init(register_vdpa_dev_fault_test);
