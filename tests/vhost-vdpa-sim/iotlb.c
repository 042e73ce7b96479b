/*
 * vhost-vdpa-sim: the IOTLB
 *
 * The messages, what vhost holds, what the device can reach, and the device's
 * accesses.  Addresses are translated at each access; nothing is cached.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/vfs.h>
#include "sim.h"
#include "uapi.h"

#define SIM_EXT_MAGIC   0xef53
#define SIM_XFS_MAGIC   0x58465342

/* Pages pinned by all nodes of this process: the kernel's mm->pinned_vm. */
static uint64_t sim_pinned;

typedef struct SimVma {
    uint64_t start;
    uint64_t end;
    bool readable;
    bool writable;
    bool shared;
    bool file;
    bool special;           /* VM_IO, secretmem: cannot be pinned */
    char *path;
} SimVma;

static void sim_vma_clear(gpointer opaque)
{
    g_free(((SimVma *)opaque)->path);
}

/* start-end perms offset major:minor inode path; not by sscanf(): slow */
static SimVma sim_vma_parse(char *line)
{
    SimVma vma = { .start = g_ascii_strtoull(line, &line, 16) };

    vma.end = g_ascii_strtoull(line + 1, &line, 16);
    vma.readable = line[1] == 'r';
    vma.writable = line[2] == 'w';
    vma.shared = line[4] == 's';
    line = strchr(strchr(line + 6, ' ') + 1, ' ');
    vma.file = g_ascii_strtoull(line, &line, 10) != 0;
    vma.path = g_strstrip(g_strdup(line));
    vma.special = g_str_has_prefix(vma.path, "[vvar") ||
                  g_str_has_prefix(vma.path, "[vsyscall]") ||
                  g_str_has_prefix(vma.path, "/secretmem");
    return vma;
}

/* The areas below an address, and the one after them. */
static GArray *sim_vmas_read(uint64_t end)
{
    GArray *vmas = g_array_new(false, true, sizeof(SimVma));
    FILE *maps = fopen("/proc/self/maps", "re");
    SimVma vma = { 0 };
    char *line = NULL;
    size_t size = 0;

    g_array_set_clear_func(vmas, sim_vma_clear);
    while (maps && vma.start < end && getline(&line, &size, maps) > 0) {
        vma = sim_vma_parse(line);
        g_array_append_val(vmas, vma);
    }
    if (maps) {
        fclose(maps);
    }
    free(line);
    return vmas;
}

/* The first area that ends above an address, as the kernel's find_vma(). */
static SimVma *sim_vma_find(GArray *vmas, uint64_t addr)
{
    guint i;

    for (i = 0; i < vmas->len; i++) {
        SimVma *vma = &g_array_index(vmas, SimVma, i);

        if (vma->end > addr) {
            return vma;
        }
    }
    return NULL;
}

/* Long-term pins for writing are refused where dirty pages are tracked. */
static bool sim_vma_tracks_dirty(SimVma *vma)
{
    struct statfs fs;

    if (!vma->shared || !vma->file || statfs(vma->path, &fs) < 0) {
        return false;
    }
    return fs.f_type == SIM_EXT_MAGIC || fs.f_type == SIM_XFS_MAGIC;
}

static int sim_vma_pin(SimDev *dev, SimVma *vma, uint8_t perm)
{
    if (vma->special) {
        return -EFAULT;
    }
    if (perm & VHOST_ACCESS_WO) {
        if (!vma->writable) {
            return -EFAULT;
        }
        if (dev->conf.profile != SIM_PROFILE_6_1 &&
            sim_vma_tracks_dirty(vma)) {
            return -EFAULT;
        }
    } else if (!vma->readable) {
        return -EFAULT;
    }
    return 0;
}

static int sim_map_find(GArray *maps, uint64_t first, uint64_t last)
{
    guint i;

    for (i = 0; i < maps->len; i++) {
        SimMap *map = &g_array_index(maps, SimMap, i);

        if (map->first <= last && map->last >= first) {
            return i;
        }
    }
    return -1;
}

static void sim_map_insert(GArray *maps, const SimMap *map)
{
    guint i = maps->len;

    while (i && g_array_index(maps, SimMap, i - 1).first > map->first) {
        i--;
    }
    g_array_insert_vals(maps, i, map, 1);
}

/* Parents without set_map: the IOMMU follows each message at once. */
static bool sim_has_set_map(SimDev *dev)
{
    return dev->conf.parent != SIM_PARENT_VP_VDPA;
}

static void sim_set_map(SimDev *dev, uint32_t asid)
{
    SimSpace *space = &dev->space[asid];

    g_array_set_size(space->device, 0);
    if (space->vhost->len) {
        g_array_append_vals(space->device, space->vhost->data,
                            space->vhost->len);
    }
}

static void sim_device_remove(SimSpace *space, const SimMap *map)
{
    int i;

    while ((i = sim_map_find(space->device, map->first, map->last)) >= 0) {
        g_array_remove_index(space->device, i);
    }
}

static uint64_t sim_map_pages(const SimMap *map)
{
    return (map->last - map->first + 1) / SIM_PAGE_SIZE;
}

static int sim_map_add(SimDev *dev, uint32_t asid, const SimMap *map)
{
    SimSpace *space = &dev->space[asid];

    if (dev->conf.entries && space->vhost->len >= dev->conf.entries) {
        return -ENOSPC;
    }
    sim_map_insert(space->vhost, map);
    if (!sim_has_set_map(dev)) {
        sim_map_insert(space->device, map);
    } else if (!dev->in_batch) {
        sim_set_map(dev, asid);
    }
    if (!dev->conf.va) {
        dev->pinned += sim_map_pages(map);
        __atomic_add_fetch(&sim_pinned, sim_map_pages(map), __ATOMIC_RELAXED);
    }
    return 0;
}

static void sim_unmap(SimDev *dev, uint32_t asid, uint64_t iova,
                      uint64_t size)
{
    SimSpace *space = &dev->space[asid];
    uint64_t last = iova + size - 1;
    int i;

    /*
     * A size of 0 and a range that wraps end before they begin: the kernel's
     * tree then finds what holds both ends.
     */
    while ((i = sim_map_find(space->vhost, iova, last)) >= 0) {
        SimMap map = g_array_index(space->vhost, SimMap, i);

        g_array_remove_index(space->vhost, i);
        if (!dev->conf.va) {
            dev->pinned -= sim_map_pages(&map);
            __atomic_sub_fetch(&sim_pinned, sim_map_pages(&map),
                               __ATOMIC_RELAXED);
        }
        if (!sim_has_set_map(dev)) {
            sim_device_remove(space, &map);
        }
    }
    if (sim_has_set_map(dev) && !dev->in_batch) {
        sim_set_map(dev, asid);
    }
}

/* PA mode: pages are pinned, an entry for each contiguous run of them. */
static int sim_pa_map(SimDev *dev, uint32_t asid,
                      const struct vhost_iotlb_msg *msg)
{
    uint64_t iova = msg->iova & SIM_PAGE_MASK;
    uint64_t uaddr = msg->uaddr & SIM_PAGE_MASK;
    uint64_t offset = msg->iova & ~SIM_PAGE_MASK;
    uint64_t pages = msg->size / SIM_PAGE_SIZE;
    uint64_t run = dev->conf.run & SIM_PAGE_MASK;
    g_autoptr(GArray) vmas = NULL;
    uint64_t left;
    int ret = 0;

    pages += (msg->size % SIM_PAGE_SIZE + offset + SIM_PAGE_SIZE - 1) /
             SIM_PAGE_SIZE;
    if (pages + __atomic_load_n(&sim_pinned, __ATOMIC_RELAXED) >
        dev->conf.memlock / SIM_PAGE_SIZE) {
        return -ENOMEM;
    }
    left = pages * SIM_PAGE_SIZE;
    vmas = sim_vmas_read(uaddr + left);
    while (left && !ret) {
        SimVma *vma = sim_vma_find(vmas, uaddr);
        SimMap map = { .first = iova, .uaddr = uaddr, .perm = msg->perm };
        uint64_t len;

        if (!vma || vma->start > uaddr) {
            ret = -EFAULT;
            break;
        }
        ret = sim_vma_pin(dev, vma, msg->perm);
        if (ret) {
            break;
        }
        len = MIN(left, vma->end - uaddr);
        if (run) {
            len = MIN(len, run - iova % run);
        }
        map.last = iova + len - 1;
        ret = sim_map_add(dev, asid, &map);
        iova += len;
        uaddr += len;
        left -= len;
    }
    if (ret) {
        sim_unmap(dev, asid, msg->iova, msg->size);
    }
    return ret;
}

/* VA mode: an entry for each area; what is not a shared file is skipped. */
static int sim_va_map(SimDev *dev, uint32_t asid,
                      const struct vhost_iotlb_msg *msg)
{
    g_autoptr(GArray) vmas = sim_vmas_read(msg->uaddr + msg->size);
    uint64_t iova = msg->iova;
    uint64_t uaddr = msg->uaddr;
    uint64_t left = msg->size;
    int ret = 0;

    while (left && !ret) {
        SimVma *vma = sim_vma_find(vmas, uaddr);
        SimMap map = { .first = iova, .uaddr = uaddr, .perm = msg->perm };
        uint64_t len;

        if (!vma) {
            ret = -EINVAL;
            break;
        }
        if (vma->start > uaddr) {
            len = MIN(left, vma->start - uaddr);
        } else {
            len = MIN(left, vma->end - uaddr);
            if (vma->shared && vma->file && !vma->special) {
                map.last = iova + len - 1;
                ret = sim_map_add(dev, asid, &map);
            }
        }
        iova += len;
        uaddr += len;
        left -= len;
    }
    if (ret && iova != msg->iova) {
        sim_unmap(dev, asid, msg->iova, iova - msg->iova);
    }
    return ret;
}

static int sim_update(SimDev *dev, uint32_t asid,
                      const struct vhost_iotlb_msg *msg)
{
    uint64_t last = msg->iova + msg->size - 1;

    if (msg->iova < dev->conf.iova_first || last < msg->iova ||
        last > dev->conf.iova_last) {
        return -EINVAL;
    }
    if (sim_map_find(dev->space[asid].vhost, msg->iova, last) >= 0) {
        return -EEXIST;
    }
    return dev->conf.va ? sim_va_map(dev, asid, msg) :
                          sim_pa_map(dev, asid, msg);
}

/* The message proper.  Each errno here becomes EFAULT for the caller. */
static int sim_message(SimDev *dev, uint32_t asid,
                       const struct vhost_iotlb_msg *msg)
{
    SimSpace *space;

    if (!dev->owner || dev->owner != getpid()) {
        return -EPERM;
    }
    if (asid >= sim_dev_groups(dev)) {
        return -EINVAL;
    }
    space = &dev->space[asid];
    if (msg->type == VHOST_IOTLB_UPDATE ||
        msg->type == VHOST_IOTLB_BATCH_BEGIN) {
        space->exists = true;
    }
    if (!space->exists || (dev->in_batch && dev->batch_asid != asid)) {
        return -EINVAL;
    }
    switch (msg->type) {
    case VHOST_IOTLB_UPDATE:
        return sim_update(dev, asid, msg);
    case VHOST_IOTLB_INVALIDATE:
        sim_unmap(dev, asid, msg->iova, msg->size);
        return 0;
    case VHOST_IOTLB_BATCH_BEGIN:
        dev->batch_asid = asid;
        dev->in_batch = true;
        return 0;
    case VHOST_IOTLB_BATCH_END:
        if (dev->in_batch && sim_has_set_map(dev)) {
            sim_set_map(dev, asid);
        }
        dev->in_batch = false;
        return 0;
    default:
        return -EINVAL;
    }
}

static const char *sim_message_name(uint8_t type)
{
    switch (type) {
    case VHOST_IOTLB_UPDATE:
        return "IOTLB_UPDATE";
    case VHOST_IOTLB_INVALIDATE:
        return "IOTLB_INVALIDATE";
    case VHOST_IOTLB_BATCH_BEGIN:
        return "IOTLB_BATCH_BEGIN";
    case VHOST_IOTLB_BATCH_END:
        return "IOTLB_BATCH_END";
    default:
        return "IOTLB_UNKNOWN";
    }
}

static char *sim_message_text(const char *name,
                              const struct vhost_iotlb_msg *msg,
                              uint32_t asid)
{
    static const char *const perms[] = { "none", "ro", "wo", "rw" };

    switch (msg->type) {
    case VHOST_IOTLB_UPDATE:
        return g_strdup_printf("%s iova=0x%" PRIx64 " size=0x%" PRIx64
                               " uaddr=0x%" PRIx64 " perm=%s asid=%u", name,
                               (uint64_t)msg->iova, (uint64_t)msg->size,
                               (uint64_t)msg->uaddr, perms[msg->perm & 3],
                               asid);
    case VHOST_IOTLB_INVALIDATE:
        return g_strdup_printf("%s iova=0x%" PRIx64 " size=0x%" PRIx64
                               " asid=%u", name, (uint64_t)msg->iova,
                               (uint64_t)msg->size, asid);
    case VHOST_IOTLB_BATCH_BEGIN:
    case VHOST_IOTLB_BATCH_END:
        return g_strdup_printf("%s asid=%u", name, asid);
    default:
        return g_strdup_printf("%s type=%u asid=%u", name, msg->type, asid);
    }
}

/* What the kernel refuses before it looks at the message: EINVAL. */
static bool sim_message_parse(SimDev *dev, const void *buf, size_t len,
                              struct vhost_iotlb_msg *msg, uint32_t *type,
                              uint32_t *asid)
{
    uint8_t raw[SIM_IOTLB_MSG_MIN];

    if (len < sizeof(raw) || sim_copy_in(raw, buf, sizeof(raw)) < 0) {
        return false;
    }
    memcpy(type, raw, sizeof(*type));
    memcpy(asid, raw + sizeof(*type), sizeof(*asid));
    memcpy(msg, raw + SIM_IOTLB_MSG_OFFSET, sizeof(*msg));
    if (*type != VHOST_IOTLB_MSG && *type != VHOST_IOTLB_MSG_V2) {
        return false;
    }
    if (*type == VHOST_IOTLB_MSG ||
        !sim_offers(dev->backend_features, VHOST_BACKEND_F_IOTLB_ASID)) {
        *asid = 0;
    }
    return msg->size || msg->type != VHOST_IOTLB_UPDATE;
}

ssize_t sim_iotlb_write(SimDev *dev, const void *buf, size_t len)
{
    struct vhost_iotlb_msg msg;
    g_autofree char *text = NULL;
    const char *name;
    uint64_t value;
    uint32_t type, asid;
    int error, inner;
    ssize_t ret;

    sim_cost_call(dev);
    if ((dev->open_flags & O_ACCMODE) == O_RDONLY) {
        sim_logf(dev, -EBADF, "WRITE len=%zu", len);
        return -EBADF;
    }
    if (!sim_message_parse(dev, buf, len, &msg, &type, &asid)) {
        sim_logf(dev, -EINVAL, "WRITE len=%zu", len);
        return -EINVAL;
    }
    name = sim_message_name(msg.type);
    text = sim_message_text(name, &msg, asid);
    if (sim_fault_hit(dev, name, -1, &error, &value)) {
        ret = error ? -error : (ssize_t)value;
        if (!error) {
            sim_message(dev, asid, &msg);
        }
        sim_log(dev, text, ret, false);
        return ret;
    }
    inner = sim_message(dev, asid, &msg);
    if (msg.type == VHOST_IOTLB_UPDATE && !inner) {
        sim_cost_map(dev, msg.size);
    }
    ret = inner < 0 ? -EFAULT : type == VHOST_IOTLB_MSG ?
          (ssize_t)sizeof(struct vhost_msg) :
          (ssize_t)sizeof(struct vhost_msg_v2);
    sim_log(dev, text, inner < 0 ? ret : 0, false);
    return ret;
}

void sim_iotlb_drop(SimDev *dev)
{
    int i;

    for (i = 0; i < SIM_MAX_SPACES; i++) {
        g_array_set_size(dev->space[i].vhost, 0);
        g_array_set_size(dev->space[i].device, 0);
        dev->space[i].exists = false;
    }
    __atomic_sub_fetch(&sim_pinned, dev->pinned, __ATOMIC_RELAXED);
    dev->pinned = 0;
}

void sim_iotlb_wipe_device(SimDev *dev)
{
    int i;

    for (i = 0; i < SIM_MAX_SPACES; i++) {
        g_array_set_size(dev->space[i].device, 0);
    }
}

/* The last entry that begins at or below an address. */
static SimMap *sim_device_map(GArray *maps, uint64_t iova)
{
    guint low = 0, high = maps->len;

    while (low < high) {
        guint mid = low + (high - low) / 2;

        if (g_array_index(maps, SimMap, mid).first <= iova) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low ? &g_array_index(maps, SimMap, low - 1) : NULL;
}

/* One stretch of memory; *@len shrinks to the entry's end. */
static uint8_t *sim_translate(SimDev *dev, SimRing *ring, uint64_t iova,
                              size_t *len, uint8_t perm)
{
    uint32_t asid = dev->group_asid[sim_dev_group(dev, ring)];
    SimMap *map = sim_device_map(dev->space[asid].device, iova);

    if (!map || map->last < iova || (map->perm & perm) != perm) {
        dev->dma_faults++;
        sim_logf(dev, -EFAULT, "DMA_FAULT ring=%u iova=0x%" PRIx64,
                 ring->index, iova);
        return NULL;
    }
    if (*len && map->last - iova < *len - 1) {
        *len = map->last - iova + 1;
    }
    return (uint8_t *)(uintptr_t)(map->uaddr + (iova - map->first));
}

int sim_dma_read(SimDev *dev, SimRing *ring, uint64_t iova, void *buf,
                 size_t len)
{
    uint8_t *to = buf;

    while (len) {
        size_t n = len;
        uint8_t *from = sim_translate(dev, ring, iova, &n, VHOST_ACCESS_RO);

        if (!from) {
            return -EFAULT;
        }
        memcpy(to, from, n);
        to += n;
        iova += n;
        len -= n;
    }
    return 0;
}

int sim_dma_write(SimDev *dev, SimRing *ring, uint64_t iova, const void *buf,
                  size_t len)
{
    const uint8_t *from = buf;

    while (len) {
        size_t n = len;
        uint8_t *to = sim_translate(dev, ring, iova, &n, VHOST_ACCESS_WO);

        if (!to) {
            return -EFAULT;
        }
        memcpy(to, from, n);
        from += n;
        iova += n;
        len -= n;
    }
    return 0;
}

int sim_dma_fill(SimDev *dev, SimRing *ring, uint64_t iova, uint8_t byte,
                 size_t len)
{
    while (len) {
        size_t n = len;
        uint8_t *to = sim_translate(dev, ring, iova, &n, VHOST_ACCESS_WO);

        if (!to) {
            return -EFAULT;
        }
        memset(to, byte, n);
        iova += n;
        len -= n;
    }
    return 0;
}

int sim_dma_load16(SimDev *dev, SimRing *ring, uint64_t iova, uint16_t *val)
{
    size_t n = sizeof(*val);
    uint8_t *from = sim_translate(dev, ring, iova, &n, VHOST_ACCESS_RO);
    uint16_t raw;

    if (!from) {
        return -EFAULT;
    }
    if (n == sizeof(*val) && !((uintptr_t)from % sizeof(*val))) {
        raw = __atomic_load_n((uint16_t *)from, __ATOMIC_ACQUIRE);
    } else if (sim_dma_read(dev, ring, iova, &raw, sizeof(raw)) < 0) {
        return -EFAULT;
    }
    *val = GUINT16_FROM_LE(raw);
    return 0;
}

int sim_dma_store16(SimDev *dev, SimRing *ring, uint64_t iova, uint16_t val)
{
    size_t n = sizeof(val);
    uint8_t *to = sim_translate(dev, ring, iova, &n, VHOST_ACCESS_WO);
    uint16_t raw = GUINT16_TO_LE(val);

    if (!to) {
        return -EFAULT;
    }
    if (n == sizeof(val) && !((uintptr_t)to % sizeof(val))) {
        __atomic_store_n((uint16_t *)to, raw, __ATOMIC_RELEASE);
        return 0;
    }
    return sim_dma_write(dev, ring, iova, &raw, sizeof(raw));
}
