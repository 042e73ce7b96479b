/*
 * QTests for vhost-vdpa-device: state that a reset takes from the device
 *
 * The device is reset on the guest's behalf when the machine is stopped and
 * the backend cannot be resumed.  What the driver has written to config space
 * is then written again; a device of a type that holds more than that is not
 * reset, or the driver is told.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/module.h"
#include "standard-headers/linux/virtio_blk.h"
#include "standard-headers/linux/virtio_console.h"
#include "standard-headers/linux/virtio_gpu.h"
#include "standard-headers/linux/virtio_net.h"
#include "standard-headers/linux/virtio_scsi.h"
#include "vdpa-dev-helpers.h"

/* A backend that can be suspended, and a device whose reset takes all */
#define RESETS          ",profile=6.1,config-reset=on"
#define NODE(id)        "type=generic,id=" id RESETS
/* A disk with VIRTIO_BLK_F_CONFIG_WCE */
#define DISK            "type=block,features=0x300000a44" RESETS
/* Without VIRTIO_NET_F_CTRL_VQ */
#define PLAIN_NET       "type=net,queues=2,features=0x300000028" RESETS

#define WCE             offsetof(struct virtio_blk_config, wce)
#define SENSE_SIZE      offsetof(struct virtio_scsi_config, sense_size)
#define CDB_SIZE        offsetof(struct virtio_scsi_config, cdb_size)
#define EMERG_WR        offsetof(struct virtio_console_config, emerg_wr)
#define EVENTS_CLEAR    offsetof(struct virtio_gpu_config, events_clear)

#define FILLED          64

static void do_stop(VdpaTest *t)
{
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'stop' }");
}

static void do_cont(VdpaTest *t)
{
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'cont' }");
}

/* One request to a device that fills its buffers */
static void verify_fill(VdpaTest *t)
{
    uint64_t addr = guest_alloc(t->alloc, FILLED);
    QVirtioBuf buf = { addr, FILLED, true };
    uint8_t data[FILLED], want[FILLED];

    qtest_memset(t->qts, addr, 0, FILLED);
    memset(want, 0xa5, FILLED);
    g_assert_cmpuint(vdpa_complete(t, 0, vdpa_submit(t, 0, &buf, 1)), ==,
                     FILLED);
    qtest_memread(t->qts, addr, data, FILLED);
    g_assert_cmpmem(data, FILLED, want, FILLED);
    guest_free(t->alloc, addr);
}

/* What the simulated device holds, in hex digits */
static char *held_config(VdpaTest *t)
{
    g_auto(GStrv) hex = qvdpa_sim_command(t->sim, "read-config 0");

    return g_strdup(hex[0]);
}

/* Whether a write was made, between FEATURES_OK and DRIVER_OK */
static bool was_restored(VdpaTest *t, unsigned offset, unsigned len,
                         uint32_t value)
{
    g_autoptr(GPtrArray) log = qvdpa_sim_log(t->sim, 0);
    int from = qvdpa_log_find(log, 0, "SET_STATUS", "status=0xb");
    int to = qvdpa_log_find(log, 0, "SET_STATUS", "status=0xf");
    g_autoptr(GString) data = g_string_new("data=");
    g_autofree char *off = g_strdup_printf("off=%u", offset);
    unsigned i;

    g_assert_cmpint(from, >=, 0);
    g_assert_cmpint(to, >, from);
    for (i = 0; i < len; i++) {
        g_string_append_printf(data, "%02x", (value >> (8 * i)) & 0xff);
    }
    for (; from < to; from++) {
        QVdpaSimCall *call = qvdpa_log_call(log, from);

        if (g_str_equal(call->name, "SET_CONFIG") &&
            qvdpa_call_has(call, off) &&
            qvdpa_call_arg(call, "len") == len &&
            qvdpa_call_has(call, data->str)) {
            return true;
        }
    }
    return false;
}

static unsigned count_writes(VdpaTest *t)
{
    g_autoptr(GPtrArray) log = qvdpa_sim_log(t->sim, 0);

    return qvdpa_log_count(log, "SET_CONFIG");
}

/* Config space */

/* A driver that has chosen write-through sends no flushes */
static void test_writeback(VdpaTest *t)
{
    vdpa_start(t, VDPA_PLAIN, 1);
    g_assert_cmphex(t->vdev->bus->config_readb(t->vdev, WCE), ==, 1);
    vdpa_config_write(t, WCE, 1, 0);
    vdpa_blk_verify(t);
    do_stop(t);
    g_assert_cmphex(t->vdev->bus->config_readb(t->vdev, WCE), ==, 1);
    qvdpa_sim_clear(t->sim, 0);
    do_cont(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER_OK);
    g_assert_true(was_restored(t, WCE, 1, 0));
    g_assert_cmphex(t->vdev->bus->config_readb(t->vdev, WCE), ==, 0);
    vdpa_blk_verify(t);
}

/* As Linux's driver does: before DRIVER_OK, and no more */
static void test_whole_fields(VdpaTest *t)
{
    vdpa_prepare(t, VDPA_PLAIN, 1);
    vdpa_config_write(t, SENSE_SIZE, 4, 0x11121314);
    vdpa_config_write(t, SENSE_SIZE, 4, 0x60);
    vdpa_config_write(t, CDB_SIZE, 4, 0x20);
    qvirtio_set_driver_ok(t->vdev);
    do_stop(t);
    qvdpa_sim_clear(t->sim, 0);
    do_cont(t);
    g_assert_true(was_restored(t, SENSE_SIZE, 4, 0x60));
    g_assert_true(was_restored(t, CDB_SIZE, 4, 0x20));
    g_assert_cmpuint(count_writes(t), ==, 2);
    verify_fill(t);
}

/* A backend that was not reset has lost nothing */
static void test_not_at_the_start(VdpaTest *t)
{
    vdpa_config_write(t, SENSE_SIZE, 4, 0x60);
    vdpa_start(t, VDPA_PLAIN, 1);
    g_assert_cmpuint(count_writes(t), ==, 1);
}

/* Whatever the driver's accesses were */
static void test_last_values(VdpaTest *t)
{
    g_autofree char *before = NULL;
    int i;

    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_config_write(t, 0, 4, 0x81828384);
    vdpa_config_write(t, 1, 1, 0x91);
    vdpa_config_write(t, 2, 2, 0xa1a2);
    vdpa_config_write(t, 9, 1, 0xb1);
    vdpa_config_write(t, 8, 4, 0xc1c2c3c4);
    vdpa_config_write(t, 16, 2, 0xd1d2);
    vdpa_config_write(t, 18, 2, 0xe1e2);
    vdpa_config_write(t, 16, 4, 0xf1f2f3f4);
    vdpa_config_write(t, 17, 1, 0x77);
    vdpa_config_write(t, 63, 1, 0x88);
    before = held_config(t);
    for (i = 0; i < 3; i++) {
        g_autofree char *after = NULL;

        do_stop(t);
        do_cont(t);
        g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER_OK);
        after = held_config(t);
        g_assert_cmpstr(after, ==, before);
    }
    verify_fill(t);
}

static void test_forgotten_at_reset(VdpaTest *t)
{
    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_config_write(t, WCE, 1, 0);
    vdpa_reset(t);
    vdpa_start(t, VDPA_PLAIN, 1);
    g_assert_cmphex(t->vdev->bus->config_readb(t->vdev, WCE), ==, 1);
    qvdpa_sim_clear(t->sim, 0);
    do_stop(t);
    do_cont(t);
    g_assert_cmpuint(count_writes(t), ==, 0);
    g_assert_cmphex(t->vdev->bus->config_readb(t->vdev, WCE), ==, 1);
}

/* A backend that was not started is reset all the same */
static void test_reset_before_start(VdpaTest *t)
{
    vdpa_config_write(t, WCE, 1, 0);
    g_assert_cmphex(t->vdev->bus->config_readb(t->vdev, WCE), ==, 0);
    vdpa_reset(t);
    g_assert_cmphex(t->vdev->bus->config_readb(t->vdev, WCE), ==, 1);
}

/* The driver stops the device itself, without a reset, and writes more */
static void test_driver_ok_taken_back(VdpaTest *t)
{
    g_autofree char *before = NULL, *after = NULL;

    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_config_write(t, 0, 4, 0x81828384);
    vdpa_config_write(t, 8, 4, 0x91929394);
    vdpa_config_write(t, 2, 1, 0x71);
    before = held_config(t);
    before[4] = '6';
    vdpa_set_status(t, VDPA_S_FEATURES_OK);
    vdpa_config_write(t, 2, 1, 0x61);
    vdpa_set_status(t, VDPA_S_DRIVER_OK);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER_OK);
    after = held_config(t);
    g_assert_cmpstr(after, ==, before);
    verify_fill(t);
}

/* The driver wants other features, after it has written */
static void test_features_again(VdpaTest *t)
{
    vdpa_negotiate(t, VDPA_PLAIN);
    vdpa_config_write(t, SENSE_SIZE, 4, 0x60);
    vdpa_set_status(t, VDPA_S_DRIVER);
    vdpa_set_status(t, VDPA_S_FEATURES_OK);
    g_assert_cmphex(t->vdev->bus->config_readl(t->vdev, SENSE_SIZE), ==, 0x60);
    vdpa_setup_ring(t, 0, VDPA_PLAIN);
    vdpa_set_status(t, VDPA_S_DRIVER_OK);
    g_assert_cmphex(t->vdev->bus->config_readl(t->vdev, SENSE_SIZE), ==, 0x60);
    verify_fill(t);
}

/* The driver has seen that its write had no effect */
static void test_ignored_write(VdpaTest *t)
{
    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_config_write(t, 4, 2, 0x1234);
    g_assert_cmphex(t->vdev->bus->config_readw(t->vdev, 4), ==, 0);
    do_stop(t);
    do_cont(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER_OK);
    verify_fill(t);
}

static void test_failed_write(VdpaTest *t)
{
    vdpa_start(t, VDPA_PLAIN, 1);
    qvdpa_sim_do(t->sim, "fault 0 SET_CONFIG errno=EINVAL");
    vdpa_config_write(t, WCE, 1, 0);
    vdpa_expect_message(t, t->node, "SET_CONFIG", strerror(EINVAL), NULL);
    qvdpa_sim_clear(t->sim, 0);
    do_stop(t);
    do_cont(t);
    g_assert_cmpuint(count_writes(t), ==, 0);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER_OK);
}

/* A field of a device, as messages name it */
typedef struct Field {
    unsigned offset;
    unsigned size;
    const char *name;
} Field;

static const Field field_writeback = { WCE, 1, "writeback" };
static const Field field_sense_size = { SENSE_SIZE, 4, "sense_size" };
static const Field field_cdb_size = { CDB_SIZE, 4, "cdb_size" };
static const Field field_select = { 0, 1, "select" };
static const Field field_subsel = { 1, 1, "subsel" };
static const Field field_mac = { 3, 1, "mac" };
static const Field field_unknown = { 12, 2, "config space at offset 12" };

static void start_and_write(VdpaTest *t)
{
    const Field *field = t->c->data;

    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_config_write(t, field->offset, field->size, 0x21);
}

static void test_refused(VdpaTest *t)
{
    const Field *field = t->c->data;

    start_and_write(t);
    do_stop(t);
    qvdpa_sim_do(t->sim, "fault 0 SET_CONFIG errno=EINVAL");
    do_cont(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_expect_message(t, t->node, field->name, "SET_CONFIG",
                        strerror(EINVAL), NULL);
    vdpa_reset(t);
    vdpa_start(t, VDPA_PLAIN, 1);
}

/* The backend takes the write, and the device shows something else */
static void test_differs(VdpaTest *t)
{
    const Field *field = t->c->data;

    start_and_write(t);
    do_stop(t);
    qvdpa_sim_do(t->sim, "fault 0 GET_CONFIG value=0x22");
    do_cont(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_expect_message(t, t->node, field->name, "0x21", "0x22", NULL);
    vdpa_reset(t);
    vdpa_start(t, VDPA_PLAIN, 1);
}

static void test_unreadable(VdpaTest *t)
{
    start_and_write(t);
    qvdpa_sim_do(t->sim, "fault 0 GET_CONFIG errno=EIO");
    do_stop(t);
    vdpa_expect_message(t, t->node, "GET_CONFIG", strerror(EIO), NULL);
    do_cont(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_reset(t);
    vdpa_start(t, VDPA_PLAIN, 1);
}

static void test_unreadable_at_cont(VdpaTest *t)
{
    start_and_write(t);
    do_stop(t);
    qvdpa_sim_do(t->sim, "fault 0 GET_CONFIG errno=EIO");
    do_cont(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_expect_message(t, t->node, "GET_CONFIG", strerror(EIO), NULL);
    vdpa_reset(t);
    vdpa_start(t, VDPA_PLAIN, 1);
}

/* The character has been put out: it is not put out twice */
static void test_act(VdpaTest *t)
{
    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_config_write(t, EMERG_WR, 4, 'x');
    /* Part of it is an act, too */
    vdpa_config_write(t, EMERG_WR, 1, 'y');
    vdpa_config_write(t, 0x20, 2, 0x4142);
    do_stop(t);
    qvdpa_sim_clear(t->sim, 0);
    do_cont(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER_OK);
    g_assert_true(was_restored(t, 0x20, 2, 0x4142));
    g_assert_cmpuint(count_writes(t), ==, 1);
}

/*
 * The driver's own reset has failed and is made up for after what the driver
 * has written meanwhile.
 */
static void test_late_reset(VdpaTest *t)
{
    vdpa_start(t, VDPA_PLAIN, 1);
    qvdpa_sim_do(t->sim, "fault 0 SET_STATUS errno=EIO always");
    vdpa_reset(t);
    qvdpa_sim_do(t->sim, "unfault 0");
    vdpa_expect_message(t, t->node, "SET_STATUS", strerror(EIO), NULL);
    vdpa_config_write(t, EVENTS_CLEAR, 4, 1);
    vdpa_config_write(t, 0x20, 2, 0x4142);
    qvdpa_sim_clear(t->sim, 0);
    vdpa_start(t, VDPA_PLAIN, 1);
    g_assert_true(was_restored(t, 0x20, 2, 0x4142));
    g_assert_cmpuint(count_writes(t), ==, 1);
    verify_fill(t);
}

/* State beyond rings and config */

/* How each type goes on over stop and cont where there is no RESUME */
static void test_reset_and_restored(VdpaTest *t)
{
    g_autoptr(GPtrArray) log = NULL;

    vdpa_start(t, VDPA_PLAIN, 1);
    qvdpa_sim_clear(t->sim, 0);
    do_stop(t);
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "status"), ==, 0);
    log = qvdpa_sim_log(t->sim, 0);
    g_assert_cmpuint(qvdpa_log_count(log, "SUSPEND"), ==, 1);
    do_cont(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER_OK);
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "status"), ==,
                    VDPA_S_DRIVER_OK);
}

/* @data is what a reset would lose */
static void test_left_running(VdpaTest *t)
{
    g_autoptr(GPtrArray) log = NULL;
    bool net = strstr(t->c->sim, "type=net");

    vdpa_start(t, VDPA_PLAIN, 1);
    qvdpa_sim_clear(t->sim, 0);
    do_stop(t);
    vdpa_expect_message(t, t->node, t->c->data, "keeps running", NULL);
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "status"), ==,
                    VDPA_S_DRIVER_OK);
    if (!net) {
        verify_fill(t);
    }
    do_cont(t);
    do_stop(t);
    do_cont(t);
    log = qvdpa_sim_log(t->sim, 0);
    g_assert_cmpuint(log->len, ==, 0);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER_OK);
    if (!net) {
        verify_fill(t);
    }
}

/* The device stands still with all that it holds */
static void test_resumed(VdpaTest *t)
{
    vdpa_start(t, VDPA_PLAIN, 1);
    do_stop(t);
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "suspended"), ==, 1);
    do_cont(t);
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "suspended"), ==, 0);
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "status"), ==,
                    VDPA_S_DRIVER_OK);
    verify_fill(t);
}

/* The state comes with a feature: what counts is whether it was negotiated */
static void test_not_negotiated(VdpaTest *t)
{
    const uint64_t *without = t->c->data;

    t->features = qvirtio_get_features(t->vdev);
    g_assert_cmphex(t->features & *without, ==, *without);
    t->features &= ~*without;
    qvirtio_set_features(t->vdev, t->features);
    vdpa_setup_ring(t, 0, VDPA_PLAIN);
    qvirtio_set_driver_ok(t->vdev);
    do_stop(t);
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "status"), ==, 0);
    do_cont(t);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER_OK);
}

static const uint64_t net_ctrl_vq = VDPA_F(VIRTIO_NET_F_CTRL_VQ) |
                                    VDPA_F(VIRTIO_NET_F_CTRL_MAC_ADDR);
static const uint64_t console_multiport = VDPA_F(VIRTIO_CONSOLE_F_MULTIPORT);

/* Then it is reset: there is no other way to have it leave the rings alone */
static void test_state_lost(VdpaTest *t)
{
    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_set_status(t, VDPA_S_FEATURES_OK);
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "status"), !=,
                    VDPA_S_DRIVER_OK);
    vdpa_set_status(t, VDPA_S_DRIVER_OK);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_expect_message(t, t->node, "without a reset", t->c->data, NULL);
    vdpa_reset(t);
    vdpa_start(t, VDPA_PLAIN, 1);
}

#define LOSES_NET       "filters"
#define LOSES_UNKNOWN   "unknown"

static const VdpaCase cases[] = {
    { "config-restored/writeback", test_writeback, .sim = DISK },
    { "config-restored/whole-fields", test_whole_fields, .sim = NODE("8") },
    { "config-restored/not-at-the-start", test_not_at_the_start,
      .sim = NODE("8") },
    { "config-restored/last-value-of-each-byte", test_last_values,
      .sim = NODE("4") },
    { "config-restored/forgotten-at-reset", test_forgotten_at_reset,
      .sim = DISK },
    { "config-restored/reset-before-the-start", test_reset_before_start,
      .sim = DISK },
    { "config-restored/driver-ok-taken-back", test_driver_ok_taken_back,
      .sim = NODE("4") },
    { "config-restored/features-again", test_features_again,
      .sim = NODE("8") },
    { "config-restored/ignored-write", test_ignored_write,
      .sim = "type=generic,id=4,parent=vduse,backend-features=0x1e" },
    { "config-restored/failed-write", test_failed_write, .sim = DISK },
    { "config-restored/refused-writeback", test_refused, .sim = DISK,
      .data = &field_writeback },
    { "config-restored/refused-sense-size", test_refused, .sim = NODE("8"),
      .data = &field_sense_size },
    { "config-restored/refused-cdb-size", test_refused, .sim = NODE("8"),
      .data = &field_cdb_size },
    { "config-restored/refused-select", test_refused, .sim = NODE("18"),
      .data = &field_select },
    { "config-restored/refused-subsel", test_refused, .sim = NODE("18"),
      .data = &field_subsel },
    { "config-restored/refused-mac", test_refused, .sim = PLAIN_NET,
      .data = &field_mac },
    { "config-restored/refused-unknown", test_refused, .sim = NODE("4"),
      .data = &field_unknown },
    { "config-restored/differs", test_differs, .sim = NODE("8"),
      .data = &field_sense_size },
    { "config-restored/differs-unknown", test_differs, .sim = NODE("4"),
      .data = &field_unknown },
    { "config-restored/unreadable-at-stop", test_unreadable,
      .sim = NODE("8"), .data = &field_sense_size },
    { "config-restored/unreadable-at-cont", test_unreadable_at_cont,
      .sim = NODE("8"), .data = &field_sense_size },
    { "config-restored/act-console", test_act, .sim = NODE("3") },
    { "config-restored/late-reset", test_late_reset, .sim = NODE("16") },

    { "state/none-block", test_reset_and_restored, .sim = DISK },
    { "state/none-net", test_reset_and_restored, .sim = PLAIN_NET },
    { "state/none-console", test_reset_and_restored, .sim = NODE("3") },
    { "state/none-rng", test_reset_and_restored, .sim = "type=rng" RESETS },
    { "state/none-scsi", test_reset_and_restored, .sim = NODE("8") },
    { "state/none-input", test_reset_and_restored, .sim = NODE("18") },
    { "state/none-pmem", test_reset_and_restored, .sim = NODE("27") },
    { "state/not-negotiated-net", test_not_negotiated,
      .sim = "type=net" RESETS, .data = &net_ctrl_vq },
    { "state/not-negotiated-console", test_not_negotiated,
      .sim = NODE("3") ",features=0x300000002", .data = &console_multiport },
    { "state/left-running-net", test_left_running, .sim = "type=net" RESETS,
      .data = LOSES_NET },
    { "state/left-running-console", test_left_running,
      .sim = NODE("3") ",features=0x300000002", .data = "ports" },
    { "state/left-running-balloon", test_left_running, .sim = NODE("5"),
      .data = "pages" },
    { "state/left-running-9p", test_left_running, .sim = NODE("9"),
      .data = "session" },
    { "state/left-running-gpu", test_left_running, .sim = NODE("16"),
      .data = "resources" },
    { "state/left-running-vsock", test_left_running, .sim = NODE("19"),
      .data = "connections" },
    { "state/left-running-crypto", test_left_running, .sim = NODE("20"),
      .data = "sessions" },
    { "state/left-running-iommu", test_left_running, .sim = NODE("23"),
      .data = "domains" },
    { "state/left-running-mem", test_left_running, .sim = NODE("24"),
      .data = "blocks" },
    { "state/left-running-sound", test_left_running, .sim = NODE("25"),
      .data = "streams" },
    { "state/left-running-fs", test_left_running, .sim = NODE("26"),
      .data = "session" },
    { "state/left-running-gpio", test_left_running, .sim = NODE("41"),
      .data = "lines" },
    { "state/left-running-unknown", test_left_running, .sim = NODE("45"),
      .data = LOSES_UNKNOWN },
    { "state/resumed", test_resumed, .sim = "type=generic,id=26" },
    { "state/driver-ok-taken-back-net", test_state_lost,
      .sim = "type=net" RESETS, .data = LOSES_NET },
    { "state/driver-ok-taken-back-unknown", test_state_lost,
      .sim = NODE("45"), .data = LOSES_UNKNOWN },
    { "state/driver-ok-taken-back-resumable", test_state_lost,
      .sim = "type=net", .data = LOSES_NET },
};

static void register_vdpa_dev_state_test(void)
{
    vdpa_add_cases(cases, ARRAY_SIZE(cases));
}

libqos_init(register_vdpa_dev_state_test);
