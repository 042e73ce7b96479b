/*
 * vhost-vdpa-device: doorbells in the guest
 *
 * A doorbell is the page of the hardware to which a ring's kicks go.  While
 * the device runs it is in the guest, in place of the transport's register; a
 * ring whose doorbell cannot be mapped is kicked by eventfd.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/mman.h>
#include "hw/boards.h"
#include "hw/virtio/vdpa-dev.h"
#include "sysemu/kvm.h"
#include "trace.h"

/* The kernel's errno for a device without doorbells; not in errno.h */
#define VDPA_DEV_ENOTSUPP 524

/*
 * Doorbells of neighbouring rings, next to each other in the process too: one
 * region, and one memory slot of the accelerator.  @fd is to be closed after
 * them.
 */
typedef struct VdpaDevDoorbells {
    MemoryRegion mr;
    uint8_t *host;
    unsigned first;
    unsigned num;
    bool shown;
    int fd;
} VdpaDevDoorbells;

static void vdpa_dev_add_doorbells(VhostVdpaDevice *v, VdpaDevDoorbells *bells)
{
    BusState *bus = qdev_get_parent_bus(DEVICE(v));
    g_autofree char *name = g_strdup_printf("vhost-vdpa-device/doorbells-%u",
                                            bells->first);

    /* The transport's, whose memory @v is part of */
    memory_region_init_ram_device_ptr(&bells->mr, OBJECT(bus->parent), name,
                                      bells->num * qemu_real_host_page_size(),
                                      bells->host);
}

/* From the last ring down, as the host places mappings: side by side */
void vdpa_dev_doorbells_map(VhostVdpaDevice *v)
{
    size_t page = qemu_real_host_page_size();
    VdpaDevDoorbells *bells = NULL;

    for (unsigned ring = v->wants_doorbells ? v->num_rings : 0; ring-- > 0; ) {
        uint8_t *below = bells ? bells->host - page : NULL;
        uint8_t *host = mmap(below, page, PROT_WRITE, MAP_SHARED,
                             v->vdpa.device_fd, (off_t)ring * page);

        trace_vdpa_dev_map_doorbell(v->name, ring,
                                    host == MAP_FAILED ? -errno : 0);
        if (host == MAP_FAILED) {
            if (errno == VDPA_DEV_ENOTSUPP && ring == v->num_rings - 1) {
                return;
            }
            bells = NULL;
            continue;
        }
        if (!bells || host != below) {
            bells = g_new0(VdpaDevDoorbells, 1);
            v->doorbells = g_slist_prepend(v->doorbells, bells);
        }
        bells->host = host;
        bells->first = ring;
        bells->num++;
    }
    for (GSList *l = v->doorbells; l; l = l->next) {
        vdpa_dev_add_doorbells(v, l->data);
    }
}

void vdpa_dev_doorbells_show(VhostVdpaDevice *v)
{
    for (GSList *l = v->doorbells; l; l = l->next) {
        VdpaDevDoorbells *bells = l->data;

        if (kvm_enabled() &&
            !kvm_has_free_slot(MACHINE(qdev_get_machine()))) {
            return;
        }
        bells->shown = !virtio_queue_set_host_notifier_mr(VIRTIO_DEVICE(v),
                                                          bells->first,
                                                          &bells->mr, true);
    }
}

void vdpa_dev_doorbells_hide(VhostVdpaDevice *v)
{
    memory_region_transaction_begin();
    for (GSList *l = v->doorbells; l; l = l->next) {
        VdpaDevDoorbells *bells = l->data;

        if (bells->shown) {
            virtio_queue_set_host_notifier_mr(VIRTIO_DEVICE(v), bells->first,
                                              &bells->mr, false);
            bells->shown = false;
        }
    }
    memory_region_transaction_commit();
}

bool vdpa_dev_doorbells_retire(VhostVdpaDevice *v)
{
    if (!v->doorbells) {
        return false;
    }
    for (GSList *l = v->doorbells; l; l = l->next) {
        VdpaDevDoorbells *bells = l->data;

        object_unparent(OBJECT(&bells->mr));
        bells->fd = l->next ? -1 : v->vdpa.device_fd;
    }
    v->retired_doorbells = g_slist_concat(v->retired_doorbells, v->doorbells);
    v->doorbells = NULL;
    return true;
}

static void vdpa_dev_unmap_doorbells(void *opaque)
{
    VdpaDevDoorbells *bells = opaque;

    munmap(bells->host, bells->num * qemu_real_host_page_size());
    if (bells->fd >= 0) {
        qemu_close(bells->fd);
    }
    g_free(bells);
}

void vdpa_dev_doorbells_finalize(VhostVdpaDevice *v)
{
    g_slist_free_full(v->retired_doorbells, vdpa_dev_unmap_doorbells);
}
