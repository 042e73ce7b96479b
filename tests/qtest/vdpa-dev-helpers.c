/*
 * What the tests of vhost-vdpa-device have in common
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/resource.h>
#include "qemu/bswap.h"
#include "qemu/module.h"
#include "standard-headers/linux/virtio_blk.h"
#include "vdpa-dev-helpers.h"

#define VDPA_BACKEND_PATH "/machine/peripheral/" QVHOST_VDPA_ID \
                          "/virtio-backend"

/* The fixture */

static bool vdpa_simulated(void)
{
    return !g_getenv("VDPA_DEV_TEST_BLK") && !g_getenv("VDPA_DEV_TEST_NET");
}

/* The real node that a case can use, or NULL */
static const char *vdpa_real_node(const VdpaCase *c)
{
    switch (c->needs) {
    case VDPA_NEEDS_BLOCK:
        return g_getenv("VDPA_DEV_TEST_BLK");
    case VDPA_NEEDS_NET:
        return g_getenv("VDPA_DEV_TEST_NET");
    default:
        return NULL;
    }
}

static const char *vdpa_ram(bool simulated)
{
    bool share = simulated ||
                 !g_strcmp0(g_getenv("VDPA_DEV_TEST_SHARE"), "on");

    return share ? VDPA_SHARED_RAM : VDPA_ANONYMOUS_RAM;
}

static char *vdpa_read_stderr(VdpaTest *t)
{
    char *text = NULL;

    if (!g_file_get_contents(t->stderr_path, &text, NULL, NULL)) {
        text = g_strdup("");
    }
    return text;
}

/* Shows what QEMU had to say when a test fails */
static void vdpa_abort(void *opaque)
{
    VdpaTest *t = opaque;
    g_autofree char *text = vdpa_read_stderr(t);

    fprintf(stderr, "%s", text);
    if (t->sim) {
        qvdpa_sim_dump(t->sim, 0);
    }
}

/* Sets the soft limit of descriptors, which QEMU inherits */
static uint64_t vdpa_set_nofile(uint64_t nofile)
{
    struct rlimit limit;
    uint64_t old;

    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    old = limit.rlim_cur;
    limit.rlim_cur = MIN(nofile, limit.rlim_max);
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    return old;
}

static void vdpa_teardown(void *opaque)
{
    VdpaTest *t = opaque;

    if (!t->skip) {
        /* libqtest asserts the exit status */
        qtest_end();
        vdpa_expect_silence(t);
        qtest_remove_abrt_handler(t);
    }
    qos_invalidate_command_line();
    g_setenv("QTEST_QEMU_BINARY", t->binary, true);

    qvdpa_sim_free(t->sim);
    unlink(t->stderr_path);
    rmdir(t->dir);
    g_free(t->stderr_path);
    g_free(t->dir);
    g_free(t->binary);
    g_free(t->node);
    g_free(t->skip);
    g_free(t);
}

/* Takes the device off the command line */
static void vdpa_strip_device(GString *cmd_line)
{
    char *option = strstr(cmd_line->str, QVHOST_VDPA_OPTION);

    g_assert_nonnull(option);
    g_string_truncate(cmd_line, option - cmd_line->str);
}

static void *vdpa_before(GString *cmd_line, void *arg)
{
    const VdpaCase *c = arg;
    VdpaTest *t = g_new0(VdpaTest, 1);
    g_autofree char *command = NULL;
    bool simulated = vdpa_simulated();

    t->c = c;
    if (simulated && !qvdpa_sim_library()) {
        t->skip = g_strdup("no libvhost-vdpa-sim.so (VHOST_VDPA_SIM_LIB)");
    } else if (c->kvm && !qtest_has_accel("kvm")) {
        t->skip = g_strdup("no /dev/kvm that can be used");
    }
    t->node = g_strdup(simulated ? "/dev/vhost-vdpa-0" : vdpa_real_node(c));
    t->dir = g_dir_make_tmp("vdpa-dev-XXXXXX", NULL);
    g_assert_nonnull(t->dir);
    t->stderr_path = g_build_filename(t->dir, "stderr", NULL);
    t->binary = g_strdup(g_getenv("QTEST_QEMU_BINARY"));
    g_test_queue_destroy(vdpa_teardown, t);

    if (t->skip || c->plug || c->machine) {
        vdpa_strip_device(cmd_line);
    } else {
        if (!c->props || !strstr(c->props, "vhostfd=")) {
            g_string_append_printf(cmd_line, ",vhostdev=%s", t->node);
        }
        g_string_append(cmd_line, c->props ?: "");
    }
    if (t->skip) {
        return t;
    }
    if (c->machine) {
        g_string_assign(cmd_line, c->machine);
    }
    g_string_append_printf(cmd_line, "%s%s 2>%s",
                           c->memory ?: vdpa_ram(simulated),
                           c->args ?: "", t->stderr_path);

    command = g_strdup(t->binary);
    if (c->wrap) {
        char *wrapped = c->wrap(t->node, command);

        g_free(command);
        command = wrapped;
    }
    if (simulated) {
        char *wrapped;

        t->sim = qvdpa_sim_new(t->dir, c->sim ?:
                               c->needs == VDPA_NEEDS_NET ? "type=net" :
                               "type=block");
        wrapped = qvdpa_sim_wrap(t->sim, command);
        g_free(command);
        command = wrapped;
    }
    g_setenv("QTEST_QEMU_BINARY", command, true);
    if (c->nofile) {
        t->nofile = vdpa_set_nofile(c->nofile);
    }
    return t;
}

static void vdpa_note_entries(VdpaTest *t)
{
    t->entries = t->sim ? qvdpa_sim_iotlb_entries(t->sim, 0) : 0;
}

static void vdpa_run(void *obj, void *data, QGuestAllocator *alloc)
{
    QVhostVdpa *vdpa = obj;
    VdpaTest *t = data;

    if (t->skip) {
        g_test_skip(t->skip);
        return;
    }
    if (t->nofile) {
        vdpa_set_nofile(t->nofile);
    }
    /* Now, so that it comes before libqtest's, which ends QEMU */
    qtest_add_abrt_handler(vdpa_abort, t);
    t->qts = global_qtest;
    t->alloc = alloc;
    t->bus = vdpa->bus;
    t->pci = vdpa->pci;
    t->vdev = vdpa->vdev;
    vdpa_note_entries(t);
    t->c->run(t);
    vdpa_forget_rings(t);
    if (t->plugged && t->pci) {
        g_free(t->pci->pdev);
        g_free(t->pci);
    }
}

void vdpa_add_cases(const VdpaCase *cases, size_t num)
{
    const char *arch = qtest_get_arch();
    size_t i;

    if (!g_str_equal(arch, "x86_64") && !g_str_equal(arch, "i386")) {
        return;
    }
    for (i = 0; i < num; i++) {
        QOSGraphTestOptions opts = {
            .before = vdpa_before,
            .arg = (void *)&cases[i],
        };

        /* A real node does not do what a test tells the simulator to do */
        if (!vdpa_simulated() && (cases[i].sim || !vdpa_real_node(&cases[i]))) {
            continue;
        }
        qos_add_test(cases[i].name, "vhost-vdpa", vdpa_run, &opts);
    }
}

/* Messages */

char *vdpa_take_stderr(VdpaTest *t)
{
    g_autofree char *text = vdpa_read_stderr(t);
    char *news = g_strdup(text + t->stderr_seen);

    t->stderr_seen += strlen(news);
    return news;
}

void vdpa_expect_silence(VdpaTest *t)
{
    g_autofree char *news = vdpa_take_stderr(t);

    g_assert_cmpstr(news, ==, "");
}

void vdpa_assert_has(const char *text, const char *what)
{
    if (!text || !strstr(text, what)) {
        g_autofree char *msg = g_strdup_printf("'%s' has no '%s'",
                                               text ?: "", what);

        g_assertion_message(NULL, __FILE__, __LINE__, G_STRFUNC, msg);
    }
}

static void vdpa_assert_has_all(const char *text, va_list ap)
{
    const char *what;

    while ((what = va_arg(ap, const char *))) {
        vdpa_assert_has(text, what);
    }
}

/*
 * Each message has the program's name in front, or, while a monitor command
 * runs, at least the node's; what has neither is a hint.
 */
static unsigned vdpa_count_messages(VdpaTest *t, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", 0);
    unsigned i, count = 0;

    for (i = 0; lines[i]; i++) {
        count += g_str_has_prefix(lines[i], "qemu-system-") ||
                 strstr(lines[i], t->node);
    }
    return count;
}

void vdpa_expect_message(VdpaTest *t, ...)
{
    g_autofree char *news = vdpa_take_stderr(t);
    va_list ap;

    va_start(ap, t);
    vdpa_assert_has_all(news, ap);
    va_end(ap);
    if (vdpa_count_messages(t, news) != 1) {
        g_autofree char *msg = g_strdup_printf("not one message: '%s'", news);

        g_assertion_message(NULL, __FILE__, __LINE__, G_STRFUNC, msg);
    }
}

char *vdpa_qmp_error(VdpaTest *t, const char *fmt, ...)
{
    QDict *rsp;
    char *desc;
    va_list ap;

    va_start(ap, fmt);
    rsp = qtest_vqmp(t->qts, fmt, ap);
    va_end(ap);
    g_assert_true(qdict_haskey(rsp, "error"));
    desc = g_strdup(qdict_get_str(qdict_get_qdict(rsp, "error"), "desc"));
    qobject_unref(rsp);
    return desc;
}

QDict *vdpa_qmp_status(VdpaTest *t)
{
    QDict *rsp = qtest_qmp(t->qts, "{ 'execute': 'x-query-virtio-status',"
                           " 'arguments': { 'path': %s } }",
                           VDPA_BACKEND_PATH);
    QDict *status;

    g_assert_true(qdict_haskey(rsp, "return"));
    status = qdict_get_qdict(rsp, "return");
    qobject_ref(status);
    qobject_unref(rsp);
    return status;
}

/* The machine */

void vdpa_stop_machine(VdpaTest *t)
{
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'stop' }");
}

void vdpa_cont_machine(VdpaTest *t)
{
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'cont' }");
}

/* Plugging in and out */

char *vdpa_try_plug(VdpaTest *t, const char *driver, const char *props)
{
    bool named = strstr(props, "vhostdev=") || strstr(props, "vhostfd=");
    g_autofree char *node = named ? g_strdup("") :
                            g_strdup_printf(",vhostdev=%s", t->node);
    const char *at = strstr(props, ",bus=") ? "" : ",addr=04.0";
    char *answer;

    /* Over HMP, because QMP does not carry an error's hint */
    answer = qtest_hmp(t->qts, "device_add %s,id=%s%s%s%s", driver,
                       QVHOST_VDPA_ID, at, node, props);
    if (!*answer) {
        g_free(answer);
        return NULL;
    }
    return answer;
}

void vdpa_plug(VdpaTest *t, const char *driver, const char *props)
{
    g_autofree char *error = vdpa_try_plug(t, driver, props);

    g_assert_cmpstr(error, ==, NULL);
    vdpa_attach(t);
}

void vdpa_attach(VdpaTest *t)
{
    QPCIAddress addr = { .devfn = QPCI_DEVFN(QVHOST_VDPA_SLOT, 0) };

    g_assert_null(t->pci);
    t->pci = virtio_pci_new(t->bus, &addr);
    g_assert_nonnull(t->pci);
    t->vdev = &t->pci->vdev;
    vdpa_note_entries(t);
    t->plugged = true;
    qvirtio_pci_device_enable(t->pci);
    qvirtio_start_device(t->vdev);
}

void vdpa_unplug(VdpaTest *t)
{
    vdpa_forget_rings(t);
    if (t->plugged) {
        g_free(t->pci->pdev);
        g_free(t->pci);
    }
    t->pci = NULL;
    t->vdev = NULL;
    /* Of two events this waits for that of the virtio device */
    qpci_unplug_acpi_device_test(t->qts, QVHOST_VDPA_ID, QVHOST_VDPA_SLOT);
    qtest_qmp_eventwait(t->qts, "DEVICE_DELETED");
}

void vdpa_expect_refusal(VdpaTest *t, const char *props, ...)
{
    g_autofree char *error = vdpa_try_plug(t, "vhost-vdpa-device-pci", props);
    va_list ap;

    va_start(ap, props);
    vdpa_assert_has_all(error, ap);
    va_end(ap);
    if (t->sim) {
        g_assert_false(qvdpa_sim_is_open(t->sim, 0));
    }
}

char *vdpa_run_to_exit(VdpaTest *t, const char *devices, const char *args)
{
    g_autofree char *dir = g_dir_make_tmp("vdpa-dev-XXXXXX", NULL);
    g_autofree char *bin = NULL, *script = NULL, *quoted = NULL, *cmd = NULL;
    QVdpaSim *sim = qvdpa_sim_new(dir, devices);
    char *text = NULL;
    int status;

    bin = qvdpa_sim_wrap(sim, t->binary);
    script = g_strdup_printf("exec timeout %d %s -display none -accel qtest "
                             "-S %s", VDPA_TIMEOUT_US / G_USEC_PER_SEC, bin,
                             args);
    quoted = g_shell_quote(script);
    cmd = g_strdup_printf("sh -c %s", quoted);
    g_assert_true(g_spawn_command_line_sync(cmd, NULL, &text, &status, NULL));
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, 1);
    qvdpa_sim_free(sim);
    rmdir(dir);
    return text;
}

void vdpa_use_legacy(VdpaTest *t)
{
    QPCIAddress addr = { .devfn = QPCI_DEVFN(5, 0) };
    QVirtioPCIDevice *model = virtio_pci_new(t->bus, &addr);

    g_assert_nonnull(model);
    g_assert_true(model->vdev.bus != t->vdev->bus);
    t->vdev->bus = model->vdev.bus;
    t->pci->msix_ops = model->msix_ops;
    t->pci->bar_idx = model->bar_idx;
    g_free(model->pdev);
    g_free(model);
    qvirtio_pci_device_enable(t->pci);
    qvirtio_start_device(t->vdev);
}

/* Registers */

uint16_t vdpa_common_readw(VdpaTest *t, size_t offset)
{
    return qpci_io_readw(t->pci->pdev, t->pci->bar,
                         t->pci->common_cfg_offset + offset);
}

void vdpa_common_writew(VdpaTest *t, size_t offset, uint16_t value)
{
    qpci_io_writew(t->pci->pdev, t->pci->bar,
                   t->pci->common_cfg_offset + offset, value);
}

uint8_t vdpa_generation(VdpaTest *t)
{
    return qpci_io_readb(t->pci->pdev, t->pci->bar,
                         t->pci->common_cfg_offset +
                         vdpa_common_offset(config_generation));
}

uint8_t vdpa_take_isr(VdpaTest *t)
{
    return qpci_io_readb(t->pci->pdev, t->pci->bar, t->pci->isr_cfg_offset);
}

uint8_t vdpa_status(VdpaTest *t)
{
    return t->vdev->bus->get_status(t->vdev);
}

void vdpa_set_status(VdpaTest *t, uint8_t status)
{
    t->vdev->bus->set_status(t->vdev, status);
}

void vdpa_config_write(VdpaTest *t, unsigned offset, unsigned len,
                       uint32_t value)
{
    uint64_t at = (t->pci->device_cfg_offset ?:
                   VIRTIO_PCI_CONFIG_OFF(t->pci->pdev->msix_enabled)) + offset;

    switch (len) {
    case 1:
        qpci_io_writeb(t->pci->pdev, t->pci->bar, at, value);
        break;
    case 2:
        qpci_io_writew(t->pci->pdev, t->pci->bar, at, value);
        break;
    default:
        qpci_io_writel(t->pci->pdev, t->pci->bar, at, value);
    }
}

/* The life of a driver */

void vdpa_choose_features(VdpaTest *t, VdpaStartFlags flags)
{
    uint64_t features = qvirtio_get_features(t->vdev);
    uint64_t drop = QVIRTIO_F_BAD_FEATURE | VDPA_F(VIRTIO_F_IN_ORDER);

    if (!(flags & VDPA_INDIRECT)) {
        drop |= VDPA_F(VIRTIO_RING_F_INDIRECT_DESC);
    }
    if (!(flags & VDPA_EVENT_IDX)) {
        drop |= VDPA_F(VIRTIO_RING_F_EVENT_IDX);
    }
    if (!(flags & VDPA_PACKED)) {
        drop |= VDPA_F(VIRTIO_F_RING_PACKED);
    }
    t->features = features & ~drop;
}

void vdpa_negotiate(VdpaTest *t, VdpaStartFlags flags)
{
    vdpa_choose_features(t, flags);
    qvirtio_set_features(t->vdev, t->features);
}

void vdpa_setup_ring(VdpaTest *t, unsigned index, VdpaStartFlags flags)
{
    VdpaRing *ring = &t->ring[index];

    g_assert_cmpuint(index, <, VDPA_MAX_RINGS);
    ring->vq = qvirtqueue_setup(t->vdev, t->alloc, index);
    ring->is_packed = t->features & VDPA_F(VIRTIO_F_RING_PACKED);
    ring->indirect = flags & VDPA_INDIRECT;
    if (ring->is_packed) {
        qvirtqueue_packed_init(t->qts, &ring->packed, ring->vq);
    }
    if (flags & VDPA_MSIX) {
        qvirtqueue_pci_msix_setup(t->pci,
                                  container_of(ring->vq, QVirtQueuePCI, vq),
                                  t->alloc, index + 1);
    }
    t->num_rings = MAX(t->num_rings, index + 1);
}

void vdpa_prepare(VdpaTest *t, VdpaStartFlags flags, unsigned num_rings)
{
    bool msix = flags & (VDPA_MSIX | VDPA_NO_VECTOR);
    unsigned i;

    t->poll = flags & VDPA_NO_VECTOR;
    vdpa_negotiate(t, flags);
    if (t->pci && msix && !t->pci->pdev->msix_enabled) {
        qpci_msix_enable(t->pci->pdev);
    } else if (t->pci && !msix && t->pci->pdev->msix_enabled) {
        qpci_msix_disable(t->pci->pdev);
    }
    if (flags & VDPA_MSIX) {
        qvirtio_pci_set_msix_configuration_vector(t->pci, t->alloc, 0);
    }
    for (i = 0; i < num_rings; i++) {
        vdpa_setup_ring(t, i, flags);
    }
}

void vdpa_start(VdpaTest *t, VdpaStartFlags flags, unsigned num_rings)
{
    vdpa_prepare(t, flags, num_rings);
    qvirtio_set_driver_ok(t->vdev);
}

void vdpa_forget_rings(VdpaTest *t)
{
    unsigned i;

    for (i = 0; i < t->num_rings; i++) {
        if (t->ring[i].is_packed) {
            qvirtqueue_packed_cleanup(&t->ring[i].packed);
        }
        if (t->ring[i].vq) {
            qvirtqueue_cleanup(t->vdev->bus, t->ring[i].vq, t->alloc);
        }
    }
    memset(t->ring, 0, sizeof(t->ring));
    t->num_rings = 0;
}

void vdpa_reset(VdpaTest *t)
{
    vdpa_forget_rings(t);
    qvirtio_start_device(t->vdev);
}

/* Data */

static uint32_t vdpa_submit_split(VdpaTest *t, VdpaRing *ring,
                                  const QVirtioBuf *bufs, unsigned num)
{
    QVirtQueue *vq = ring->vq;
    uint32_t head = 0;
    unsigned i;

    if (vq->event) {
        qvirtqueue_set_used_event(t->qts, vq, vq->last_used_idx);
    }
    /* libqos does not recycle descriptors: start over when all are done */
    if (vq->free_head + num > vq->size) {
        vq->free_head = 0;
        vq->num_free = vq->size;
    }
    if (ring->indirect) {
        QVRingIndirectDesc *table;

        table = qvring_indirect_desc_setup(t->qts, t->vdev, t->alloc, num);
        for (i = 0; i < num; i++) {
            qvring_indirect_desc_add(t->vdev, t->qts, table, bufs[i].addr,
                                     bufs[i].len, bufs[i].write);
        }
        head = qvirtqueue_add_indirect(t->qts, vq, table);
        g_free(table);
    } else {
        for (i = 0; i < num; i++) {
            uint32_t at = qvirtqueue_add(t->qts, vq, bufs[i].addr,
                                         bufs[i].len, bufs[i].write,
                                         i + 1 < num);

            head = i ? head : at;
        }
    }
    qvirtqueue_kick(t->qts, t->vdev, vq, head);
    return head;
}

uint32_t vdpa_submit(VdpaTest *t, unsigned ring_index, const QVirtioBuf *bufs,
                     unsigned num)
{
    VdpaRing *ring = &t->ring[ring_index];
    uint16_t id;

    if (!ring->is_packed) {
        return vdpa_submit_split(t, ring, bufs, num);
    }
    if (ring->indirect) {
        id = qvirtqueue_packed_add_indirect(t->qts, &ring->packed, t->alloc,
                                            bufs, num);
    } else {
        id = qvirtqueue_packed_add(t->qts, &ring->packed, bufs, num);
    }
    qvirtqueue_packed_kick(t->qts, &ring->packed);
    return id;
}

static bool vdpa_get_buf(VdpaTest *t, VdpaRing *ring, uint32_t *id,
                         uint32_t *len)
{
    uint16_t packed_id;

    if (!ring->is_packed) {
        return qvirtqueue_get_buf(t->qts, ring->vq, id, len);
    }
    if (!qvirtqueue_packed_get_buf(t->qts, &ring->packed, &packed_id, len)) {
        return false;
    }
    *id = packed_id;
    return true;
}

bool vdpa_is_complete(VdpaTest *t, unsigned ring_index)
{
    VdpaRing copy = t->ring[ring_index];
    g_autofree uint16_t *slots = NULL;
    QVirtQueue vq = *copy.vq;
    uint32_t id, len;

    /* Look without taking */
    copy.vq = &vq;
    if (copy.is_packed) {
        slots = g_memdup2(copy.packed.slots, vq.size * sizeof(*slots));
        copy.packed.slots = slots;
    }
    return vdpa_get_buf(t, &copy, &id, &len);
}

void vdpa_wait_interrupt(VdpaTest *t, unsigned ring_index)
{
    qvirtio_wait_queue_isr(t->qts, t->vdev, t->ring[ring_index].vq,
                           VDPA_TIMEOUT_US);
}

uint32_t vdpa_complete(VdpaTest *t, unsigned ring_index, uint32_t id)
{
    gint64 start = g_get_monotonic_time();
    VdpaRing *ring = &t->ring[ring_index];
    uint32_t got, len;

    while (!vdpa_get_buf(t, ring, &got, &len)) {
        g_assert_cmpint(g_get_monotonic_time() - start, <, VDPA_TIMEOUT_US);
        qtest_clock_step(t->qts, 100);
    }
    g_assert_cmpuint(got, ==, id);
    if (!t->poll) {
        vdpa_wait_interrupt(t, ring_index);
    }
    return len;
}

void vdpa_blk_request(VdpaTest *t, VdpaBlkReq *req, bool write,
                      uint64_t sector, const void *data)
{
    struct virtio_blk_outhdr hdr = {
        .type = cpu_to_le32(write ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN),
        .sector = cpu_to_le64(sector),
    };

    req->addr = guest_alloc(t->alloc, sizeof(hdr) + VDPA_SECTOR + 1);
    req->data = req->addr + sizeof(hdr);
    req->status = req->data + VDPA_SECTOR;
    req->bufs[0] = (QVirtioBuf) { req->addr, sizeof(hdr), false };
    req->bufs[1] = (QVirtioBuf) { req->data, VDPA_SECTOR, !write };
    req->bufs[2] = (QVirtioBuf) { req->status, 1, true };
    qtest_memwrite(t->qts, req->addr, &hdr, sizeof(hdr));
    if (data) {
        qtest_memwrite(t->qts, req->data, data, VDPA_SECTOR);
    }
    qtest_writeb(t->qts, req->status, 0xff);
}

void vdpa_blk_rw(VdpaTest *t, bool write, uint64_t sector, void *data)
{
    VdpaBlkReq req;
    uint32_t id;

    vdpa_blk_request(t, &req, write, sector, write ? data : NULL);
    id = vdpa_submit(t, 0, req.bufs, ARRAY_SIZE(req.bufs));
    vdpa_complete(t, 0, id);
    g_assert_cmphex(qtest_readb(t->qts, req.status), ==, VIRTIO_BLK_S_OK);
    if (!write) {
        qtest_memread(t->qts, req.data, data, VDPA_SECTOR);
    }
    guest_free(t->alloc, req.addr);
}

void vdpa_new_pattern(VdpaTest *t, uint8_t *data)
{
    uint32_t x = ++t->pattern;
    int i;

    for (i = 0; i < VDPA_SECTOR; i++) {
        x = x * 1103515245 + 12345;
        data[i] = x >> 16;
    }
}

void vdpa_blk_verify(VdpaTest *t)
{
    uint8_t want[VDPA_SECTOR], got[VDPA_SECTOR] = {};
    uint64_t sector;

    vdpa_new_pattern(t, want);
    sector = t->pattern % 64;
    vdpa_blk_rw(t, true, sector, want);
    vdpa_blk_rw(t, false, sector, got);
    g_assert_cmpmem(got, sizeof(got), want, sizeof(want));
}

void vdpa_settle(VdpaTest *t)
{
    int i;

    /*
     * QEMU takes a command of ours in an iteration of the main loop, which
     * also dispatches whatever else was ready; a bottom half takes one more.
     */
    for (i = 0; i < 3; i++) {
        qtest_clock_step(t->qts, 1);
    }
}

void vdpa_assert_balanced(VdpaTest *t)
{
    g_autoptr(GPtrArray) log = qvdpa_sim_log(t->sim, 0);
    g_autoptr(GHashTable) maps = g_hash_table_new_full(g_str_hash, g_str_equal,
                                                       g_free, NULL);
    int i, opens = 0, mmaps = 0;

    for (i = 0; i < log->len; i++) {
        QVdpaSimCall *call = qvdpa_log_call(log, i);

        if (call->result[0] == 'E') {
            continue;
        }
        opens += g_str_equal(call->name, "OPEN");
        opens -= g_str_equal(call->name, "CLOSE");
        mmaps += g_str_equal(call->name, "MMAP");
        mmaps -= g_str_equal(call->name, "MUNMAP");
        if (g_str_has_prefix(call->name, "IOTLB_UPDATE") ||
            g_str_has_prefix(call->name, "IOTLB_INVALIDATE")) {
            char *key = g_strdup_printf("%" PRIx64 "+%" PRIx64,
                                        qvdpa_call_arg(call, "iova"),
                                        qvdpa_call_arg(call, "size"));

            if (g_str_equal(call->name, "IOTLB_UPDATE")) {
                g_assert_true(g_hash_table_add(maps, key));
            } else {
                g_assert_true(g_hash_table_remove(maps, key));
                g_free(key);
            }
        }
    }
    g_assert_cmpint(opens, ==, 0);
    g_assert_cmpint(mmaps, ==, 0);
    g_assert_cmpuint(g_hash_table_size(maps), ==, 0);
}
