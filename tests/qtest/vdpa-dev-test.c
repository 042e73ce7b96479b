/*
 * QTest testcase for vhost-vdpa-device: life and data
 *
 * The device as a guest's driver sees it: rings of both formats with data,
 * start, stop, reset, plugging in and out, the ways to hand a descriptor over,
 * and the transports.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/pci/pci_regs.h"
#include "qemu/module.h"
#include "libqos/fw_cfg.h"
#include "standard-headers/linux/virtio_blk.h"
#include "standard-headers/linux/virtio_net.h"
#include "boot-sector.h"
#include "vdpa-dev-helpers.h"

#define FLAGS(flags)            ((void *)(uintptr_t)(flags))

/* Enough for a ring of 256 to wrap around */
#define ENOUGH_TO_WRAP          50

/* A ring that wraps around at every third request */
#define SMALL_RING              ",queue-size=8"

static VdpaStartFlags case_flags(VdpaTest *t)
{
    return (uintptr_t)t->c->data;
}

static void verify_often(VdpaTest *t)
{
    int i;

    for (i = 0; i < ENOUGH_TO_WRAP; i++) {
        vdpa_blk_verify(t);
    }
}

/* Data */

static void test_block(VdpaTest *t)
{
    static const struct {
        VdpaStartFlags flag;
        unsigned feature;
    } wanted[] = {
        { VDPA_INDIRECT, VIRTIO_RING_F_INDIRECT_DESC },
        { VDPA_EVENT_IDX, VIRTIO_RING_F_EVENT_IDX },
        { VDPA_PACKED, VIRTIO_F_RING_PACKED },
    };
    int i;

    vdpa_start(t, case_flags(t), 1);
    for (i = 0; i < ARRAY_SIZE(wanted); i++) {
        if (case_flags(t) & wanted[i].flag) {
            g_assert_true(t->features & VDPA_F(wanted[i].feature));
        }
    }
    verify_often(t);
}

static void test_event_idx_suppresses(VdpaTest *t)
{
    VdpaBlkReq req;
    QVirtQueue *vq;
    uint8_t status;
    uint32_t id;
    int i;

    vdpa_start(t, VDPA_EVENT_IDX, 1);
    vq = t->ring[0].vq;
    vdpa_blk_verify(t);

    /* The third from now on is to interrupt; the helper leaves it so */
    qvirtqueue_set_used_event(t->qts, vq, vq->last_used_idx + 2);
    vq->event = false;
    for (i = 0; i < 2; i++) {
        vdpa_blk_request(t, &req, false, i, NULL);
        id = vdpa_submit(t, 0, req.bufs, ARRAY_SIZE(req.bufs));
        status = qvirtio_wait_status_byte_no_isr(t->qts, t->vdev, vq,
                                                 req.status, VDPA_TIMEOUT_US);
        g_assert_cmphex(status, ==, VIRTIO_BLK_S_OK);
        t->poll = true;
        vdpa_complete(t, 0, id);
        vdpa_settle(t);
        g_assert_false(t->vdev->bus->get_queue_isr_status(t->vdev, vq));
    }
    t->poll = false;
    vdpa_blk_request(t, &req, false, 0, NULL);
    id = vdpa_submit(t, 0, req.bufs, ARRAY_SIZE(req.bufs));
    vdpa_complete(t, 0, id);
}

/* Each kind of parent, which loses other things at a reset */
static void test_block_on_parent(VdpaTest *t)
{
    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_blk_verify(t);
    vdpa_reset(t);
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'stop' }");
    if (t->c->data) {
        vdpa_expect_message(t, t->node, t->c->data, NULL);
    }
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'cont' }");
    vdpa_blk_verify(t);
}

#define NO_SUSPEND "cannot be suspended"

static void test_net(VdpaTest *t)
{
    enum { RX, TX };
    uint8_t frame[sizeof(struct virtio_net_hdr_v1) + 64];
    uint8_t got[sizeof(frame)];
    uint64_t rx = guest_alloc(t->alloc, 2048);
    uint64_t tx = guest_alloc(t->alloc, sizeof(frame));
    QVirtioBuf rx_buf = { rx, 2048, true };
    QVirtioBuf tx_buf = { tx, sizeof(frame), false };
    uint32_t rx_id, tx_id, len;
    int i, n;

    vdpa_start(t, VDPA_PLAIN, 2);
    for (n = 0; n < 10; n++) {
        memset(frame, 0, sizeof(struct virtio_net_hdr_v1));
        memset(frame + sizeof(struct virtio_net_hdr_v1), 0xff, ETH_ALEN);
        for (i = sizeof(struct virtio_net_hdr_v1) + ETH_ALEN;
             i < sizeof(frame); i++) {
            frame[i] = i * 7 + n;
        }
        qtest_memset(t->qts, rx, 0, 2048);
        qtest_memwrite(t->qts, tx, frame, sizeof(frame));
        rx_id = vdpa_submit(t, RX, &rx_buf, 1);
        tx_id = vdpa_submit(t, TX, &tx_buf, 1);

        /* With INTx either interrupt clears both */
        t->poll = true;
        vdpa_complete(t, TX, tx_id);
        len = vdpa_complete(t, RX, rx_id);
        g_assert_cmpuint(len, ==, sizeof(frame));
        qtest_memread(t->qts, rx, got, sizeof(got));
        g_assert_cmpmem(got + sizeof(struct virtio_net_hdr_v1),
                        sizeof(got) - sizeof(struct virtio_net_hdr_v1),
                        frame + sizeof(struct virtio_net_hdr_v1),
                        sizeof(frame) - sizeof(struct virtio_net_hdr_v1));
    }
    vdpa_wait_interrupt(t, RX);
}

/* One request of 64 bytes that the device fills */
static void read_64(VdpaTest *t, uint8_t *data)
{
    uint64_t addr = guest_alloc(t->alloc, 64);
    QVirtioBuf buf = { addr, 64, true };
    uint32_t len;

    qtest_memset(t->qts, addr, 0, 64);
    len = vdpa_complete(t, 0, vdpa_submit(t, 0, &buf, 1));
    g_assert_cmpuint(len, ==, 64);
    qtest_memread(t->qts, addr, data, 64);
    guest_free(t->alloc, addr);
}

static void read_mac(VdpaTest *t, uint8_t *mac)
{
    int i;

    for (i = 0; i < ETH_ALEN; i++) {
        mac[i] = t->vdev->bus->config_readb(t->vdev, i);
    }
}

/* By the control ring */
static void set_mac(VdpaTest *t, const uint8_t *mac)
{
    enum { CONTROL = 2 };
    struct virtio_net_ctrl_hdr hdr = {
        .class = VIRTIO_NET_CTRL_MAC,
        .cmd = VIRTIO_NET_CTRL_MAC_ADDR_SET,
    };
    uint64_t addr = guest_alloc(t->alloc, 16);
    QVirtioBuf bufs[] = {
        { addr, sizeof(hdr), false },
        { addr + sizeof(hdr), ETH_ALEN, false },
        { addr + sizeof(hdr) + ETH_ALEN, 1, true },
    };
    uint8_t now[ETH_ALEN];

    qtest_memwrite(t->qts, addr, &hdr, sizeof(hdr));
    qtest_memwrite(t->qts, bufs[1].addr, mac, ETH_ALEN);
    qtest_writeb(t->qts, bufs[2].addr, 0xff);
    vdpa_complete(t, CONTROL, vdpa_submit(t, CONTROL, bufs, ARRAY_SIZE(bufs)));
    g_assert_cmphex(qtest_readb(t->qts, bufs[2].addr), ==, VIRTIO_NET_OK);
    read_mac(t, now);
    g_assert_cmpmem(now, ETH_ALEN, mac, ETH_ALEN);
    guest_free(t->alloc, addr);
}

/* The control ring of vdpa_sim_net is in a group of its own */
static void test_net_control(VdpaTest *t)
{
    static const uint8_t mac[ETH_ALEN] = { 2, 0x11, 0x22, 0x33, 0x44, 0x55 };
    uint8_t old[ETH_ALEN];

    vdpa_start(t, VDPA_PLAIN, 3);
    read_mac(t, old);
    set_mac(t, mac);
    /* A real device keeps it */
    set_mac(t, old);
}

static void test_rng(VdpaTest *t)
{
    uint8_t first[64], second[64];

    vdpa_start(t, VDPA_PLAIN, 1);
    read_64(t, first);
    read_64(t, second);
    g_assert_cmpint(memcmp(first, second, sizeof(first)), !=, 0);
}

static void test_generic(VdpaTest *t)
{
    uint8_t data[64], want[64];

    memset(want, 0xa5, sizeof(want));
    vdpa_start(t, VDPA_PLAIN, 1);
    read_64(t, data);
    g_assert_cmpmem(data, sizeof(data), want, sizeof(want));
}

/* Start */

/* The first SET_STATUS with that value */
static int find_status(GPtrArray *log, int from, uint8_t status)
{
    int i = from - 1;

    while ((i = qvdpa_log_find(log, i + 1, "SET_STATUS", NULL)) >= 0) {
        if (qvdpa_call_arg(qvdpa_log_call(log, i), "status") == status) {
            return i;
        }
    }
    return -1;
}

static void assert_between(GPtrArray *log, const char *name, int first,
                           int last)
{
    int i = qvdpa_log_find(log, 0, name, NULL);

    if (i < 0) {
        g_test_message("no %s", name);
    }
    g_assert_cmpint(i, >, first);
    while (i >= 0) {
        g_assert_cmpint(i, <, last);
        i = qvdpa_log_find(log, i + 1, name, NULL);
    }
}

static void test_start_order(VdpaTest *t)
{
    static const uint8_t steps[] = { 0, 1, 3, 0xb, 0xf };
    g_autoptr(GPtrArray) log = NULL;
    int at[ARRAY_SIZE(steps)];
    int i, from = 0;

    vdpa_start(t, VDPA_PLAIN, 1);
    log = qvdpa_sim_log(t->sim, 0);

    /* These steps, each once, and nothing else */
    g_assert_cmpuint(qvdpa_log_count(log, "SET_STATUS"), ==,
                     ARRAY_SIZE(steps));
    for (i = 0; i < ARRAY_SIZE(steps); i++) {
        at[i] = find_status(log, from, steps[i]);
        g_assert_cmpint(at[i], >=, from);
        from = at[i] + 1;
    }
    /* Those that a parent may not take are read back */
    g_assert_cmpint(qvdpa_log_find(log, at[3], "GET_STATUS", NULL), ==,
                    at[3] + 1);
    g_assert_cmpint(qvdpa_log_find(log, at[4], "GET_STATUS", NULL), ==,
                    at[4] + 1);

    assert_between(log, "SET_FEATURES", at[2], at[3]);
    assert_between(log, "SET_VRING_NUM", at[3], at[4]);
    assert_between(log, "SET_VRING_ADDR", at[3], at[4]);
    assert_between(log, "SET_VRING_BASE", at[3], at[4]);
    assert_between(log, "SET_VRING_KICK", at[3], at[4]);
    assert_between(log, "SET_VRING_CALL", at[3], at[4]);
    assert_between(log, "SET_VRING_ENABLE", at[3], at[4]);
    assert_between(log, "SET_CONFIG_CALL", at[0], at[4]);
}

/* One kick after DRIVER_OK, one for each request, and none before */
static void test_no_early_kick(VdpaTest *t)
{
    vdpa_prepare(t, VDPA_PLAIN, 1);
    qvdpa_sim_do(t->sim, "fault 0 SET_STATUS errno=EIO");
    vdpa_set_status(t, VDPA_S_DRIVER_OK);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_expect_message(t, t->node, "SET_STATUS", NULL);

    vdpa_reset(t);
    vdpa_start(t, VDPA_PLAIN, 1);
    qvdpa_sim_wait_state(t->sim, 0, "kicks", 1, VDPA_TIMEOUT_US);
    vdpa_blk_verify(t);
    g_assert_cmpuint(qvdpa_sim_state(t->sim, 0, "kicks"), ==,
                     1 + qvdpa_sim_state(t->sim, 0, "requests"));
}

static void test_start_maps_before_driver_ok(VdpaTest *t)
{
    g_autoptr(GPtrArray) log = NULL;
    int driver_ok;

    vdpa_start(t, VDPA_PLAIN, 1);
    log = qvdpa_sim_log(t->sim, 0);
    driver_ok = find_status(log, 0, VDPA_S_DRIVER_OK);
    g_assert_cmpint(driver_ok, >=, 0);
    g_assert_cmpint(qvdpa_log_find(log, 0, "IOTLB_UPDATE", NULL), >=, 0);
    g_assert_cmpint(qvdpa_log_find(log, driver_ok, "IOTLB_UPDATE", NULL),
                    ==, -1);
}

static void test_request_before_driver_ok(VdpaTest *t)
{
    VdpaBlkReq req;
    uint32_t id;

    vdpa_prepare(t, VDPA_PLAIN, 1);
    vdpa_blk_request(t, &req, false, 0, NULL);
    id = vdpa_submit(t, 0, req.bufs, ARRAY_SIZE(req.bufs));
    qvirtio_set_driver_ok(t->vdev);
    vdpa_complete(t, 0, id);
    g_assert_cmphex(qtest_readb(t->qts, req.status), ==, VIRTIO_BLK_S_OK);
}

static void test_only_set_up_rings(VdpaTest *t)
{
    g_autoptr(GPtrArray) log = NULL;
    int i;

    /* The one in the middle */
    vdpa_negotiate(t, VDPA_PLAIN);
    vdpa_setup_ring(t, 1, VDPA_PLAIN);
    qvirtio_set_driver_ok(t->vdev);

    log = qvdpa_sim_log(t->sim, 0);
    for (i = 0; i < 3; i++) {
        g_autofree char *index = g_strdup_printf("index=%d", i);

        g_assert_cmpuint(qvdpa_sim_ring_state(t->sim, 0, i, "ready"), ==,
                         i == 1);
        g_assert_cmpint(qvdpa_log_find(log, 0, "SET_VRING_ENABLE", index) >= 0,
                        ==, i == 1);
    }
}

/* Stop and reset */

static void test_guest_reset(VdpaTest *t)
{
    int i;

    for (i = 0; i < 4; i++) {
        vdpa_start(t, i & 1 ? VDPA_MSIX : VDPA_PLAIN, 1);
        vdpa_blk_verify(t);
        vdpa_reset(t);
        if (t->sim) {
            g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "status"), ==, 0);
        }
    }
}

static void test_system_reset(VdpaTest *t)
{
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);

    qtest_qmp_assert_success(t->qts, "{ 'execute': 'system_reset' }");
    qtest_qmp_eventwait(t->qts, "RESET");
    vdpa_forget_rings(t);
    if (t->sim) {
        g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "status"), ==, 0);
    }

    t->pci->pdev->msix_enabled = false;
    qvirtio_pci_device_enable(t->pci);
    g_assert_cmphex(vdpa_status(t), ==, 0);
    vdpa_reset(t);
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
}

/* The ring index that QEMU holds for a device that is stopped */
static unsigned held_index(VdpaTest *t)
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

static void test_stop_cont(VdpaTest *t)
{
    int i;

    vdpa_start(t, case_flags(t), 1);
    for (i = 0; i < 8; i++) {
        vdpa_blk_verify(t);
        qtest_qmp_assert_success(t->qts, "{ 'execute': 'stop' }");
        if (!t->ring[0].is_packed) {
            g_assert_cmpuint(held_index(t), ==, 4 * i + 2);
        }
        qtest_qmp_assert_success(t->qts, "{ 'execute': 'cont' }");
        g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER_OK);
        vdpa_blk_verify(t);
        if (t->sim) {
            /* None lost, and none made twice */
            g_assert_cmpuint(qvdpa_sim_state(t->sim, 0, "requests"), ==,
                             4 * i + 4);
        }
    }
}

static void test_request_while_stopped(VdpaTest *t)
{
    VdpaBlkReq req;
    uint32_t id;

    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_blk_verify(t);
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'stop' }");
    vdpa_blk_request(t, &req, false, 0, NULL);
    id = vdpa_submit(t, 0, req.bufs, ARRAY_SIZE(req.bufs));
    vdpa_settle(t);
    g_assert_false(vdpa_is_complete(t, 0));
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'cont' }");
    vdpa_complete(t, 0, id);
}

static void test_stop_suspends_first(VdpaTest *t)
{
    g_autoptr(GPtrArray) log = NULL;
    int suspend, base, status;

    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_blk_verify(t);
    qvdpa_sim_clear(t->sim, 0);
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'stop' }");

    log = qvdpa_sim_log(t->sim, 0);
    suspend = qvdpa_log_find(log, 0, "SUSPEND", NULL);
    base = qvdpa_log_find(log, 0, "GET_VRING_BASE", "index=0");
    status = find_status(log, 0, 0);
    g_assert_cmpint(suspend, >=, 0);
    g_assert_cmpint(base, >, suspend);
    g_assert_true(status < 0 || status > base);
}

/* What completes once the rings go on again raises its interrupt */
static void test_cont_calls_first(VdpaTest *t)
{
    g_autoptr(GPtrArray) log = NULL;
    int running;

    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'stop' }");
    qvdpa_sim_clear(t->sim, 0);
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'cont' }");

    log = qvdpa_sim_log(t->sim, 0);
    running = qvdpa_log_find(log, 0, "RESUME", NULL);
    if (running < 0) {
        running = find_status(log, 0, VDPA_S_DRIVER_OK);
    }
    g_assert_cmpint(running, >=, 0);
    g_assert_cmpint(qvdpa_log_find(log, running, "SET_VRING_CALL", NULL), ==,
                    -1);
    g_assert_cmpuint(qvdpa_sim_ring_state(t->sim, 0, 0, "call"), ==, 1);
    vdpa_blk_verify(t);
}

static void test_stop_reset_while_stopped(VdpaTest *t)
{
    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_blk_verify(t);
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'stop' }");
    vdpa_reset(t);
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'cont' }");
    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_blk_verify(t);
}

/* At exit nothing is unrealized, but the device is stopped */
static void test_quit_stops_device(VdpaTest *t)
{
    g_autofree char *text = NULL;
    const char *last;

    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_blk_verify(t);
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'quit' }");
    /* libqtest asserts that the exit status is 0 */
    qtest_end();

    text = vdpa_take_stderr(t);
    last = g_strrstr(text, "status 0x");
    if (!last) {
        g_test_skip("QEMU has no trace backend that writes to stderr");
        return;
    }
    g_assert_nonnull(strstr(text, "status 0xf"));
    g_assert_true(g_str_has_prefix(last, "status 0x0"));
}

/* Plugging in and out */

static void test_plug_and_unplug(VdpaTest *t)
{
    int i;

    for (i = 0; i < 3; i++) {
        vdpa_plug(t, "vhost-vdpa-device-pci", "");
        vdpa_start(t, i & 1 ? VDPA_MSIX : VDPA_PLAIN, 1);
        vdpa_blk_verify(t);
        vdpa_unplug(t);
    }
}

static void test_unplug_gives_all_back(VdpaTest *t)
{
    vdpa_plug(t, "vhost-vdpa-device-pci", t->c->data);
    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_blk_verify(t);
    vdpa_unplug(t);
    vdpa_assert_balanced(t);
    g_assert_cmpuint(qvdpa_sim_iotlb_entries(t->sim, 0), ==, 0);
}

static void test_unplug_with_request(VdpaTest *t)
{
    VdpaBlkReq req;

    vdpa_plug(t, "vhost-vdpa-device-pci", "");
    vdpa_start(t, VDPA_PLAIN, 1);
    qvdpa_sim_do(t->sim, "hold 0");
    vdpa_blk_request(t, &req, false, 0, NULL);
    vdpa_submit(t, 0, req.bufs, ARRAY_SIZE(req.bufs));
    qvdpa_sim_wait_state(t->sim, 0, "inflight", 1, VDPA_TIMEOUT_US);
    vdpa_unplug(t);
    vdpa_assert_balanced(t);
    qvdpa_sim_do(t->sim, "release 0");

    vdpa_plug(t, "vhost-vdpa-device-pci", "");
    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_blk_verify(t);
}

static void test_unplug_root_port(VdpaTest *t)
{
    int i;

    for (i = 0; i < 2; i++) {
        g_autofree char *error = NULL;

        error = vdpa_try_plug(t, "vhost-vdpa-device-pci", ",bus=rp0");
        g_assert_cmpstr(error, ==, NULL);
        g_assert_true(qvdpa_sim_is_open(t->sim, 0));
        qtest_qmp_device_del_send(t->qts, QVHOST_VDPA_ID);
        qtest_qmp_assert_success(t->qts, "{ 'execute': 'system_reset' }");
        /* The virtio device, then the PCI device */
        qtest_qmp_eventwait(t->qts, "DEVICE_DELETED");
        qtest_qmp_eventwait(t->qts, "DEVICE_DELETED");
        vdpa_assert_balanced(t);
        g_assert_false(qvdpa_sim_is_open(t->sim, 0));
        qvdpa_sim_clear(t->sim, 0);
    }
}

static void test_two_devices(VdpaTest *t)
{
    QPCIAddress addr = { .devfn = QPCI_DEVFN(6, 0) };
    g_autofree char *answer = NULL;
    QVirtioPCIDevice *second;

    vdpa_start(t, VDPA_PLAIN, 1);
    answer = qtest_hmp(t->qts, "device_add vhost-vdpa-device-pci,id=vdpa1,"
                       "addr=06.0,vhostdev=/dev/vhost-vdpa-1");
    g_assert_cmpstr(answer, ==, "");
    second = virtio_pci_new(t->bus, &addr);
    g_assert_nonnull(second);
    g_assert_cmpuint(second->vdev.device_type, ==, VIRTIO_ID_RNG);
    g_free(second->pdev);
    g_free(second);
    vdpa_blk_verify(t);
    qpci_unplug_acpi_device_test(t->qts, "vdpa1", 6);
    vdpa_blk_verify(t);
}

static void test_open_twice(VdpaTest *t)
{
    g_autofree char *answer = NULL;

    answer = qtest_hmp(t->qts, "device_add vhost-vdpa-device-pci,id=vdpa1,"
                       "addr=06.0,vhostdev=%s", t->node);
    vdpa_assert_has(answer, t->node);
    vdpa_assert_has(answer, strerror(EBUSY));
    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_blk_verify(t);
}

/* Memory */

/* @data: the driver */
static void test_hot_added_memory(VdpaTest *t)
{
    uint8_t want[VDPA_SECTOR], got[VDPA_SECTOR];
    uint64_t dimm = 4 * GiB;
    VdpaBlkReq req;
    QDict *rsp;

    vdpa_start(t, VDPA_PLAIN, 1);
    rsp = qtest_qmp(t->qts, "{ 'execute': 'device_add', 'arguments': {"
                    " 'driver': %s, 'id': 'dimm0', 'memdev': 'mem0',"
                    " 'addr': %" PRIu64 " } }", (char *)t->c->data, dimm);
    g_assert_true(qdict_haskey(rsp, "return"));
    qobject_unref(rsp);

    vdpa_new_pattern(t, want);
    vdpa_blk_rw(t, true, 3, want);
    vdpa_blk_request(t, &req, false, 3, NULL);
    req.bufs[1].addr = dimm + 0x1000;
    vdpa_complete(t, 0, vdpa_submit(t, 0, req.bufs, ARRAY_SIZE(req.bufs)));
    qtest_memread(t->qts, dimm + 0x1000, got, sizeof(got));
    g_assert_cmpmem(got, sizeof(got), want, sizeof(want));
}

/* Transports */

static void test_pci_type(VdpaTest *t)
{
    vdpa_plug(t, t->c->data, "");
    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
}

static void test_legacy_only(VdpaTest *t)
{
    int i;

    g_assert_cmphex(qpci_config_readw(t->pci->pdev, PCI_DEVICE_ID), ==,
                    VIRTIO_TRANS_ID_BLOCK);
    for (i = 0; i < 2; i++) {
        vdpa_start(t, VDPA_PLAIN, 1);
        g_assert_cmphex(t->features >> 32, ==, 0);
        verify_often(t);
        vdpa_reset(t);
    }
}

static void test_legacy_driver_on_transitional(VdpaTest *t)
{
    vdpa_plug(t, "vhost-vdpa-device-pci-transitional", "");
    vdpa_use_legacy(t);
    vdpa_start(t, case_flags(t), 1);
    vdpa_blk_verify(t);
    vdpa_reset(t);
    vdpa_start(t, case_flags(t), 1);
    vdpa_blk_verify(t);
}

/* Ways to hand a descriptor over */

static int open_node(VdpaTest *t)
{
    int fd = t->sim ? qvdpa_sim_open_node(t->sim, 0) : open(t->node, O_RDWR);

    g_assert_cmpint(fd, >=, 0);
    return fd;
}

static void verify_and_unplug(VdpaTest *t)
{
    vdpa_attach(t);
    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_blk_verify(t);
    vdpa_unplug(t);
}

static void test_fdset(VdpaTest *t)
{
    g_autofree char *error = NULL;
    int fd = open_node(t);
    QDict *rsp;

    rsp = qtest_qmp_fds(t->qts, &fd, 1, "{ 'execute': 'add-fd',"
                        " 'arguments': { 'fdset-id': 1 } }");
    g_assert_true(qdict_haskey(rsp, "return"));
    qobject_unref(rsp);
    close(fd);

    error = vdpa_try_plug(t, "vhost-vdpa-device-pci",
                          ",vhostdev=/dev/fdset/1");
    g_assert_cmpstr(error, ==, NULL);
    verify_and_unplug(t);
}

/* getfd's names belong to one monitor, so this has to be QMP throughout */
static void test_getfd(VdpaTest *t)
{
    int fd = open_node(t);
    QDict *rsp;

    rsp = qtest_qmp_fds(t->qts, &fd, 1, "{ 'execute': 'getfd',"
                        " 'arguments': { 'fdname': 'node' } }");
    g_assert_true(qdict_haskey(rsp, "return"));
    qobject_unref(rsp);
    close(fd);

    qtest_qmp_device_add(t->qts, "vhost-vdpa-device-pci", QVHOST_VDPA_ID,
                         "{ 'addr': '04.0', 'vhostfd': 'node' }");
    verify_and_unplug(t);
    if (t->sim) {
        g_assert_false(qvdpa_sim_is_open(t->sim, 0));
    } else {
        /* Closed: it can be opened again */
        close(open_node(t));
    }
}

#define INHERITED_FD "7"

static char *wrap_inherit(const char *node, const char *command)
{
    g_autofree char *script = NULL;
    g_autofree char *quoted = NULL;

    script = g_strdup_printf("exec \"$0\" \"$@\" " INHERITED_FD "<>%s", node);
    quoted = g_shell_quote(script);
    return g_strdup_printf("sh -c %s %s", quoted, command);
}

static void test_inherited_fd(VdpaTest *t)
{
    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_blk_verify(t);
}

static void assert_passed(QDict *rsp)
{
    g_assert_true(qdict_haskey(rsp, "return"));
    qobject_unref(rsp);
}

/* Messages name the node, not the way that its descriptor came */
static void test_fd_named(VdpaTest *t)
{
    g_autofree char *error = NULL;
    int fd = open("/dev/null", O_RDWR);

    g_assert_cmpint(fd, >=, 0);
    assert_passed(qtest_qmp_fds(t->qts, &fd, 1, "{ 'execute': 'add-fd',"
                                " 'arguments': { 'fdset-id': 1 } }"));
    vdpa_expect_refusal(t, ",vhostdev=/dev/fdset/1", "/dev/null",
                        strerror(ENOTTY), NULL);
    assert_passed(qtest_qmp_fds(t->qts, &fd, 1, "{ 'execute': 'getfd',"
                                " 'arguments': { 'fdname': 'node' } }"));
    close(fd);
    error = vdpa_qmp_error(t, "{ 'execute': 'device_add', 'arguments': {"
                           " 'driver': 'vhost-vdpa-device-pci',"
                           " 'vhostfd': 'node' } }");
    vdpa_assert_has(error, "/dev/null");
    vdpa_assert_has(error, strerror(ENOTTY));
}

static void test_fd_refused(VdpaTest *t)
{
    g_autofree char *none = NULL;

    none = vdpa_qmp_error(t, "{ 'execute': 'device_add', 'arguments': {"
                          " 'driver': 'vhost-vdpa-device-pci' } }");
    vdpa_assert_has(none, "vhostdev");
    vdpa_assert_has(none, "vhostfd");
    vdpa_expect_refusal(t, ",vhostdev=/dev/vhost-vdpa-0,vhostfd=3",
                        "vhostdev", "vhostfd", NULL);
    vdpa_expect_refusal(t, ",vhostfd=9999", "9999", NULL);
    vdpa_expect_refusal(t, ",vhostfd=nosuchname", "nosuchname", NULL);
    vdpa_expect_refusal(t, ",vhostdev=/nosuchnode", "/nosuchnode",
                        strerror(ENOENT), NULL);
    vdpa_expect_refusal(t, ",vhostdev=/dev/fdset/77", "/dev/fdset/77", NULL);
    vdpa_expect_refusal(t, ",vhostdev=/dev/null", "/dev/null",
                        strerror(ENOTTY), NULL);
}

/* Firmware */

static void test_bootindex(VdpaTest *t)
{
    QFWCFG *fw_cfg = pc_fw_cfg_init(t->qts);
    char order[1024] = "";
    size_t len;

    len = qfw_cfg_get_file(fw_cfg, "bootorder", order, sizeof(order) - 1);
    g_assert_cmpuint(len, >, 0);
    /* The first entry is the device's */
    g_assert_nonnull(strstr(order, "@4"));
    pc_fw_cfg_uninit(fw_cfg);
}

/* SeaBIOS and its driver; the boot sector leaves a mark in memory */
static void test_firmware_boots(VdpaTest *t)
{
    g_autofree char *dir = g_dir_make_tmp("vdpa-dev-XXXXXX", NULL);
    g_autofree char *disk = g_build_filename(dir, "disk-XXXXXX", NULL);
    g_autofree char *devices = NULL, *binary = NULL;
    QVdpaSim *sim;
    QTestState *qts;

    g_assert_cmpint(boot_sector_init(disk), ==, 0);
    devices = g_strdup_printf("type=block,file=%s", disk);
    sim = qvdpa_sim_new(dir, devices);
    binary = qvdpa_sim_wrap(sim, t->binary);
    g_setenv("QTEST_QEMU_BINARY", binary, true);
    qts = qtest_initf("-M pc -accel tcg -nodefaults" VDPA_SHARED_RAM
                      " -device vhost-vdpa-device-pci,bootindex=0"
                      ",vhostdev=/dev/vhost-vdpa-0%s", (char *)t->c->data);
    boot_sector_test(qts);
    qtest_quit(qts);
    boot_sector_cleanup(disk);
    qvdpa_sim_free(sim);
    rmdir(dir);
}

#define HOT_MEMORY " -m 128M,slots=1,maxmem=1G" \
    " -object memory-backend-memfd,id=mem0,size=128M,share=on"

static const VdpaCase cases[] = {
    /* data */
    { "block/split", test_block, VDPA_NEEDS_BLOCK },
    { "block/split-msix", test_block, VDPA_NEEDS_BLOCK,
      .data = FLAGS(VDPA_MSIX) },
    { "block/split-indirect", test_block, .sim = VDPA_BLK_ALL_RINGS,
      .data = FLAGS(VDPA_INDIRECT) },
    { "block/split-event-idx", test_block, .sim = VDPA_BLK_ALL_RINGS,
      .data = FLAGS(VDPA_EVENT_IDX) },
    { "block/event-idx-suppresses-interrupts", test_event_idx_suppresses,
      .sim = VDPA_BLK_ALL_RINGS },
    { "block/packed", test_block, .sim = VDPA_BLK_ALL_RINGS,
      .data = FLAGS(VDPA_PACKED) },
    { "block/packed-indirect", test_block, .sim = VDPA_BLK_ALL_RINGS,
      .data = FLAGS(VDPA_PACKED | VDPA_INDIRECT) },
    { "block/packed-msix", test_block, .sim = VDPA_BLK_ALL_RINGS,
      .data = FLAGS(VDPA_PACKED | VDPA_MSIX) },
    { "block/kernel-6.1-vdpa-sim", test_block_on_parent,
      .sim = "type=block,profile=6.1" },
    { "block/kernel-7.2-vdpa-sim", test_block_on_parent,
      .sim = "type=block,profile=7.2" },
    { "block/kernel-6.1-vduse", test_block_on_parent,
      .sim = "type=block,profile=6.1,parent=vduse",
      .data = NO_SUSPEND },
    { "block/kernel-6.12-vduse", test_block_on_parent,
      .sim = "type=block,parent=vduse",
      .data = NO_SUSPEND },
    { "block/kernel-6.1-vp-vdpa", test_block_on_parent,
      .sim = "type=block,profile=6.1,parent=vp_vdpa",
      .data = NO_SUSPEND },
    { "block/kernel-6.12-vp-vdpa", test_block_on_parent,
      .sim = "type=block,parent=vp_vdpa", .data = NO_SUSPEND },
    { "net/tx-comes-back-as-rx", test_net, VDPA_NEEDS_NET },
    { "net/control-ring", test_net_control, VDPA_NEEDS_NET },
    { "rng/fills-buffers", test_rng, .sim = "type=rng" },
    { "generic/fills-buffers", test_generic, .sim = "type=generic,id=60" },
    /* start */
    { "start/order-of-calls", test_start_order, .sim = "type=block" },
    { "start/no-kick-before-driver-ok", test_no_early_kick,
      .sim = "type=block" },
    { "start/memory-mapped-before-driver-ok",
      test_start_maps_before_driver_ok, .sim = "type=block" },
    { "start/earlier-request-completes", test_request_before_driver_ok,
      VDPA_NEEDS_BLOCK },
    { "start/only-rings-set-up-are-enabled", test_only_set_up_rings,
      .sim = "type=net" },
    /* stop and reset */
    { "reset/by-guest", test_guest_reset, VDPA_NEEDS_BLOCK },
    { "reset/of-system", test_system_reset, VDPA_NEEDS_BLOCK },
    { "stop/cont-continues-split", test_stop_cont, VDPA_NEEDS_BLOCK,
      .props = SMALL_RING },
    { "stop/cont-continues-msix", test_stop_cont, VDPA_NEEDS_BLOCK,
      .data = FLAGS(VDPA_MSIX) },
    { "stop/cont-continues-packed", test_stop_cont,
      .sim = VDPA_BLK_ALL_RINGS, .props = SMALL_RING,
      .data = FLAGS(VDPA_PACKED) },
    { "stop/request-made-while-stopped", test_request_while_stopped,
      VDPA_NEEDS_BLOCK },
    { "stop/suspends-before-reading-indices", test_stop_suspends_first,
      .sim = "type=block,profile=6.1" },
    { "stop/cont-sets-call-fds-first", test_cont_calls_first,
      .sim = "type=block" },
    { "stop/cont-sets-call-fds-first-6.1", test_cont_calls_first,
      .sim = "type=block,profile=6.1" },
    { "stop/reset-while-stopped", test_stop_reset_while_stopped,
      VDPA_NEEDS_BLOCK },
    { "stop/quit-stops-the-device", test_quit_stops_device,
      VDPA_NEEDS_BLOCK, .args = " -trace vdpa_dev_set_status" },
    /* plugging */
    { "plug/in-and-out-while-running", test_plug_and_unplug,
      VDPA_NEEDS_BLOCK, .plug = true },
    { "plug/out-gives-all-back", test_unplug_gives_all_back, .plug = true,
      .data = "" },
    { "plug/out-gives-doorbells-back", test_unplug_gives_all_back,
      .sim = "type=block,doorbells=on", .plug = true, .data = "" },
    { "plug/out-with-request-in-flight", test_unplug_with_request,
      .plug = true },
    { "plug/out-of-root-port", test_unplug_root_port,
      .sim = "type=block,doorbells=on",
      .machine = "-M q35 -device pcie-root-port,id=rp0,addr=05.0" },
    { "plug/second-device", test_two_devices, .sim = "type=block|type=rng" },
    { "plug/node-in-use-refused", test_open_twice, VDPA_NEEDS_BLOCK },
    { "memory/hot-added-is-mapped", test_hot_added_memory, VDPA_NEEDS_BLOCK,
      .args = HOT_MEMORY, .data = "pc-dimm" },
    { "memory/hot-added-nvdimm-is-mapped", test_hot_added_memory,
      VDPA_NEEDS_BLOCK, .args = HOT_MEMORY " -machine nvdimm=on",
      .data = "nvdimm" },
    /* transports */
    { "pci/transitional", test_pci_type, VDPA_NEEDS_BLOCK, .plug = true,
      .data = "vhost-vdpa-device-pci-transitional" },
    { "pci/non-transitional", test_pci_type, VDPA_NEEDS_BLOCK, .plug = true,
      .data = "vhost-vdpa-device-pci-non-transitional" },
    { "pci/legacy-only", test_legacy_only, .sim = "type=block",
      .props = ",disable-modern=on" },
    { "pci/legacy-driver-on-transitional",
      test_legacy_driver_on_transitional, .plug = true,
      .args = VDPA_LEGACY_MODEL },
    { "pci/legacy-driver-on-transitional-msix",
      test_legacy_driver_on_transitional, .plug = true,
      .args = VDPA_LEGACY_MODEL, .data = FLAGS(VDPA_MSIX) },
    /* descriptors */
    { "fd/from-fdset", test_fdset, VDPA_NEEDS_BLOCK, .plug = true },
    { "fd/named-by-getfd", test_getfd, VDPA_NEEDS_BLOCK, .plug = true },
    { "fd/inherited-number", test_inherited_fd, VDPA_NEEDS_BLOCK,
      .props = ",vhostfd=" INHERITED_FD, .wrap = wrap_inherit },
    { "fd/named-in-messages", test_fd_named, VDPA_NEEDS_BLOCK, .plug = true },
    { "fd/refused-unless-exactly-one", test_fd_refused, VDPA_NEEDS_BLOCK,
      .plug = true },
    /* the rest */
    { "bootindex-reaches-firmware", test_bootindex, VDPA_NEEDS_BLOCK,
      .props = ",bootindex=1" },
    { "firmware-boots-from-it", test_firmware_boots, .plug = true,
      .data = "" },
    { "firmware-boots-from-it-modern", test_firmware_boots, .plug = true,
      .data = ",disable-legacy=on" },
};

static void register_vdpa_dev_test(void)
{
    vdpa_add_cases(cases, ARRAY_SIZE(cases));
}

libqos_init(register_vdpa_dev_test);
