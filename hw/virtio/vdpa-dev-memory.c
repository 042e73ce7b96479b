/*
 * vhost-vdpa-device: guest RAM in the backend's IOTLB
 *
 * Guest RAM is the machine's RAM and its memory devices.  ROM, video RAM and
 * BARs of PCI devices are not mapped: a guest can put those anywhere, and no
 * ring or buffer belongs there.
 *
 * It is mapped when the device is made and stays so, over resets too.  What
 * the listener sees is collected until commit and held against what is mapped,
 * so only pieces that really changed are touched.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/vhost.h>
#include <sys/resource.h>
#include "exec/address-spaces.h"
#include "exec/cpu-common.h"
#include "hw/boards.h"
#include "hw/mem/memory-device.h"
#include "hw/virtio/vdpa-dev.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/error-report.h"
#include "qemu/units.h"
#include "trace.h"

/*
 * Where firmware moves windows about in units of 16 KiB (PAM); pieces are cut
 * there and at 1 MiB, so that no change of one touches its neighbours.
 */
#define VDPA_DEV_WINDOWS_START (640 * KiB)
#define VDPA_DEV_WINDOWS_END (1 * MiB)
#define VDPA_DEV_WINDOW (16 * KiB)

/* Guest physical addresses, inclusive, and where the first byte is in QEMU */
typedef struct VdpaDevPiece {
    hwaddr iova;
    hwaddr last;
    uint8_t *host;
    MemoryRegion *mr;
} VdpaDevPiece;

static bool vdpa_dev_is_guest_ram(MemoryRegionSection *section)
{
    MachineState *machine = MACHINE(qdev_get_machine());
    DeviceMemoryState *devices = machine->device_memory;
    MemoryRegion *mr = section->mr;

    if (!memory_region_is_ram(mr) || memory_region_is_rom(mr) ||
        memory_region_is_protected(mr) || section->readonly) {
        return false;
    }
    if (machine->ram && (mr == machine->ram || mr->container == machine->ram)) {
        return true;
    }
    return devices &&
           section->offset_within_address_space - devices->base <
           memory_region_size(&devices->mr);
}

/* The whole host pages of @section; false when it has none */
static bool vdpa_dev_section_piece(MemoryRegionSection *section,
                                   VdpaDevPiece *piece)
{
    hwaddr page = qemu_real_host_page_size();
    hwaddr start = section->offset_within_address_space;
    hwaddr last = int128_get64(int128_sub(
        int128_add(int128_make64(start), section->size), int128_one()));

    piece->mr = section->mr;
    piece->iova = ROUND_UP(start, page);
    if (last < page - 1 || piece->iova < start) {
        return false;
    }
    piece->last = ROUND_DOWN(last - (page - 1), page) + (page - 1);
    piece->host = (uint8_t *)memory_region_get_ram_ptr(section->mr) +
                  section->offset_within_region + (piece->iova - start);
    return piece->iova < piece->last;
}

/* The last address of the piece that starts at @iova and is cut at windows */
static hwaddr vdpa_dev_cut(hwaddr iova, hwaddr last)
{
    hwaddr cut = last;

    if (iova < VDPA_DEV_WINDOWS_START) {
        cut = VDPA_DEV_WINDOWS_START - 1;
    } else if (iova < VDPA_DEV_WINDOWS_END) {
        hwaddr window = MAX(VDPA_DEV_WINDOW, qemu_real_host_page_size());

        cut = QEMU_ALIGN_DOWN(iova, window) + window - 1;
    }
    return MIN(cut, last);
}

static bool vdpa_dev_same_piece(const VdpaDevPiece *a, const VdpaDevPiece *b)
{
    return a->iova == b->iova && a->last == b->last && a->host == b->host;
}

/* One IOTLB message: struct vhost_msg_v2 of linux/vhost_types.h */
static int vdpa_dev_iotlb(VhostVdpaDevice *v, uint8_t type,
                          const VdpaDevPiece *piece)
{
    struct vhost_msg_v2 msg = {
        .type = VHOST_IOTLB_MSG_V2,
        .iotlb.type = type,
    };
    ssize_t len;

    if (piece) {
        msg.iotlb.iova = piece->iova;
        msg.iotlb.size = piece->last - piece->iova + 1;
        msg.iotlb.uaddr = (uintptr_t)piece->host;
        msg.iotlb.perm = VHOST_ACCESS_RW;
    }
    len = write(v->vdpa.device_fd, &msg, sizeof(msg));
    return len == sizeof(msg) ? 0 : len < 0 ? -errno : -EIO;
}

static uint64_t vdpa_dev_size(GArray *pieces)
{
    uint64_t size = 0;

    for (unsigned i = 0; i < pieces->len; i++) {
        VdpaDevPiece *piece = &g_array_index(pieces, VdpaDevPiece, i);

        size += piece->last - piece->iova + 1;
    }
    return size;
}

/* Bytes that the kernel counts as pinned by this process */
static uint64_t vdpa_dev_pinned(void)
{
    g_autofree char *status = NULL;
    const char *line;
    uint64_t kib;

    if (!g_file_get_contents("/proc/self/status", &status, NULL, NULL)) {
        return 0;
    }
    line = strstr(status, "\nVmPin:");
    if (!line || qemu_strtou64(line + strlen("\nVmPin:"), NULL, 10, &kib)) {
        return 0;
    }
    return kib * KiB;
}

/* The kernel has one errno for everything that can go wrong with a mapping */
static void vdpa_dev_map_hint(VhostVdpaDevice *v, Error **errp)
{
    uint64_t pinned = vdpa_dev_pinned();
    uint64_t missing = vdpa_dev_size(v->memory.wanted) -
                       vdpa_dev_size(v->memory.mapped);
    struct rlimit limit;

    if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 &&
        limit.rlim_cur != RLIM_INFINITY && pinned + missing > limit.rlim_cur) {
        error_append_hint(errp, "RLIMIT_MEMLOCK is %" PRIu64 " KiB; %" PRIu64
                          " KiB are pinned and %" PRIu64 " KiB more are "
                          "needed. If the host device pins memory, raise it "
                          "with ulimit -l, LimitMEMLOCK= of systemd or "
                          "hard_limit of libvirt.\n",
                          (uint64_t)limit.rlim_cur / KiB, pinned / KiB,
                          missing / KiB);
    }
    error_append_hint(errp, "The kernel may be out of IOTLB entries (module "
                      "parameter max_iotlb_entries): back the guest's memory "
                      "with huge pages.\n");
}

static bool vdpa_dev_check_range(VhostVdpaDevice *v, const VdpaDevPiece *piece,
                                 Error **errp)
{
    const struct vhost_vdpa_iova_range *range = &v->vdpa.iova_range;

    if (piece->iova < range->first || piece->last > range->last) {
        error_setg(errp, "%s: guest RAM at [0x%" HWADDR_PRIx ", 0x%"
                   HWADDR_PRIx "] is outside the IOVA range [0x%" PRIx64
                   ", 0x%" PRIx64 "]", v->name, piece->iova, piece->last,
                   (uint64_t)range->first, (uint64_t)range->last);
        return false;
    }
    return true;
}

static bool vdpa_dev_map_piece(VhostVdpaDevice *v, const VdpaDevPiece *piece,
                               Error **errp)
{
    ERRP_GUARD();
    int ret;

    trace_vdpa_dev_map_piece(v->name, piece->iova, piece->last);
    if (!vdpa_dev_check_range(v, piece, errp)) {
        return false;
    }
    ret = vdpa_dev_iotlb(v, VHOST_IOTLB_UPDATE, piece);
    if (!vdpa_dev_call_result(v, "IOTLB_UPDATE", ret, errp)) {
        error_prepend(errp, "cannot map guest RAM at [0x%" HWADDR_PRIx
                      ", 0x%" HWADDR_PRIx "]: ", piece->iova, piece->last);
        if (ret == -EFAULT) {
            vdpa_dev_map_hint(v, errp);
        }
        return false;
    }
    memory_region_ref(piece->mr);
    g_array_append_vals(v->memory.mapped, piece, 1);
    return true;
}

/* @index: of the piece in @v->memory.mapped */
static bool vdpa_dev_unmap_piece(VhostVdpaDevice *v, unsigned index,
                                 Error **errp)
{
    VdpaDevPiece piece = g_array_index(v->memory.mapped, VdpaDevPiece, index);

    trace_vdpa_dev_unmap_piece(v->name, piece.iova, piece.last);
    if (!vdpa_dev_call_result(v, "IOTLB_INVALIDATE",
                              vdpa_dev_iotlb(v, VHOST_IOTLB_INVALIDATE,
                                             &piece), errp)) {
        return false;
    }
    memory_region_unref(piece.mr);
    g_array_remove_index_fast(v->memory.mapped, index);
    return true;
}

static bool vdpa_dev_batch_begin(VhostVdpaDevice *v, Error **errp)
{
    if (!(v->hdev.backend_cap & BIT_ULL(VHOST_BACKEND_F_IOTLB_BATCH))) {
        return true;
    }
    return vdpa_dev_call_result(v, "IOTLB_BATCH_BEGIN",
                                vdpa_dev_iotlb(v, VHOST_IOTLB_BATCH_BEGIN,
                                               NULL), errp);
}

static bool vdpa_dev_batch_end(VhostVdpaDevice *v, Error **errp)
{
    if (!(v->hdev.backend_cap & BIT_ULL(VHOST_BACKEND_F_IOTLB_BATCH))) {
        return true;
    }
    v->memory.in_batch = !vdpa_dev_call_result(v, "IOTLB_BATCH_END",
        vdpa_dev_iotlb(v, VHOST_IOTLB_BATCH_END, NULL), errp);
    return !v->memory.in_batch;
}

static bool vdpa_dev_find_piece(GArray *pieces, const VdpaDevPiece *piece)
{
    for (unsigned i = 0; i < pieces->len; i++) {
        if (vdpa_dev_same_piece(&g_array_index(pieces, VdpaDevPiece, i),
                                piece)) {
            return true;
        }
    }
    return false;
}

static bool vdpa_dev_unmap_stale(VhostVdpaDevice *v, Error **errp)
{
    GArray *mapped = v->memory.mapped;

    for (unsigned i = mapped->len; i-- > 0; ) {
        if (!vdpa_dev_find_piece(v->memory.wanted,
                                 &g_array_index(mapped, VdpaDevPiece, i)) &&
            !vdpa_dev_unmap_piece(v, i, errp)) {
            return false;
        }
    }
    return true;
}

/*
 * A backend that works on virtual addresses (VDUSE, vdpa_sim since Linux 6.12)
 * skips private memory and reports success.  Sent again, a page of memory that
 * was mapped overlaps, which is refused; one that was skipped succeeds.
 */
static bool vdpa_dev_check_skipped(VhostVdpaDevice *v,
                                   const VdpaDevPiece *piece, Error **errp)
{
    ERRP_GUARD();
    VdpaDevPiece page = *piece;
    int ret;

    if (v->memory.maps_private ||
        qemu_ram_is_shared(piece->mr->ram_block)) {
        return true;
    }
    page.last = page.iova + qemu_real_host_page_size() - 1;
    ret = vdpa_dev_iotlb(v, VHOST_IOTLB_UPDATE, &page);
    if (ret == -EFAULT) {
        v->memory.maps_private = true;
        return true;
    }
    if (!vdpa_dev_call_result(v, "IOTLB_UPDATE", ret, errp)) {
        return false;
    }
    vdpa_dev_iotlb(v, VHOST_IOTLB_INVALIDATE, &page);
    error_setg(errp, "%s: IOTLB_UPDATE skips guest RAM that is not shared",
               v->name);
    error_append_hint(errp, "The host device works on virtual addresses. Use "
                      "a shared memory backend: -object "
                      "memory-backend-memfd,id=ram,size=SIZE,share=on "
                      "-machine memory-backend=ram\n");
    return false;
}

/* When private memory is skipped none of it counts as mapped */
static bool vdpa_dev_check_private(VhostVdpaDevice *v, Error **errp)
{
    GArray *mapped = v->memory.mapped;
    bool ok = true;

    for (unsigned i = 0; ok && i < mapped->len; i++) {
        ok = vdpa_dev_check_skipped(v, &g_array_index(mapped, VdpaDevPiece, i),
                                    errp);
    }
    for (unsigned i = mapped->len; !ok && i-- > 0; ) {
        VdpaDevPiece *piece = &g_array_index(mapped, VdpaDevPiece, i);

        if (!qemu_ram_is_shared(piece->mr->ram_block)) {
            vdpa_dev_unmap_piece(v, i, NULL);
        }
    }
    return ok;
}

/* All that is in @missing but the last, and all that is not wanted any more */
static bool vdpa_dev_change_batch(VhostVdpaDevice *v, GArray *missing,
                                  Error **errp)
{
    bool ok;

    if (!vdpa_dev_batch_begin(v, errp)) {
        return false;
    }
    ok = vdpa_dev_unmap_stale(v, errp);
    for (unsigned i = 0; ok && i + 1 < missing->len; i++) {
        ok = vdpa_dev_map_piece(v, &g_array_index(missing, VdpaDevPiece, i),
                                errp);
    }
    return vdpa_dev_batch_end(v, ok ? errp : NULL) && ok;
}

/*
 * The kernel throws the result of a batch away.  So the last piece goes
 * outside it: what the backend says of it, it says of the whole table.
 */
static bool vdpa_dev_change_map(VhostVdpaDevice *v, GArray *missing,
                                Error **errp)
{
    VdpaDevMemory *memory = &v->memory;
    unsigned kept = memory->wanted->len - missing->len;
    bool ok = true;

    if (missing->len > 1 || memory->mapped->len > kept) {
        ok = vdpa_dev_change_batch(v, missing, errp);
    }
    if (ok && missing->len) {
        ok = vdpa_dev_map_piece(v, &g_array_index(missing, VdpaDevPiece,
                                                  missing->len - 1), errp) &&
             vdpa_dev_check_private(v, errp);
        memory->forgotten = false;
    }
    memory->forgotten |= !ok;
    return ok;
}

/* Make what is mapped equal to what is wanted */
static bool vdpa_dev_memory_sync(VhostVdpaDevice *v, Error **errp)
{
    VdpaDevMemory *memory = &v->memory;
    g_autoptr(GArray) missing = g_array_new(false, false,
                                            sizeof(VdpaDevPiece));
    bool ok = true;

    for (unsigned i = 0; i < memory->wanted->len; i++) {
        VdpaDevPiece *piece = &g_array_index(memory->wanted, VdpaDevPiece, i);

        if (!vdpa_dev_find_piece(memory->mapped, piece)) {
            g_array_append_vals(missing, piece, 1);
        }
    }
    if (missing->len || memory->mapped->len > memory->wanted->len) {
        ok = vdpa_dev_change_map(v, missing, errp);
    }
    v->hdev.n_mem_sections = memory->mapped->len;
    return ok;
}

/* After a reset: a change outside a batch makes the backend take all again */
static bool vdpa_dev_memory_remind(VhostVdpaDevice *v, Error **errp)
{
    GArray *mapped = v->memory.mapped;
    unsigned smallest = 0;
    VdpaDevPiece piece;

    for (unsigned i = 1; i < mapped->len; i++) {
        VdpaDevPiece *a = &g_array_index(mapped, VdpaDevPiece, i);
        VdpaDevPiece *b = &g_array_index(mapped, VdpaDevPiece, smallest);

        if (a->last - a->iova < b->last - b->iova) {
            smallest = i;
        }
    }
    piece = g_array_index(mapped, VdpaDevPiece, smallest);
    return vdpa_dev_unmap_piece(v, smallest, errp) &&
           vdpa_dev_map_piece(v, &piece, errp);
}

bool vdpa_dev_memory_prepare(VhostVdpaDevice *v, Error **errp)
{
    VdpaDevMemory *memory = &v->memory;

    if (memory->in_batch && !vdpa_dev_batch_end(v, errp)) {
        return false;
    }
    if (!vdpa_dev_memory_sync(v, errp)) {
        return false;
    }
    if (memory->forgotten && memory->mapped->len) {
        if (!vdpa_dev_memory_remind(v, errp)) {
            return false;
        }
        memory->forgotten = false;
    }
    return true;
}

static void vdpa_dev_memory_begin(MemoryListener *listener)
{
    VdpaDevMemory *memory = container_of(listener, VdpaDevMemory, listener);

    g_array_set_size(memory->wanted, 0);
}

/* Called for each section of the new map, changed or not, in ascending order */
static void vdpa_dev_region(MemoryListener *listener,
                            MemoryRegionSection *section)
{
    VdpaDevMemory *memory = container_of(listener, VdpaDevMemory, listener);
    VdpaDevPiece rest, piece;

    if (!vdpa_dev_is_guest_ram(section) ||
        !vdpa_dev_section_piece(section, &rest)) {
        return;
    }
    do {
        piece = rest;
        piece.last = vdpa_dev_cut(rest.iova, rest.last);
        g_array_append_val(memory->wanted, piece);
        rest.host += piece.last - rest.iova + 1;
        rest.iova = piece.last + 1;
    } while (piece.last != rest.last);
}

static void vdpa_dev_memory_commit(MemoryListener *listener)
{
    VhostVdpaDevice *v = container_of(listener, VhostVdpaDevice,
                                      memory.listener);
    Error *err = NULL;

    if (!v->memory.active) {
        return;
    }
    if (vdpa_dev_memory_sync(v, &err)) {
        v->memory.warned = false;
    } else if (v->started) {
        /* Not with a hole: the rest is stopped when the driver resets */
        vdpa_dev_reset_backend(v, NULL);
        vdpa_dev_fail(v, err);
    } else if (!v->memory.warned) {
        v->memory.warned = true;
        warn_report_err(err);
    } else {
        /* The next start tries again, and says why it cannot */
        error_free(err);
    }
}

static void vdpa_dev_memory_free(VhostVdpaDevice *v)
{
    VdpaDevMemory *memory = &v->memory;

    for (unsigned i = 0; i < memory->mapped->len; i++) {
        memory_region_unref(g_array_index(memory->mapped, VdpaDevPiece, i).mr);
    }
    g_clear_pointer(&memory->mapped, g_array_unref);
    g_clear_pointer(&memory->wanted, g_array_unref);
}

bool vdpa_dev_memory_map(VhostVdpaDevice *v, Error **errp)
{
    VdpaDevMemory *memory = &v->memory;

    memory->wanted = g_array_new(false, false, sizeof(VdpaDevPiece));
    memory->mapped = g_array_new(false, false, sizeof(VdpaDevPiece));
    memory->listener = (MemoryListener) {
        .name = "vhost-vdpa-device",
        .begin = vdpa_dev_memory_begin,
        .region_add = vdpa_dev_region,
        .region_nop = vdpa_dev_region,
        .commit = vdpa_dev_memory_commit,
    };
    memory_listener_register(&memory->listener, &address_space_memory);
    if (!vdpa_dev_memory_sync(v, errp)) {
        vdpa_dev_memory_unmap(v);
        return false;
    }
    memory->active = true;
    return true;
}

void vdpa_dev_memory_unmap(VhostVdpaDevice *v)
{
    VdpaDevMemory *memory = &v->memory;
    Error *err = NULL;

    memory->active = false;
    memory_listener_unregister(&memory->listener);
    g_array_set_size(memory->wanted, 0);
    if (!vdpa_dev_memory_sync(v, &err)) {
        warn_report_err(err);
    }
    vdpa_dev_memory_free(v);
}

bool vdpa_dev_memory_covers(VhostVdpaDevice *v, hwaddr iova, hwaddr size)
{
    GArray *pieces = v->memory.wanted;
    hwaddr last = iova + (size - 1);

    for (unsigned i = 0; i < pieces->len && last >= iova; i++) {
        VdpaDevPiece *piece = &g_array_index(pieces, VdpaDevPiece, i);

        if (piece->iova > iova) {
            return false;
        }
        if (piece->last >= last) {
            return true;
        }
        if (piece->last >= iova) {
            iova = piece->last + 1;
        }
    }
    return false;
}
