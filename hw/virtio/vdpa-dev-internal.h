/*
 * vhost-vdpa-device: what its own source files share
 *
 * In the order of the floors, from the ground up: a file calls what is above
 * its own section here, and nothing below.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_VIRTIO_VDPA_DEV_INTERNAL_H
#define HW_VIRTIO_VDPA_DEV_INTERNAL_H

#include "hw/virtio/vdpa-dev.h"
#include "qemu/notify.h"
#include "system/address-spaces.h"
#include "system/memory.h"

/* In linux/vhost_types.h since Linux 6.3 */
#ifndef VHOST_BACKEND_F_RESUME
#define VHOST_BACKEND_F_RESUME 0x5
#endif

/* In linux/vhost_types.h since Linux 6.7 */
#ifndef VHOST_BACKEND_F_IOTLB_PERSIST
#define VHOST_BACKEND_F_IOTLB_PERSIST 0x8
#endif

/**
 * VdpaDevRing - what this device keeps of each ring
 * @used: the driver has set the ring up; decided when the device starts
 * @call: the backend may hold a call eventfd for it
 * @base: where the suspended backend says that it is in it
 */
typedef struct VdpaDevRing {
    bool used;
    bool call;
    uint32_t base;
} VdpaDevRing;

/**
 * VdpaDevPiece - guest RAM that is mapped as one
 * @iova: guest physical address of its first byte
 * @last: guest physical address of its last byte
 * @host: where its first byte is in QEMU
 * @mr: what it is part of
 */
typedef struct VdpaDevPiece {
    hwaddr iova;
    hwaddr last;
    uint8_t *host;
    MemoryRegion *mr;
} VdpaDevPiece;

/**
 * VdpaDevMemory - guest RAM as the backend has it mapped
 * @v: the device
 * @listener: follows the guest's physical address space
 * @seen: pieces of guest RAM as of the last commit, in ascending order
 * @offered: pieces that are about to be plugged, in no order
 * @wanted: @seen and @offered
 * @mapped: pieces that are mapped, in no order
 * @leaving: pieces unmapped in a batch: until its end the backend reaches them
 * @plug_notifier: hears of memory that is about to be plugged
 * @withdraw_bh: drops what was @offered and is not plugged
 * @active: changes are followed
 * @in_batch: a batch has begun and was not ended
 * @warned: it was said that there is a hole
 * @forgotten: the backend may be without some of the table: it was reset, or a
 *             change failed on the way
 * @maps_private: the backend is known to map memory that is not shared
 */
typedef struct VdpaDevMemory {
    VhostVdpaDevice *v;
    MemoryListener listener;
    GArray *seen;
    GArray *offered;
    GArray *wanted;
    GArray *mapped;
    GArray *leaving;
    NotifierWithReturn plug_notifier;
    QEMUBH *withdraw_bh;
    bool active;
    bool in_batch;
    bool warned;
    bool forgotten;
    bool maps_private;
} VdpaDevMemory;

/**
 * VdpaDevField - a field of config space that drivers write
 * @device_id: the virtio id of the type that has it
 * @offset: where it is
 * @size: bytes
 * @name: its name in the virtio specification
 * @act: that it is written has an effect of its own, and leaves no state
 */
typedef struct VdpaDevField {
    uint32_t device_id;
    uint32_t offset;
    uint32_t size;
    const char *name;
    bool act;
} VdpaDevField;

/* vdpa-dev-types.c */

/**
 * vdpa_dev_type_state() - what a device holds beyond rings and config space
 * @device_id: its virtio id
 * @features: those that were negotiated
 *
 * A reset loses it, and nobody can read it.
 *
 * Returns: words that name it, or NULL when there is nothing.
 */
const char *vdpa_dev_type_state(uint32_t device_id, uint64_t features);

/**
 * vdpa_dev_type_field() - find a field that an access of the driver's writes
 * @device_id: the virtio id
 * @offset: where in config space it begins
 * @size: bytes, more than 0
 *
 * Returns: the first field that it touches, or NULL when none is known.
 */
const VdpaDevField *vdpa_dev_type_field(uint32_t device_id, uint32_t offset,
                                        uint32_t size);

/* vdpa-dev-order.c */

/**
 * vdpa_dev_order_known() - whether the requests in flight are where they stand
 * @avail: heads in a split ring's driver area, as they stand in memory
 * @used: ids in its device area, likewise
 * @num: the ring's size, a power of two
 * @used_idx: the device area's index: requests before it were used
 * @base: the backend has taken the requests before it
 * @avail_idx: the driver area's index: requests before it were made available
 *
 * The indices count up to 65535, then from 0 again.  None of the values is
 * trusted.
 *
 * Returns: true if it is certain, of a driver and a backend that keep the
 * rules, that the requests which the backend has taken and not used are those
 * whose heads stand at the positions from @used_idx to @base.
 */
bool vdpa_dev_order_known(const uint16_t *avail, const uint32_t *used,
                          unsigned num, uint16_t used_idx, uint16_t base,
                          uint16_t avail_idx);

/* vdpa-dev-ops.c */

/**
 * vdpa_dev_ops_attach() - connect @v->hdev to the operations
 * @v: the device; its descriptor is open
 */
void vdpa_dev_ops_attach(VhostVdpaDevice *v);

/**
 * vdpa_dev_ops_detach() - undo vdpa_dev_ops_attach()
 * @v: the device
 */
void vdpa_dev_ops_detach(VhostVdpaDevice *v);

/**
 * vdpa_dev_ops_add_rings() - make room for what the operations know of rings
 * @v: the device, open
 */
void vdpa_dev_ops_add_rings(VhostVdpaDevice *v);

/**
 * vdpa_dev_ops_delete_rings() - undo vdpa_dev_ops_add_rings()
 * @v: the device
 */
void vdpa_dev_ops_delete_rings(VhostVdpaDevice *v);

/**
 * vdpa_dev_ops_note_ring() - keep where the backend has a ring
 * @v: the device
 * @ring: the ring's index
 * @addr: what SET_VRING_ADDR was told
 * @kick: what SET_VRING_KICK was told
 *
 * The driver may write other addresses later.  It is also what
 * x-query-virtio-vhost-queue-status shows.
 */
void vdpa_dev_ops_note_ring(VhostVdpaDevice *v, unsigned ring,
                            const struct vhost_vring_addr *addr, int kick);

/**
 * vdpa_dev_ops_note_call() - keep the eventfd that the backend has for a ring
 * @v: the device
 * @ring: the ring's index, noted
 * @call: what SET_VRING_CALL was told, -1 for none
 */
void vdpa_dev_ops_note_call(VhostVdpaDevice *v, unsigned ring, int call);

/**
 * vdpa_dev_ops_forget_ring() - the backend does not have the ring
 * @v: the device
 * @ring: the ring's index
 */
void vdpa_dev_ops_forget_ring(VhostVdpaDevice *v, unsigned ring);

/* vdpa-dev-call.c */

/**
 * vdpa_dev_call() - make one ioctl of the vhost-vdpa uAPI
 * @v: the device, open
 * @request: the ioctl's number
 * @name: its name in linux/vhost.h without the prefix
 * @arg: its argument
 * @errp: filled with device, call and errno
 *
 * Returns: true on success.
 */
bool vdpa_dev_call(VhostVdpaDevice *v, unsigned long request,
                   const char *name, void *arg, Error **errp);

/**
 * vdpa_dev_call_result() - judge a call that a backend operation has made
 * @v: the device
 * @name: the call's name in linux/vhost.h without the prefix
 * @ret: what the operation returned: 0 or a negative errno
 * @errp: filled with device, call and errno when @ret is negative
 *
 * Returns: true when @ret is not negative.
 */
bool vdpa_dev_call_result(VhostVdpaDevice *v, const char *name, int ret,
                          Error **errp);

/**
 * vdpa_dev_ring_result() - vdpa_dev_call_result() for a call on one ring
 * @v: the device
 * @name: the call's name
 * @ring: the ring's index
 * @ret: 0 or a negative errno
 * @errp: filled with device, call, ring and errno when @ret is negative
 *
 * Returns: true when @ret is not negative.
 */
bool vdpa_dev_ring_result(VhostVdpaDevice *v, const char *name, unsigned ring,
                          int ret, Error **errp);

/**
 * vdpa_dev_get_status() - read the backend's device status
 * @v: the device, open
 * @status: filled with the status (virtio specification, section 2.1)
 * @errp: filled with device, call and errno
 *
 * Returns: true on success.
 */
bool vdpa_dev_get_status(VhostVdpaDevice *v, uint8_t *status, Error **errp);

/**
 * vdpa_dev_check_running() - find out whether a started backend still runs
 * @v: the device
 * @errp: filled with what is wrong: DEVICE_NEEDS_RESET, FAILED as some parents
 *        have it, or no DRIVER_OK any more
 *
 * Returns: true if it does.
 */
bool vdpa_dev_check_running(VhostVdpaDevice *v, Error **errp);

/**
 * vdpa_dev_set_status() - write the backend's device status
 * @v: the device, open
 * @status: the whole status; 0 resets the backend
 * @errp: filled with device, call and errno
 *
 * The kernel does not say whether the backend took a status other than 0:
 * read it back where that matters.
 *
 * Returns: true on success.
 */
bool vdpa_dev_set_status(VhostVdpaDevice *v, uint8_t status, Error **errp);

/* vdpa-dev-failure.c */

/**
 * vdpa_dev_has_legacy_driver() - whether @features are those of a legacy driver
 * @v: the device, realized
 * @features: what the driver has acknowledged
 *
 * A driver that has not acknowledged VIRTIO_F_VERSION_1 is one only where the
 * device has a legacy interface (virtio specification, section 7.4).
 *
 * Returns: true when it is.
 */
bool vdpa_dev_has_legacy_driver(VhostVdpaDevice *v, uint64_t features);

/**
 * vdpa_dev_fail() - say that the device does not work until the driver resets
 * @v: the device
 * @err: why; taken
 *
 * One line in the log, and DEVICE_NEEDS_RESET with a config interrupt as soon
 * as the driver can see it.  Later failures of a failed device are not logged.
 */
void vdpa_dev_fail(VhostVdpaDevice *v, Error *err);

/**
 * vdpa_dev_show_failure() - let the driver see that the device has failed
 * @v: the device
 * @features: what the driver has acknowledged
 * @status: the status as the driver has it, or is about to
 *
 * Does nothing when the device has not failed, and while it does not show what
 * kind of driver there is.
 */
void vdpa_dev_show_failure(VhostVdpaDevice *v, uint64_t features,
                           uint8_t status);

/* vdpa-dev-iotlb.c */

/**
 * vdpa_dev_pieces_new() - an array of pieces that keeps their memory
 *
 * A piece that is removed from it, or goes with it, is no longer kept.
 *
 * Returns: the array, empty.
 */
GArray *vdpa_dev_pieces_new(void);

/**
 * vdpa_dev_pieces_add() - add a piece to an array that keeps its memory
 * @pieces: from vdpa_dev_pieces_new()
 * @piece: copied
 */
void vdpa_dev_pieces_add(GArray *pieces, const VdpaDevPiece *piece);

/**
 * vdpa_dev_iotlb_sync() - make what is mapped equal to what is wanted
 * @v: the device, open
 * @errp: filled with the piece that cannot be mapped or unmapped and why
 *
 * Pieces that are in both lists are left alone.  Nothing is mapped for a backend
 * that could not be reset, until it can.
 *
 * Returns: true on success.
 */
bool vdpa_dev_iotlb_sync(VhostVdpaDevice *v, Error **errp);

/**
 * vdpa_dev_iotlb_cut() - take all memory from a backend that is not to be had
 * @v: the device, whose backend could not be reset and may still run
 *
 * What cannot be unmapped stays mapped, and all of it while a batch cannot be
 * ended.
 */
void vdpa_dev_iotlb_cut(VhostVdpaDevice *v);

/**
 * vdpa_dev_iotlb_prepare() - make sure that the backend can reach all of it
 * @v: the device, about to start
 * @errp: filled with the piece that cannot be mapped and why
 *
 * Maps what could not be mapped when it came, and reminds a backend of its
 * table that may have lost it at a reset.
 *
 * Returns: true on success.
 */
bool vdpa_dev_iotlb_prepare(VhostVdpaDevice *v, Error **errp);

/* vdpa-dev-config.c */

/**
 * vdpa_dev_config_init() - set up config space and its interrupt
 * @v: the device, open and virtio_init()ed
 * @errp: filled on failure
 *
 * Returns: true on success.
 */
bool vdpa_dev_config_init(VhostVdpaDevice *v, Error **errp);

/**
 * vdpa_dev_config_cleanup() - undo vdpa_dev_config_init()
 * @v: the device, open
 */
void vdpa_dev_config_cleanup(VhostVdpaDevice *v);

/**
 * vdpa_dev_config_bind() - have the backend raise the config interrupt
 * @v: the device, open
 * @errp: filled with device, call and errno
 *
 * A backend may forget it with each reset.  Does nothing when the interrupt
 * was bound since then.
 *
 * Returns: true on success.
 */
bool vdpa_dev_config_bind(VhostVdpaDevice *v, Error **errp);

/**
 * vdpa_dev_config_save() - read what the device shows where the driver wrote
 * @v: the device, about to be reset on the driver's behalf
 * @errp: filled with device, call and errno
 *
 * vdpa_dev_config_restore() compares with it.
 *
 * Returns: true on success.
 */
bool vdpa_dev_config_save(VhostVdpaDevice *v, Error **errp);

/**
 * vdpa_dev_config_restore() - write again what the driver wrote before a reset
 * @v: the device, at FEATURES_OK
 * @errp: filled with the field and what failed, or what it is instead
 *
 * In the driver's order, each as it was written, less what was overwritten and
 * what is an act.  Does nothing when the backend was not reset since.
 *
 * Returns: true when it shows what vdpa_dev_config_save() has read.
 */
bool vdpa_dev_config_restore(VhostVdpaDevice *v, Error **errp);

/**
 * vdpa_dev_config_forget() - the driver has reset the device
 * @v: the device, realized
 */
void vdpa_dev_config_forget(VhostVdpaDevice *v);

/* VirtioDeviceClass::config_read */
void vdpa_dev_config_read(VirtIODevice *vdev, uint32_t offset, uint32_t size);
/* VirtioDeviceClass::config_write */
void vdpa_dev_config_write(VirtIODevice *vdev, uint32_t offset, uint32_t size);
/* VirtioDeviceClass::config_poll */
void vdpa_dev_config_poll(VirtIODevice *vdev);

/* vdpa-dev-doorbell.c */

/**
 * vdpa_dev_doorbells_map() - map the backend's doorbells into QEMU
 * @v: the device, open; its proxy has set wants_doorbells
 *
 * Rings whose doorbell cannot be mapped have none; that is no error.
 */
void vdpa_dev_doorbells_map(VhostVdpaDevice *v);

/**
 * vdpa_dev_doorbells_show() - let the guest kick the hardware itself
 * @v: the device, about to start
 *
 * As far as the accelerator has memory slots to spare.
 */
void vdpa_dev_doorbells_show(VhostVdpaDevice *v);

/**
 * vdpa_dev_doorbells_hide() - take the doorbells out of the guest
 * @v: the device
 */
void vdpa_dev_doorbells_hide(VhostVdpaDevice *v);

/**
 * vdpa_dev_doorbells_close() - give the doorbells up, and the backend with them
 * @v: the device, its doorbells hidden
 *
 * An RCU reader may still use them.  They are unmapped, and the backend is
 * closed, when the last one has gone.
 *
 * Returns: false when there are none, and the backend is the caller's to close.
 */
bool vdpa_dev_doorbells_close(VhostVdpaDevice *v);

/* vdpa-dev-reset.c */

/**
 * vdpa_dev_reset_backend() - write status 0
 * @v: the device, open
 * @errp: filled with device, call and errno
 *
 * After a failure the next start tries again first.
 *
 * Returns: true on success.
 */
bool vdpa_dev_reset_backend(VhostVdpaDevice *v, Error **errp);

/* vdpa-dev-negotiate.c */

/**
 * vdpa_dev_advance() - write the backend's status, and see that it was taken
 * @v: the device, open
 * @status: the whole status, not 0
 * @errp: filled with device, call and errno, or what the status is instead
 *
 * Returns: true if the backend has all of @status, and nothing else.
 */
bool vdpa_dev_advance(VhostVdpaDevice *v, uint8_t status, Error **errp);

/**
 * vdpa_dev_is_negotiated() - whether the backend has the driver's features
 * @v: the device
 *
 * Returns: true if it is at FEATURES_OK, or further, with just those that the
 * driver has acknowledged by now.
 */
bool vdpa_dev_is_negotiated(VhostVdpaDevice *v);

/**
 * vdpa_dev_negotiate() - bring the backend to FEATURES_OK
 * @v: the device, not started
 * @errp: filled with device, call and errno, or what was refused
 *
 * With the features that the driver has acknowledged.  A backend that was
 * brought there before is reset first.
 *
 * Returns: true on success; on failure the backend is somewhere on the way, for
 * the caller to reset.
 */
bool vdpa_dev_negotiate(VhostVdpaDevice *v, Error **errp);

/* vdpa-dev-memory.c */

/**
 * vdpa_dev_memory_map() - map all guest RAM and keep it mapped
 * @v: the device, open
 * @errp: filled with the piece that cannot be mapped and why
 *
 * A change of the memory map that cannot be followed while the device runs
 * ends in vdpa_dev_fail().
 *
 * Returns: true on success; on failure nothing is mapped.
 */
bool vdpa_dev_memory_map(VhostVdpaDevice *v, Error **errp);

/**
 * vdpa_dev_memory_unmap() - unmap all that vdpa_dev_memory_map() has mapped
 * @v: the device, open and stopped
 */
void vdpa_dev_memory_unmap(VhostVdpaDevice *v);

/**
 * vdpa_dev_memory_covers() - whether a range is mapped without a hole
 * @v: the device
 * @iova: the first byte
 * @size: bytes, more than 0
 *
 * Returns: true when each byte is mapped.
 */
bool vdpa_dev_memory_covers(VhostVdpaDevice *v, hwaddr iova, hwaddr size);

/* vdpa-dev-notifier.c */

/**
 * vdpa_dev_take_host_notifiers() - have kicks go to eventfds
 * @v: the device, which knows the rings that are used
 * @errp: filled with what failed and the errno
 *
 * Returns: true on success; on failure nothing is taken.
 */
bool vdpa_dev_take_host_notifiers(VhostVdpaDevice *v, Error **errp);

/**
 * vdpa_dev_drop_host_notifiers() - undo vdpa_dev_take_host_notifiers()
 * @v: the device
 */
void vdpa_dev_drop_host_notifiers(VhostVdpaDevice *v);

/**
 * vdpa_dev_take_guest_notifiers() - have eventfds raise interrupts
 * @v: the device, which knows the rings that are used
 * @errp: filled with the errno
 *
 * Returns: true on success; on failure nothing is taken.
 */
bool vdpa_dev_take_guest_notifiers(VhostVdpaDevice *v, Error **errp);

/**
 * vdpa_dev_drop_guest_notifiers() - undo vdpa_dev_take_guest_notifiers()
 * @v: the device
 */
void vdpa_dev_drop_guest_notifiers(VhostVdpaDevice *v);

/* vdpa-dev-ring.c */

/**
 * vdpa_dev_find_used_rings() - find out which rings the driver has set up
 * @v: the device, about to start
 */
void vdpa_dev_find_used_rings(VhostVdpaDevice *v);

/**
 * vdpa_dev_set_up_rings() - hand the rings that are used over to the backend
 * @v: the device, its notifiers taken, its backend at FEATURES_OK
 * @errp: filled with the ring, and what is wrong with it or the call and errno
 *
 * Each is checked, set up and enabled.
 *
 * Returns: true on success.
 */
bool vdpa_dev_set_up_rings(VhostVdpaDevice *v, Error **errp);

/**
 * vdpa_dev_add_call() - let a ring interrupt that could not when it was set up
 * @v: the device, started
 * @ring: the ring's index
 * @errp: filled with device, call, ring and errno
 *
 * Does nothing when the backend has an eventfd for the ring, or when the ring
 * is not used or still has no way to interrupt.
 *
 * Returns: true on success.
 */
bool vdpa_dev_add_call(VhostVdpaDevice *v, unsigned ring, Error **errp);

/**
 * vdpa_dev_kick_rings() - kick each ring that is used
 * @v: the device, started
 */
void vdpa_dev_kick_rings(VhostVdpaDevice *v);

/* vdpa-dev-suspend.c */

/**
 * vdpa_dev_suspend() - have the backend fetch no more descriptors
 * @v: the device, started; its backend has VHOST_BACKEND_F_SUSPEND
 * @errp: filled with device, call and errno
 *
 * Does nothing when @v is suspended.
 *
 * Returns: true on success.
 */
bool vdpa_dev_suspend(VhostVdpaDevice *v, Error **errp);

/**
 * vdpa_dev_resume() - go on where vdpa_dev_suspend() has stopped
 * @v: the device, suspended; its backend has VHOST_BACKEND_F_RESUME
 * @errp: filled with device, call and errno
 *
 * Returns: true on success; on failure it stays suspended.
 */
bool vdpa_dev_resume(VhostVdpaDevice *v, Error **errp);

/**
 * vdpa_dev_save_rings() - suspend the backend and ask where its rings are
 * @v: the device, started; its backend has VHOST_BACKEND_F_SUSPEND
 * @deadline: requests in flight are waited for until then, in milliseconds of
 *            QEMU_CLOCK_REALTIME; 0: not at all
 * @errp: filled with device, call and errno
 *
 * Returns: true on success.
 */
bool vdpa_dev_save_rings(VhostVdpaDevice *v, int64_t deadline, Error **errp);

/**
 * vdpa_dev_take_over_rings() - decide where the next start goes on
 * @v: the device, its rings saved, its backend reset
 *
 * Requests that are still in flight are made again when they are known to be
 * the last ones that the backend has taken: with VIRTIO_F_IN_ORDER, or when a
 * split ring proves it.  Else @v->cannot_go_on is set: the next start fails.
 */
void vdpa_dev_take_over_rings(VhostVdpaDevice *v);

/* vdpa-dev-start.c */

/**
 * vdpa_dev_start() - bring the backend to DRIVER_OK
 * @v: the device, realized and stopped
 * @status: the status that the driver writes
 * @errp: filled with the step that failed and why
 *
 * The order of calls is that of virtio specification section 3.1.1 with what
 * the kernel's parents need: each ring's call eventfd before DRIVER_OK, a kick
 * for each ring after it.
 *
 * Returns: true on success; on failure all that was taken is given back and
 * the backend is reset.
 */
bool vdpa_dev_start(VhostVdpaDevice *v, uint8_t status, Error **errp);

/**
 * vdpa_dev_stop() - reset the backend
 * @v: the device, started
 * @errp: filled with device, call and errno
 *
 * Gives back all that vdpa_dev_start() took, whatever fails.
 *
 * Returns: true on success.
 */
bool vdpa_dev_stop(VhostVdpaDevice *v, Error **errp);

/**
 * vdpa_dev_stop_and_keep() - vdpa_dev_stop() for a device that goes on later
 * @v: the device, started; its backend has VHOST_BACKEND_F_SUSPEND
 * @deadline: as for vdpa_dev_save_rings()
 * @errp: filled with the first call that failed
 *
 * Takes over where the rings are, and what the driver wrote to config space.
 *
 * Returns: true on success.
 */
bool vdpa_dev_stop_and_keep(VhostVdpaDevice *v, int64_t deadline,
                            Error **errp);

#endif
