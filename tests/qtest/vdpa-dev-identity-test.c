/*
 * QTest testcase for vhost-vdpa-device: identity
 *
 * What the device makes of what the backend says it is: ids, rings, sizes,
 * features, vectors; which answers it refuses, and with which words.  The
 * backend's answers are changed in one QEMU, between plugging in and out.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/resource.h>
#include "hw/pci/pci.h"
#include "qemu/module.h"
#include "vdpa-dev-helpers.h"

#define GENERIC                 "vhost-vdpa-device-pci"
#define MODERN                  GENERIC "-non-transitional"
#define TRANSITIONAL            GENERIC "-transitional"

#define ANY_ID                  "type=generic,id=45"

/* Sets a key of node 0 */
static void sim_set(VdpaTest *t, const char *key, uint64_t value)
{
    qvdpa_sim_do(t->sim, "set 0 %s 0x%" PRIx64, key, value);
}

static unsigned msix_table_size(VdpaTest *t)
{
    return qpci_find_capability(t->pci->pdev, PCI_CAP_ID_MSIX, 0) ?
           qpci_msix_table_size(t->pci->pdev) : 0;
}

static unsigned config_size(VdpaTest *t, unsigned max)
{
    unsigned size = 0;

    /* Config space is all zeros; what is beyond it reads as all ones */
    while (size < max && t->vdev->bus->config_readb(t->vdev, size) == 0) {
        size++;
    }
    return size;
}

/* Ids */

typedef struct VdpaIdentity {
    unsigned id;
    unsigned trans_device;      /* 0: there is no legacy form */
    unsigned class;
    unsigned queues;
    unsigned queue_max;
    unsigned config_size;
} VdpaIdentity;

static const VdpaIdentity identities[] = {
    { VIRTIO_ID_NET, 0x1000, PCI_CLASS_NETWORK_ETHERNET, 3, 256, 24 },
    { VIRTIO_ID_BLOCK, 0x1001, PCI_CLASS_STORAGE_SCSI, 1, 128, 72 },
    { VIRTIO_ID_CONSOLE, 0x1003, PCI_CLASS_COMMUNICATION_OTHER, 2, 64, 12 },
    { VIRTIO_ID_RNG, 0x1005, PCI_CLASS_OTHERS, 1, 8, 0 },
    { VIRTIO_ID_BALLOON, 0x1002, PCI_CLASS_OTHERS, 5, 128, 16 },
    { VIRTIO_ID_SCSI, 0x1004, PCI_CLASS_STORAGE_SCSI, 4, 512, 36 },
    { VIRTIO_ID_9P, 0x1009, 0x0002, 1, 128, 4 },
    { VIRTIO_ID_GPU, 0, PCI_CLASS_DISPLAY_OTHER, 2, 256, 16 },
    { VIRTIO_ID_INPUT, 0, PCI_CLASS_INPUT_OTHER, 2, 64, 136 },
    { VIRTIO_ID_VSOCK, 0, PCI_CLASS_COMMUNICATION_OTHER, 3, 128, 8 },
    { VIRTIO_ID_CRYPTO, 0, PCI_CLASS_OTHERS, 2, 1024, 56 },
    { VIRTIO_ID_IOMMU, 0, PCI_CLASS_OTHERS, 2, 256, 40 },
    { VIRTIO_ID_MEM, 0, PCI_CLASS_OTHERS, 1, 128, 56 },
    { VIRTIO_ID_SOUND, 0, PCI_CLASS_MULTIMEDIA_AUDIO, 4, 64, 12 },
    { VIRTIO_ID_FS, 0, PCI_CLASS_STORAGE_OTHER, 2, 128, 44 },
    { VIRTIO_ID_PMEM, 0, PCI_CLASS_OTHERS, 1, 128, 16 },
    { VIRTIO_ID_I2C_ADAPTER, 0, PCI_CLASS_COMMUNICATION_OTHER, 1, 4, 0 },
    { VIRTIO_ID_CAN, 0, PCI_CLASS_OTHERS, 3, 256, 2 },
    { VIRTIO_ID_GPIO, 0, PCI_CLASS_COMMUNICATION_OTHER, 2, 256, 8 },
    /* Ids of which QEMU knows nothing */
    { 45, 0, PCI_CLASS_OTHERS, 7, 2, 100 },
    { 60, 0, PCI_CLASS_OTHERS, 1, 256, 4096 },
    { 63, 0, PCI_CLASS_OTHERS, 16, 32, 1 },
};

static void sim_set_identity(VdpaTest *t, const VdpaIdentity *ident)
{
    sim_set(t, "id", ident->id);
    sim_set(t, "queues", ident->queues);
    sim_set(t, "queue-max", ident->queue_max);
    sim_set(t, "config-size", ident->config_size);
}

static void check_identity(VdpaTest *t, const VdpaIdentity *ident)
{
    QPCIDevice *pdev = t->pci->pdev;
    unsigned i;

    g_assert_cmphex(qpci_config_readw(pdev, PCI_VENDOR_ID), ==, 0x1af4);
    g_assert_cmphex(qpci_config_readw(pdev, PCI_DEVICE_ID), ==,
                    0x1040 + ident->id);
    g_assert_cmphex(qpci_config_readb(pdev, PCI_REVISION_ID), ==, 1);
    g_assert_cmphex(qpci_config_readw(pdev, PCI_CLASS_DEVICE), ==,
                    ident->class);
    g_assert_cmpuint(t->vdev->device_type, ==, ident->id);
    g_assert_cmpuint(vdpa_common_readw(t, vdpa_common_offset(num_queues)), ==,
                     ident->queues);
    for (i = 0; i < ident->queues; i++) {
        t->vdev->bus->queue_select(t->vdev, i);
        g_assert_cmpuint(t->vdev->bus->get_queue_size(t->vdev), ==,
                         ident->queue_max);
    }
    g_assert_cmpuint(config_size(t, 4096), ==, ident->config_size);
    g_assert_cmpuint(msix_table_size(t), ==, ident->queues + 1);
}

static void test_identity(VdpaTest *t)
{
    int i;

    g_assert_cmpuint(ARRAY_SIZE(identities), >=, 20);
    for (i = 0; i < ARRAY_SIZE(identities); i++) {
        g_test_message("id %u", identities[i].id);
        sim_set_identity(t, &identities[i]);
        vdpa_plug(t, MODERN, "");
        check_identity(t, &identities[i]);
        vdpa_unplug(t);
    }
}

static void test_transitional_ids(VdpaTest *t)
{
    int i;

    for (i = 0; i < ARRAY_SIZE(identities); i++) {
        const VdpaIdentity *ident = &identities[i];
        g_autofree char *error = NULL;
        QPCIDevice *pdev;

        g_test_message("id %u", ident->id);
        sim_set_identity(t, ident);
        if (!ident->trans_device) {
            g_autofree char *id = g_strdup_printf("%u", ident->id);

            error = vdpa_try_plug(t, TRANSITIONAL, "");
            vdpa_assert_has(error, t->node);
            vdpa_assert_has(error, id);
            continue;
        }
        vdpa_plug(t, TRANSITIONAL, "");
        pdev = t->pci->pdev;
        g_assert_cmphex(qpci_config_readw(pdev, PCI_DEVICE_ID), ==,
                        ident->trans_device);
        g_assert_cmphex(qpci_config_readw(pdev, PCI_SUBSYSTEM_ID), ==,
                        ident->id);
        g_assert_cmphex(qpci_config_readw(pdev, PCI_CLASS_DEVICE), ==,
                        ident->class);
        g_assert_cmphex(qpci_config_readb(pdev, PCI_REVISION_ID), ==, 0);
        vdpa_unplug(t);
    }
}

/* On a conventional bus the generic type has what legacy form there is */
static void test_generic_type(VdpaTest *t)
{
    int i;

    for (i = 0; i < ARRAY_SIZE(identities); i++) {
        const VdpaIdentity *ident = &identities[i];

        if (ident->config_size > 128) {
            continue;
        }
        g_test_message("id %u", ident->id);
        sim_set_identity(t, ident);
        vdpa_plug(t, GENERIC, "");
        g_assert_cmphex(qpci_config_readw(t->pci->pdev, PCI_DEVICE_ID), ==,
                        ident->trans_device ?: 0x1040 + ident->id);
        vdpa_unplug(t);
    }
}

static void test_id_refused(VdpaTest *t)
{
    /* The last two would be 1 in 16 and in 8 bits */
    static const uint64_t bad[] = { 0, 64, 255, 0xffffffff, 0x10001, 0x101 };
    int i;

    for (i = 0; i < ARRAY_SIZE(bad); i++) {
        g_autofree char *value = g_strdup_printf("%" PRIu64, bad[i]);

        sim_set(t, "id", bad[i]);
        vdpa_expect_refusal(t, "", t->node, "GET_DEVICE_ID", value, NULL);
    }
}

/* Config space */

static void test_no_config_space(VdpaTest *t)
{
    sim_set(t, "config-size", 0);
    vdpa_plug(t, GENERIC, "");
    g_assert_cmphex(t->vdev->bus->config_readl(t->vdev, 0), ==, 0xffffffff);
    vdpa_start(t, VDPA_PLAIN, 1);
}

static void test_config_size_modern(VdpaTest *t)
{
    static const uint64_t bad[] = { 4097, 65536, 0x80000000, 0xffffffff };
    int i;

    sim_set(t, "config-size", 4096);
    vdpa_plug(t, GENERIC, "");
    g_assert_cmpuint(config_size(t, 4096), ==, 4096);
    vdpa_unplug(t);

    for (i = 0; i < ARRAY_SIZE(bad); i++) {
        g_autofree char *value = g_strdup_printf("%" PRIu64, bad[i]);

        qvdpa_sim_do(t->sim, "fault 0 GET_CONFIG_SIZE value=%s", value);
        vdpa_expect_refusal(t, "", t->node, "GET_CONFIG_SIZE", value, "4096",
                            NULL);
    }
}

static void test_config_size_legacy(VdpaTest *t)
{
    g_autofree char *error = NULL;

    sim_set(t, "config-size", 4096);
    error = vdpa_try_plug(t, TRANSITIONAL, "");
    vdpa_assert_has(error, t->node);
    vdpa_assert_has(error, "4096");
    /* The hint */
    vdpa_assert_has(error, "Modern PCI");
}

/* Rings */

static unsigned plugged_queue_size(VdpaTest *t, uint64_t max,
                                   const char *props)
{
    unsigned size;

    sim_set(t, "queue-max", max);
    vdpa_plug(t, GENERIC, props);
    t->vdev->bus->queue_select(t->vdev, 0);
    size = t->vdev->bus->get_queue_size(t->vdev);
    vdpa_unplug(t);
    return size;
}

static void test_queue_size(VdpaTest *t)
{
    g_assert_cmpuint(plugged_queue_size(t, 256, ""), ==, 256);
    g_assert_cmpuint(plugged_queue_size(t, 1024, ""), ==, 1024);
    g_assert_cmpuint(plugged_queue_size(t, 2, ""), ==, 2);
    /* QEMU's maximum */
    g_assert_cmpuint(plugged_queue_size(t, 2048, ""), ==, 1024);
    g_assert_cmpuint(plugged_queue_size(t, 32768, ""), ==, 1024);
    g_assert_cmpuint(plugged_queue_size(t, 65535, ""), ==, 1024);
    /* Not a power of two */
    g_assert_cmpuint(plugged_queue_size(t, 300, ""), ==, 256);
    g_assert_cmpuint(plugged_queue_size(t, 1023, ""), ==, 512);
    g_assert_cmpuint(plugged_queue_size(t, 3, ""), ==, 2);
}

static void test_queue_size_property(VdpaTest *t)
{
    g_assert_cmpuint(plugged_queue_size(t, 256, ",queue-size=64"), ==, 64);
    g_assert_cmpuint(plugged_queue_size(t, 256, ",queue-size=256"), ==, 256);
    g_assert_cmpuint(plugged_queue_size(t, 32768, ",queue-size=1024"), ==,
                     1024);

    sim_set(t, "queue-max", 256);
    vdpa_expect_refusal(t, ",queue-size=512", "queue-size", "512", "256",
                        NULL);
    vdpa_expect_refusal(t, ",queue-size=100", "queue-size", "100", NULL);
    vdpa_expect_refusal(t, ",queue-size=65535", "queue-size", NULL);
    sim_set(t, "queue-max", 32768);
    vdpa_expect_refusal(t, ",queue-size=2048", "queue-size", "2048", "1024",
                        NULL);
    sim_set(t, "queue-max", 300);
    vdpa_expect_refusal(t, ",queue-size=300", "queue-size", "300", NULL);
}

static void test_queue_max_refused(VdpaTest *t)
{
    qvdpa_sim_do(t->sim, "fault 0 GET_VRING_NUM value=0");
    vdpa_expect_refusal(t, "", t->node, "GET_VRING_NUM", "0", NULL);
}

static void test_queue_count(VdpaTest *t)
{
    static const uint64_t bad[] = { 0, 1025, 0xffffffff };
    int i;

    for (i = 0; i < ARRAY_SIZE(bad); i++) {
        g_autofree char *value = g_strdup_printf("%" PRIu64, bad[i]);

        qvdpa_sim_do(t->sim, "fault 0 GET_VQS_COUNT value=%s", value);
        vdpa_expect_refusal(t, "", t->node, "GET_VQS_COUNT", value, NULL);
    }
}

/* Sets up and starts the last of a thousand rings */
static void test_1024_rings(VdpaTest *t)
{
    QVirtQueue *vq;

    g_assert_cmpuint(vdpa_common_readw(t, vdpa_common_offset(num_queues)), ==,
                     1024);
    g_assert_cmpuint(msix_table_size(t), ==, 1025);
    vdpa_negotiate(t, VDPA_PLAIN);
    vq = qvirtqueue_setup(t->vdev, t->alloc, 1023);
    qvirtio_set_driver_ok(t->vdev);
    g_assert_cmpuint(qvdpa_sim_ring_state(t->sim, 0, 1023, "ready"), ==, 1);
    g_assert_cmpuint(qvdpa_sim_ring_state(t->sim, 0, 0, "ready"), ==, 0);
    qvirtqueue_cleanup(t->vdev->bus, vq, t->alloc);
}

/* Set while QEMU runs: when it starts it may raise its limit */
static void limit_descriptors(VdpaTest *t, unsigned num)
{
    pid_t pid = qvdpa_sim_state(t->sim, 0, "owner");
    struct rlimit limit;

    g_assert_cmpint(prlimit(pid, RLIMIT_NOFILE, NULL, &limit), ==, 0);
    limit.rlim_cur = num;
    g_assert_cmpint(prlimit(pid, RLIMIT_NOFILE, &limit, NULL), ==, 0);
}

static void test_nofile(VdpaTest *t)
{
    vdpa_plug(t, GENERIC, "");
    limit_descriptors(t, 512);
    vdpa_unplug(t);
    qvdpa_sim_do(t->sim, "set 0 queues 1024");
    vdpa_expect_refusal(t, "", t->node, "RLIMIT_NOFILE", NULL);
    /* It has not taken the descriptors with it */
    qvdpa_sim_do(t->sim, "set 0 queues 2");
    vdpa_plug(t, GENERIC, "");
    vdpa_start(t, VDPA_PLAIN, 2);
}

/* Features */

/* What passes: bits 0 to 23, 50 and up, and of the others these */
#define PASSES_MODERN \
    (0x0000000000ffffffull | 0xfffc000000000000ull | \
     VDPA_F(VIRTIO_RING_F_INDIRECT_DESC) | VDPA_F(VIRTIO_RING_F_EVENT_IDX) | \
     VDPA_F(VIRTIO_F_VERSION_1) | VDPA_F(VIRTIO_F_RING_PACKED) | \
     VDPA_F(VIRTIO_F_IN_ORDER) | VDPA_F(VIRTIO_F_ORDER_PLATFORM))
#define PASSES_LEGACY \
    (0x00ffffffull | VDPA_F(VIRTIO_F_NOTIFY_ON_EMPTY) | \
     VDPA_F(VIRTIO_F_ANY_LAYOUT) | VDPA_F(VIRTIO_RING_F_INDIRECT_DESC) | \
     VDPA_F(VIRTIO_RING_F_EVENT_IDX))

static uint64_t plugged_features(VdpaTest *t, uint64_t offered,
                                 const char *driver, const char *props)
{
    uint64_t features;

    sim_set(t, "features", offered);
    vdpa_plug(t, driver, props);
    features = qvirtio_get_features(t->vdev);
    vdpa_unplug(t);
    return features;
}

static void test_features_filtered(VdpaTest *t)
{
    g_assert_cmphex(plugged_features(t, UINT64_MAX, MODERN, ""), ==,
                    PASSES_MODERN);
    g_assert_cmphex(plugged_features(t, UINT64_MAX, GENERIC,
                                     ",disable-modern=on") &
                    ~QVIRTIO_F_BAD_FEATURE, ==, PASSES_LEGACY);
}

/* Nothing is offered that the backend does not have */
static void test_features_not_invented(VdpaTest *t)
{
    uint64_t least = VDPA_F(VIRTIO_F_VERSION_1) |
                     VDPA_F(VIRTIO_F_ACCESS_PLATFORM);

    g_assert_cmphex(plugged_features(t, least, MODERN, ""), ==,
                    VDPA_F(VIRTIO_F_VERSION_1));
    g_assert_cmphex(plugged_features(t, least, MODERN,
                                     ",event_idx=on,indirect_desc=on"
                                     ",packed=on,in_order=on"), ==,
                    VDPA_F(VIRTIO_F_VERSION_1));
}

static void test_features_switched_off(VdpaTest *t)
{
    static const struct {
        const char *prop;
        unsigned bit;
    } props[] = {
        { ",event_idx=off", VIRTIO_RING_F_EVENT_IDX },
        { ",indirect_desc=off", VIRTIO_RING_F_INDIRECT_DESC },
        { ",packed=off", VIRTIO_F_RING_PACKED },
        { ",in_order=off", VIRTIO_F_IN_ORDER },
    };
    int i;

    for (i = 0; i < ARRAY_SIZE(props); i++) {
        g_test_message("%s", props[i].prop);
        g_assert_cmphex(plugged_features(t, UINT64_MAX, MODERN,
                                         props[i].prop), ==,
                        PASSES_MODERN & ~VDPA_F(props[i].bit));
    }
    g_assert_cmphex(plugged_features(t, UINT64_MAX, GENERIC,
                                     ",disable-modern=on,any_layout=off"
                                     ",notify_on_empty=off") &
                    ~QVIRTIO_F_BAD_FEATURE, ==,
                    PASSES_LEGACY & ~VDPA_F(VIRTIO_F_ANY_LAYOUT) &
                    ~VDPA_F(VIRTIO_F_NOTIFY_ON_EMPTY));
}

static void test_access_platform(VdpaTest *t)
{
    uint64_t platform = VDPA_F(VIRTIO_F_ACCESS_PLATFORM);

    g_assert_cmphex(plugged_features(t, UINT64_MAX, MODERN,
                                     ",iommu_platform=on"), ==,
                    PASSES_MODERN | platform);
    g_assert_cmphex(plugged_features(t, UINT64_MAX, MODERN,
                                     ",iommu_platform=off") & platform, ==,
                    0);
}

/* What nothing serves is refused, not ignored */
static void test_ring_reset_refused(VdpaTest *t)
{
    g_autofree char *error = vdpa_try_plug(t, GENERIC, ",queue_reset=on");

    vdpa_assert_has(error, t->node);
    vdpa_assert_has(error, "queue_reset=on");
    vdpa_plug(t, GENERIC, ",queue_reset=off");
}

static void test_backend_gets_access_platform(VdpaTest *t)
{
    g_autoptr(GPtrArray) log = NULL;
    uint64_t acked;
    int i;

    vdpa_start(t, VDPA_PLAIN, 1);
    log = qvdpa_sim_log(t->sim, 0);
    i = qvdpa_log_find(log, 0, "SET_FEATURES", NULL);
    acked = qvdpa_call_arg(qvdpa_log_call(log, i), "features");
    g_assert_cmphex(acked, ==,
                    t->features | VDPA_F(VIRTIO_F_ACCESS_PLATFORM));
    g_assert_cmphex(qvdpa_sim_state(t->sim, 0, "features"), ==, acked);
}

/* Vectors */

static void test_vectors(VdpaTest *t)
{
    static const struct {
        const char *props;
        unsigned vectors;
    } sizes[] = {
        { "", 4 },              /* three rings and the config space */
        { ",vectors=2", 2 },
        { ",vectors=33", 33 },
        { ",vectors=0", 0 },
    };
    int i;

    for (i = 0; i < ARRAY_SIZE(sizes); i++) {
        vdpa_plug(t, GENERIC, sizes[i].props);
        g_assert_cmpuint(msix_table_size(t), ==, sizes[i].vectors);
        vdpa_unplug(t);
    }
}

/* Bad answers */

/* What realize asks, each of which may fail */
static const char *const questions[] = {
    "GET_DEVICE_ID", "GET_VQS_COUNT", "GET_VRING_NUM", "GET_CONFIG_SIZE",
    "GET_FEATURES", "GET_BACKEND_FEATURES", "GET_IOVA_RANGE",
};

static void test_failed_question(VdpaTest *t)
{
    int i;

    for (i = 0; i < ARRAY_SIZE(questions); i++) {
        g_test_message("%s", questions[i]);
        qvdpa_sim_do(t->sim, "fault 0 %s errno=EIO", questions[i]);
        vdpa_expect_refusal(t, "", t->node, questions[i], strerror(EIO),
                            NULL);
        vdpa_assert_balanced(t);
        qvdpa_sim_do(t->sim, "unfault 0");
    }
    vdpa_plug(t, GENERIC, "");
    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_blk_verify(t);
}

/* Whatever else is called before the device is there may fail as well */
static void test_failed_call_in_realize(VdpaTest *t)
{
    g_autoptr(GPtrArray) log = NULL;
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    int i;

    qvdpa_sim_clear(t->sim, 0);
    vdpa_plug(t, GENERIC, "");
    log = qvdpa_sim_log(t->sim, 0);
    vdpa_unplug(t);

    for (i = 0; i < log->len; i++) {
        QVdpaSimCall *call = qvdpa_log_call(log, i);
        g_autofree char *error = NULL;

        if (g_str_equal(call->name, "CLOSE") ||
            !g_hash_table_add(seen, call->name)) {
            continue;
        }
        g_test_message("%s", call->name);
        qvdpa_sim_do(t->sim, "fault 0 %s errno=ENOMEM", call->name);
        qvdpa_sim_clear(t->sim, 0);
        error = vdpa_try_plug(t, GENERIC, "");
        qvdpa_sim_do(t->sim, "unfault 0");
        if (error) {
            /* Refused: the error says why, and all was given back */
            vdpa_assert_has(error, t->node);
            if (!g_str_equal(call->name, "OPEN")) {
                vdpa_assert_balanced(t);
            }
        } else {
            /* Not needed: then it works without */
            vdpa_attach(t);
            vdpa_start(t, VDPA_PLAIN, 1);
            vdpa_blk_verify(t);
            vdpa_unplug(t);
        }
        g_free(vdpa_take_stderr(t));
    }
    vdpa_plug(t, GENERIC, "");
    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_blk_verify(t);
}

static void test_iova_range_refused(VdpaTest *t)
{
    sim_set(t, "iova-first", 0x10000);
    sim_set(t, "iova-last", 0xffff);
    vdpa_expect_refusal(t, "", t->node, "GET_IOVA_RANGE", NULL);
}

/* Either realize or the guest is told; silence is what is not allowed */
static void test_iova_range_too_small(VdpaTest *t)
{
    g_autofree char *error = NULL;

    sim_set(t, "iova-last", 0x3ffffff);
    error = vdpa_try_plug(t, GENERIC, "");
    if (error) {
        vdpa_assert_has(error, t->node);
        return;
    }
    vdpa_attach(t);
    vdpa_prepare(t, VDPA_PLAIN, 1);
    vdpa_set_status(t, VDPA_S_DRIVER_OK);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_expect_message(t, t->node, NULL);
}

static void test_iova_range_exact(VdpaTest *t)
{
    /* 128 MiB of RAM end exactly where the range does */
    sim_set(t, "iova-last", 0x7ffffff);
    vdpa_plug(t, GENERIC, "");
    vdpa_start(t, VDPA_PLAIN, 1);
    vdpa_blk_verify(t);
}

/* QMP */

static QDict *query_vhost_queue(VdpaTest *t, int queue)
{
    return qtest_qmp(t->qts,
                     "{ 'execute': 'x-query-virtio-vhost-queue-status',"
                     " 'arguments': { 'path': '/machine/peripheral/"
                     QVHOST_VDPA_ID "/virtio-backend', 'queue': %d } }",
                     queue);
}

static void test_qmp_status(VdpaTest *t)
{
    int id;

    for (id = 1; id < 64; id++) {
        QDict *status, *rsp;

        g_test_message("id %d", id);
        sim_set(t, "id", id);
        vdpa_plug(t, MODERN, "");

        status = vdpa_qmp_status(t);
        g_assert_cmpint(qdict_get_int(status, "device-id"), ==, id);
        g_assert_false(qdict_get_bool(status, "vhost-started"));
        qobject_unref(status);
        qobject_unref(query_vhost_queue(t, 0));

        vdpa_start(t, VDPA_PLAIN, 1);
        status = vdpa_qmp_status(t);
        g_assert_true(qdict_get_bool(status, "vhost-started"));
        g_assert_true(qdict_get_bool(status, "started"));
        g_assert_cmpint(qdict_get_int(qdict_get_qdict(status, "vhost-dev"),
                                      "nvqs"), ==, 2);
        qobject_unref(status);
        rsp = query_vhost_queue(t, 0);
        g_assert_true(qdict_haskey(rsp, "return"));
        g_assert_cmpint(qdict_get_int(qdict_get_qdict(rsp, "return"), "num"),
                        ==, 256);
        qobject_unref(rsp);
        /* One that the guest did not set up, one that there is not */
        qobject_unref(query_vhost_queue(t, 1));
        rsp = query_vhost_queue(t, 2);
        g_assert_true(qdict_haskey(rsp, "error"));
        qobject_unref(rsp);
        vdpa_unplug(t);
    }
}

static void test_qmp_all_features(VdpaTest *t)
{
    int id;

    for (id = 1; id < 64; id++) {
        QDict *status;

        sim_set(t, "id", id);
        vdpa_plug(t, MODERN, "");
        qvirtio_set_features(t->vdev, qvirtio_get_features(t->vdev) &
                             ~QVIRTIO_F_BAD_FEATURE);
        status = vdpa_qmp_status(t);
        g_assert_cmpint(qdict_get_int(status, "device-id"), ==, id);
        qobject_unref(status);
        vdpa_unplug(t);
    }
}

static void test_qmp_real(VdpaTest *t)
{
    QDict *status;

    vdpa_start(t, VDPA_PLAIN, 1);
    status = vdpa_qmp_status(t);
    g_assert_cmpint(qdict_get_int(status, "device-id"), ==,
                    t->vdev->device_type);
    g_assert_true(qdict_get_bool(status, "vhost-started"));
    qobject_unref(status);
    vdpa_blk_verify(t);
}

static const VdpaCase cases[] = {
    { "identity/twenty-ids", test_identity, .sim = ANY_ID, .plug = true },
    { "identity/transitional-ids", test_transitional_ids, .sim = ANY_ID,
      .plug = true },
    { "identity/generic-type-follows-id", test_generic_type, .sim = ANY_ID,
      .plug = true },
    { "identity/impossible-ids-refused", test_id_refused, .sim = ANY_ID,
      .plug = true },
    { "identity/no-config-space", test_no_config_space, .sim = ANY_ID,
      .plug = true },
    { "identity/config-size-modern", test_config_size_modern, .sim = ANY_ID,
      .plug = true },
    { "identity/config-size-legacy", test_config_size_legacy,
      .sim = "type=generic,id=2", .plug = true },
    { "rings/size-from-backend", test_queue_size, .sim = ANY_ID,
      .plug = true },
    { "rings/size-property-narrows", test_queue_size_property, .sim = ANY_ID,
      .plug = true },
    { "rings/largest-of-0-refused", test_queue_max_refused, .sim = ANY_ID,
      .plug = true },
    { "rings/impossible-number-refused", test_queue_count, .sim = ANY_ID,
      .plug = true },
    { "rings/a-thousand", test_1024_rings, .sim = ANY_ID ",queues=1024",
      .nofile = 8192 },
    { "rings/out-of-descriptors", test_nofile, .sim = ANY_ID ",queues=2",
      .plug = true },
    { "features/filtered", test_features_filtered,
      .sim = "type=generic,id=2", .plug = true },
    { "features/not-invented", test_features_not_invented,
      .sim = ANY_ID, .plug = true },
    { "features/switched-off-by-properties", test_features_switched_off,
      .sim = "type=generic,id=2", .plug = true },
    { "features/access-platform-follows-iommu-platform",
      test_access_platform, .sim = ANY_ID, .plug = true },
    { "features/ring-reset-refused", test_ring_reset_refused,
      .sim = "type=block", .plug = true },
    { "features/backend-always-gets-access-platform",
      test_backend_gets_access_platform, .sim = "type=block" },
    { "vectors/default-and-property", test_vectors,
      .sim = ANY_ID ",queues=3", .plug = true },
    { "answers/failed-question", test_failed_question, .plug = true },
    { "answers/failed-call-in-realize", test_failed_call_in_realize,
      .plug = true },
    { "answers/iova-range-reversed", test_iova_range_refused, .plug = true },
    { "answers/iova-range-smaller-than-ram", test_iova_range_too_small,
      .plug = true },
    { "answers/iova-range-ends-with-ram", test_iova_range_exact,
      .plug = true },
    { "qmp/status-of-every-id", test_qmp_status,
      .sim = ANY_ID ",queues=2", .plug = true },
    { "qmp/status-with-all-features", test_qmp_all_features,
      .sim = ANY_ID ",features=0xffffffffffffffff", .plug = true },
    { "qmp/status-of-a-disk", test_qmp_real, VDPA_NEEDS_BLOCK },
};

static void register_vdpa_dev_identity_test(void)
{
    vdpa_add_cases(cases, ARRAY_SIZE(cases));
}

libqos_init(register_vdpa_dev_identity_test);
