/*
 * vhost-vdpa-sim: doorbells
 *
 * Pages that the program maps and writes to.  There is no trap on a write in
 * user space, so the device's thread looks at them.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <unistd.h>
#include <sys/mman.h>
#include "sim.h"
#include "uapi.h"

/* What a doorbell reads as until it is rung; no ring has that index. */
#define SIM_SILENT UINT32_MAX

typedef struct SimDoorbell {
    SimDev *dev;
    uintptr_t addr;
    uint32_t ring;
} SimDoorbell;

/* Under the table's lock. */
static GList *sim_doorbells;
static int sim_doorbell_count;

static uint32_t *sim_doorbell_at(SimDev *dev, uint32_t ring)
{
    return (uint32_t *)((uint8_t *)dev->doorbell_area + ring * SIM_PAGE_SIZE);
}

static int sim_doorbell_make(SimDev *dev)
{
    size_t size = dev->nrings * SIM_PAGE_SIZE;
    void *area;
    unsigned r;
    int fd, own;

    if (dev->doorbell_area) {
        return 0;
    }
    fd = memfd_create("vhost-vdpa-sim doorbells", MFD_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    own = sim_dup(fd);
    sim_real.close(fd);
    if (own < 0) {
        return own;
    }
    if (ftruncate(own, size) < 0) {
        sim_real.close(own);
        return -ENOMEM;
    }
    area = sim_real.mmap(NULL, size, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_POPULATE, own, 0);
    if (area == MAP_FAILED) {
        sim_real.close(own);
        return -ENOMEM;
    }
    dev->doorbell_fd = own;
    dev->doorbell_area = area;
    dev->doorbell_size = size;
    for (r = 0; r < dev->nrings; r++) {
        *sim_doorbell_at(dev, r) = SIM_SILENT;
    }
    return 0;
}

void sim_doorbell_drop(SimDev *dev)
{
    if (dev->doorbell_area) {
        sim_real.munmap(dev->doorbell_area, dev->doorbell_size);
        sim_real.close(dev->doorbell_fd);
        dev->doorbell_area = NULL;
        dev->doorbell_fd = -1;
    }
}

static int sim_doorbell_check(SimDev *dev, size_t len, int prot, int flags,
                              uint64_t index)
{
    int type = flags & (MAP_SHARED | MAP_PRIVATE | MAP_SHARED_VALIDATE);

    if (len != SIM_PAGE_SIZE || type == MAP_PRIVATE || (prot & PROT_READ)) {
        return -EINVAL;
    }
    if (dev->conf.profile == SIM_PROFILE_6_12 && index > UINT16_MAX) {
        return -EINVAL;
    }
    if (!dev->conf.doorbells) {
        return -SIM_ENOTSUPP;
    }
    return index >= dev->nrings ? -EINVAL : sim_doorbell_make(dev);
}

void *sim_doorbell_map(SimDev *dev, void *addr, size_t len, int prot,
                       int flags, uint64_t offset)
{
    uint64_t index = offset / SIM_PAGE_SIZE, value;
    SimDoorbell *bell;
    void *map = MAP_FAILED;
    int error = 0, ret;

    sim_cost_call(dev);
    /* The kernel rounds the length up before a driver sees it. */
    len = (len + SIM_PAGE_SIZE - 1) & SIM_PAGE_MASK;
    if (sim_fault_hit(dev, "MMAP", index, &error, &value) && error) {
        ret = -error;
    } else if (offset % SIM_PAGE_SIZE) {
        ret = -EINVAL;
    } else {
        ret = sim_doorbell_check(dev, len, prot, flags, index);
    }
    if (!ret) {
        map = sim_real.mmap(addr, len, prot, flags, dev->doorbell_fd, offset);
        ret = map == MAP_FAILED ? -errno : 0;
    }
    sim_logf(dev, ret, "MMAP index=%" G_GUINT64_FORMAT, index);
    if (ret) {
        errno = -ret;
        return MAP_FAILED;
    }
    bell = g_new0(SimDoorbell, 1);
    bell->dev = dev;
    bell->addr = (uintptr_t)map;
    bell->ring = index;
    sim_doorbells = g_list_prepend(sim_doorbells, bell);
    __atomic_add_fetch(&sim_doorbell_count, 1, __ATOMIC_RELEASE);
    if (!dev->doorbell_maps++) {
        sim_worker_wake(dev);
    }
    return map;
}

bool sim_doorbell_any(void)
{
    return __atomic_load_n(&sim_doorbell_count, __ATOMIC_ACQUIRE);
}

void sim_doorbell_unmap(void *addr, size_t len, void (*released)(SimDev *dev))
{
    uintptr_t first = (uintptr_t)addr;
    GList *l, *next;

    for (l = sim_doorbells; l; l = next) {
        SimDoorbell *bell = l->data;
        SimDev *dev = bell->dev;
        bool last;

        next = l->next;
        if (bell->addr + SIM_PAGE_SIZE <= first || bell->addr - first >= len) {
            continue;
        }
        sim_lock(dev);
        sim_logf(dev, 0, "MUNMAP index=%u", bell->ring);
        last = !--dev->doorbell_maps;
        sim_unlock(dev);
        sim_doorbells = g_list_delete_link(sim_doorbells, l);
        __atomic_sub_fetch(&sim_doorbell_count, 1, __ATOMIC_RELEASE);
        g_free(bell);
        if (last) {
            released(dev);
        }
    }
}

bool sim_doorbell_rings(SimDev *dev)
{
    return dev->doorbell_maps && (dev->status & VIRTIO_CONFIG_S_DRIVER_OK);
}

void sim_doorbell_scan(SimDev *dev)
{
    unsigned r;

    if (!dev->doorbell_maps || !dev->doorbell_area) {
        return;
    }
    for (r = 0; r < dev->nrings; r++) {
        if (__atomic_exchange_n(sim_doorbell_at(dev, r), SIM_SILENT,
                                __ATOMIC_SEQ_CST) != SIM_SILENT) {
            dev->doorbell_kicks++;
            sim_ring_kick(dev, &dev->rings[r]);
        }
    }
}
