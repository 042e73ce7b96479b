/*
 * vhost-vdpa-device: the operations of the vhost backend
 *
 * The device calls a copy of vdpa_ops, in which of those that it calls, or QEMU
 * calls by get_vhost(), the ones are replaced that serve the netdev alone.  What
 * they and QMP's queries read of struct vhost_dev is filled in here.  Those that
 * vhost_dev_init() and vhost_dev_start() call are of no use to a device that
 * keeps its memory mapped and sets its rings up itself.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/vhost.h>
#include <sys/ioctl.h>
#include "hw/virtio/vdpa-dev-internal.h"
#include "hw/virtio/vhost-vdpa.h"

struct VdpaDevOps {
    VhostOps ops;
    struct vhost_vdpa vdpa;
    VhostVDPAShared shared;
};

static int vdpa_dev_ioctl(struct vhost_dev *hdev, unsigned long request,
                          void *arg)
{
    VhostVdpaDevice *v = container_of(hdev, VhostVdpaDevice, hdev);

    return ioctl(v->device_fd, request, arg) < 0 ? -errno : 0;
}

/* The netdev's may map guest memory as well */
static int vdpa_dev_set_owner(struct vhost_dev *hdev)
{
    return vdpa_dev_ioctl(hdev, VHOST_SET_OWNER, NULL);
}

/* The netdev's counts what the core has popped, and makes it available again */
static int vdpa_dev_set_vring_base(struct vhost_dev *hdev,
                                   struct vhost_vring_state *state)
{
    return vdpa_dev_ioctl(hdev, VHOST_SET_VRING_BASE, state);
}

/* The netdev's asks its shadow virtqueue, or whether it suspended the device */
static int vdpa_dev_get_vring_base(struct vhost_dev *hdev,
                                   struct vhost_vring_state *state)
{
    return vdpa_dev_ioctl(hdev, VHOST_GET_VRING_BASE, state);
}

/* The netdev's keeps the eventfd for its shadow virtqueue */
static int vdpa_dev_set_vring_call(struct vhost_dev *hdev,
                                   struct vhost_vring_file *file)
{
    return vdpa_dev_ioctl(hdev, VHOST_SET_VRING_CALL, file);
}

void vdpa_dev_ops_attach(VhostVdpaDevice *v)
{
    struct VdpaDevOps *own = g_new0(struct VdpaDevOps, 1);

    own->ops = vdpa_ops;
    own->ops.vhost_set_owner = vdpa_dev_set_owner;
    own->ops.vhost_set_vring_base = vdpa_dev_set_vring_base;
    own->ops.vhost_get_vring_base = vdpa_dev_get_vring_base;
    own->ops.vhost_set_vring_call = vdpa_dev_set_vring_call;
    /* The device resets the backend itself, once, with all that hangs on it */
    own->ops.vhost_reset_device = NULL;

    own->shared.device_fd = v->device_fd;
    own->vdpa.shared = &own->shared;
    own->vdpa.dev = &v->hdev;
    v->hdev.opaque = &own->vdpa;
    v->hdev.vhost_ops = &own->ops;
    v->hdev.vdev = VIRTIO_DEVICE(v);
    v->ops = own;
}

void vdpa_dev_ops_detach(VhostVdpaDevice *v)
{
    v->hdev.vhost_ops = NULL;
    v->hdev.opaque = NULL;
    g_clear_pointer(&v->ops, g_free);
}

void vdpa_dev_ops_add_rings(VhostVdpaDevice *v)
{
    v->hdev.vqs = g_new0(struct vhost_virtqueue, v->num_rings);
    v->hdev.nvqs = v->num_rings;
    v->hdev.vq_index_end = v->num_rings;
}

void vdpa_dev_ops_delete_rings(VhostVdpaDevice *v)
{
    v->hdev.nvqs = 0;
    g_clear_pointer(&v->hdev.vqs, g_free);
}

void vdpa_dev_ops_forget_ring(VhostVdpaDevice *v, unsigned ring)
{
    v->hdev.vqs[ring] = (struct vhost_virtqueue) { .kick = -1, .call = -1 };
}

void vdpa_dev_ops_note_ring(VhostVdpaDevice *v, unsigned ring,
                            const struct vhost_vring_addr *addr, int kick)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(v);

    v->hdev.vqs[ring] = (struct vhost_virtqueue) {
        .kick = kick,
        .call = -1,
        .num = virtio_queue_get_num(vdev, ring),
        .desc_phys = addr->desc_user_addr,
        .desc_size = virtio_queue_get_desc_size(vdev, ring),
        .avail_phys = addr->avail_user_addr,
        .avail_size = virtio_queue_get_avail_size(vdev, ring),
        .used_phys = addr->used_user_addr,
        .used_size = virtio_queue_get_used_size(vdev, ring),
        .dev = &v->hdev,
    };
}

void vdpa_dev_ops_note_call(VhostVdpaDevice *v, unsigned ring, int call)
{
    v->hdev.vqs[ring].call = call;
}
