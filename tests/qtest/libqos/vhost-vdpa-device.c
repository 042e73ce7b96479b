/*
 * libqos nodes of the generic vhost-vdpa device
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "../libqtest.h"
#include "qemu/module.h"
#include "qgraph.h"
#include "vhost-vdpa-device.h"

static void *vhost_vdpa_pci_get_driver(void *object, const char *interface)
{
    QVhostVdpaPCI *vdpa_pci = object;

    if (!g_strcmp0(interface, "vhost-vdpa")) {
        return &vdpa_pci->vdpa;
    }
    fprintf(stderr, "%s not present in vhost-vdpa-device-pci\n", interface);
    g_assert_not_reached();
}

static void *vhost_vdpa_pci_create(void *pci_bus, QGuestAllocator *alloc,
                                   void *addr)
{
    QVhostVdpaPCI *vdpa_pci = g_new0(QVhostVdpaPCI, 1);
    QPCIAddress *at = addr;
    g_autofree QPCIDevice *found = qpci_device_find(pci_bus, at->devfn);

    vdpa_pci->vdpa.bus = pci_bus;
    if (found) {
        virtio_pci_init(&vdpa_pci->pci_vdev, pci_bus, at);
        vdpa_pci->vdpa.pci = &vdpa_pci->pci_vdev;
        vdpa_pci->vdpa.vdev = &vdpa_pci->pci_vdev.vdev;
    }
    vdpa_pci->pci_vdev.obj.get_driver = vhost_vdpa_pci_get_driver;
    return &vdpa_pci->pci_vdev.obj;
}

static void vhost_vdpa_register_nodes(void)
{
    QPCIAddress addr = {
        .devfn = QPCI_DEVFN(QVHOST_VDPA_SLOT, 0),
    };
    g_autofree char *props = g_strdup_printf("id=%s,addr=%02x.0",
                                             QVHOST_VDPA_ID,
                                             QVHOST_VDPA_SLOT);
    QOSGraphEdgeOptions opts = {
        .extra_device_opts = props,
    };

    /*
     * No "produces" edges for virtio and pci-device: the tests of those
     * interfaces name no node of the host, and QEMU would not start.
     */
    add_qpci_address(&opts, &addr);
    qos_node_create_driver("vhost-vdpa-device-pci", vhost_vdpa_pci_create);
    qos_node_consumes("vhost-vdpa-device-pci", "pci-bus", &opts);
    qos_node_produces("vhost-vdpa-device-pci", "vhost-vdpa");
}

libqos_init(vhost_vdpa_register_nodes);
