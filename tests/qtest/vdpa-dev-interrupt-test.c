/*
 * QTest testcase for vhost-vdpa-device: interrupts
 *
 * Which rings interrupt, and by which vector, also when the driver changes its
 * mind while the device runs.
 *
 * Without KVM the message of a vector is a write to RAM, in which the test
 * finds it.  With KVM, where irqfds deliver them, it is an interrupt of the
 * CPU, which runs a firmware of a few instructions and counts them.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/pci/pci_regs.h"
#include "qemu/bswap.h"
#include "qemu/module.h"
#include "standard-headers/linux/virtio_blk.h"
#include "vdpa-dev-helpers.h"

#define KVM                     " -accel kvm"
#define KVM_SPLIT               " -accel kvm,kernel-irqchip=split"

/* MSI-X vectors of the device that the tests use */
#define VECTORS                 3

/* The CPU's interrupt, of 256, for the first of them */
#define FIRST_INTERRUPT         0x40

/* Where their messages go with KVM */
#define LOCAL_APIC              0xfee00000

/*
 * In RAM below that of libqos: that the firmware is ready; for each vector
 * what came, messages or, with KVM, a count; and the CPU's handlers.
 */
#define READY                   0x500
#define TAKEN                   0x600
#define HANDLERS                0x1000
#define HANDLER_SIZE            0x20

#define FIRMWARE_SIZE           (64 * KiB)

/* Real mode, at f000:0000.  The local APIC by MSR, so the CPU has x2APIC. */
static const uint8_t firmware[] = {
    0xfa,                                 /* cli                   */
    0xb0, 0xff,                           /* movb $0xff, %al       */
    0xe6, 0x21,                           /* outb %al, $0x21       */
    0xe6, 0xa1,                           /* outb %al, $0xa1       */
    0x31, 0xc0,                           /* xorw %ax, %ax         */
    0x8e, 0xd8,                           /* movw %ax, %ds         */
    0x8e, 0xd0,                           /* movw %ax, %ss         */
    0xbc, 0x00, 0x7c,                     /* movw $0x7c00, %sp     */
    0x66, 0xb9, 0x1b, 0x00, 0x00, 0x00,   /* movl $0x1b, %ecx      */
    0x0f, 0x32,                           /* rdmsr                 */
    0x66, 0x0d, 0x00, 0x0c, 0x00, 0x00,   /* orl $0xc00, %eax      */
    0x0f, 0x30,                           /* wrmsr: x2APIC         */
    0x66, 0xb9, 0x0f, 0x08, 0x00, 0x00,   /* movl $0x80f, %ecx     */
    0x66, 0x31, 0xd2,                     /* xorl %edx, %edx       */
    0x66, 0xb8, 0xff, 0x01, 0x00, 0x00,   /* movl $0x1ff, %eax     */
    0x0f, 0x30,                           /* wrmsr: APIC on        */
    0xc6, 0x06, 0x00, 0x05, 0x01,         /* movb $1, READY        */
    0xfb,                                 /* sti                   */
    0xf4,                                 /* 1: hlt                */
    0xeb, 0xfd,                           /* jmp 1b                */
};

static const uint8_t reset_vector[] = {
    0xea, 0x00, 0x00, 0x00, 0xf0,         /* ljmp $0xf000, $0      */
};

static const uint8_t handler[] = {
    0xff, 0x06, 0x00, 0x00,               /* incw, to be filled in */
    0x66, 0xb9, 0x0b, 0x08, 0x00, 0x00,   /* movl $0x80b, %ecx     */
    0x66, 0x31, 0xd2,                     /* xorl %edx, %edx       */
    0x66, 0x31, 0xc0,                     /* xorl %eax, %eax       */
    0x0f, 0x30,                           /* wrmsr: EOI            */
    0xcf,                                 /* iret                  */
};

static char *firmware_path;

/* The file is there until QEMU has read it */
static char *wrap_firmware(const char *node, const char *command)
{
    g_autofree char *image = g_malloc0(FIRMWARE_SIZE);
    int fd = g_file_open_tmp("vdpa-dev-XXXXXX", &firmware_path, NULL);

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    memcpy(image, firmware, sizeof(firmware));
    memcpy(image + FIRMWARE_SIZE - 16, reset_vector, sizeof(reset_vector));
    g_assert_true(g_file_set_contents(firmware_path, image, FIRMWARE_SIZE,
                                      NULL));
    return g_strdup_printf("sh -c 'exec \"$0\" \"$@\" -bios %s' %s",
                           firmware_path, command);
}

/* Waits, also where no clock can be stepped */
#define WAIT_FOR(condition) do { \
        gint64 start_ = g_get_monotonic_time(); \
        while (!(condition)) { \
            g_assert_cmpint(g_get_monotonic_time() - start_, <, \
                            VDPA_TIMEOUT_US); \
            g_usleep(1000); \
        } \
    } while (0)

/**
 * Vectors: the device's MSI-X vectors
 * @t: the test
 * @taken: for each vector what was seen of its interrupts
 */
typedef struct Vectors {
    VdpaTest *t;
    uint32_t taken[VECTORS];
} Vectors;

static void write_table(VdpaTest *t, unsigned vector, unsigned offset,
                        uint32_t value)
{
    QPCIDevice *pdev = t->pci->pdev;

    qpci_io_writel(pdev, pdev->msix_table_bar, pdev->msix_table_off +
                   vector * PCI_MSIX_ENTRY_SIZE + offset, value);
}

static void mask(Vectors *x, unsigned vector, bool masked)
{
    write_table(x->t, vector, PCI_MSIX_ENTRY_VECTOR_CTRL,
                masked ? PCI_MSIX_ENTRY_CTRL_MASKBIT : 0);
}

static void install_handler(VdpaTest *t, unsigned vector)
{
    uint16_t at = HANDLERS + vector * HANDLER_SIZE;
    uint16_t counter = TAKEN + 4 * vector;
    uint8_t code[sizeof(handler)];

    memcpy(code, handler, sizeof(code));
    stw_le_p(code + 2, counter);
    qtest_memwrite(t->qts, at, code, sizeof(code));
    /* Real mode's vector table: offset and segment */
    qtest_writel(t->qts, (FIRST_INTERRUPT + vector) * 4, at);
}

/* All vectors have a message and are unmasked; MSI-X is as it was */
static void set_up_vectors(Vectors *x, VdpaTest *t)
{
    QPCIDevice *pdev = t->pci->pdev;
    unsigned i;

    *x = (Vectors) { .t = t };
    if (t->c->kvm) {
        unlink(firmware_path);
        g_clear_pointer(&firmware_path, g_free);
        WAIT_FOR(qtest_readb(t->qts, READY));
    }
    qpci_msix_enable(pdev);
    for (i = 0; i < VECTORS; i++) {
        uint32_t addr = TAKEN + 4 * i;

        qtest_writel(t->qts, addr, 0);
        if (t->c->kvm) {
            install_handler(t, i);
            addr = LOCAL_APIC;
        }
        write_table(t, i, PCI_MSIX_ENTRY_LOWER_ADDR, addr);
        write_table(t, i, PCI_MSIX_ENTRY_UPPER_ADDR, 0);
        write_table(t, i, PCI_MSIX_ENTRY_DATA, FIRST_INTERRUPT + i);
        mask(x, i, false);
    }
}

/* Whether @vector has interrupted since it was last asked */
static bool interrupted(Vectors *x, unsigned vector)
{
    VdpaTest *t = x->t;
    uint32_t taken = qtest_readl(t->qts, TAKEN + 4 * vector);

    if (taken == x->taken[vector]) {
        return false;
    }
    if (t->c->kvm) {
        x->taken[vector] = taken;
    } else {
        g_assert_cmphex(taken, ==, FIRST_INTERRUPT + vector);
        qtest_writel(t->qts, TAKEN + 4 * vector, 0);
    }
    return true;
}

/* Sets one of the flags of MSI-X */
static void set_msix_flag(VdpaTest *t, uint16_t flag, bool on)
{
    QPCIDevice *pdev = t->pci->pdev;
    uint8_t cap = qpci_find_capability(pdev, PCI_CAP_ID_MSIX, 0);
    uint16_t flags = qpci_config_readw(pdev, cap + PCI_MSIX_FLAGS);

    flags = on ? flags | flag : flags & ~flag;
    qpci_config_writew(pdev, cap + PCI_MSIX_FLAGS, flags);
}

static void set_vector(VdpaTest *t, unsigned ring, uint16_t vector)
{
    vdpa_common_writew(t, vdpa_common_offset(queue_select), ring);
    vdpa_common_writew(t, vdpa_common_offset(queue_msix_vector), vector);
    g_assert_cmphex(vdpa_common_readw(t,
                                      vdpa_common_offset(queue_msix_vector)),
                    ==, vector);
}

/* Starts a disk with rings that have that vector */
static void start(VdpaTest *t, unsigned rings, uint16_t vector)
{
    unsigned i;

    vdpa_negotiate(t, VDPA_PLAIN);
    for (i = 0; i < rings; i++) {
        vdpa_setup_ring(t, i, VDPA_PLAIN);
        set_vector(t, i, vector);
    }
    qvirtio_set_driver_ok(t->vdev);
}

/* A request on a disk's ring, complete, its interrupt on the way */
static void request(VdpaTest *t, unsigned ring)
{
    VdpaBlkReq req;
    uint32_t id;

    vdpa_blk_request(t, &req, false, 0, NULL);
    id = vdpa_submit(t, ring, req.bufs, ARRAY_SIZE(req.bufs));
    WAIT_FOR(vdpa_is_complete(t, ring));
    t->poll = true;
    vdpa_complete(t, ring, id);
    t->poll = false;
    g_assert_cmphex(qtest_readb(t->qts, req.status), ==, VIRTIO_BLK_S_OK);
    guest_free(t->alloc, req.addr);
}

static void expect_vector(Vectors *x, unsigned ring, unsigned vector)
{
    request(x->t, ring);
    WAIT_FOR(interrupted(x, vector));
}

static void expect_isr(VdpaTest *t, unsigned ring)
{
    vdpa_take_isr(t);
    request(t, ring);
    WAIT_FOR(vdpa_take_isr(t) & 1);
}

/* Which rings have an eventfd for the backend */

static void test_msix_per_ring(VdpaTest *t)
{
    vdpa_start(t, VDPA_MSIX, 2);
    g_assert_cmpuint(qvdpa_sim_ring_state(t->sim, 0, 0, "call"), ==, 1);

    qvdpa_sim_do(t->sim, "interrupt 0 1");
    vdpa_wait_interrupt(t, 1);
    g_assert_false(t->vdev->bus->get_queue_isr_status(t->vdev,
                                                      t->ring[0].vq));
    qvdpa_sim_do(t->sim, "interrupt 0 0");
    vdpa_wait_interrupt(t, 0);
}

static void test_no_vector_no_call(VdpaTest *t)
{
    vdpa_start(t, VDPA_NO_VECTOR, 1);
    g_assert_cmpuint(qvdpa_sim_ring_state(t->sim, 0, 0, "call"), ==, 0);
    vdpa_blk_verify(t);
}

static void test_intx_call_on_used_rings(VdpaTest *t)
{
    vdpa_start(t, VDPA_PLAIN, 2);
    g_assert_cmpuint(qvdpa_sim_ring_state(t->sim, 0, 0, "call"), ==, 1);
    g_assert_cmpuint(qvdpa_sim_ring_state(t->sim, 0, 1, "call"), ==, 1);
    g_assert_cmpuint(qvdpa_sim_ring_state(t->sim, 0, 2, "call"), ==, 0);
}

static void test_intx_line(VdpaTest *t)
{
    gint64 start = g_get_monotonic_time();
    QPCIDevice *piix3 = qpci_device_find(t->bus, QPCI_DEVFN(1, 0));
    bool raised = false;
    int i;

    /* What firmware does: PIRQ A to D to pin 10 */
    g_assert_nonnull(piix3);
    for (i = 0; i < 4; i++) {
        qpci_config_writeb(piix3, 0x60 + i, 10);
    }
    g_free(piix3);
    qtest_irq_intercept_in(t->qts, "ioapic");
    vdpa_start(t, VDPA_PLAIN, 1);
    qvdpa_sim_do(t->sim, "interrupt 0 0");
    while (!raised) {
        g_assert_cmpint(g_get_monotonic_time() - start, <, VDPA_TIMEOUT_US);
        qtest_clock_step(t->qts, 100);
        raised = qtest_get_irq(t->qts, 10);
    }
    g_assert_cmphex(vdpa_take_isr(t) & 1, ==, 1);
    g_assert_false(qtest_get_irq(t->qts, 10));
}

static void test_no_call_before_start(VdpaTest *t)
{
    g_autoptr(GPtrArray) log = NULL;

    vdpa_prepare(t, VDPA_MSIX, 1);
    log = qvdpa_sim_log(t->sim, 0);
    g_assert_cmpuint(qvdpa_sim_ring_state(t->sim, 0, 0, "call"), ==, 0);
    g_assert_cmpint(qvdpa_log_find(log, 0, "SET_VRING_CALL", NULL), ==, -1);
}

/* When the driver changes its mind while the device runs */

static void test_vector_changes(VdpaTest *t)
{
    Vectors x;

    set_up_vectors(&x, t);
    start(t, 1, 0);
    expect_vector(&x, 0, 0);
    set_vector(t, 0, 1);
    expect_vector(&x, 0, 1);
    g_assert_false(interrupted(&x, 0));

    /* The new one is masked */
    mask(&x, 2, true);
    set_vector(t, 0, 2);
    request(t, 0);
    g_assert_false(interrupted(&x, 2));
    mask(&x, 2, false);
    WAIT_FOR(interrupted(&x, 2));

    /* The old one is */
    mask(&x, 2, true);
    set_vector(t, 0, 0);
    mask(&x, 2, false);
    expect_vector(&x, 0, 0);

    set_vector(t, 0, VIRTIO_MSI_NO_VECTOR);
    request(t, 0);
    set_vector(t, 0, 1);
    expect_vector(&x, 0, 1);
    g_assert_false(interrupted(&x, 0));
    g_assert_false(interrupted(&x, 2));
    vdpa_reset(t);
    start(t, 1, 2);
    expect_vector(&x, 0, 2);
}

static void test_late_vector(VdpaTest *t)
{
    Vectors x;

    set_up_vectors(&x, t);
    start(t, 1, VIRTIO_MSI_NO_VECTOR);
    request(t, 0);
    mask(&x, 1, true);
    set_vector(t, 0, 1);
    mask(&x, 1, false);
    expect_vector(&x, 0, 1);
    vdpa_reset(t);
    start(t, 1, VIRTIO_MSI_NO_VECTOR);
    set_vector(t, 0, 2);
    expect_vector(&x, 0, 2);
}

/* Whether a parent that cannot be suspended serves it is not known */
static void test_late_vector_warned(VdpaTest *t)
{
    Vectors x;

    set_up_vectors(&x, t);
    start(t, 1, VIRTIO_MSI_NO_VECTOR);
    set_vector(t, 0, 1);
    vdpa_expect_message(t, "warning", t->node, "ring 0", "after DRIVER_OK",
                        NULL);
}

/* Rings come and go on a vector that others have */
static void test_shared_vector(VdpaTest *t)
{
    Vectors x;

    set_up_vectors(&x, t);
    start(t, 2, 0);
    expect_vector(&x, 0, 0);
    expect_vector(&x, 1, 0);
    set_vector(t, 1, 1);
    expect_vector(&x, 0, 0);
    expect_vector(&x, 1, 1);
    set_vector(t, 0, 1);
    expect_vector(&x, 0, 1);
    expect_vector(&x, 1, 1);
    set_vector(t, 0, VIRTIO_MSI_NO_VECTOR);
    expect_vector(&x, 1, 1);
    mask(&x, 1, true);
    set_vector(t, 0, 1);
    mask(&x, 1, false);
    expect_vector(&x, 0, 1);
    expect_vector(&x, 1, 1);
    g_assert_false(interrupted(&x, 0));
}

/* A ring that was reset has no vector, and gets one again */
static void test_ring_reset(VdpaTest *t)
{
    Vectors x;

    set_up_vectors(&x, t);
    start(t, 2, 0);
    g_assert_true(t->features & VDPA_F(VIRTIO_F_RING_RESET));
    expect_vector(&x, 1, 0);
    vdpa_common_writew(t, vdpa_common_offset(queue_select), 1);
    vdpa_common_writew(t, VIRTIO_PCI_COMMON_Q_RESET, 1);
    qvirtqueue_cleanup(t->vdev->bus, t->ring[1].vq, t->alloc);
    vdpa_setup_ring(t, 1, VDPA_PLAIN);
    set_vector(t, 1, 1);
    expect_vector(&x, 1, 1);
    expect_vector(&x, 0, 0);
    g_assert_false(interrupted(&x, 1));
}

static void test_msix_off_and_on(VdpaTest *t)
{
    Vectors x;

    set_up_vectors(&x, t);
    start(t, 1, 1);
    set_msix_flag(t, PCI_MSIX_FLAGS_ENABLE, false);
    set_msix_flag(t, PCI_MSIX_FLAGS_ENABLE, true);
    expect_vector(&x, 0, 1);
    set_msix_flag(t, PCI_MSIX_FLAGS_ENABLE, false);
    expect_isr(t, 0);
    g_assert_false(interrupted(&x, 1));
    set_msix_flag(t, PCI_MSIX_FLAGS_ENABLE, true);
    expect_vector(&x, 0, 1);

    set_msix_flag(t, PCI_MSIX_FLAGS_MASKALL, true);
    request(t, 0);
    g_assert_false(interrupted(&x, 1));
    set_msix_flag(t, PCI_MSIX_FLAGS_MASKALL, false);
    WAIT_FOR(interrupted(&x, 1));

    /* Another vector meanwhile */
    set_msix_flag(t, PCI_MSIX_FLAGS_ENABLE, false);
    set_vector(t, 0, 2);
    set_msix_flag(t, PCI_MSIX_FLAGS_ENABLE, true);
    expect_vector(&x, 0, 2);

    /* The device is stopped meanwhile */
    set_msix_flag(t, PCI_MSIX_FLAGS_ENABLE, false);
    vdpa_reset(t);
    set_msix_flag(t, PCI_MSIX_FLAGS_ENABLE, true);
    start(t, 1, 1);
    expect_vector(&x, 0, 1);
}

static void test_msix_on_late(VdpaTest *t)
{
    Vectors x;

    set_up_vectors(&x, t);
    set_msix_flag(t, PCI_MSIX_FLAGS_ENABLE, false);
    start(t, 1, VIRTIO_MSI_NO_VECTOR);
    expect_isr(t, 0);
    set_msix_flag(t, PCI_MSIX_FLAGS_ENABLE, true);
    set_vector(t, 0, 1);
    expect_vector(&x, 0, 1);
    set_msix_flag(t, PCI_MSIX_FLAGS_ENABLE, false);
    expect_isr(t, 0);
}

/* A ring without a vector interrupts once MSI-X is off */
static void test_msix_off_without_vector(VdpaTest *t)
{
    Vectors x;

    set_up_vectors(&x, t);
    start(t, 1, VIRTIO_MSI_NO_VECTOR);
    set_msix_flag(t, PCI_MSIX_FLAGS_ENABLE, false);
    expect_isr(t, 0);
}

/* The ISR tells of interrupts, whether INTx is enabled or not */
static void test_intx_disabled(VdpaTest *t)
{
    uint16_t command = qpci_config_readw(t->pci->pdev, PCI_COMMAND);

    qpci_config_writew(t->pci->pdev, PCI_COMMAND,
                       command | PCI_COMMAND_INTX_DISABLE);
    vdpa_start(t, VDPA_PLAIN, 1);
    expect_isr(t, 0);
    qpci_config_writew(t->pci->pdev, PCI_COMMAND, command);
    expect_isr(t, 0);
}

static void test_late_vector_legacy(VdpaTest *t)
{
    QVirtQueuePCI *vq;

    vdpa_plug(t, "vhost-vdpa-device-pci-transitional", "");
    vdpa_use_legacy(t);
    vdpa_start(t, VDPA_NO_VECTOR, 1);
    vdpa_blk_verify(t);
    vq = container_of(t->ring[0].vq, QVirtQueuePCI, vq);
    qvirtqueue_pci_msix_setup(t->pci, vq, t->alloc, 1);
    t->poll = false;
    vdpa_blk_verify(t);
}

static void test_late_vector_refused(VdpaTest *t)
{
    Vectors x;

    set_up_vectors(&x, t);
    start(t, 1, VIRTIO_MSI_NO_VECTOR);
    qvdpa_sim_do(t->sim, "fault 0 SET_VRING_CALL errno=EIO");
    set_vector(t, 0, 1);
    g_assert_cmphex(vdpa_status(t), ==, VDPA_S_BROKEN);
    vdpa_expect_message(t, t->node, "SET_VRING_CALL", "ring 0", strerror(EIO),
                        NULL);
    vdpa_reset(t);
    start(t, 1, 1);
    expect_vector(&x, 0, 1);
}

#define TWO_RINGS "type=block,queues=2"
#define THREE_VECTORS ",vectors=3"
#define WITH(accel)     .kvm = true, .args = accel, .wrap = wrap_firmware

/* A device of QEMU's own that uses irqfds in the same way */
#define IOTHREAD_DISK "-M pc -object iothread,id=io0" \
    " -blockdev null-co,node-name=disk0,size=1048576,read-zeroes=on" \
    " -device virtio-blk-pci,drive=disk0,iothread=io0,num-queues=2,addr=04.0"

static const VdpaCase cases[] = {
    { "interrupt/msix-one-per-ring", test_msix_per_ring, .sim = "type=net" },
    { "interrupt/no-vector-no-call-fd", test_no_vector_no_call,
      .sim = "type=block" },
    { "interrupt/intx-call-fd-on-used-rings", test_intx_call_on_used_rings,
      .sim = "type=net" },
    { "interrupt/intx-line", test_intx_line, .sim = "type=block" },
    { "interrupt/no-call-fd-before-start", test_no_call_before_start,
      .sim = "type=block" },
    { "interrupt/intx-disabled-at-driver-ok", test_intx_disabled,
      VDPA_NEEDS_BLOCK },
    { "interrupt/late-vector", test_late_vector, VDPA_NEEDS_BLOCK,
      .props = THREE_VECTORS },
    { "interrupt/late-vector-warned", test_late_vector_warned,
      .sim = "type=block,parent=vp_vdpa" },
    { "interrupt/late-vector-legacy", test_late_vector_legacy, .plug = true,
      .args = VDPA_LEGACY_MODEL },
    { "interrupt/late-vector-refused", test_late_vector_refused,
      .sim = "type=block" },
    { "interrupt/vector-changes", test_vector_changes, VDPA_NEEDS_BLOCK,
      .props = THREE_VECTORS },
    { "interrupt/shared-vector", test_shared_vector, .sim = TWO_RINGS },
    { "interrupt/msix-off-and-on", test_msix_off_and_on, VDPA_NEEDS_BLOCK,
      .props = THREE_VECTORS },
    { "interrupt/msix-on-late", test_msix_on_late, VDPA_NEEDS_BLOCK },
    { "interrupt/msix-off-without-vector", test_msix_off_without_vector,
      VDPA_NEEDS_BLOCK },
    /* by irqfd */
    { "interrupt-kvm/late-vector", test_late_vector, VDPA_NEEDS_BLOCK,
      .props = THREE_VECTORS, WITH(KVM) },
    { "interrupt-kvm-split/late-vector", test_late_vector, VDPA_NEEDS_BLOCK,
      .props = THREE_VECTORS, WITH(KVM_SPLIT) },
    { "interrupt-kvm/vector-changes", test_vector_changes, VDPA_NEEDS_BLOCK,
      .props = THREE_VECTORS, WITH(KVM) },
    { "interrupt-kvm-split/vector-changes", test_vector_changes,
      VDPA_NEEDS_BLOCK, .props = THREE_VECTORS, WITH(KVM_SPLIT) },
    { "interrupt-kvm/msix-off-and-on", test_msix_off_and_on, VDPA_NEEDS_BLOCK,
      .props = THREE_VECTORS, WITH(KVM) },
    { "interrupt-kvm-split/msix-off-and-on", test_msix_off_and_on,
      VDPA_NEEDS_BLOCK, .props = THREE_VECTORS, WITH(KVM_SPLIT) },
    { "interrupt-kvm/msix-on-late", test_msix_on_late, VDPA_NEEDS_BLOCK,
      .props = THREE_VECTORS, WITH(KVM) },
    { "interrupt-kvm-split/msix-on-late", test_msix_on_late, VDPA_NEEDS_BLOCK,
      .props = THREE_VECTORS, WITH(KVM_SPLIT) },
    { "interrupt-kvm/shared-vector-iothread", test_shared_vector,
      VDPA_NEEDS_BLOCK, .machine = IOTHREAD_DISK, WITH(KVM) },
    { "interrupt-kvm/ring-reset-iothread", test_ring_reset, VDPA_NEEDS_BLOCK,
      .machine = IOTHREAD_DISK, WITH(KVM) },
    { "interrupt-kvm/msix-off-and-on-iothread", test_msix_off_and_on,
      VDPA_NEEDS_BLOCK, .machine = IOTHREAD_DISK, WITH(KVM) },
};

static void register_vdpa_dev_interrupt_test(void)
{
    vdpa_add_cases(cases, ARRAY_SIZE(cases));
}

libqos_init(register_vdpa_dev_interrupt_test);
