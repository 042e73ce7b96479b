/*
 * vhost-vdpa-sim: the ioctls
 *
 * One table of calls, the order in which the kernel checks them, and what each
 * does.  What a reset or a status change means is in device.c.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include "sim.h"
#include "uapi.h"

#define SIM_MAX_MEM_REGIONS 64

/* Who may make the call, and what its argument starts with. */
typedef enum SimClass {
    SIM_CLASS_FIRST,        /* before everything, no owner */
    SIM_CLASS_FREE,         /* no owner */
    SIM_CLASS_REFUSED,      /* no owner, ENOTTY */
    SIM_CLASS_OWNED,        /* owner */
    SIM_CLASS_RING,         /* owner, then a ring's index */
} SimClass;

typedef enum SimKind {
    SIM_ARG_NONE,
    SIM_ARG_U8,
    SIM_ARG_U64,
    SIM_ARG_FD,
    SIM_ARG_CONFIG,
    SIM_ARG_STATE,
    SIM_ARG_INDEX,          /* a vring_state of which only the index is read */
    SIM_ARG_FILE,
    SIM_ARG_ADDR,
} SimKind;

typedef struct SimCall {
    SimDev *dev;
    void *user;             /* the caller's pointer */
    bool readable;          /* arg was read */
    bool indexed;           /* index was read */
    uint32_t index;
    SimRing *ring;
    union {
        uint8_t u8;
        uint64_t u64;
        int fd;
        struct {
            uint32_t off;
            uint32_t len;
        } config;
        struct vhost_vring_state state;
        struct vhost_vring_file file;
        struct vhost_vring_addr addr;
    } arg;
    bool has_value;         /* the log shows value in place of the result */
    bool hex;
    uint64_t value;
    bool forced;            /* a fault replaces the value */
    uint64_t forced_value;
} SimCall;

typedef int SimHandler(SimCall *call);

/* A value that the call hands out; a fault may put another in its place. */
static uint64_t sim_give(SimCall *call, uint64_t value, bool hex)
{
    call->has_value = true;
    call->hex = hex;
    call->value = call->forced ? call->forced_value :
                  sim_random_value(call->dev, value);
    return call->value;
}

static int sim_give_u8(SimCall *call, uint8_t value, bool hex)
{
    uint8_t v = sim_give(call, value, hex);

    return sim_copy_out(call->user, &v, sizeof(v));
}

static int sim_give_u16(SimCall *call, uint16_t value)
{
    uint16_t v = sim_give(call, value, false);

    return sim_copy_out(call->user, &v, sizeof(v));
}

static int sim_give_u32(SimCall *call, uint32_t value)
{
    uint32_t v = sim_give(call, value, false);

    return sim_copy_out(call->user, &v, sizeof(v));
}

static int sim_give_u64(SimCall *call, uint64_t value)
{
    uint64_t v = sim_give(call, value, true);

    return sim_copy_out(call->user, &v, sizeof(v));
}

static int sim_give_state(SimCall *call, uint32_t num, bool hex)
{
    struct vhost_vring_state s = {
        .index = call->index,
        .num = sim_give(call, num, hex),
    };

    return sim_copy_out(call->user, &s, sizeof(s));
}

static bool sim_driver_is_ok(SimDev *dev)
{
    return dev->status & VIRTIO_CONFIG_S_DRIVER_OK;
}

/* Since 6.12 a ring is not moved under a device that runs. */
static bool sim_ring_is_fixed(SimDev *dev)
{
    return dev->conf.profile != SIM_PROFILE_6_1 && sim_driver_is_ok(dev) &&
           !dev->suspended;
}

static bool sim_acked_packed(SimDev *dev)
{
    return sim_offers(dev->acked, VIRTIO_F_RING_PACKED);
}

static int do_set_backend_features(SimCall *call)
{
    SimDev *dev = call->dev;
    uint64_t features = call->arg.u64;
    uint64_t always = 1ull << VHOST_BACKEND_F_IOTLB_MSG_V2 |
                      1ull << VHOST_BACKEND_F_IOTLB_BATCH |
                      1ull << VHOST_BACKEND_F_IOTLB_ASID;
    uint64_t known = always | 1ull << VHOST_BACKEND_F_SUSPEND;
    /* The last one goes through unchecked where it is known. */
    uint64_t offered = always | dev->conf.backend_features |
                       1ull << VHOST_BACKEND_F_ENABLE_AFTER_DRIVER_OK;

    if (!call->readable) {
        return -EFAULT;
    }
    if (dev->conf.profile != SIM_PROFILE_6_1) {
        known |= 1ull << VHOST_BACKEND_F_RESUME |
                 1ull << VHOST_BACKEND_F_ENABLE_AFTER_DRIVER_OK |
                 1ull << VHOST_BACKEND_F_DESC_ASID |
                 1ull << VHOST_BACKEND_F_IOTLB_PERSIST;
    }
    if (features & ~known) {
        return -EOPNOTSUPP;
    }
    if (sim_offers(features, VHOST_BACKEND_F_DESC_ASID) &&
        !sim_offers(features, VHOST_BACKEND_F_IOTLB_ASID)) {
        return -EINVAL;
    }
    if (features & ~offered) {
        return -EOPNOTSUPP;
    }
    dev->backend_features = features;
    return 0;
}

static int do_get_backend_features(SimCall *call)
{
    return sim_give_u64(call, call->dev->conf.backend_features);
}

static int do_get_device_id(SimCall *call)
{
    return sim_give_u32(call, call->dev->conf.id);
}

static int do_get_status(SimCall *call)
{
    return sim_give_u8(call, call->dev->status, true);
}

static int do_set_status(SimCall *call)
{
    int ret;

    if (!call->readable) {
        return -EFAULT;
    }
    ret = sim_dev_set_status(call->dev, call->arg.u8);
    if (!ret && call->forced) {
        call->dev->status = call->forced_value;
        sim_worker_wake(call->dev);
    }
    return ret;
}

static bool sim_config_is_valid(SimCall *call)
{
    uint64_t size = call->dev->conf.config_size;
    uint32_t off = call->arg.config.off;
    uint32_t len = call->arg.config.len;

    return len && off <= size && len <= size - off;
}

static int do_get_config(SimCall *call)
{
    uint8_t *buf = (uint8_t *)call->user +
                   offsetof(struct vhost_vdpa_config, buf);
    uint64_t forced = GUINT64_TO_LE(call->forced_value);
    uint32_t len = call->arg.config.len;
    uint8_t random[SIM_PAGE_SIZE];

    if (!call->readable) {
        return -EFAULT;
    }
    if (!sim_config_is_valid(call)) {
        return -EINVAL;
    }
    if (call->forced) {
        g_autofree uint8_t *fake = g_malloc0(len);

        memcpy(fake, &forced, MIN(len, sizeof(forced)));
        return sim_copy_out(buf, fake, len);
    }
    if (len <= sizeof(random) && sim_random_bytes(call->dev, random, len)) {
        return sim_copy_out(buf, random, len);
    }
    return sim_copy_out(buf, call->dev->config + call->arg.config.off, len);
}

/*
 * VDUSE ignores what is written; vdpa_sim_blk makes its space anew.  A disk
 * with VIRTIO_BLK_F_CONFIG_WCE, which that one never is, has one field that
 * can be written.
 */
static bool sim_config_is_writable(SimCall *call)
{
    SimDev *dev = call->dev;

    if (dev->conf.parent == SIM_PARENT_VDUSE) {
        return false;
    }
    return dev->conf.parent != SIM_PARENT_VDPA_SIM ||
           dev->conf.type != &sim_block ||
           (sim_offers(dev->conf.features, VIRTIO_BLK_F_CONFIG_WCE) &&
            call->arg.config.len == sizeof(uint8_t) &&
            call->arg.config.off == offsetof(struct virtio_blk_config, wce));
}

static int do_set_config(SimCall *call)
{
    SimDev *dev = call->dev;
    const uint8_t *buf = (const uint8_t *)call->user +
                         offsetof(struct vhost_vdpa_config, buf);
    uint32_t len = call->arg.config.len;
    g_autofree uint8_t *bytes = NULL;

    if (!call->readable) {
        return -EFAULT;
    }
    if (!sim_config_is_valid(call)) {
        return -EINVAL;
    }
    bytes = g_malloc(len);
    if (sim_copy_in(bytes, buf, len) < 0) {
        return -EFAULT;
    }
    if (sim_config_is_writable(call)) {
        memcpy(dev->config + call->arg.config.off, bytes, len);
    }
    return 0;
}

static int do_get_features(SimCall *call)
{
    return sim_give_u64(call, call->dev->conf.features);
}

static int do_set_features(SimCall *call)
{
    SimDev *dev = call->dev;
    uint64_t features = call->arg.u64;

    if (dev->status & VIRTIO_CONFIG_S_FEATURES_OK) {
        return -EBUSY;
    }
    if (!call->readable) {
        return -EFAULT;
    }
    if (dev->conf.parent == SIM_PARENT_VDPA_SIM &&
        !sim_offers(features, VIRTIO_F_ACCESS_PLATFORM)) {
        return -EINVAL;
    }
    if (dev->conf.parent != SIM_PARENT_VDUSE) {
        features &= dev->conf.features;
    }
    dev->features = features;
    dev->acked = features;
    return 0;
}

static int do_get_vring_num(SimCall *call)
{
    return sim_give_u16(call, call->dev->conf.queue_max);
}

static int do_get_group_num(SimCall *call)
{
    return sim_give_u32(call, sim_dev_groups(call->dev));
}

static int do_get_vqs_count(SimCall *call)
{
    return sim_give_u32(call, call->dev->nrings);
}

static int do_get_config_size(SimCall *call)
{
    return sim_give_u32(call, call->dev->conf.config_size);
}

static int do_get_iova_range(SimCall *call)
{
    struct vhost_vdpa_iova_range range = {
        .first = sim_random_value(call->dev, call->dev->conf.iova_first),
        .last = sim_give(call, call->dev->conf.iova_last, true),
    };

    return sim_copy_out(call->user, &range, sizeof(range));
}

/*
 * The kernel holds on to the eventfd, not to its number: so a duplicate.
 * -1 gives -1; else a negative errno below that or a descriptor.
 */
static int sim_take_eventfd(int fd, int *own, uint64_t *id)
{
    uint64_t count;

    *own = -1;
    *id = 0;
    if (fd == VHOST_FILE_UNBIND) {
        return 0;
    }
    *id = sim_eventfd_id(fd, &count);
    if (!*id) {
        return -errno;
    }
    if (sim_is_node(count)) {
        return -EINVAL;
    }
    *own = sim_dup(fd);
    return *own < 0 ? *own : 0;
}

static void sim_replace_fd(int *slot, int fd)
{
    if (*slot >= 0) {
        sim_real.close(*slot);
    }
    *slot = fd;
}

static int do_set_config_call(SimCall *call)
{
    SimDev *dev = call->dev;
    uint64_t id;
    int fd, ret;

    if (!call->readable) {
        return -EFAULT;
    }
    ret = sim_take_eventfd(call->arg.fd, &fd, &id);
    if (ret < 0) {
        if (dev->conf.profile == SIM_PROFILE_6_12) {
            /* There a bad descriptor also unbinds the one before. */
            sim_replace_fd(&dev->config_fd, -1);
        }
        return ret;
    }
    sim_replace_fd(&dev->config_fd, fd);
    dev->config_callback = true;
    return 0;
}

static int do_suspend(SimCall *call)
{
    return sim_dev_suspend(call->dev);
}

static int do_resume(SimCall *call)
{
    return sim_dev_resume(call->dev);
}

static int do_set_owner(SimCall *call)
{
    if (call->dev->owner) {
        return -EBUSY;
    }
    call->dev->owner = getpid();
    return 0;
}

static int do_set_mem_table(SimCall *call)
{
    struct vhost_memory mem;

    if (sim_copy_in(&mem, call->user, sizeof(mem)) < 0) {
        return -EFAULT;
    }
    if (mem.padding) {
        return -EOPNOTSUPP;
    }
    return mem.nregions > SIM_MAX_MEM_REGIONS ? -E2BIG : 0;
}

static int do_set_vring_num(SimCall *call)
{
    uint32_t num = call->arg.state.num;

    if (!call->readable) {
        return -EFAULT;
    }
    if (!num || num > UINT16_MAX || (num & (num - 1))) {
        return -EINVAL;
    }
    if (call->dev->conf.profile == SIM_PROFILE_7_2 &&
        num > call->dev->conf.queue_max) {
        return -EINVAL;
    }
    call->ring->num = num;
    return 0;
}

static int do_set_vring_addr(SimCall *call)
{
    struct vhost_vring_addr *a = &call->arg.addr;

    if (!call->readable) {
        return -EFAULT;
    }
    if (a->flags & ~(1u << VHOST_VRING_F_LOG)) {
        return -EOPNOTSUPP;
    }
    if (a->avail_user_addr % 2 || a->used_user_addr % 4 ||
        a->log_guest_addr % 4 || sim_ring_is_fixed(call->dev)) {
        return -EINVAL;
    }
    call->ring->desc = a->desc_user_addr;
    call->ring->avail = a->avail_user_addr;
    call->ring->used = a->used_user_addr;
    return 0;
}

/*
 * vp_vdpa cannot carry a base over; it takes the one after a reset, for a ring
 * that is not enabled yet.
 */
static bool sim_base_is_initial(SimCall *call)
{
    return (call->dev->status & VIRTIO_CONFIG_S_FEATURES_OK) &&
           !call->ring->ready &&
           call->arg.state.num == (sim_acked_packed(call->dev) ?
                                   0x80008000 : 0);
}

static int do_set_vring_base(SimCall *call)
{
    SimRing *ring = call->ring;
    uint32_t num = call->arg.state.num;

    if (!call->readable) {
        return -EFAULT;
    }
    if (sim_ring_is_fixed(call->dev) ||
        (!sim_acked_packed(call->dev) && num > UINT16_MAX)) {
        return -EINVAL;
    }
    if (call->dev->conf.parent == SIM_PARENT_VP_VDPA &&
        !sim_base_is_initial(call)) {
        return -EOPNOTSUPP;
    }
    if (sim_acked_packed(call->dev)) {
        ring->avail_idx = num & 0x7fff;
        ring->avail_wrap = num >> 15 & 1;
        ring->used_idx = num >> 16 & 0x7fff;
        ring->used_wrap = num >> 31;
    } else {
        ring->avail_idx = num;
    }
    return 0;
}

static uint32_t sim_ring_base(SimDev *dev, SimRing *ring)
{
    if (!sim_acked_packed(dev)) {
        return ring->avail_idx;
    }
    return (uint32_t)ring->avail_idx | (uint32_t)ring->avail_wrap << 15 |
           (uint32_t)ring->used_idx << 16 | (uint32_t)ring->used_wrap << 31;
}

static int do_get_vring_base(SimCall *call)
{
    if (call->dev->conf.parent == SIM_PARENT_VP_VDPA) {
        return -EOPNOTSUPP;
    }
    return sim_give_state(call, sim_ring_base(call->dev, call->ring),
                          sim_acked_packed(call->dev));
}

static int do_set_vring_kick(SimCall *call)
{
    uint64_t id;
    int fd, ret;

    if (!call->readable) {
        return -EFAULT;
    }
    ret = sim_take_eventfd(call->arg.file.fd, &fd, &id);
    return ret < 0 ? ret : sim_kick_set(call->dev, call->ring, fd, id);
}

static int do_set_vring_call(SimCall *call)
{
    uint64_t id;
    int fd, ret;

    if (!call->readable) {
        return -EFAULT;
    }
    ret = sim_take_eventfd(call->arg.file.fd, &fd, &id);
    if (ret < 0) {
        return ret;
    }
    sim_replace_fd(&call->ring->call_fd, fd);
    call->ring->callback = fd >= 0;
    return 0;
}

static int do_set_vring_err(SimCall *call)
{
    uint64_t id;
    int fd, ret;

    if (!call->readable) {
        return -EFAULT;
    }
    ret = sim_take_eventfd(call->arg.file.fd, &fd, &id);
    if (ret < 0) {
        return ret;
    }
    sim_replace_fd(&call->ring->err_fd, fd);
    return 0;
}

static int do_set_vring_busyloop(SimCall *call)
{
    if (!call->readable) {
        return -EFAULT;
    }
    call->ring->busyloop = call->arg.state.num;
    return 0;
}

static int do_get_vring_busyloop(SimCall *call)
{
    return sim_give_state(call, call->ring->busyloop, false);
}

static int do_set_vring_enable(SimCall *call)
{
    SimDev *dev = call->dev;
    SimRing *ring = call->ring;
    bool ready = call->arg.state.num;

    if (!call->readable) {
        return -EFAULT;
    }
    if (ready && !ring->ready) {
        sim_ring_start(dev, ring);
    }
    ring->ready = ready;
    if (!ready && dev->conf.parent == SIM_PARENT_VP_VDPA) {
        dev->broken = true;
        if (sim_offers(dev->features, VIRTIO_F_VERSION_1)) {
            dev->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
            sim_dev_config_interrupt(dev);
        }
    }
    return 0;
}

static int do_get_vring_group(SimCall *call)
{
    if (call->dev->conf.parent != SIM_PARENT_VDPA_SIM) {
        return -EOPNOTSUPP;
    }
    return sim_give_state(call, sim_dev_group(call->dev, call->ring), false);
}

static int do_set_group_asid(SimCall *call)
{
    SimDev *dev = call->dev;

    if (!call->readable) {
        return -EFAULT;
    }
    if (call->arg.state.num >= sim_dev_groups(dev)) {
        return -EINVAL;
    }
    if (dev->conf.parent != SIM_PARENT_VDPA_SIM) {
        return -EOPNOTSUPP;
    }
    if (dev->conf.profile == SIM_PROFILE_7_2 && sim_driver_is_ok(dev)) {
        return -EBUSY;
    }
    if (call->index >= sim_dev_groups(dev)) {
        return -EINVAL;
    }
    dev->group_asid[call->index] = call->arg.state.num;
    return 0;
}

static int do_unsupported(SimCall *call)
{
    (void)call;
    return -EOPNOTSUPP;
}

static int do_get_vring_size(SimCall *call)
{
    if (call->dev->conf.parent == SIM_PARENT_VDPA_SIM) {
        return -EOPNOTSUPP;
    }
    return sim_give_state(call, call->ring->num ? call->ring->num :
                          call->dev->conf.queue_max, false);
}

static const struct SimIoctl {
    unsigned long request;
    const char *name;
    SimClass class;
    SimKind kind;
    SimHandler *handler;
    SimProfile since;
} sim_ioctls[] = {
#define SIM_IOCTL(name, class, kind, fn) \
    { VHOST_##name, #name, SIM_CLASS_##class, SIM_ARG_##kind, fn, \
      SIM_PROFILE_6_1 }
#define SIM_IOCTL_VDPA(name, class, kind, fn) \
    { VHOST_VDPA_##name, #name, SIM_CLASS_##class, SIM_ARG_##kind, fn, \
      SIM_PROFILE_6_1 }
#define SIM_IOCTL_NEW(name, class, kind, fn) \
    { VHOST_VDPA_##name, #name, SIM_CLASS_##class, SIM_ARG_##kind, fn, \
      SIM_PROFILE_6_12 }
    SIM_IOCTL(SET_BACKEND_FEATURES, FIRST, U64, do_set_backend_features),
    SIM_IOCTL(GET_BACKEND_FEATURES, FREE, NONE, do_get_backend_features),
    SIM_IOCTL(GET_FEATURES, FREE, NONE, do_get_features),
    SIM_IOCTL(SET_FEATURES, FREE, U64, do_set_features),
    SIM_IOCTL(SET_LOG_BASE, REFUSED, NONE, NULL),
    SIM_IOCTL(SET_LOG_FD, REFUSED, NONE, NULL),
    SIM_IOCTL_VDPA(GET_DEVICE_ID, FREE, NONE, do_get_device_id),
    SIM_IOCTL_VDPA(GET_STATUS, FREE, NONE, do_get_status),
    SIM_IOCTL_VDPA(SET_STATUS, FREE, U8, do_set_status),
    SIM_IOCTL_VDPA(GET_CONFIG, FREE, CONFIG, do_get_config),
    SIM_IOCTL_VDPA(SET_CONFIG, FREE, CONFIG, do_set_config),
    SIM_IOCTL_VDPA(GET_VRING_NUM, FREE, NONE, do_get_vring_num),
    SIM_IOCTL_VDPA(GET_GROUP_NUM, FREE, NONE, do_get_group_num),
    SIM_IOCTL_VDPA(GET_AS_NUM, FREE, NONE, do_get_group_num),
    SIM_IOCTL_VDPA(SET_CONFIG_CALL, FREE, FD, do_set_config_call),
    SIM_IOCTL_VDPA(GET_IOVA_RANGE, FREE, NONE, do_get_iova_range),
    SIM_IOCTL_VDPA(GET_CONFIG_SIZE, FREE, NONE, do_get_config_size),
    SIM_IOCTL_VDPA(GET_VQS_COUNT, FREE, NONE, do_get_vqs_count),
    SIM_IOCTL_VDPA(SUSPEND, FREE, NONE, do_suspend),
    SIM_IOCTL_NEW(RESUME, FREE, NONE, do_resume),
    SIM_IOCTL(SET_OWNER, OWNED, NONE, do_set_owner),
    SIM_IOCTL(SET_MEM_TABLE, OWNED, NONE, do_set_mem_table),
    SIM_IOCTL(SET_VRING_NUM, RING, STATE, do_set_vring_num),
    SIM_IOCTL(SET_VRING_ADDR, RING, ADDR, do_set_vring_addr),
    SIM_IOCTL(SET_VRING_BASE, RING, STATE, do_set_vring_base),
    SIM_IOCTL(GET_VRING_BASE, RING, INDEX, do_get_vring_base),
    SIM_IOCTL(SET_VRING_KICK, RING, FILE, do_set_vring_kick),
    SIM_IOCTL(SET_VRING_CALL, RING, FILE, do_set_vring_call),
    SIM_IOCTL(SET_VRING_ERR, RING, FILE, do_set_vring_err),
    SIM_IOCTL(SET_VRING_BUSYLOOP_TIMEOUT, RING, STATE,
              do_set_vring_busyloop),
    SIM_IOCTL(GET_VRING_BUSYLOOP_TIMEOUT, RING, INDEX,
              do_get_vring_busyloop),
    SIM_IOCTL_VDPA(SET_VRING_ENABLE, RING, STATE, do_set_vring_enable),
    SIM_IOCTL_VDPA(GET_VRING_GROUP, RING, INDEX, do_get_vring_group),
    SIM_IOCTL_VDPA(SET_GROUP_ASID, RING, STATE, do_set_group_asid),
    SIM_IOCTL_NEW(GET_VRING_DESC_GROUP, RING, INDEX, do_unsupported),
    SIM_IOCTL_NEW(GET_VRING_SIZE, RING, INDEX, do_get_vring_size),
#undef SIM_IOCTL
#undef SIM_IOCTL_VDPA
#undef SIM_IOCTL_NEW
};

static const struct SimIoctl *sim_ioctl_find(SimDev *dev,
                                             unsigned long request)
{
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(sim_ioctls); i++) {
        /* The kernel sees 32 bits of it. */
        if ((uint32_t)sim_ioctls[i].request == (uint32_t)request &&
            sim_ioctls[i].since <= dev->conf.profile) {
            return &sim_ioctls[i];
        }
    }
    return NULL;
}

static void sim_call_read(SimCall *call, SimKind kind)
{
    static const size_t sizes[] = {
        [SIM_ARG_U8] = sizeof(uint8_t),
        [SIM_ARG_U64] = sizeof(uint64_t),
        [SIM_ARG_FD] = sizeof(int),
        [SIM_ARG_CONFIG] = offsetof(struct vhost_vdpa_config, buf),
        [SIM_ARG_STATE] = sizeof(struct vhost_vring_state),
        [SIM_ARG_INDEX] = sizeof(uint32_t),
        [SIM_ARG_FILE] = sizeof(struct vhost_vring_file),
        [SIM_ARG_ADDR] = sizeof(struct vhost_vring_addr),
    };

    if (kind == SIM_ARG_NONE) {
        return;
    }
    call->readable = !sim_copy_in(&call->arg, call->user, sizes[kind]);
}

static void sim_call_print_config(SimCall *call, GString *text, bool set)
{
    uint8_t bytes[64];
    uint32_t i, len = MIN(call->arg.config.len, sizeof(bytes));

    g_string_append_printf(text, " off=%u len=%u", call->arg.config.off,
                           call->arg.config.len);
    if (!set || !len ||
        sim_copy_in(bytes, (uint8_t *)call->user +
                    offsetof(struct vhost_vdpa_config, buf), len) < 0) {
        return;
    }
    g_string_append(text, " data=");
    for (i = 0; i < len; i++) {
        g_string_append_printf(text, "%02x", bytes[i]);
    }
}

static void sim_call_print(SimCall *call, const struct SimIoctl *def,
                           GString *text)
{
    SimDev *dev = call->dev;

    if (call->indexed) {
        g_string_append_printf(text, " index=%u", call->index);
    }
    if (!call->readable) {
        return;
    }
    switch (def->kind) {
    case SIM_ARG_U8:
        g_string_append_printf(text, " status=0x%x", call->arg.u8);
        break;
    case SIM_ARG_U64:
        g_string_append_printf(text, " features=0x%" PRIx64, call->arg.u64);
        break;
    case SIM_ARG_FD:
        g_string_append_printf(text, " fd=%d", call->arg.fd);
        break;
    case SIM_ARG_FILE:
        g_string_append_printf(text, " fd=%d", call->arg.file.fd);
        break;
    case SIM_ARG_CONFIG:
        sim_call_print_config(call, text, def->handler == do_set_config);
        break;
    case SIM_ARG_STATE:
        g_string_append_printf(text, def->handler == do_set_vring_base &&
                               sim_acked_packed(dev) ? " num=0x%x" :
                               " num=%u", call->arg.state.num);
        break;
    case SIM_ARG_ADDR:
        g_string_append_printf(text, " flags=0x%x desc=0x%" PRIx64
                               " avail=0x%" PRIx64 " used=0x%" PRIx64,
                               call->arg.addr.flags,
                               (uint64_t)call->arg.addr.desc_user_addr,
                               (uint64_t)call->arg.addr.avail_user_addr,
                               (uint64_t)call->arg.addr.used_user_addr);
        break;
    case SIM_ARG_NONE:
    case SIM_ARG_INDEX:
        break;
    }
}

/* The order of the kernel's checks, for calls that want an owner. */
static int sim_call_owned(SimCall *call, const struct SimIoctl *def)
{
    SimDev *dev = call->dev;

    if (def && def->handler == do_set_owner) {
        return do_set_owner(call);
    }
    if (!dev->owner || dev->owner != getpid()) {
        return -EPERM;
    }
    if (def && def->class == SIM_CLASS_OWNED) {
        return def->handler(call);
    }
    if (!call->indexed) {
        return -EFAULT;
    }
    if (call->index >= dev->nrings) {
        return -ENOBUFS;
    }
    if (!def) {
        return -ENOTTY;
    }
    call->ring = &dev->rings[call->index];
    return def->handler(call);
}

static int sim_call_dispatch(SimCall *call, const struct SimIoctl *def)
{
    if (!def) {
        return sim_call_owned(call, def);
    }
    switch (def->class) {
    case SIM_CLASS_FIRST:
    case SIM_CLASS_FREE:
        return def->handler(call);
    case SIM_CLASS_REFUSED:
        return -ENOTTY;
    default:
        return sim_call_owned(call, def);
    }
}

int sim_ioctl(SimDev *dev, unsigned long request, void *arg)
{
    const struct SimIoctl *def = sim_ioctl_find(dev, request);
    SimCall call = { .dev = dev, .user = arg };
    g_autoptr(GString) text = g_string_new(NULL);
    const char *name = def ? def->name : "UNKNOWN";
    bool hit, ring = !def || def->class == SIM_CLASS_RING;
    int error = 0, ret;

    sim_cost_call(dev);
    if (ring) {
        call.indexed = !sim_copy_in(&call.index, arg, sizeof(call.index));
    }
    if (def) {
        sim_call_read(&call, def->kind);
        g_string_append(text, name);
        sim_call_print(&call, def, text);
    } else {
        g_string_append_printf(text, "UNKNOWN request=0x%x",
                               (uint32_t)request);
    }
    hit = sim_fault_hit(dev, name,
                        def && call.indexed ? (int64_t)call.index : -1,
                        &error, &call.forced_value);
    call.forced = hit && !error;
    if (hit && error) {
        ret = -error;
    } else {
        ret = sim_call_dispatch(&call, def);
        if (call.forced && !call.has_value && ret >= 0 && def &&
            def->handler != do_set_status && def->handler != do_get_config) {
            ret = call.forced_value;
        }
    }
    if (ret >= 0 && call.has_value) {
        sim_log(dev, text->str, call.value, call.hex);
    } else {
        sim_log(dev, text->str, ret, false);
    }
    return ret;
}
