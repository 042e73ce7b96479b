/*
 * vhost-vdpa-device: resetting the backend
 *
 * What a reset takes from it, and what becomes of one that cannot be reset.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/vhost.h>
#include "hw/virtio/vdpa-dev-internal.h"

bool vdpa_dev_reset_backend(VhostVdpaDevice *v, Error **errp)
{
    v->needs_backend_reset = !vdpa_dev_set_status(v, 0, errp);
    v->suspended = false;
    v->negotiated = false;
    v->memory->forgotten |= !(v->hdev.backend_cap &
                             BIT_ULL(VHOST_BACKEND_F_IOTLB_PERSIST));
    v->config_lost = true;
    /* When it cannot be bound again the next start tries, and says so */
    v->config_call = false;
    vdpa_dev_config_bind(v, NULL);
    if (v->needs_backend_reset) {
        vdpa_dev_iotlb_cut(v);
    }
    return !v->needs_backend_reset;
}
