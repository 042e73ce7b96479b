/*
 * vhost-vdpa-device: which memory the backend is to reach
 *
 * Guest RAM is the machine's RAM and its memory devices.  ROM, video RAM and
 * BARs of PCI devices are not mapped: a guest can put those anywhere, and no
 * ring or buffer belongs there.
 *
 * It is mapped when the device is made and stays so, over resets too.  What
 * the listener sees is collected until commit; vdpa-dev-iotlb.c holds it against
 * what is mapped.  Memory that is about to be plugged is offered and mapped
 * first, so that the plug is refused when that fails; it stays so, whatever else
 * changes, until the listener sees it or the plug has come to nothing.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "exec/cpu-common.h"
#include "hw/boards.h"
#include "hw/mem/memory-device.h"
#include "hw/virtio/vdpa-dev-internal.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qemu/units.h"

/*
 * Where firmware moves windows about in units of 16 KiB (PAM); pieces are cut
 * there and at 1 MiB, so that no change of one touches its neighbours.
 */
#define VDPA_DEV_WINDOWS_START (640 * KiB)
#define VDPA_DEV_WINDOWS_END (1 * MiB)
#define VDPA_DEV_WINDOW (16 * KiB)

/*
 * From the end of RAM below 4 GiB the guest can take memory for SMM (TSEG, up
 * to 16 MiB by default).  That end is mostly a multiple of 64 MiB.
 */
#define VDPA_DEV_LOW_RAM_END (4 * GiB)
#define VDPA_DEV_LOW_RAM_UNIT (64 * MiB)
#define VDPA_DEV_TSEG (16 * MiB)

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

/* The last address of the piece that starts at @iova and is cut as above */
static hwaddr vdpa_dev_cut(hwaddr iova, hwaddr last)
{
    hwaddr cut = last;

    if (iova < VDPA_DEV_WINDOWS_START) {
        cut = VDPA_DEV_WINDOWS_START - 1;
    } else if (iova < VDPA_DEV_WINDOWS_END) {
        hwaddr window = MAX(VDPA_DEV_WINDOW, qemu_real_host_page_size());

        cut = QEMU_ALIGN_DOWN(iova, window) + window - 1;
    } else if (iova < VDPA_DEV_LOW_RAM_END) {
        cut = QEMU_ALIGN_DOWN(iova + VDPA_DEV_TSEG, VDPA_DEV_LOW_RAM_UNIT) +
              VDPA_DEV_LOW_RAM_UNIT - VDPA_DEV_TSEG - 1;
    }
    return MIN(cut, last);
}

static void vdpa_dev_memory_begin(MemoryListener *listener)
{
    VdpaDevMemory *memory = container_of(listener, VdpaDevMemory, listener);

    g_array_set_size(memory->seen, 0);
}

/* Add what there is to map of @section to @pieces */
static void vdpa_dev_cut_section(MemoryRegionSection *section, GArray *pieces)
{
    VdpaDevPiece rest, piece;

    if (!vdpa_dev_section_piece(section, &rest)) {
        return;
    }
    do {
        piece = rest;
        piece.last = vdpa_dev_cut(rest.iova, rest.last);
        g_array_append_val(pieces, piece);
        rest.host += piece.last - rest.iova + 1;
        rest.iova = piece.last + 1;
    } while (piece.last != rest.last);
}

/* Called for each section of the new map, changed or not, in ascending order */
static void vdpa_dev_region(MemoryListener *listener,
                            MemoryRegionSection *section)
{
    VdpaDevMemory *memory = container_of(listener, VdpaDevMemory, listener);

    if (vdpa_dev_is_guest_ram(section)) {
        vdpa_dev_cut_section(section, memory->seen);
    }
}

static bool vdpa_dev_overlaps(const VdpaDevPiece *piece, GArray *pieces)
{
    for (unsigned i = 0; i < pieces->len; i++) {
        VdpaDevPiece *other = &g_array_index(pieces, VdpaDevPiece, i);

        if (piece->iova <= other->last && other->iova <= piece->last) {
            return true;
        }
    }
    return false;
}

/* What was offered where @pieces are is there by now, or will never be */
static void vdpa_dev_drop_offers(VdpaDevMemory *memory, GArray *pieces)
{
    GArray *offered = memory->offered;

    for (unsigned i = offered->len; i-- > 0; ) {
        if (vdpa_dev_overlaps(&g_array_index(offered, VdpaDevPiece, i),
                              pieces)) {
            g_array_remove_index_fast(offered, i);
        }
    }
}

static bool vdpa_dev_memory_sync(VdpaDevMemory *memory, Error **errp)
{
    g_array_set_size(memory->wanted, 0);
    g_array_append_vals(memory->wanted, memory->seen->data, memory->seen->len);
    g_array_append_vals(memory->wanted, memory->offered->data,
                        memory->offered->len);
    return vdpa_dev_iotlb_sync(memory->v, errp);
}

static void vdpa_dev_memory_commit(MemoryListener *listener)
{
    VhostVdpaDevice *v = container_of(listener, VdpaDevMemory, listener)->v;
    Error *err = NULL;

    if (!v->memory->active) {
        return;
    }
    vdpa_dev_drop_offers(v->memory, v->memory->seen);
    if (vdpa_dev_memory_sync(v->memory, &err)) {
        v->memory->warned = false;
    } else if (v->started) {
        v->memory->warned = true;
        /* Not with a hole: the rest is stopped when the driver resets */
        vdpa_dev_reset_backend(v, NULL);
        vdpa_dev_fail(v, err);
    } else if (!v->memory->warned) {
        v->memory->warned = true;
        warn_report_err(err);
    } else {
        /* The next start tries again, and says why it cannot */
        error_free(err);
    }
}

static void vdpa_dev_memory_withdraw(VdpaDevMemory *memory, GArray *pieces)
{
    Error *err = NULL;

    vdpa_dev_drop_offers(memory, pieces);
    if (!vdpa_dev_memory_sync(memory, &err)) {
        warn_report_err(err);
    }
}

/* In the main loop no plug is under way: what is still offered has none */
static void vdpa_dev_memory_withdraw_all(void *opaque)
{
    VdpaDevMemory *memory = opaque;

    if (memory->offered->len) {
        vdpa_dev_memory_withdraw(memory, memory->offered);
    }
}

static int vdpa_dev_memory_offer(NotifierWithReturn *notifier, void *data,
                                 Error **errp)
{
    VdpaDevMemory *memory = container_of(notifier, VdpaDevMemory,
                                         plug_notifier);
    MemoryDevicePlug *plug = data;
    g_autoptr(GArray) pieces = g_array_new(false, false, sizeof(VdpaDevPiece));
    MemoryRegionSection section = {
        .mr = plug->mr,
        .offset_within_address_space = plug->addr,
        .size = int128_make64(memory_region_size(plug->mr)),
    };

    /* As the listener will see it: an NVDIMM's memory is an alias */
    for (; section.mr->alias; section.mr = section.mr->alias) {
        section.readonly |= section.mr->readonly;
        section.offset_within_region += section.mr->alias_offset;
    }
    if (!vdpa_dev_is_guest_ram(&section)) {
        return 0;
    }
    vdpa_dev_cut_section(&section, pieces);
    vdpa_dev_drop_offers(memory, pieces);
    for (unsigned i = 0; i < pieces->len; i++) {
        vdpa_dev_pieces_add(memory->offered,
                            &g_array_index(pieces, VdpaDevPiece, i));
    }
    if (!vdpa_dev_memory_sync(memory, errp)) {
        vdpa_dev_memory_withdraw(memory, pieces);
        return -1;
    }
    qemu_bh_schedule(memory->withdraw_bh);
    return 0;
}

static void vdpa_dev_memory_free(VhostVdpaDevice *v)
{
    VdpaDevMemory *memory = v->memory;

    g_array_unref(memory->leaving);
    g_array_unref(memory->mapped);
    g_array_unref(memory->wanted);
    g_array_unref(memory->offered);
    g_array_unref(memory->seen);
    g_clear_pointer(&v->memory, g_free);
}

bool vdpa_dev_memory_map(VhostVdpaDevice *v, Error **errp)
{
    VdpaDevMemory *memory = g_new0(VdpaDevMemory, 1);

    v->memory = memory;
    memory->v = v;
    memory->seen = g_array_new(false, false, sizeof(VdpaDevPiece));
    memory->offered = vdpa_dev_pieces_new();
    memory->wanted = g_array_new(false, false, sizeof(VdpaDevPiece));
    memory->mapped = vdpa_dev_pieces_new();
    memory->leaving = vdpa_dev_pieces_new();
    memory->listener = (MemoryListener) {
        .name = "vhost-vdpa-device",
        .begin = vdpa_dev_memory_begin,
        .region_add = vdpa_dev_region,
        .region_nop = vdpa_dev_region,
        .commit = vdpa_dev_memory_commit,
    };
    memory_listener_register(&memory->listener, &address_space_memory);
    if (!vdpa_dev_memory_sync(memory, errp)) {
        vdpa_dev_memory_unmap(v);
        return false;
    }
    memory->active = true;
    memory->withdraw_bh = qemu_bh_new(vdpa_dev_memory_withdraw_all, memory);
    memory->plug_notifier.notify = vdpa_dev_memory_offer;
    memory_device_add_plug_notifier(&memory->plug_notifier);
    return true;
}

void vdpa_dev_memory_unmap(VhostVdpaDevice *v)
{
    VdpaDevMemory *memory = v->memory;
    Error *err = NULL;

    if (memory->active) {
        memory->active = false;
        notifier_with_return_remove(&memory->plug_notifier);
        qemu_bh_delete(memory->withdraw_bh);
    }
    memory_listener_unregister(&memory->listener);
    g_array_set_size(memory->seen, 0);
    g_array_set_size(memory->offered, 0);
    if (!vdpa_dev_memory_sync(memory, &err)) {
        warn_report_err(err);
    }
    vdpa_dev_memory_free(v);
}

bool vdpa_dev_memory_covers(VhostVdpaDevice *v, hwaddr iova, hwaddr size)
{
    GArray *pieces = v->memory->seen;
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
