/*
 * QTest testcase for vhost-vdpa-device: doorbells
 *
 * A parent may offer a page for each ring that can be mapped in place of an
 * eventfd.  A page that is mapped is used and given back; one that cannot be
 * mapped is done without.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/module.h"
#include "vdpa-dev-helpers.h"

static void test_no_unused_mapping(VdpaTest *t)
{
    g_autoptr(GPtrArray) log = NULL;

    vdpa_start(t, VDPA_MSIX, 1);
    vdpa_blk_verify(t);
    log = qvdpa_sim_log(t->sim, 0);
    if (qvdpa_log_count(log, "MMAP")) {
        g_assert_cmpuint(qvdpa_sim_state(t->sim, 0, "doorbell-kicks"), >, 0);
    }
}

/* One and the other of two rings */
static void test_unmappable(VdpaTest *t)
{
    QVirtioBuf tx = { guest_alloc(t->alloc, 64), 64, false };
    int ring;

    for (ring = 0; ring < 2; ring++) {
        qvdpa_sim_do(t->sim, "fault 0 MMAP errno=EINVAL ring=%d always", ring);
        vdpa_start(t, VDPA_MSIX, 2);
        vdpa_complete(t, 1, vdpa_submit(t, 1, &tx, 1));
        qvdpa_sim_do(t->sim, "unfault 0");
        vdpa_reset(t);
    }
}

static void test_failed_start(VdpaTest *t)
{
    vdpa_prepare(t, VDPA_MSIX, 1);
    qvdpa_sim_do(t->sim, "fault 0 SET_STATUS nth=4 errno=EIO");
    vdpa_set_status(t, VDPA_S_DRIVER_OK);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_expect_message(t, t->node, "SET_STATUS", NULL);
    g_assert_cmpuint(qvdpa_sim_state(t->sim, 0, "doorbells"), ==, 0);
}

static const VdpaCase cases[] = {
    { "doorbell/mapped-only-if-used", test_no_unused_mapping,
      .sim = "type=block,doorbells=on" },
    { "doorbell/mapped-only-if-used-page-per-vq", test_no_unused_mapping,
      .sim = "type=block,doorbells=on", .props = ",page-per-vq=on" },
    { "doorbell/works-without", test_unmappable,
      .sim = "type=net,doorbells=on" },
    { "doorbell/works-without-page-per-vq", test_unmappable,
      .sim = "type=net,doorbells=on", .props = ",page-per-vq=on" },
    { "doorbell/given-back-by-failed-start", test_failed_start,
      .sim = "type=block,doorbells=on" },
    { "doorbell/given-back-by-failed-start-page-per-vq", test_failed_start,
      .sim = "type=block,doorbells=on", .props = ",page-per-vq=on" },
};

static void register_vdpa_dev_doorbell_test(void)
{
    vdpa_add_cases(cases, ARRAY_SIZE(cases));
}

libqos_init(register_vdpa_dev_doorbell_test);
