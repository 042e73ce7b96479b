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
#include "qemu/units.h"
#include "sysemu/kvm.h"
#include "trace.h"

/* The kernel's errno for a device without doorbells; not in errno.h */
#define VDPA_DEV_ENOTSUPP 524

/* Address space that is left to others while doorbells are mapped */
#define VDPA_DEV_GAP (1 * GiB)

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

/*
 * Where so much is free now.  Whoever maps something meanwhile gets the upper
 * end of such a gap.
 */
static uint8_t *vdpa_dev_find_gap(size_t size)
{
    void *gap;

    size += VDPA_DEV_GAP;
    gap = mmap(NULL, size, PROT_NONE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (gap == MAP_FAILED) {
        return NULL;
    }
    munmap(gap, size);
    return gap;
}

static int vdpa_dev_map_doorbell(VhostVdpaDevice *v, unsigned ring,
                                 uint8_t *where)
{
    size_t page = qemu_real_host_page_size();
    void *got = mmap(where, page, PROT_WRITE,
                     MAP_SHARED | MAP_FIXED_NOREPLACE, v->vdpa.device_fd,
                     (off_t)ring * page);

    if (got == MAP_FAILED) {
        return -errno;
    }
    if (got != where) {
        /* A kernel before 4.17 */
        munmap(got, page);
        return -EEXIST;
    }
    return 0;
}

/* Maps from @first on, as many as can be next to each other */
static int vdpa_dev_map_doorbells(VhostVdpaDevice *v, unsigned first,
                                  unsigned *num)
{
    size_t page = qemu_real_host_page_size();
    uint8_t *host = vdpa_dev_find_gap((v->num_rings - first) * page);
    BusState *bus = qdev_get_parent_bus(DEVICE(v));
    g_autofree char *name = NULL;
    VdpaDevDoorbells *bells;
    int ret = host ? 0 : -ENOMEM;

    for (*num = 0; !ret && first + *num < v->num_rings; *num += !ret) {
        ret = vdpa_dev_map_doorbell(v, first + *num, host + *num * page);
    }
    trace_vdpa_dev_map_doorbells(v->name, first, *num, ret);
    if (*num) {
        bells = g_new0(VdpaDevDoorbells, 1);
        bells->host = host;
        bells->first = first;
        bells->num = *num;
        name = g_strdup_printf("vhost-vdpa-device/doorbells-%u", first);
        /* The transport's, whose memory @v is part of */
        memory_region_init_ram_device_ptr(&bells->mr, OBJECT(bus->parent),
                                          name, *num * page, host);
        v->doorbells = g_slist_append(v->doorbells, bells);
    }
    return ret;
}

void vdpa_dev_doorbells_map(VhostVdpaDevice *v)
{
    unsigned num;
    int ret;

    for (unsigned ring = 0; v->wants_doorbells && ring < v->num_rings; ) {
        ret = vdpa_dev_map_doorbells(v, ring, &num);
        if (ring + num == 0 && ret == -VDPA_DEV_ENOTSUPP) {
            return;
        }
        /* One that is refused is left out, one whose place was taken is not */
        ring += num + (!num || ret != -EEXIST);
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
