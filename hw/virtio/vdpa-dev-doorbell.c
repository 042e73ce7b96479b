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
#include "hw/virtio/vdpa-dev-internal.h"
#include "system/kvm.h"
#include "trace.h"

/* The kernel's errno for a device without doorbells; not in errno.h */
#define VDPA_DEV_ENOTSUPP 524

/*
 * QEMU aborts when it needs a memory slot of KVM and there is none.  So many
 * are left to what comes later: windows that firmware moves one by one (PAM
 * has 13, SMRAM), hot-plugged memory, BARs of other devices.
 */
#define VDPA_DEV_RESERVED_SLOTS 64

#define TYPE_VDPA_DEV_DOORBELLS "vhost-vdpa-device-doorbells"
OBJECT_DECLARE_SIMPLE_TYPE(VdpaDevDoorbells, VDPA_DEV_DOORBELLS)

/* Doorbells of neighbouring rings: one memory slot of the accelerator */
typedef struct VdpaDevRun {
    MemoryRegion mr;
    unsigned first;
    unsigned num;
    bool shown;
} VdpaDevRun;

/*
 * A child of the transport, which owns the regions: as long as anyone uses
 * one, an RCU reader too, the pages are mapped and the backend is open.
 */
struct VdpaDevDoorbells {
    Object parent_obj;

    uint8_t *host;
    GPtrArray *runs;
    int device_fd; /* to be closed; -1 as long as the device needs it */
};

static int vdpa_dev_map_doorbell(VhostVdpaDevice *v, uint8_t *host,
                                 unsigned ring)
{
    size_t page = qemu_real_host_page_size();
    void *mapped = mmap(host, page, PROT_WRITE, MAP_SHARED | MAP_FIXED,
                        v->device_fd, (off_t)ring * page);
    int ret = mapped == MAP_FAILED ? -errno : 0;

    trace_vdpa_dev_map_doorbell(v->name, ring, ret);
    return ret;
}

static void vdpa_dev_add_run(VhostVdpaDevice *v, unsigned first, unsigned num)
{
    VdpaDevDoorbells *bells = v->doorbells;
    size_t page = qemu_real_host_page_size();
    g_autofree char *name = NULL;
    VdpaDevRun *run;
    int ret;

    if (!num) {
        return;
    }
    /*
     * The kernel maps them for writing only.  But KVM has to read what a guest
     * reads from them, or the machine stops.
     */
    ret = mprotect(bells->host + first * page, num * page,
                   PROT_READ | PROT_WRITE) ? -errno : 0;
    trace_vdpa_dev_add_run(v->name, first, num, ret);
    if (ret) {
        munmap(bells->host + first * page, num * page);
        return;
    }
    name = g_strdup_printf("vhost-vdpa-device/doorbells-%u", first);
    run = g_new0(VdpaDevRun, 1);
    run->first = first;
    run->num = num;
    memory_region_init_ram_device_ptr(&run->mr, OBJECT(bells)->parent, name,
                                      num * page, bells->host + first * page);
    g_ptr_array_add(bells->runs, run);
}

static VdpaDevDoorbells *vdpa_dev_new_doorbells(VhostVdpaDevice *v)
{
    BusState *bus = qdev_get_parent_bus(DEVICE(v));
    Object *bells = object_new(TYPE_VDPA_DEV_DOORBELLS);

    object_property_add_child(OBJECT(bus->parent), "doorbells", bells);
    object_unref(bells);
    return VDPA_DEV_DOORBELLS(bells);
}

/*
 * Side by side, in address space that is reserved for them.  One that is
 * refused loses its place in it.
 */
void vdpa_dev_doorbells_map(VhostVdpaDevice *v)
{
    size_t page = qemu_real_host_page_size();
    unsigned first = 0, ring;
    uint8_t *host;
    int ret;

    if (!v->wants_doorbells) {
        return;
    }
    host = mmap(NULL, v->num_rings * page, PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (host == MAP_FAILED) {
        return;
    }
    v->doorbells = vdpa_dev_new_doorbells(v);
    v->doorbells->host = host;
    for (ring = 0; ring < v->num_rings; ring++) {
        ret = vdpa_dev_map_doorbell(v, host + ring * page, ring);
        if (ring == 0 && ret == -VDPA_DEV_ENOTSUPP) {
            munmap(host + page, (v->num_rings - 1) * page);
            break;
        }
        if (ret) {
            vdpa_dev_add_run(v, first, ring - first);
            first = ring + 1;
        }
    }
    vdpa_dev_add_run(v, first, ring - first);
    if (!v->doorbells->runs->len) {
        object_unparent(OBJECT(v->doorbells));
        v->doorbells = NULL;
    }
}

/* Runs of all devices that are shown; while its BAR is off one takes no slot */
static unsigned vdpa_dev_runs_shown;

/* How many more runs may take a slot */
static unsigned vdpa_dev_spare_slots(void)
{
    unsigned slots;

    if (!kvm_enabled()) {
        return UINT_MAX;
    }
    slots = MIN(kvm_get_free_memslots(),
                kvm_get_max_memslots() - vdpa_dev_runs_shown);
    return slots - MIN(slots, VDPA_DEV_RESERVED_SLOTS);
}

void vdpa_dev_doorbells_show(VhostVdpaDevice *v)
{
    unsigned runs = v->doorbells ? v->doorbells->runs->len : 0;
    unsigned spare = vdpa_dev_spare_slots();

    memory_region_transaction_begin();
    for (unsigned i = 0; i < runs && spare; i++) {
        VdpaDevRun *run = g_ptr_array_index(v->doorbells->runs, i);

        run->shown = !virtio_queue_set_host_notifier_mr(VIRTIO_DEVICE(v),
                                                        run->first, &run->mr,
                                                        true);
        spare -= run->shown;
        vdpa_dev_runs_shown += run->shown;
    }
    memory_region_transaction_commit();
}

void vdpa_dev_doorbells_hide(VhostVdpaDevice *v)
{
    memory_region_transaction_begin();
    for (unsigned i = 0; v->doorbells && i < v->doorbells->runs->len; i++) {
        VdpaDevRun *run = g_ptr_array_index(v->doorbells->runs, i);

        if (run->shown) {
            virtio_queue_set_host_notifier_mr(VIRTIO_DEVICE(v), run->first,
                                              &run->mr, false);
            run->shown = false;
            vdpa_dev_runs_shown--;
        }
    }
    memory_region_transaction_commit();
}

bool vdpa_dev_doorbells_close(VhostVdpaDevice *v)
{
    if (!v->doorbells) {
        return false;
    }
    v->doorbells->device_fd = v->device_fd;
    v->doorbells = NULL;
    return true;
}

static void vdpa_dev_doorbells_init(Object *obj)
{
    VdpaDevDoorbells *bells = VDPA_DEV_DOORBELLS(obj);

    bells->runs = g_ptr_array_new_with_free_func(g_free);
    bells->device_fd = -1;
}

static void vdpa_dev_doorbells_finalize(Object *obj)
{
    VdpaDevDoorbells *bells = VDPA_DEV_DOORBELLS(obj);
    size_t page = qemu_real_host_page_size();

    for (unsigned i = 0; i < bells->runs->len; i++) {
        VdpaDevRun *run = g_ptr_array_index(bells->runs, i);

        object_unparent(OBJECT(&run->mr));
        munmap(bells->host + run->first * page, run->num * page);
    }
    g_ptr_array_unref(bells->runs);
    qemu_close(bells->device_fd);
}

static const TypeInfo vdpa_dev_doorbells_info = {
    .name = TYPE_VDPA_DEV_DOORBELLS,
    .parent = TYPE_OBJECT,
    .instance_size = sizeof(VdpaDevDoorbells),
    .instance_init = vdpa_dev_doorbells_init,
    .instance_finalize = vdpa_dev_doorbells_finalize,
};

static void vdpa_dev_doorbells_register_types(void)
{
    type_register_static(&vdpa_dev_doorbells_info);
}

type_init(vdpa_dev_doorbells_register_types)
