/*
 * QTests for vhost-vdpa-device: requests in flight when the backend is stopped
 *
 * Of a backend that is reset the requests that it has taken and not used are
 * waited for when the machine stops, and only then.  Those that are left are
 * made again if it is certain which they are, or said to be lost: none is lost
 * in silence, none is done twice.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/pci/pci_regs.h"
#include "qemu/module.h"
#include "standard-headers/linux/virtio_ring.h"
#include "vdpa-dev-helpers.h"

#define RESUMES         "type=block"
#define SUSPENDS        "type=block,profile=6.1"

/* Features of SUSPENDS with VIRTIO_F_RING_PACKED and VIRTIO_F_IN_ORDER */
#define F_PACKED        ",features=0x700000244"
#define F_PACKED_ORDER  ",features=0xf00000244"
#define F_ORDER         ",features=0xb00000244"

#define SMALL_RING      ",queue-size=8"
#define MAX_HELD        4

/*
 * A device whose requests are single buffers, which it fills, so that as many
 * can be out as there are descriptors
 */
#define FILL_RING       4
#define FILLS           "type=generic,id=4,profile=6.1,queue-max=4"
#define FILL_BYTE       0xa5

/* What QEMU waits at most when the machine is stopped */
#define DRAIN_US        G_USEC_PER_SEC

#define NUM_NODES       4

static VdpaStartFlags format(VdpaTest *t)
{
    return strstr(t->c->sim, F_PACKED) || strstr(t->c->sim, F_PACKED_ORDER) ?
           VDPA_PACKED : VDPA_PLAIN;
}

/* The answer to "stop", which may be a while in coming */
static void finish_stop(VdpaTest *t)
{
    QDict *rsp;
    bool done;

    do {
        rsp = qtest_qmp_receive_dict(t->qts);
        g_assert_false(qdict_haskey(rsp, "error"));
        done = qdict_haskey(rsp, "return");
        qobject_unref(rsp);
    } while (!done);
}

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

/* The driver of FILLS: head N's buffer is byte N of one area */

typedef struct FillDriver {
    VdpaTest *t;
    uint64_t area;
    unsigned made;
} FillDriver;

static void fill_start(FillDriver *d, VdpaTest *t)
{
    *d = (FillDriver) { .t = t, .area = guest_alloc(t->alloc, FILL_RING) };
    qtest_memset(t->qts, d->area, 0, FILL_RING);
    vdpa_start(t, VDPA_PLAIN, 1);
    t->poll = true;
}

/* Makes a request with this head available, and does not tell the device */
static void fill_make(FillDriver *d, uint16_t head)
{
    VdpaTest *t = d->t;
    QVirtQueue *vq = t->ring[0].vq;
    uint64_t slot = vq->avail + offsetof(struct vring_avail, ring) +
                    d->made % FILL_RING * sizeof(uint16_t);

    vq->free_head = head;
    vq->num_free = FILL_RING;
    qvirtqueue_add(t->qts, vq, d->area + head, 1, true, false);
    qtest_writew(t->qts, slot, head);
    qtest_writew(t->qts, vq->avail + offsetof(struct vring_avail, idx),
                 ++d->made);
}

static void fill_kick(FillDriver *d)
{
    d->t->vdev->bus->virtqueue_kick(d->t->vdev, d->t->ring[0].vq);
}

/* Makes requests with these heads, and waits until the device has them all */
static void fill_hold(FillDriver *d, const uint16_t *heads, unsigned num)
{
    uint64_t held = qvdpa_sim_state(d->t->sim, 0, "inflight");
    unsigned i;

    qvdpa_sim_do(d->t->sim, "hold 0");
    for (i = 0; i < num; i++) {
        fill_make(d, heads[i]);
    }
    fill_kick(d);
    qvdpa_sim_wait_state(d->t->sim, 0, "inflight", held + num,
                         VDPA_TIMEOUT_US);
}

/* Waits for a buffer to be filled and returned, and empties it */
static void fill_complete(FillDriver *d, uint16_t head)
{
    vdpa_complete(d->t, 0, head);
    g_assert_cmphex(qtest_readb(d->t->qts, d->area + head), ==, FILL_BYTE);
    qtest_writeb(d->t->qts, d->area + head, 0);
}

static void fill_expect_nothing(FillDriver *d)
{
    unsigned i;

    g_assert_false(vdpa_is_complete(d->t, 0));
    for (i = 0; i < FILL_RING; i++) {
        g_assert_cmphex(qtest_readb(d->t->qts, d->area + i), ==, 0);
    }
}

static const uint16_t all_heads[FILL_RING] = { 0, 1, 2, 3 };

/* Waiting, while the machine is stopped */

/* Hardware that finishes what it has begun is waited for */
static void test_drained(VdpaTest *t)
{
    uint32_t id[2];

    vdpa_start(t, format(t), 1);
    vdpa_blk_verify(t);
    hold(t, 2, id);
    qtest_qmp_send(t->qts, "{ 'execute': 'stop' }");
    qvdpa_sim_wait_state(t->sim, 0, "suspended", 1, VDPA_TIMEOUT_US);
    qvdpa_sim_do(t->sim, "drain 0");
    finish_stop(t);
    qvdpa_sim_do(t->sim, "release 0");
    vdpa_cont_machine(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER_OK);
    vdpa_complete(t, 0, id[0]);
    vdpa_complete(t, 0, id[1]);
    vdpa_blk_verify(t);
    g_assert_cmpuint(qvdpa_sim_state(t->sim, 0, "requests"), ==, 6);
}

/* A device of the machine, with a request that does not complete */
static void start_node(VdpaTest *t, VdpaTest *other, unsigned node,
                       FillDriver *d)
{
    QPCIAddress addr = { .devfn = QPCI_DEVFN(QVHOST_VDPA_SLOT + node, 0) };

    *other = *t;
    memset(other->ring, 0, sizeof(other->ring));
    other->num_rings = 0;
    if (node) {
        other->pci = virtio_pci_new(t->bus, &addr);
        g_assert_nonnull(other->pci);
        other->vdev = &other->pci->vdev;
        qvirtio_pci_device_enable(other->pci);
        qvirtio_start_device(other->vdev);
    }
    fill_start(d, other);
    qvdpa_sim_do(t->sim, "hold %u", node);
    fill_make(d, 0);
    fill_kick(d);
    qvdpa_sim_wait_state(t->sim, node, "inflight", 1, VDPA_TIMEOUT_US);
    qvdpa_sim_clear(t->sim, node);
}

static void free_node(VdpaTest *other, unsigned node)
{
    vdpa_forget_rings(other);
    if (node) {
        g_free(other->pci->pdev);
        g_free(other->pci);
    }
}

/* All are suspended before the first one is waited for */
static void test_drained_together(VdpaTest *t)
{
    VdpaTest other[NUM_NODES];
    FillDriver d[NUM_NODES];
    int64_t suspended = 0, first = INT64_MAX, last = 0;
    unsigned i;

    for (i = 0; i < NUM_NODES; i++) {
        start_node(t, &other[i], i, &d[i]);
    }
    vdpa_stop_machine(t);
    for (i = 0; i < NUM_NODES; i++) {
        g_autoptr(GPtrArray) log = qvdpa_sim_log(t->sim, i);
        QVdpaSimCall *suspend, *base, *reset;

        g_assert_cmpuint(qvdpa_log_count(log, "SUSPEND"), ==, 1);
        suspend = qvdpa_log_call(log, qvdpa_log_find(log, 0, "SUSPEND", NULL));
        base = qvdpa_log_call(log, qvdpa_log_find(log, 0, "GET_VRING_BASE",
                                                  NULL));
        reset = qvdpa_log_call(log, qvdpa_log_find(log, 0, "SET_STATUS",
                                                   "status=0x0"));
        g_assert_cmpint(reset->usec - suspend->usec + 1000, >=, DRAIN_US);
        suspended = MAX(suspended, suspend->usec);
        first = MIN(first, base->usec);
        last = MAX(last, reset->usec);
    }
    g_assert_cmpint(suspended, <=, first);
    g_assert_cmpint(last - suspended, <, (NUM_NODES - 1) * DRAIN_US);
    for (i = 0; i < NUM_NODES; i++) {
        free_node(&other[i], i);
    }
}

/* A failure is one device's alone, and told once */
static void test_one_not_suspended(VdpaTest *t)
{
    g_autoptr(GPtrArray) log = NULL;
    VdpaTest other[2];
    FillDriver d[2];

    start_node(t, &other[0], 0, &d[0]);
    start_node(t, &other[1], 1, &d[1]);
    qvdpa_sim_do(t->sim, "drain 1");
    qvdpa_sim_do(t->sim, "fault 0 SUSPEND errno=EIO");
    vdpa_stop_machine(t);
    vdpa_expect_message(t, t->node, "SUSPEND", strerror(EIO), NULL);
    log = qvdpa_sim_log(t->sim, 0);
    g_assert_cmpuint(qvdpa_log_count(log, "SUSPEND"), ==, 1);
    g_assert_cmpuint(qvdpa_log_count(log, "GET_VRING_BASE"), ==, 0);
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "status"), ==, 0);
    qvdpa_sim_do(t->sim, "release 1");
    vdpa_cont_machine(t);
    g_assert_cmphex(vdpa_status(&other[0]), ==, VDPA_S_BROKEN);
    g_assert_cmphex(vdpa_status(&other[1]), ==, VDPA_S_DRIVER_OK);
    fill_complete(&d[1], 0);
    fill_make(&d[1], 1);
    fill_kick(&d[1]);
    fill_complete(&d[1], 1);
    free_node(&other[0], 0);
    free_node(&other[1], 1);
}

/* Taken over: the next start makes them again */

/* What is in flight for longer than a second is fetched again */
static void check_taken_over(VdpaTest *t, unsigned num)
{
    uint32_t id[MAX_HELD];
    uint64_t done = qvdpa_sim_state(t->sim, 0, "requests");
    int64_t begin;
    unsigned i;

    hold(t, num, id);
    begin = g_get_monotonic_time();
    vdpa_stop_machine(t);
    /* Its clock counts milliseconds */
    g_assert_cmpint(g_get_monotonic_time() - begin + 1000, >=, DRAIN_US);
    qvdpa_sim_do(t->sim, "release 0");
    vdpa_cont_machine(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER_OK);
    for (i = 0; i < num; i++) {
        vdpa_complete(t, 0, id[i]);
    }
    g_assert_cmpuint(qvdpa_sim_state(t->sim, 0, "requests"), ==,
                     done + 2 * num);
    vdpa_blk_verify(t);
    vdpa_expect_silence(t);
}

/* None of their heads is among those that were returned since */
static void test_not_returned(VdpaTest *t)
{
    int i;

    vdpa_start(t, VDPA_PLAIN, 1);
    for (i = 0; i < 4; i++) {
        vdpa_blk_verify(t);
    }
    check_taken_over(t, 1);
    check_taken_over(t, 2);
}

static void test_order_negotiated(VdpaTest *t)
{
    t->features = qvirtio_get_features(t->vdev);
    g_assert_true(t->features & VDPA_F(VIRTIO_F_IN_ORDER));
    qvirtio_set_features(t->vdev, t->features);
    vdpa_setup_ring(t, 0, format(t));
    qvirtio_set_driver_ok(t->vdev);
    check_taken_over(t, 2);
}

static void stop_and_go_on(VdpaTest *t)
{
    vdpa_stop_machine(t);
    vdpa_expect_silence(t);
    qvdpa_sim_do(t->sim, "release 0");
    vdpa_cont_machine(t);
}

/* As many are out as there are descriptors */
static void test_all_out(VdpaTest *t)
{
    FillDriver d;
    unsigned i;

    fill_start(&d, t);
    fill_hold(&d, all_heads, FILL_RING);
    stop_and_go_on(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER_OK);
    for (i = 0; i < FILL_RING; i++) {
        fill_complete(&d, i);
    }
    fill_expect_nothing(&d);
}

/* Each head's turn comes again when all others had theirs */
static void test_heads_in_turn(VdpaTest *t)
{
    FillDriver d;
    unsigned i;

    fill_start(&d, t);
    for (i = 0; i < FILL_RING; i++) {
        fill_make(&d, i);
        fill_kick(&d);
        fill_complete(&d, i);
    }
    fill_hold(&d, all_heads, 2);
    stop_and_go_on(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER_OK);
    fill_complete(&d, 0);
    fill_complete(&d, 1);
    fill_expect_nothing(&d);
}

/* Lost: the next start says so */

/* That @num are lost; how many, a packed ring does not show */
static void check_told(VdpaTest *t, unsigned num)
{
    g_autofree char *how_many = t->features & VDPA_F(VIRTIO_F_RING_PACKED) ?
                                g_strdup("\n") :
                                g_strdup_printf(": %u\n", num);
    g_autofree char *lost = g_strconcat("which are lost", how_many, NULL);

    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_expect_message(t, t->node, "ring 0", "in flight", lost, NULL);
}

static void check_lost(VdpaTest *t, unsigned num)
{
    vdpa_stop_machine(t);
    vdpa_expect_silence(t);
    vdpa_cont_machine(t);
    check_told(t, num);
    vdpa_stop_machine(t);
    vdpa_cont_machine(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_expect_silence(t);
    qvdpa_sim_do(t->sim, "release 0");
    vdpa_reset(t);
    vdpa_start(t, format(t), 1);
    vdpa_blk_verify(t);
}

/* An area that was never used looks as if head 0 had been returned */
static void test_never_used(VdpaTest *t)
{
    uint32_t id[2];

    vdpa_start(t, format(t), 1);
    hold(t, 2, id);
    check_lost(t, 2);
}

/* The second of two was used, the first is in flight */
static void test_out_of_order(VdpaTest *t)
{
    uint32_t id[2];
    int i;

    vdpa_start(t, VDPA_PLAIN, 1);
    for (i = 0; i < 4; i++) {
        vdpa_blk_verify(t);
    }
    hold(t, 2, id);
    qvdpa_sim_do(t->sim, "drain 0 newest");
    check_lost(t, 1);
}

/*
 * One request stays in flight while others, all with the same head, come and
 * go: the areas are equal wherever they can be compared.
 */
static void test_overtaken(VdpaTest *t)
{
    VdpaBlkReq req;
    uint32_t id;
    unsigned i;

    vdpa_start(t, VDPA_PLAIN, 1);
    hold(t, 1, &id);
    vdpa_blk_request(t, &req, false, 0, NULL);
    for (i = 0; i < 20; i++) {
        QVirtQueue *vq = t->ring[0].vq;

        if (i == 0) {
            id = vdpa_submit(t, 0, req.bufs, ARRAY_SIZE(req.bufs));
        } else {
            qvirtqueue_kick(t->qts, t->vdev, vq, id);
        }
        qvdpa_sim_wait_state(t->sim, 0, "inflight", 2, VDPA_TIMEOUT_US);
        qvdpa_sim_do(t->sim, "drain 0 newest");
        vdpa_complete(t, 0, id);
    }
    check_lost(t, 1);
}

/* Two overtake the first, and the driver makes others before it is stopped */
static void test_overtaken_by_two(VdpaTest *t)
{
    FillDriver d;

    fill_start(&d, t);
    fill_hold(&d, all_heads, 3);
    qvdpa_sim_do(t->sim, "drain 0 newest");
    qvdpa_sim_do(t->sim, "drain 0 newest");
    fill_complete(&d, 2);
    fill_complete(&d, 1);
    fill_make(&d, 3);
    fill_make(&d, 1);
    stop_and_go_on(t);
    check_told(t, 1);
    fill_expect_nothing(&d);
}

/* All are out, but where the first one stood another stands in the ring */
static void test_all_out_overtaken(VdpaTest *t)
{
    FillDriver d;

    fill_start(&d, t);
    fill_hold(&d, all_heads, FILL_RING);
    qvdpa_sim_do(t->sim, "drain 0 newest");
    fill_complete(&d, 3);
    fill_hold(&d, &all_heads[3], 1);
    stop_and_go_on(t);
    check_told(t, 4);
    fill_expect_nothing(&d);
}

/* More than were made available */
static void test_impossible_base(VdpaTest *t)
{
    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_blk_verify(t);
    qvdpa_sim_do(t->sim, "fault 0 GET_VRING_BASE value=5");
    check_lost(t, 3);
}

/* A driver that resets the device does not have to hear of it */
static void test_reset_forgets(VdpaTest *t)
{
    uint32_t id[2];

    vdpa_start(t, VDPA_PLAIN, 1);
    hold(t, 2, id);
    vdpa_stop_machine(t);
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'system_reset' }");
    qtest_qmp_eventwait(t->qts, "RESET");
    qvdpa_sim_do(t->sim, "release 0");
    vdpa_cont_machine(t);
    vdpa_forget_rings(t);
    qvirtio_pci_device_enable(t->pci);
    vdpa_reset(t);
    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_blk_verify(t);
}

/* At the guest's demand nothing is waited for */

static void take_driver_ok_back(VdpaTest *t)
{
    vdpa_set_status(t, VDPA_S_FEATURES_OK);
}

static void set_bus_master(VdpaTest *t, bool on)
{
    uint16_t command = qpci_config_readw(t->pci->pdev, PCI_COMMAND);

    command &= ~PCI_COMMAND_MASTER;
    qpci_config_writew(t->pci->pdev, PCI_COMMAND,
                       command | (on ? PCI_COMMAND_MASTER : 0));
}

static void check_not_waited(VdpaTest *t)
{
    g_autoptr(GPtrArray) log = qvdpa_sim_log(t->sim, 0);
    QVdpaSimCall *suspend, *reset;

    suspend = qvdpa_log_call(log, qvdpa_log_find(log, 0, "SUSPEND", NULL));
    reset = qvdpa_log_call(log, qvdpa_log_find(log, 0, "SET_STATUS",
                                               "status=0x0"));
    g_assert_cmpint(reset->usec - suspend->usec, <, DRAIN_US / 2);
    /* A packed ring is asked again as long as it is waited for */
    g_assert_cmpuint(qvdpa_log_count(log, "GET_VRING_BASE"), ==, 1);
    vdpa_expect_silence(t);
}

static void take_back_and_start(VdpaTest *t)
{
    uint32_t id[2];

    hold(t, 2, id);
    qvdpa_sim_clear(t->sim, 0);
    take_driver_ok_back(t);
    check_not_waited(t);
    qvdpa_sim_do(t->sim, "release 0");
    vdpa_set_status(t, VDPA_S_DRIVER_OK);
    check_told(t, 2);
}

static void test_driver_ok_taken_back(VdpaTest *t)
{
    vdpa_start(t, format(t), 1);
    take_back_and_start(t);
}

static void test_bus_master_cleared(VdpaTest *t)
{
    uint32_t id[2];

    vdpa_start(t, VDPA_PLAIN, 1);
    hold(t, 2, id);
    qvdpa_sim_clear(t->sim, 0);
    set_bus_master(t, false);
    check_not_waited(t);
    qvdpa_sim_do(t->sim, "release 0");
    set_bus_master(t, true);
    vdpa_set_status(t, VDPA_S_DRIVER_OK);
    check_told(t, 2);
}

/* Nor is there a deadline that a stop has left behind */
static void test_taken_back_after_stop(VdpaTest *t)
{
    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_stop_machine(t);
    vdpa_cont_machine(t);
    take_back_and_start(t);
}

/* What is proven is taken over, as at a stop */
static void test_all_out_taken_back(VdpaTest *t)
{
    FillDriver d;
    unsigned i;

    fill_start(&d, t);
    fill_hold(&d, all_heads, FILL_RING);
    qvdpa_sim_clear(t->sim, 0);
    take_driver_ok_back(t);
    check_not_waited(t);
    qvdpa_sim_do(t->sim, "release 0");
    vdpa_set_status(t, VDPA_S_DRIVER_OK);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER_OK);
    for (i = 0; i < FILL_RING; i++) {
        fill_complete(&d, i);
    }
    fill_expect_nothing(&d);
}

/*
 * A request that is completed when the indices were asked for, and before the
 * reset, is not made again.
 */
static void test_completed_late(VdpaTest *t)
{
    uint64_t buffer = guest_alloc(t->alloc, 2);
    QVirtioBuf buf = { buffer, 1, true };
    uint32_t id;

    t->features = qvirtio_get_features(t->vdev);
    g_assert_true(t->features & VDPA_F(VIRTIO_F_IN_ORDER));
    qvirtio_set_features(t->vdev, t->features);
    vdpa_setup_ring(t, 0, VDPA_PLAIN);
    qvirtio_set_driver_ok(t->vdev);
    t->poll = true;
    qvdpa_sim_do(t->sim, "hold 0");
    id = vdpa_submit(t, 0, &buf, 1);
    qvdpa_sim_wait_state(t->sim, 0, "inflight", 1, VDPA_TIMEOUT_US);
    qvdpa_sim_do(t->sim, "drain 0 late");
    take_driver_ok_back(t);
    vdpa_complete(t, 0, id);
    g_assert_cmphex(qtest_readb(t->qts, buffer), ==, FILL_BYTE);
    qtest_writeb(t->qts, buffer, 0);

    qvdpa_sim_do(t->sim, "release 0");
    vdpa_set_status(t, VDPA_S_DRIVER_OK);
    if (t->ring[0].is_packed) {
        /* It does not show where the next one is */
        check_told(t, 1);
    } else {
        g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER_OK);
        buf.addr++;
        id = vdpa_submit(t, 0, &buf, 1);
        vdpa_complete(t, 0, id);
    }
    g_assert_cmphex(qtest_readb(t->qts, buffer), ==, 0);
}

#define OTHER_NODES \
    " -device vhost-vdpa-device-pci,addr=05.0,vhostdev=/dev/vhost-vdpa-1"
#define MORE_NODES OTHER_NODES \
    " -device vhost-vdpa-device-pci,addr=06.0,vhostdev=/dev/vhost-vdpa-2" \
    " -device vhost-vdpa-device-pci,addr=07.0,vhostdev=/dev/vhost-vdpa-3"

static const VdpaCase cases[] = {
    /* Waiting */
    { "in-flight/waited-for", test_drained, .sim = SUSPENDS },
    { "in-flight/waited-for-packed", test_drained,
      .sim = SUSPENDS F_PACKED, .props = SMALL_RING },
    { "in-flight/devices-waited-for-together", test_drained_together,
      .sim = FILLS "|" FILLS "|" FILLS "|" FILLS, .args = MORE_NODES },
    { "in-flight/one-of-two-cannot-be-suspended", test_one_not_suspended,
      .sim = FILLS "|" FILLS, .args = OTHER_NODES },

    /* Taken over */
    { "in-flight/heads-not-returned", test_not_returned, .sim = SUSPENDS },
    { "in-flight/heads-in-turn", test_heads_in_turn, .sim = FILLS },
    { "in-flight/all-heads-out", test_all_out, .sim = FILLS },
    { "in-flight/order-negotiated", test_order_negotiated,
      .sim = SUSPENDS F_ORDER },
    { "in-flight/order-negotiated-packed", test_order_negotiated,
      .sim = SUSPENDS F_PACKED_ORDER, .props = SMALL_RING },

    /* Lost */
    { "in-flight/nothing-was-used", test_never_used, .sim = SUSPENDS },
    { "in-flight/nothing-was-used-packed", test_never_used,
      .sim = SUSPENDS F_PACKED, .props = SMALL_RING },
    { "in-flight/out-of-order", test_out_of_order, .sim = SUSPENDS },
    { "in-flight/overtaken", test_overtaken, .sim = SUSPENDS,
      .props = SMALL_RING },
    { "in-flight/overtaken-by-two", test_overtaken_by_two, .sim = FILLS },
    { "in-flight/all-heads-out-overtaken", test_all_out_overtaken,
      .sim = FILLS },
    { "in-flight/impossible-base", test_impossible_base, .sim = SUSPENDS },
    { "in-flight/reset-forgets-the-loss", test_reset_forgets,
      .sim = SUSPENDS },

    /* At the guest's demand */
    { "in-flight/driver-ok-taken-back", test_driver_ok_taken_back,
      .sim = SUSPENDS },
    { "in-flight/driver-ok-taken-back-packed", test_driver_ok_taken_back,
      .sim = SUSPENDS F_PACKED, .props = SMALL_RING },
    { "in-flight/driver-ok-taken-back-from-resumable",
      test_driver_ok_taken_back, .sim = RESUMES },
    { "in-flight/driver-ok-taken-back-all-heads-out", test_all_out_taken_back,
      .sim = FILLS },
    { "in-flight/driver-ok-taken-back-after-stop", test_taken_back_after_stop,
      .sim = RESUMES },
    { "in-flight/bus-master-cleared", test_bus_master_cleared,
      .sim = SUSPENDS },
    { "in-flight/completed-before-the-reset", test_completed_late,
      .sim = FILLS ",features=0xb00000000" },
    { "in-flight/completed-before-the-reset-packed", test_completed_late,
      .sim = FILLS ",features=0xf00000000" },
};

static void register_vdpa_dev_in_flight_test(void)
{
    vdpa_add_cases(cases, ARRAY_SIZE(cases));
}

libqos_init(register_vdpa_dev_in_flight_test);
