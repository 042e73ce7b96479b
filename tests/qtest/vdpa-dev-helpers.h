/*
 * What the tests of vhost-vdpa-device have in common
 *
 * A test is a #VdpaCase: a function and the circumstances that it wants, such
 * as the node (simulated or real), properties, other options.  The fixture
 * starts a QEMU of its own for each case, preloads the simulator into it and
 * takes its stderr; when the case is over it asserts that QEMU ended with
 * status 0 and said nothing that the case did not ask for.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef VDPA_DEV_HELPERS_H
#define VDPA_DEV_HELPERS_H

#include "qemu/units.h"
#include "libqtest-single.h"
#include "libqos/qgraph.h"
#include "libqos/vhost-vdpa-device.h"
#include "libqos/vhost-vdpa-sim.h"
#include "libqos/virtio-packed.h"
#include "standard-headers/linux/virtio_config.h"
#include "standard-headers/linux/virtio_ids.h"
#include "standard-headers/linux/virtio_pci.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"

/*
 * The machine's memory.  Parents that map by virtual address need it shared,
 * as the simulator by default, and VDUSE and the kernel's simulators from
 * Linux 6.12 on; for real nodes VDPA_DEV_TEST_SHARE=on asks for it.  Other
 * parents pin it, an IOTLB entry for each contiguous run of at most 2048, and
 * only anonymous memory gets huge pages.
 */
#define VDPA_RAM_SIZE           (128 * MiB)
#define VDPA_SHARED_RAM \
    " -object memory-backend-memfd,id=ram,size=128M,share=on" \
    " -machine memory-backend=ram"
#define VDPA_ANONYMOUS_RAM      " -m 128M"

/* How long a test waits before it fails */
#define VDPA_TIMEOUT_US         (20 * 1000 * 1000)

#define VDPA_MAX_RINGS          4
#define VDPA_SECTOR             512

/* The status of a driver that reached the state of that name */
#define VDPA_S_DRIVER           (VIRTIO_CONFIG_S_ACKNOWLEDGE | \
                                 VIRTIO_CONFIG_S_DRIVER)
#define VDPA_S_FEATURES_OK      (VDPA_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK)
#define VDPA_S_DRIVER_OK        (VDPA_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK)
#define VDPA_S_BROKEN           (VDPA_S_DRIVER_OK | \
                                 VIRTIO_CONFIG_S_NEEDS_RESET)

#define VDPA_F(bit)             (1ull << (bit))

/* Features of a simulated disk that has what vdpa_sim_blk lacks */
#define VDPA_BLK_ALL_RINGS      "type=block,features=0x730000244"

/* How a guest starts the device */
typedef enum VdpaStartFlags {
    VDPA_PLAIN = 0,
    VDPA_INDIRECT = 1 << 0,
    VDPA_EVENT_IDX = 1 << 1,
    VDPA_PACKED = 1 << 2,
    VDPA_MSIX = 1 << 3,         /* a vector for each ring and for config */
    VDPA_NO_VECTOR = 1 << 4,    /* MSI-X on, and no vector */
} VdpaStartFlags;

/* Which nodes a case can use */
typedef enum VdpaNeeds {
    VDPA_NEEDS_SIM,             /* only a simulated one */
    VDPA_NEEDS_BLOCK,           /* any disk: simulated, or a real one */
    VDPA_NEEDS_NET,             /* any network device, likewise */
} VdpaNeeds;

typedef struct VdpaTest VdpaTest;

/**
 * VdpaCase: a test and its circumstances
 * @name: what it shows
 * @run: the test
 * @needs: which nodes it can use
 * @sim: the simulated nodes, as for qvdpa_sim_new(); if NULL, one of the type
 *       that is needed, else a disk
 * @plug: whether the machine starts without the device
 * @props: properties, each with a comma in front of it
 * @memory: options that replace the guest memory's
 * @args: further options
 * @machine: options that replace the machine's; such a machine starts without
 *           the device
 * @wrap: turns the command that runs QEMU into another, which is freed
 * @kvm: whether @args ask for KVM; where there is none the case is skipped
 * @nofile: RLIMIT_NOFILE of QEMU, 0 for the test's own
 * @data: for @run
 */
typedef struct VdpaCase {
    const char *name;
    void (*run)(VdpaTest *t);
    VdpaNeeds needs;
    const char *sim;
    bool plug;
    const char *props;
    const char *memory;
    const char *args;
    const char *machine;
    char *(*wrap)(const char *node, const char *command);
    bool kvm;
    unsigned nofile;
    const void *data;
} VdpaCase;

/* A ring of either format */
typedef struct VdpaRing {
    QVirtQueue *vq;
    QVirtQueuePacked packed;
    bool is_packed;
    bool indirect;
} VdpaRing;

/**
 * VdpaTest: a case that runs
 * @c: the case
 * @qts: QEMU
 * @alloc: guest memory
 * @bus: the PCI bus
 * @pci: the device, NULL while it is not plugged in or not on PCI
 * @vdev: the same as a virtio device
 * @sim: the simulator, NULL on a real node
 * @node: path of the host's node
 * @features: what the guest acked
 * @ring: the rings that vdpa_start() set up
 * @num_rings: their number
 * @poll: whether no interrupt is waited for
 * @entries: IOTLB entries when the device was made
 */
struct VdpaTest {
    const VdpaCase *c;
    QTestState *qts;
    QGuestAllocator *alloc;
    QPCIBus *bus;
    QVirtioPCIDevice *pci;
    QVirtioDevice *vdev;
    QVdpaSim *sim;
    char *node;
    uint64_t features;
    VdpaRing ring[VDPA_MAX_RINGS];
    unsigned num_rings;
    bool poll;
    unsigned entries;

    /*< private >*/
    bool plugged;
    char *skip;
    char *dir;
    char *stderr_path;
    size_t stderr_seen;
    char *binary;
    uint64_t nofile;
    uint32_t pattern;
};

/**
 * vdpa_add_cases:
 * @cases: the cases
 * @num: their number
 *
 * Adds them to the tests of the "vhost-vdpa" interface, on x86 PCs.
 */
void vdpa_add_cases(const VdpaCase *cases, size_t num);

/* Messages */

/**
 * vdpa_take_stderr:
 * @t: the test
 *
 * Returns: what QEMU wrote to stderr since the last call.
 */
char *vdpa_take_stderr(VdpaTest *t);

/**
 * vdpa_expect_message:
 * @t: the test
 * @...: texts, and a NULL
 *
 * Asserts that QEMU has written exactly one message since the last time that
 * its stderr was looked at, and that each of the texts is in it or in the hint
 * that may follow it.
 */
void vdpa_expect_message(VdpaTest *t, ...) G_GNUC_NULL_TERMINATED;

/**
 * vdpa_expect_silence:
 * @t: the test
 *
 * Asserts that QEMU has written nothing since.
 */
void vdpa_expect_silence(VdpaTest *t);

/**
 * vdpa_assert_has:
 * @text: what QEMU says, NULL if it said nothing
 * @what: what it has to contain
 */
void vdpa_assert_has(const char *text, const char *what);

/**
 * vdpa_qmp_error:
 * @t: the test
 * @fmt: a QMP command, which must fail
 *
 * Returns: the description of the error.
 */
char *vdpa_qmp_error(VdpaTest *t, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/**
 * vdpa_qmp_status:
 * @t: the test
 *
 * Returns: what x-query-virtio-status says about the device.
 */
QDict *vdpa_qmp_status(VdpaTest *t);

/* The machine */

/**
 * vdpa_stop_machine:
 * @t: the test
 *
 * Returns when the machine is stopped.
 */
void vdpa_stop_machine(VdpaTest *t);

/**
 * vdpa_cont_machine:
 * @t: the test
 *
 * Returns when the machine goes on.
 */
void vdpa_cont_machine(VdpaTest *t);

/* Plugging in and out */

/**
 * vdpa_try_plug:
 * @t: the test
 * @driver: a device type
 * @props: properties, each with a comma in front of it; without those that
 *         name a node the node of the test is taken
 *
 * Returns: NULL, or the error with its hint if it was refused.
 */
char *vdpa_try_plug(VdpaTest *t, const char *driver, const char *props);

/**
 * vdpa_plug:
 * @t: the test
 * @driver: a device type
 * @props: as for vdpa_try_plug()
 *
 * Plugs a device in and finds it on the bus.
 */
void vdpa_plug(VdpaTest *t, const char *driver, const char *props);

/**
 * vdpa_attach:
 * @t: the test
 *
 * Finds the device on the bus, enables it and sets ACKNOWLEDGE and DRIVER.
 */
void vdpa_attach(VdpaTest *t);

/**
 * vdpa_unplug:
 * @t: the test
 *
 * Unplugs the device and waits until it is gone.
 */
void vdpa_unplug(VdpaTest *t);

/**
 * vdpa_expect_refusal:
 * @t: the test
 * @props: as for vdpa_try_plug()
 * @...: texts, and a NULL
 *
 * Asserts that vhost-vdpa-device-pci is refused with an error that has each
 * of the texts, and that the node was closed.
 */
void vdpa_expect_refusal(VdpaTest *t, const char *props, ...)
    G_GNUC_NULL_TERMINATED;

/**
 * vdpa_run_to_exit:
 * @t: the test
 * @devices: the simulated nodes, as for qvdpa_sim_new()
 * @args: options
 *
 * Runs another QEMU, which must refuse its options: it ends with status 1.
 *
 * Returns: what it wrote to stderr.
 */
char *vdpa_run_to_exit(VdpaTest *t, const char *devices, const char *args);

/**
 * vdpa_use_legacy:
 * @t: the test
 *
 * Turns @t->pci, a transitional device, into the legacy device that it also
 * is.  The machine needs VDPA_LEGACY_MODEL.
 */
void vdpa_use_legacy(VdpaTest *t);

/* A legacy device, from which vdpa_use_legacy() takes the driver */
#define VDPA_LEGACY_MODEL " -object rng-builtin,id=rng0" \
    " -device virtio-rng-pci,rng=rng0,addr=05.0,disable-modern=on" \
    ",disable-legacy=off"

/* Registers */

#define vdpa_common_offset(field) \
    offsetof(struct virtio_pci_common_cfg, field)

/**
 * vdpa_common_readw:
 * @t: the test
 * @offset: offset in the common configuration structure
 */
uint16_t vdpa_common_readw(VdpaTest *t, size_t offset);

/**
 * vdpa_common_writew:
 * @t: the test
 * @offset: offset in the common configuration structure
 * @value: what to write
 */
void vdpa_common_writew(VdpaTest *t, size_t offset, uint16_t value);

/**
 * vdpa_generation:
 * @t: the test
 *
 * Returns: the generation of the config space.
 */
uint8_t vdpa_generation(VdpaTest *t);

/**
 * vdpa_take_isr:
 * @t: the test
 *
 * Returns: the ISR byte, which reading clears.
 */
uint8_t vdpa_take_isr(VdpaTest *t);

/**
 * vdpa_status:
 * @t: the test
 */
uint8_t vdpa_status(VdpaTest *t);

/**
 * vdpa_set_status:
 * @t: the test
 * @status: what to write; unlike libqos's functions this one does not expect
 *          to read it back
 */
void vdpa_set_status(VdpaTest *t, uint8_t status);

/**
 * vdpa_config_write:
 * @t: the test
 * @offset: offset in the device's config space
 * @len: 1, 2 or 4 bytes
 * @value: what to write, in one access
 */
void vdpa_config_write(VdpaTest *t, unsigned offset, unsigned len,
                       uint32_t value);

/* The life of a driver */

/**
 * vdpa_choose_features:
 * @t: the test
 * @flags: which ring features to take
 *
 * Sets @t->features.
 */
void vdpa_choose_features(VdpaTest *t, VdpaStartFlags flags);

/**
 * vdpa_negotiate:
 * @t: the test
 * @flags: which ring features to take
 *
 * From ACKNOWLEDGE | DRIVER to FEATURES_OK.
 */
void vdpa_negotiate(VdpaTest *t, VdpaStartFlags flags);

/**
 * vdpa_setup_ring:
 * @t: the test
 * @index: a ring, less than VDPA_MAX_RINGS
 * @flags: as for vdpa_start()
 */
void vdpa_setup_ring(VdpaTest *t, unsigned index, VdpaStartFlags flags);

/**
 * vdpa_prepare:
 * @t: the test
 * @flags: how
 * @num_rings: how many rings, from 0 on
 *
 * All that a driver does before DRIVER_OK.
 */
void vdpa_prepare(VdpaTest *t, VdpaStartFlags flags, unsigned num_rings);

/**
 * vdpa_start:
 * @t: the test
 * @flags: how
 * @num_rings: how many rings, from 0 on
 *
 * vdpa_prepare() and DRIVER_OK, which must be read back alone.
 */
void vdpa_start(VdpaTest *t, VdpaStartFlags flags, unsigned num_rings);

/**
 * vdpa_reset:
 * @t: the test
 *
 * Resets the device, forgets the rings and sets ACKNOWLEDGE and DRIVER.
 */
void vdpa_reset(VdpaTest *t);

/**
 * vdpa_forget_rings:
 * @t: the test
 *
 * For when the device was reset by other means.
 */
void vdpa_forget_rings(VdpaTest *t);

/* Data */

/**
 * vdpa_submit:
 * @t: the test
 * @ring: index of the ring
 * @bufs: elements
 * @num: their number
 *
 * Makes a request available and notifies the device.
 *
 * Returns: an id for vdpa_complete().
 */
uint32_t vdpa_submit(VdpaTest *t, unsigned ring, const QVirtioBuf *bufs,
                     unsigned num);

/**
 * vdpa_complete:
 * @t: the test
 * @ring: index of the ring
 * @id: the request that completes next
 *
 * Waits for a request to complete and, unless @t->poll, for the interrupt.
 *
 * Returns: the length that the device wrote.
 */
uint32_t vdpa_complete(VdpaTest *t, unsigned ring, uint32_t id);

/**
 * vdpa_is_complete:
 * @t: the test
 * @ring: index of the ring
 *
 * Returns: whether there is a used buffer that was not taken yet.
 */
bool vdpa_is_complete(VdpaTest *t, unsigned ring);

/**
 * vdpa_wait_interrupt:
 * @t: the test
 * @ring: index of the ring whose interrupt is awaited
 */
void vdpa_wait_interrupt(VdpaTest *t, unsigned ring);

/**
 * VdpaBlkReq: a request to a disk, in guest memory
 * @addr: where its 16 bytes of header are
 * @data: where its data are
 * @status: where its status byte is
 * @bufs: the same as elements
 */
typedef struct VdpaBlkReq {
    uint64_t addr;
    uint64_t data;
    uint64_t status;
    QVirtioBuf bufs[3];
} VdpaBlkReq;

/**
 * vdpa_blk_request:
 * @t: the test
 * @req: filled in; @req->addr is to be freed with guest_free()
 * @write: whether to write to the disk
 * @sector: where
 * @data: a sector to write, or NULL
 */
void vdpa_blk_request(VdpaTest *t, VdpaBlkReq *req, bool write,
                      uint64_t sector, const void *data);

/**
 * vdpa_blk_rw:
 * @t: the test
 * @write: whether to write
 * @sector: where
 * @data: a sector of data
 *
 * Makes one request on ring 0 and asserts that it succeeds.
 */
void vdpa_blk_rw(VdpaTest *t, bool write, uint64_t sector, void *data);

/**
 * vdpa_new_pattern:
 * @t: the test
 * @data: a sector, filled with something that was not used before
 */
void vdpa_new_pattern(VdpaTest *t, uint8_t *data);

/**
 * vdpa_blk_verify:
 * @t: the test
 *
 * Writes a sector that differs from all before and reads it back.
 */
void vdpa_blk_verify(VdpaTest *t);

/**
 * vdpa_settle:
 * @t: the test
 *
 * Returns when QEMU's main loop has handled everything that was raised before
 * this call.
 */
void vdpa_settle(VdpaTest *t);

/**
 * vdpa_assert_balanced:
 * @t: the test
 *
 * Asserts that the log of node 0 holds one CLOSE for each OPEN, an
 * IOTLB_INVALIDATE for each IOTLB_UPDATE that succeeded and a MUNMAP for each
 * MMAP.
 */
void vdpa_assert_balanced(VdpaTest *t);

#endif
