/*
 * vhost-vdpa-device: guest RAM in the backend's IOTLB
 *
 * Guest RAM is the machine's RAM and its memory devices.  ROM, video RAM and
 * BARs of PCI devices are not mapped: a guest can put those anywhere, and no
 * ring or buffer belongs there.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/vhost.h>
#include <sys/resource.h>
#include "exec/address-spaces.h"
#include "hw/boards.h"
#include "hw/mem/memory-device.h"
#include "hw/virtio/vdpa-dev.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/units.h"
#include "trace.h"

typedef struct VdpaDevPiece {
    hwaddr iova;
    hwaddr last;
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
    Int128 end = int128_add(int128_make64(start), section->size);

    piece->iova = ROUND_UP(start, page);
    piece->last = int128_get64(int128_sub(end, int128_one()));
    if (piece->last < page - 1 || piece->iova < start) {
        return false;
    }
    piece->last = ROUND_DOWN(piece->last - (page - 1), page) + (page - 1);
    return piece->iova < piece->last;
}

/* One IOTLB message: struct vhost_msg_v2 of linux/vhost_types.h */
static bool vdpa_dev_iotlb(VhostVdpaDevice *v, uint8_t type, const char *name,
                           const VdpaDevPiece *piece, void *host, Error **errp)
{
    struct vhost_msg_v2 msg = {
        .type = VHOST_IOTLB_MSG_V2,
        .iotlb.type = type,
    };
    ssize_t len;

    if (piece) {
        msg.iotlb.iova = piece->iova;
        msg.iotlb.size = piece->last - piece->iova + 1;
        msg.iotlb.uaddr = (uintptr_t)host;
        msg.iotlb.perm = VHOST_ACCESS_RW;
    }
    len = write(v->vdpa.device_fd, &msg, sizeof(msg));
    return vdpa_dev_call_result(v, name, len == sizeof(msg) ? 0 :
                                         len < 0 ? -errno : -EIO, errp);
}

static void vdpa_dev_memory_hint(Error **errp)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 &&
        limit.rlim_cur != RLIM_INFINITY) {
        error_append_hint(errp, "Most backends lock guest memory, and "
                          "RLIMIT_MEMLOCK is %" PRIu64 " KiB: raise it with "
                          "ulimit -l, LimitMEMLOCK= of systemd or hard_limit "
                          "of libvirt.\n", (uint64_t)limit.rlim_cur / KiB);
    }
}

static bool vdpa_dev_map_piece(VhostVdpaDevice *v, const VdpaDevPiece *piece,
                               void *host, Error **errp)
{
    ERRP_GUARD();
    const struct vhost_vdpa_iova_range *range = &v->vdpa.iova_range;

    trace_vdpa_dev_map_piece(v->name, piece->iova, piece->last);
    if (piece->iova < range->first || piece->last > range->last) {
        error_setg(errp, "%s: guest RAM at [0x%" HWADDR_PRIx ", 0x%"
                   HWADDR_PRIx "] is outside the IOVA range [0x%" PRIx64
                   ", 0x%" PRIx64 "]", v->name, piece->iova, piece->last,
                   (uint64_t)range->first, (uint64_t)range->last);
        return false;
    }
    if (!vdpa_dev_iotlb(v, VHOST_IOTLB_UPDATE, "IOTLB_UPDATE", piece, host,
                        errp)) {
        error_prepend(errp, "cannot map guest RAM at [0x%" HWADDR_PRIx
                      ", 0x%" HWADDR_PRIx "]: ", piece->iova, piece->last);
        vdpa_dev_memory_hint(errp);
        return false;
    }
    return true;
}

static void vdpa_dev_memory_batch(VhostVdpaDevice *v, bool open)
{
    bool batched = v->hdev.backend_cap & BIT_ULL(VHOST_BACKEND_F_IOTLB_BATCH);
    bool ok;

    if (!batched || v->memory.batch == open || v->memory.err) {
        return;
    }
    ok = vdpa_dev_iotlb(v,
                        open ? VHOST_IOTLB_BATCH_BEGIN : VHOST_IOTLB_BATCH_END,
                        open ? "IOTLB_BATCH_BEGIN" : "IOTLB_BATCH_END",
                        NULL, NULL, &v->memory.err);
    v->memory.batch = open && ok;
}

static void vdpa_dev_region_add(MemoryListener *listener,
                                MemoryRegionSection *section)
{
    VhostVdpaDevice *v = container_of(listener, VhostVdpaDevice,
                                      memory.listener);
    GArray *pieces = v->memory.pieces;
    VdpaDevPiece piece;
    void *host;
    unsigned i;

    if (v->memory.err || !vdpa_dev_is_guest_ram(section) ||
        !vdpa_dev_section_piece(section, &piece)) {
        return;
    }
    host = memory_region_get_ram_ptr(section->mr) +
           section->offset_within_region +
           (piece.iova - section->offset_within_address_space);

    vdpa_dev_memory_batch(v, true);
    if (v->memory.err ||
        !vdpa_dev_map_piece(v, &piece, host, &v->memory.err)) {
        return;
    }
    memory_region_ref(section->mr);
    i = pieces->len;
    while (i && g_array_index(pieces, VdpaDevPiece, i - 1).iova > piece.iova) {
        i--;
    }
    g_array_insert_val(pieces, i, piece);
}

static void vdpa_dev_region_del(MemoryListener *listener,
                                MemoryRegionSection *section)
{
    VhostVdpaDevice *v = container_of(listener, VhostVdpaDevice,
                                      memory.listener);
    GArray *pieces = v->memory.pieces;
    VdpaDevPiece piece;
    unsigned i;

    if (!vdpa_dev_is_guest_ram(section) ||
        !vdpa_dev_section_piece(section, &piece)) {
        return;
    }
    for (i = 0; i < pieces->len; i++) {
        if (g_array_index(pieces, VdpaDevPiece, i).iova == piece.iova) {
            break;
        }
    }
    if (i == pieces->len) {
        return;
    }

    trace_vdpa_dev_region_del(v->name, piece.iova, piece.last);
    vdpa_dev_memory_batch(v, true);
    vdpa_dev_iotlb(v, VHOST_IOTLB_INVALIDATE, "IOTLB_INVALIDATE", &piece,
                   NULL, v->memory.err ? NULL : &v->memory.err);
    g_array_remove_index(pieces, i);
    memory_region_unref(section->mr);
}

static void vdpa_dev_memory_commit(MemoryListener *listener)
{
    VhostVdpaDevice *v = container_of(listener, VhostVdpaDevice,
                                      memory.listener);

    vdpa_dev_memory_batch(v, false);
    if (v->started && v->memory.err) {
        /* Not with a hole: the rest is stopped when the driver resets */
        vdpa_dev_reset_backend(v, NULL);
        vdpa_dev_fail(v, g_steal_pointer(&v->memory.err));
    }
}

bool vdpa_dev_memory_map(VhostVdpaDevice *v, Error **errp)
{
    VdpaDevMemory *memory = &v->memory;

    memory->pieces = g_array_new(false, false, sizeof(VdpaDevPiece));
    memory->listener = (MemoryListener) {
        .name = "vhost-vdpa-device",
        .region_add = vdpa_dev_region_add,
        .region_del = vdpa_dev_region_del,
        .commit = vdpa_dev_memory_commit,
    };
    memory_listener_register(&memory->listener, &address_space_memory);

    if (memory->err) {
        error_propagate(errp, g_steal_pointer(&memory->err));
        vdpa_dev_memory_unmap(v, NULL);
        return false;
    }
    return true;
}

bool vdpa_dev_memory_unmap(VhostVdpaDevice *v, Error **errp)
{
    VdpaDevMemory *memory = &v->memory;

    memory_listener_unregister(&memory->listener);
    g_clear_pointer(&memory->pieces, g_array_unref);
    if (memory->err) {
        error_propagate(errp, g_steal_pointer(&memory->err));
        return false;
    }
    return true;
}

bool vdpa_dev_memory_covers(VhostVdpaDevice *v, hwaddr iova, hwaddr size)
{
    GArray *pieces = v->memory.pieces;
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
