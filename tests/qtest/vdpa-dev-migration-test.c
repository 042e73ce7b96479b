/*
 * QTest testcase for vhost-vdpa-device: migration and snapshots, refused
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/module.h"
#include "libqos/libqos.h"
#include "vdpa-dev-helpers.h"

#define GENERIC "vhost-vdpa-device-pci"

static void migrate_to(VdpaTest *t, const char *path)
{
    g_autofree char *uri = g_strdup_printf("exec:cat>%s", path);

    qtest_qmp_assert_success(t->qts, "{ 'execute': 'migrate',"
                             " 'arguments': { 'uri': %s } }", uri);
    qtest_qmp_eventwait(t->qts, "STOP");
}

static void test_refused(VdpaTest *t)
{
    g_autofree char *migrate = NULL;
    g_autofree char *savevm = NULL;

    migrate = vdpa_qmp_error(t, "{ 'execute': 'migrate', 'arguments': {"
                             " 'uri': 'exec:cat>/dev/null' } }");
    vdpa_assert_has(migrate, "vhost-vdpa-device");
    savevm = qtest_hmp(t->qts, "savevm snap");
    vdpa_assert_has(savevm, "vhost-vdpa-device");
    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_blk_verify(t);
}

static void test_only_migratable(VdpaTest *t)
{
    g_autofree char *error = vdpa_try_plug(t, GENERIC, "");

    vdpa_assert_has(error, "only-migratable");
    vdpa_assert_balanced(t);
}

static void test_after_unplug(VdpaTest *t)
{
    vdpa_plug(t, GENERIC, "");
    vdpa_unplug(t);
    migrate_to(t, "/dev/null");
}

/* A state without the device is refused, and nothing has changed */
static void test_loadvm_refused(VdpaTest *t)
{
    g_autofree char *disk = NULL, *saved = NULL, *refused = NULL;
    int fd;

    if (!have_qemu_img()) {
        g_test_skip("QTEST_QEMU_IMG names no qemu-img");
        return;
    }
    fd = g_file_open_tmp("vdpa-dev-XXXXXX", &disk, NULL);
    g_assert_cmpint(fd, >=, 0);
    close(fd);
    mkqcow2(disk, 1);
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'blockdev-add',"
                             " 'arguments': { 'driver': 'qcow2', 'file': {"
                             " 'driver': 'file', 'filename': %s } ,"
                             " 'node-name': 'disk' } }", disk);
    saved = qtest_hmp(t->qts, "savevm snap");
    g_assert_cmpstr(saved, ==, "");

    vdpa_plug(t, GENERIC, "");
    vdpa_start(t, VDPA_PLAIN, 1);
    refused = qtest_hmp(t->qts, "loadvm snap");
    vdpa_assert_has(refused, "vhost-vdpa-device");
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'cont' }");
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_DRIVER_OK);
    vdpa_blk_verify(t);
    unlink(disk);
}

/* So is one that comes from a QEMU without the device */
static void test_incoming_refused(VdpaTest *t)
{
    g_autofree char *state = NULL, *args = NULL, *refused = NULL;
    int fd = g_file_open_tmp("vdpa-dev-XXXXXX", &state, NULL);

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    migrate_to(t, state);
    args = g_strdup_printf("-M pc" VDPA_SHARED_RAM " -incoming 'exec:cat %s'"
                           " -device " GENERIC ",vhostdev=/dev/vhost-vdpa-0",
                           state);
    refused = vdpa_run_to_exit(t, "type=block", args);
    vdpa_assert_has(refused, "vhost-vdpa-device");
    vdpa_assert_has(refused, "non-migratable");
    unlink(state);
}

static const VdpaCase cases[] = {
    { "migration/refused-with-reason", test_refused, VDPA_NEEDS_BLOCK },
    { "migration/only-migratable-refuses", test_only_migratable,
      .plug = true, .args = " -only-migratable" },
    { "migration/works-after-unplug", test_after_unplug, VDPA_NEEDS_BLOCK,
      .plug = true },
    { "migration/loadvm-refused", test_loadvm_refused, VDPA_NEEDS_BLOCK,
      .plug = true },
    { "migration/incoming-refused", test_incoming_refused, .plug = true },
};

static void register_vdpa_dev_migration_test(void)
{
    vdpa_add_cases(cases, ARRAY_SIZE(cases));
}

libqos_init(register_vdpa_dev_migration_test);
