/*
 * vhost-vdpa-sim: a device's life
 *
 * Open, reset, status, suspend, release; what differs by parent.  The ioctls
 * themselves are decoded in ioctl.c.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <linux/virtio_config.h>
#include "sim.h"
#include "uapi.h"

void sim_lock(SimDev *dev)
{
    __atomic_add_fetch(&dev->waiters, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_lock(&dev->lock);
    __atomic_sub_fetch(&dev->waiters, 1, __ATOMIC_SEQ_CST);
}

void sim_unlock(SimDev *dev)
{
    pthread_mutex_unlock(&dev->lock);
}

/* The disk: the file itself, or anonymous memory. */
static bool sim_disk_make(SimDev *dev)
{
    SimConf *conf = &dev->conf;
    struct stat st;
    void *disk;
    int fd;

    if (conf->type != &sim_block) {
        return true;
    }
    if (!conf->file) {
        disk = sim_real.mmap(NULL, conf->size, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                             0);
        dev->disk_size = conf->size;
    } else {
        fd = sim_real.open(conf->file, O_RDWR | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0 || st.st_size < 512) {
            sim_complain("%s: %s", conf->file,
                         fd < 0 ? g_strerror(errno) : "too small");
            if (fd >= 0) {
                sim_real.close(fd);
            }
            return false;
        }
        disk = sim_real.mmap(NULL, st.st_size, PROT_READ | PROT_WRITE,
                             MAP_SHARED, fd, 0);
        dev->disk_size = st.st_size;
        sim_real.close(fd);
    }
    if (disk == MAP_FAILED) {
        sim_complain("disk: %s", g_strerror(errno));
        return false;
    }
    dev->disk = disk;
    return true;
}

bool sim_dev_make(SimDev *dev)
{
    SimConf *conf = &dev->conf;
    unsigned i;

    if (!sim_disk_make(dev)) {
        return false;
    }
    dev->config = g_malloc0(conf->config_size + 1);
    if (conf->type->fill_config) {
        conf->type->fill_config(dev);
    }
    dev->host_config = g_malloc(conf->config_size + 1);
    memcpy(dev->host_config, dev->config, conf->config_size + 1);
    dev->random_state = 0;
    dev->nrings = conf->queues;
    dev->rings = g_new0(SimRing, dev->nrings);
    for (i = 0; i < dev->nrings; i++) {
        SimRing *ring = &dev->rings[i];

        ring->index = i;
        ring->kick_fd = -1;
        ring->call_fd = -1;
        ring->err_fd = -1;
        g_queue_init(&ring->held);
    }
    return true;
}

void sim_dev_unmake(SimDev *dev)
{
    unsigned i;

    for (i = 0; i < dev->nrings; i++) {
        sim_ring_reset(dev, &dev->rings[i]);
    }
    g_free(dev->rings);
    dev->rings = NULL;
    dev->nrings = 0;
    g_free(dev->config);
    dev->config = NULL;
    g_free(dev->host_config);
    dev->host_config = NULL;
    if (dev->disk) {
        sim_real.munmap(dev->disk, dev->disk_size);
        dev->disk = NULL;
    }
    sim_doorbell_drop(dev);
}

unsigned sim_dev_groups(SimDev *dev)
{
    return dev->conf.type == &sim_net &&
           dev->conf.parent == SIM_PARENT_VDPA_SIM ? 2 : 1;
}

/* vdpa_sim_net: the control ring, which is the last one, is alone. */
unsigned sim_dev_group(SimDev *dev, SimRing *ring)
{
    return sim_dev_groups(dev) == 2 && dev->nrings % 2 &&
           ring->index == dev->nrings - 1 ? 1 : 0;
}

bool sim_dev_can_suspend(SimDev *dev)
{
    return sim_offers(dev->conf.backend_features, VHOST_BACKEND_F_SUSPEND);
}

bool sim_dev_can_resume(SimDev *dev)
{
    return sim_offers(dev->conf.backend_features, VHOST_BACKEND_F_RESUME);
}

/* What the parent's reset does to a ring. */
static void sim_parent_reset_ring(SimDev *dev, SimRing *ring)
{
    sim_ring_reset(dev, ring);
    ring->desc = 0;
    ring->avail = 0;
    ring->used = 0;
    switch (dev->conf.parent) {
    case SIM_PARENT_VDPA_SIM:
        ring->callback = false;
        break;
    case SIM_PARENT_VDUSE:
        ring->callback = false;
        ring->num = 0;
        break;
    case SIM_PARENT_VP_VDPA:
        ring->num = dev->conf.queue_max;
        break;
    }
}

static bool sim_reset_wipes(SimDev *dev)
{
    if (dev->conf.parent != SIM_PARENT_VDPA_SIM) {
        return false;
    }
    return dev->conf.profile == SIM_PROFILE_6_1 ||
           !sim_offers(dev->backend_features, VHOST_BACKEND_F_IOTLB_PERSIST);
}

void sim_dev_reset(SimDev *dev)
{
    unsigned i;

    for (i = 0; dev->drain_late && i < dev->nrings; i++) {
        sim_ring_release(dev, &dev->rings[i], false);
    }
    dev->drain_late = false;
    dev->status = 0;
    dev->features = 0;
    dev->running = true;
    dev->pending_kick = false;
    dev->broken = false;
    dev->suspended = false;
    for (i = 0; i < dev->nrings; i++) {
        sim_parent_reset_ring(dev, &dev->rings[i]);
    }
    if (dev->conf.parent == SIM_PARENT_VDPA_SIM) {
        memset(dev->group_asid, 0, sizeof(dev->group_asid));
    }
    if (dev->conf.parent != SIM_PARENT_VP_VDPA) {
        dev->config_callback = false;
    }
    if (sim_reset_wipes(dev)) {
        sim_iotlb_wipe_device(dev);
    }
    if (dev->conf.config_reset) {
        memcpy(dev->config, dev->host_config, dev->conf.config_size);
    }
}

static void sim_driver_ok(SimDev *dev)
{
    unsigned i;

    /* vp_vdpa asks for vectors now, for the rings that have a callback. */
    for (i = 0; i < dev->nrings; i++) {
        dev->rings[i].vector = dev->conf.profile == SIM_PROFILE_6_1 ||
                               dev->rings[i].callback;
    }
    if (dev->doorbell_maps) {
        sim_worker_wake(dev);
    }
}

int sim_dev_set_status(SimDev *dev, uint8_t status)
{
    uint8_t old = dev->status;

    if (status && (old & ~status)) {
        return -EINVAL;
    }
    if (!status) {
        sim_dev_reset(dev);
        return 0;
    }
    if (dev->conf.parent == SIM_PARENT_VP_VDPA &&
        sim_offers(dev->conf.features, VIRTIO_F_ACCESS_PLATFORM) &&
        !sim_offers(dev->features, VIRTIO_F_ACCESS_PLATFORM)) {
        status &= ~VIRTIO_CONFIG_S_FEATURES_OK;
    }
    if ((status & ~old) & VIRTIO_CONFIG_S_DRIVER_OK) {
        /* Kicks from before it are lost. */
        sim_doorbell_scan(dev);
    }
    dev->status = status;
    if (dev->conf.parent == SIM_PARENT_VDPA_SIM) {
        dev->running = status & VIRTIO_CONFIG_S_DRIVER_OK;
    }
    if ((status & ~old) & VIRTIO_CONFIG_S_DRIVER_OK) {
        sim_driver_ok(dev);
    }
    return 0;
}

void sim_dev_config_interrupt(SimDev *dev)
{
    uint64_t one = 1;

    if (dev->config_callback && dev->config_fd >= 0) {
        if (sim_real.write(dev->config_fd, &one, sizeof(one)) < 0) {
            sim_complain("config interrupt: %s", g_strerror(errno));
        }
    }
}

int sim_dev_suspend(SimDev *dev)
{
    if (dev->conf.profile != SIM_PROFILE_6_1 &&
        !(dev->status & VIRTIO_CONFIG_S_DRIVER_OK)) {
        return 0;
    }
    if (!sim_dev_can_suspend(dev)) {
        return -EOPNOTSUPP;
    }
    dev->running = false;
    dev->suspended = true;
    return 0;
}

int sim_dev_resume(SimDev *dev)
{
    unsigned i;

    if (!(dev->status & VIRTIO_CONFIG_S_DRIVER_OK)) {
        return 0;
    }
    if (!sim_dev_can_resume(dev)) {
        return -EOPNOTSUPP;
    }
    dev->running = true;
    dev->suspended = false;
    if (!dev->held) {
        for (i = 0; i < dev->nrings; i++) {
            sim_ring_release(dev, &dev->rings[i], false);
        }
    }
    if (dev->pending_kick) {
        dev->pending_kick = false;
        for (i = 0; i < dev->nrings; i++) {
            dev->rings[i].pending = dev->rings[i].ready;
        }
    }
    sim_worker_wake(dev);
    return 0;
}

int sim_dev_open(SimDev *dev, int flags)
{
    int ret;

    ret = sim_worker_start(dev);
    if (ret < 0) {
        return ret;
    }
    dev->open = true;
    dev->open_flags = flags;
    dev->opens++;
    dev->in_batch = false;
    dev->backend_features = 0;
    dev->acked = 0;
    sim_dev_reset(dev);
    return 0;
}

static void sim_fd_drop(int *fd)
{
    if (*fd >= 0) {
        sim_real.close(*fd);
        *fd = -1;
    }
}

void sim_dev_release(SimDev *dev)
{
    unsigned i;

    dev->in_batch = false;
    sim_dev_reset(dev);
    for (i = 0; i < dev->nrings; i++) {
        SimRing *ring = &dev->rings[i];

        sim_kick_set(dev, ring, -1, 0);
        sim_fd_drop(&ring->call_fd);
        sim_fd_drop(&ring->err_fd);
        ring->callback = false;
        ring->busyloop = 0;
    }
    sim_fd_drop(&dev->config_fd);
    dev->config_callback = false;
    sim_iotlb_drop(dev);
    dev->owner = 0;
    dev->backend_features = 0;
    dev->acked = 0;
    dev->open = false;
    dev->mark_id = 0;
    sim_logf(dev, 0, "CLOSE");
}
