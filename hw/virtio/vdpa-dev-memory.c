/*
 * vhost-vdpa-device: which memory the backend is to reach
 *
 * Guest RAM is the machine's RAM and its memory devices.  ROM, video RAM and
 * BARs of PCI devices are not mapped: a guest can put those anywhere, and no
 * ring or buffer belongs there.
 *
 * It is mapped when the device is made and stays so, over resets too.  What
 * the listener sees is collected until commit; vdpa-dev-iotlb.c holds it against
 * what is mapped.  Memory that is about to be plugged is mapped first, so that
 * the plug is refused when that fails.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "exec/address-spaces.h"
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

    g_array_set_size(memory->wanted, 0);
    memory->offered = false;
}

static void vdpa_dev_want(VdpaDevMemory *memory, MemoryRegionSection *section)
{
    VdpaDevPiece rest, piece;

    if (!vdpa_dev_section_piece(section, &rest)) {
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

/* Called for each section of the new map, changed or not, in ascending order */
static void vdpa_dev_region(MemoryListener *listener,
                            MemoryRegionSection *section)
{
    if (vdpa_dev_is_guest_ram(section)) {
        vdpa_dev_want(container_of(listener, VdpaDevMemory, listener), section);
    }
}

static void vdpa_dev_memory_commit(MemoryListener *listener)
{
    VhostVdpaDevice *v = container_of(listener, VdpaDevMemory, listener)->v;
    Error *err = NULL;

    if (!v->memory->active) {
        return;
    }
    if (vdpa_dev_iotlb_sync(v, &err)) {
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

/* Unmap what was offered when it has not come into the memory map since */
static void vdpa_dev_memory_withdraw(void *opaque)
{
    VhostVdpaDevice *v = opaque;
    VdpaDevMemory *memory = v->memory;
    Error *err = NULL;

    if (memory->offered) {
        memory->offered = false;
        g_array_set_size(memory->wanted, memory->without_offer);
        if (!vdpa_dev_iotlb_sync(v, &err)) {
            warn_report_err(err);
        }
    }
}

static int vdpa_dev_memory_offer(NotifierWithReturn *notifier, void *data)
{
    VdpaDevMemory *memory = container_of(notifier, VdpaDevMemory,
                                         plug_notifier);
    VhostVdpaDevice *v = memory->v;
    MemoryDevicePlug *plug = data;
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
    vdpa_dev_memory_withdraw(v);
    if (!vdpa_dev_is_guest_ram(&section)) {
        return 0;
    }
    memory->without_offer = memory->wanted->len;
    memory->offered = true;
    vdpa_dev_want(memory, &section);
    if (!vdpa_dev_iotlb_sync(v, plug->errp)) {
        vdpa_dev_memory_withdraw(v);
        return -1;
    }
    qemu_bh_schedule(memory->withdraw_bh);
    return 0;
}

static void vdpa_dev_memory_free(VhostVdpaDevice *v)
{
    VdpaDevMemory *memory = v->memory;

    for (unsigned i = 0; i < memory->mapped->len; i++) {
        memory_region_unref(g_array_index(memory->mapped, VdpaDevPiece, i).mr);
    }
    g_array_unref(memory->mapped);
    g_array_unref(memory->wanted);
    g_clear_pointer(&v->memory, g_free);
}

bool vdpa_dev_memory_map(VhostVdpaDevice *v, Error **errp)
{
    VdpaDevMemory *memory = g_new0(VdpaDevMemory, 1);

    v->memory = memory;
    memory->v = v;
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
    if (!vdpa_dev_iotlb_sync(v, errp)) {
        vdpa_dev_memory_unmap(v);
        return false;
    }
    memory->active = true;
    memory->withdraw_bh = qemu_bh_new(vdpa_dev_memory_withdraw, v);
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
    g_array_set_size(memory->wanted, 0);
    if (!vdpa_dev_iotlb_sync(v, &err)) {
        warn_report_err(err);
    }
    vdpa_dev_memory_free(v);
}

bool vdpa_dev_memory_covers(VhostVdpaDevice *v, hwaddr iova, hwaddr size)
{
    GArray *pieces = v->memory->wanted;
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
