/*
 * The whole life of a vhost-vdpa-device, as its guest and its user see it
 *
 *   QTEST_QEMU_BINARY=... vdpa-dev-life DIRECTORY NODE [SECONDS]
 *
 * NODE describes the simulated node, as VHOST_VDPA_SIM_0 does; it says what is
 * to fail.  This program does not know what fails and judges nothing: after
 * each step it prints a line of what can be seen from outside, and for each
 * line that QEMU wrote to stderr a line "<step> log=<text>".  What does not
 * work any more is recovered as a guest or a user would: by a reset of the
 * device, or by plugging it in again.
 *
 * In DIRECTORY are afterwards QEMU's stderr and, as "calls", the simulator's
 * log with a line "step <step>" where each began.  SECONDS (10) is how long it
 * waits for anything.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "qemu/bswap.h"
#include "libqos/malloc-pc.h"
#include "libqos/pci-pc.h"
#include "standard-headers/linux/virtio_blk.h"
#include "vdpa-dev-helpers.h"

#define NODE "/dev/vhost-vdpa-0"

/* Memory hot-plug registers of the "pc" machine: docs/specs/acpi_mem_hotplug */
#define ACPI_MEM_BASE 0xa00
#define ACPI_MEM_FLAGS 0x14
#define ACPI_MEM_EJECT (1 << 3)

#define MACHINE_ARGS \
    "-machine pc,memory-backend=ram -m 128M,slots=1,maxmem=1G -nodefaults" \
    " -object memory-backend-memfd,id=ram,size=128M,share=on" \
    " -object memory-backend-memfd,id=mem0,size=128M,share=on"

/* The driver's side of the device while it is there */
typedef struct Life {
    QTestState *qts;
    QGuestAllocator alloc;
    QPCIBus *bus;
    QVdpaSim *sim;
    char *calls_path;
    char *stderr_path;
    size_t stderr_seen;
    gint64 timeout_us;

    QVirtioPCIDevice *pci;
    QVirtioDevice *vdev;
    QVirtQueue *vq;
    uint64_t requests;          /* that the device must have carried out */
    pid_t pid;
    bool told;                  /* a config interrupt since it was last said */
    uint64_t dimm;              /* address of the hot-added memory, or 0 */
    uint8_t pattern;
} Life;

/* What one exchange of data came to */
typedef struct LifeIO {
    const char *result;
    bool interrupt;
} LifeIO;

/* Observations */

static void G_GNUC_PRINTF(2, 3) say(const char *step, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    g_strdelimit(text, "\n", ' ');
    printf("%s %s\n", step, g_strchomp(text));
    fflush(stdout);
}

static void begin(Life *l, const char *step)
{
    FILE *calls = fopen(l->calls_path, "a");

    g_assert_nonnull(calls);
    fprintf(calls, "step %s\n", step);
    fclose(calls);
}

static void say_log(Life *l, const char *step)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    size_t len;
    int i;

    if (!g_file_get_contents(l->stderr_path, &text, &len, NULL)) {
        return;
    }
    lines = g_strsplit(text + l->stderr_seen, "\n", 0);
    l->stderr_seen = len;
    for (i = 0; lines[i]; i++) {
        if (*lines[i]) {
            say(step, "log=%s", lines[i]);
        }
    }
}

static uint8_t get_status(Life *l)
{
    return l->vdev->bus->get_status(l->vdev);
}

static void set_status(Life *l, uint8_t status)
{
    l->vdev->bus->set_status(l->vdev, status);
}

/* Whether @happened() comes true in time */
static bool wait_for(Life *l, bool (*happened)(Life *l))
{
    gint64 end = g_get_monotonic_time() + l->timeout_us;

    while (!happened(l)) {
        if (g_get_monotonic_time() > end) {
            return false;
        }
        qtest_clock_step(l->qts, 100);
    }
    return true;
}

static bool ring_interrupted(Life *l)
{
    return l->vdev->bus->get_queue_isr_status(l->vdev, l->vq);
}

static bool config_interrupted(Life *l)
{
    if (qtest_readl(l->qts, l->pci->config_msix_addr) !=
        l->pci->config_msix_data) {
        return false;
    }
    qtest_writel(l->qts, l->pci->config_msix_addr, 0);
    l->told = true;
    return true;
}

static unsigned count_fds(Life *l)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/fd", l->pid);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    unsigned count = 0;

    while (dir && g_dir_read_name(dir)) {
        count++;
    }
    return count;
}

/* Data: a disk's sector is written and read, the generic device fills */

static void submit(Life *l, const QVirtioBuf *bufs, unsigned num)
{
    uint32_t head = 0;
    unsigned i;

    /* libqos does not recycle descriptors: start over when all are done */
    if (l->vq->free_head + num > l->vq->size) {
        l->vq->free_head = 0;
        l->vq->num_free = l->vq->size;
    }
    for (i = 0; i < num; i++) {
        uint32_t at = qvirtqueue_add(l->qts, l->vq, bufs[i].addr, bufs[i].len,
                                     bufs[i].write, i + 1 < num);

        head = i ? head : at;
    }
    l->requests++;
    qvirtqueue_kick(l->qts, l->vdev, l->vq, head);
}

static bool completed(Life *l)
{
    return qvirtqueue_get_buf(l->qts, l->vq, NULL, NULL);
}

/* One request to the disk, its data at @addr */
static LifeIO transfer(Life *l, uint64_t addr, bool write)
{
    struct virtio_blk_outhdr hdr = {
        .type = cpu_to_le32(write ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN),
    };
    uint64_t header = guest_alloc(&l->alloc, sizeof(hdr) + 1);
    uint64_t status = header + sizeof(hdr);
    QVirtioBuf bufs[] = {
        { header, sizeof(hdr), false },
        { addr, VDPA_SECTOR, !write },
        { status, 1, true },
    };
    LifeIO io = { "timeout", false };

    if (l->vq->size < ARRAY_SIZE(bufs)) {
        io.result = "small-ring";
        return io;
    }
    qtest_memwrite(l->qts, header, &hdr, sizeof(hdr));
    qtest_writeb(l->qts, status, 0xff);
    submit(l, bufs, ARRAY_SIZE(bufs));
    if (wait_for(l, completed)) {
        io.interrupt = wait_for(l, ring_interrupted);
        io.result = qtest_readb(l->qts, status) == VIRTIO_BLK_S_OK ? "ok" :
                    "ioerr";
        guest_free(&l->alloc, header);
    }
    return io;
}

/* Writes what was never written before and reads it back, by way of @addr */
static LifeIO exchange(Life *l, uint64_t addr)
{
    uint8_t data[VDPA_SECTOR], want[VDPA_SECTOR];
    LifeIO io;

    memset(want, ++l->pattern, sizeof(want));
    qtest_memwrite(l->qts, addr, want, sizeof(want));
    io = transfer(l, addr, true);
    if (!g_str_equal(io.result, "ok")) {
        return io;
    }
    qtest_memset(l->qts, addr, 0, VDPA_SECTOR);
    io = transfer(l, addr, false);
    qtest_memread(l->qts, addr, data, sizeof(data));
    if (!g_str_equal(io.result, "ok")) {
        return io;
    }
    if (memcmp(data, want, sizeof(data))) {
        io.result = "wrong-data";
    } else if (qvdpa_sim_state(l->sim, 0, "requests") != l->requests) {
        io.result = "doubled";
    }
    return io;
}

/* The driver */

static void forget_ring(Life *l)
{
    if (l->vq) {
        qvirtqueue_cleanup(l->vdev->bus, l->vq, &l->alloc);
        l->vq = NULL;
    }
}

/* A driver gives up when the device refuses its features */
static bool start_driver(Life *l)
{
    uint64_t features = l->vdev->bus->get_features(l->vdev);

    forget_ring(l);
    l->requests = qvdpa_sim_state(l->sim, 0, "requests");
    set_status(l, 0);
    set_status(l, VIRTIO_CONFIG_S_ACKNOWLEDGE);
    set_status(l, VDPA_S_DRIVER);
    l->vdev->features = VDPA_F(VIRTIO_F_VERSION_1) |
                        (features & VDPA_F(VIRTIO_F_ACCESS_PLATFORM));
    l->vdev->bus->set_features(l->vdev, l->vdev->features);
    l->vdev->features_negotiated = true;
    set_status(l, VDPA_S_FEATURES_OK);
    if (!(get_status(l) & VIRTIO_CONFIG_S_FEATURES_OK)) {
        return false;
    }
    if (!l->pci->pdev->msix_enabled) {
        qpci_msix_enable(l->pci->pdev);
    }
    qvirtio_pci_set_msix_configuration_vector(l->pci, &l->alloc, 0);
    l->vq = qvirtqueue_setup(l->vdev, &l->alloc, 0);
    qvirtqueue_pci_msix_setup(l->pci, container_of(l->vq, QVirtQueuePCI, vq),
                              &l->alloc, 1);
    set_status(l, VDPA_S_DRIVER_OK);
    return true;
}

/*
 * What the guest sees of the device, by way of data at @addr.  A guest that
 * was told that the device needs a reset does not use it.
 */
static bool look(Life *l, const char *step, uint64_t addr)
{
    LifeIO io = { "untried", false };
    uint8_t status = get_status(l);
    bool works;

    if (status == VDPA_S_DRIVER_OK) {
        io = exchange(l, addr);
        status = get_status(l);
    }
    works = status == VDPA_S_DRIVER_OK && g_str_equal(io.result, "ok") &&
            io.interrupt;
    config_interrupted(l);
    say(step, "status=0x%x io=%s interrupt=%d told=%d", status, io.result,
        io.interrupt, !works && l->told);
    l->told = false;
    say_log(l, step);
    return works;
}

static bool start(Life *l, const char *step)
{
    uint64_t addr = guest_alloc(&l->alloc, VDPA_SECTOR);
    bool works = false;

    begin(l, step);
    if (start_driver(l)) {
        works = look(l, step, addr);
    } else {
        say(step, "refused status=0x%x", get_status(l));
        say_log(l, step);
    }
    guest_free(&l->alloc, addr);
    return works;
}

/* Plugging in and out */

static void forget_device(Life *l)
{
    forget_ring(l);
    if (l->pci) {
        g_free(l->pci->pdev);
        g_free(l->pci);
    }
    l->pci = NULL;
    l->vdev = NULL;
}

static bool plug(Life *l, const char *step)
{
    QPCIAddress at = { .devfn = QPCI_DEVFN(QVHOST_VDPA_SLOT, 0) };
    g_autofree char *error = NULL;

    begin(l, step);
    /* Over HMP, because QMP does not carry an error's hint */
    error = qtest_hmp(l->qts, "device_add vhost-vdpa-device-pci,id=%s,"
                      "addr=%x,vhostdev=" NODE, QVHOST_VDPA_ID,
                      QVHOST_VDPA_SLOT);
    if (*error) {
        say(step, "error=%s", error);
        say_log(l, step);
        return false;
    }
    l->pid = qvdpa_sim_state(l->sim, 0, "owner");
    l->pci = virtio_pci_new(l->bus, &at);
    g_assert_nonnull(l->pci);
    l->vdev = &l->pci->vdev;
    qvirtio_pci_device_enable(l->pci);
    say(step, "ok");
    say_log(l, step);
    return true;
}

static void unplug(Life *l, const char *step)
{
    begin(l, step);
    forget_device(l);
    /* Of two events this waits for that of the virtio device */
    qpci_unplug_acpi_device_test(l->qts, QVHOST_VDPA_ID, QVHOST_VDPA_SLOT);
    qtest_qmp_eventwait(l->qts, "DEVICE_DELETED");
    say(step, "open=%d fds=%u", qvdpa_sim_is_open(l->sim, 0), count_fds(l));
    say_log(l, step);
}

/* As a user does who was refused: the same again */
static bool plug_twice(Life *l, const char *step)
{
    if (plug(l, step)) {
        return true;
    }
    say(step, "open=%d", qvdpa_sim_is_open(l->sim, 0));
    return plug(l, "plug-again");
}

/* What guest and user do about a device that does not work */
static bool recover(Life *l)
{
    if (start(l, "reset-again")) {
        return true;
    }
    unplug(l, "unplug-broken");
    return plug(l, "plug-again") && start(l, "start-again");
}

static bool look_or_recover(Life *l, const char *step, uint64_t addr)
{
    return look(l, step, addr) || recover(l);
}

/* The steps of a life; false: it cannot go on */

static bool live_start(Life *l, const char *step)
{
    return start(l, step) || recover(l);
}

static bool live_config(Life *l)
{
    uint64_t addr = guest_alloc(&l->alloc, VDPA_SECTOR);
    g_auto(GStrv) held = NULL;
    uint64_t value;
    bool interrupt, ok;

    begin(l, "config-read");
    value = l->vdev->bus->config_readl(l->vdev, 0);
    say("config-read", "value=0x%" PRIx64, value);
    ok = look_or_recover(l, "config-read", addr);
    if (ok) {
        begin(l, "config-write");
        qpci_io_writeb(l->pci->pdev, l->pci->bar,
                       l->pci->device_cfg_offset +
                       offsetof(struct virtio_blk_config, wce), 0x5a);
        held = qvdpa_sim_command(l->sim, "read-config 0");
        say("config-write", "held=%.2s",
            held[0] + 2 * offsetof(struct virtio_blk_config, wce));
        ok = look_or_recover(l, "config-write", addr);
    }
    if (ok) {
        begin(l, "config-interrupt");
        qvdpa_sim_do(l->sim, "config 0 0 0010");
        interrupt = wait_for(l, config_interrupted);
        value = l->vdev->bus->config_readl(l->vdev, 0);
        say("config-interrupt", "raised=%d value=0x%" PRIx64, interrupt,
            value);
        ok = look_or_recover(l, "config-interrupt", addr);
    }
    if (ok) {
        begin(l, "ring-interrupt");
        qvdpa_sim_do(l->sim, "interrupt 0 0");
        say("ring-interrupt", "raised=%d", wait_for(l, ring_interrupted));
        ok = look_or_recover(l, "ring-interrupt", addr);
    }
    guest_free(&l->alloc, addr);
    return ok;
}

/* A request that the driver makes while the machine is stopped waits */
static bool live_stop(Life *l)
{
    uint64_t addr = guest_alloc(&l->alloc, VDPA_SECTOR);
    uint64_t status = guest_alloc(&l->alloc, 1);
    struct virtio_blk_outhdr hdr = { .type = cpu_to_le32(VIRTIO_BLK_T_FLUSH) };
    QVirtioBuf bufs[] = {
        { addr, sizeof(hdr), false },
        { status, 1, true },
    };
    bool done;

    begin(l, "stop");
    qtest_qmp_assert_success(l->qts, "{ 'execute': 'stop' }");
    say("stop", "status=0x%x", get_status(l));
    say_log(l, "stop");
    if (l->vq->size >= ARRAY_SIZE(bufs)) {
        qtest_memwrite(l->qts, addr, &hdr, sizeof(hdr));
        submit(l, bufs, ARRAY_SIZE(bufs));
    }
    begin(l, "cont");
    qtest_qmp_assert_success(l->qts, "{ 'execute': 'cont' }");
    say("cont", "status=0x%x", get_status(l));
    if (get_status(l) == VDPA_S_DRIVER_OK) {
        done = wait_for(l, completed) && wait_for(l, ring_interrupted);
        say("cont", "waiting-request=%s", done ? "ok" : "timeout");
    }
    return look_or_recover(l, "cont", addr);
}

static uint64_t dimm_address(Life *l)
{
    QDict *rsp = qtest_qmp(l->qts, "{ 'execute': 'query-memory-devices' }");
    QList *list = qdict_get_qlist(rsp, "return");
    QDict *device = qobject_to(QDict, qlist_peek(list));
    uint64_t address = qdict_get_int(qdict_get_qdict(device, "data"), "addr");

    qobject_unref(rsp);
    return address;
}

static bool live_add_memory(Life *l)
{
    uint64_t addr = guest_alloc(&l->alloc, VDPA_SECTOR);
    QDict *rsp;
    bool ok;

    begin(l, "memory-add");
    rsp = qtest_qmp(l->qts, "{ 'execute': 'device_add', 'arguments': {"
                    " 'driver': 'pc-dimm', 'id': 'dimm0',"
                    " 'memdev': 'mem0' } }");
    if (qdict_haskey(rsp, "error")) {
        say("memory-add", "error=%s",
            qdict_get_str(qdict_get_qdict(rsp, "error"), "desc"));
    } else {
        l->dimm = dimm_address(l);
        say("memory-add", "ok");
    }
    qobject_unref(rsp);
    ok = look_or_recover(l, "memory-add", addr);
    if (ok && l->dimm) {
        ok = look_or_recover(l, "memory-use", l->dimm);
    }
    guest_free(&l->alloc, addr);
    return ok;
}

static bool live_remove_memory(Life *l)
{
    uint64_t addr;
    bool ok;

    if (!l->dimm) {
        return true;
    }
    addr = guest_alloc(&l->alloc, VDPA_SECTOR);
    begin(l, "memory-remove");
    qtest_qmp_device_del_send(l->qts, "dimm0");
    qtest_outl(l->qts, ACPI_MEM_BASE, 0);
    qtest_outb(l->qts, ACPI_MEM_BASE + ACPI_MEM_FLAGS, ACPI_MEM_EJECT);
    qtest_qmp_eventwait(l->qts, "DEVICE_DELETED");
    say("memory-remove", "ok");
    ok = look_or_recover(l, "memory-remove", addr);
    guest_free(&l->alloc, addr);
    return ok;
}

/* Twice: after the first it is seen what is left; the second ends with QEMU */
static bool live(Life *l)
{
    bool ok = plug_twice(l, "plug") && live_start(l, "start") &&
              live_config(l) && live_stop(l) &&
              live_start(l, "second-start") && live_add_memory(l) &&
              live_remove_memory(l);

    if (ok) {
        unplug(l, "unplug");
        ok = plug_twice(l, "second-plug") && live_start(l, "third-start");
    }
    return ok;
}

int main(int argc, char **argv)
{
    g_autofree char *command = NULL, *args = NULL;
    Life *l = g_new0(Life, 1);
    bool ok;

    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: %s DIRECTORY NODE [SECONDS]\n", argv[0]);
        return 2;
    }
    l->calls_path = g_build_filename(argv[1], "calls", NULL);
    g_setenv("VHOST_VDPA_SIM_LOG", l->calls_path, true);
    l->stderr_path = g_build_filename(argv[1], "stderr", NULL);
    l->timeout_us = (argc > 3 ? atof(argv[3]) : 10) * G_USEC_PER_SEC;
    l->sim = qvdpa_sim_new(argv[1], argv[2]);
    command = qvdpa_sim_wrap(l->sim, getenv("QTEST_QEMU_BINARY"));
    g_setenv("QTEST_QEMU_BINARY", command, true);

    args = g_strdup_printf(MACHINE_ARGS " 2>%s", l->stderr_path);
    l->qts = qtest_init(args);
    pc_alloc_init(&l->alloc, l->qts, ALLOC_NO_FLAGS);
    l->bus = qpci_new_pc(l->qts, &l->alloc);
    ok = live(l);
    say("end", "%s", ok ? "ok" : "broken");

    forget_device(l);
    qpci_free_pc(l->bus);
    alloc_destroy(&l->alloc);
    begin(l, "quit");
    /* Asserts that QEMU ends with status 0 */
    qtest_quit(l->qts);
    say("quit", "ok");
    say_log(l, "quit");
    qvdpa_sim_free(l->sim);
    g_free(l->calls_path);
    g_free(l->stderr_path);
    g_free(l);
    return 0;
}
