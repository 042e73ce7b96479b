/*
 * vhost-vdpa-sim: the parts of the vhost-vdpa uAPI that the tree's headers are
 * too old to have
 *
 * This is no copy of a kernel header: what <linux/vhost.h> has is taken from
 * there.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef VHOST_VDPA_SIM_UAPI_H
#define VHOST_VDPA_SIM_UAPI_H

#include <stddef.h>
#include <stdint.h>
#include <linux/vhost.h>

#ifndef VHOST_VDPA_RESUME
#define VHOST_VDPA_RESUME               _IO(VHOST_VIRTIO, 0x7E)
#endif
#ifndef VHOST_VDPA_GET_VRING_DESC_GROUP
#define VHOST_VDPA_GET_VRING_DESC_GROUP _IOWR(VHOST_VIRTIO, 0x7F, \
                                              struct vhost_vring_state)
#endif
#ifndef VHOST_VDPA_GET_VRING_SIZE
#define VHOST_VDPA_GET_VRING_SIZE       _IOWR(VHOST_VIRTIO, 0x82, \
                                              struct vhost_vring_state)
#endif

#ifndef VHOST_BACKEND_F_RESUME
#define VHOST_BACKEND_F_RESUME                  0x5
#endif
#ifndef VHOST_BACKEND_F_ENABLE_AFTER_DRIVER_OK
#define VHOST_BACKEND_F_ENABLE_AFTER_DRIVER_OK  0x6
#endif
#ifndef VHOST_BACKEND_F_DESC_ASID
#define VHOST_BACKEND_F_DESC_ASID               0x7
#endif
#ifndef VHOST_BACKEND_F_IOTLB_PERSIST
#define VHOST_BACKEND_F_IOTLB_PERSIST           0x8
#endif

/* The kernel's own ENOTSUPP: user space has no name for it, but sees it. */
#define SIM_ENOTSUPP 524

/* The shortest IOTLB message: a struct vhost_iotlb_msg at offset 8. */
#define SIM_IOTLB_MSG_OFFSET 8
#define SIM_IOTLB_MSG_MIN    (SIM_IOTLB_MSG_OFFSET + \
                              sizeof(struct vhost_iotlb_msg))

#endif
