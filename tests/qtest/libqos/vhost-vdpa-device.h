/*
 * libqos nodes of the generic vhost-vdpa device
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef LIBQOS_VHOST_VDPA_DEVICE_H
#define LIBQOS_VHOST_VDPA_DEVICE_H

#include "virtio-pci.h"

/* Where the device is, and the id that QEMU knows it by */
#define QVHOST_VDPA_SLOT        0x04
#define QVHOST_VDPA_ID          "vdpa0"
#define QVHOST_VDPA_OPTION      " -device vhost-vdpa-device-pci"

/**
 * QVhostVdpa: the "vhost-vdpa" interface
 * @vdev: the virtio device; NULL if the slot is empty
 * @pci: the same as a PCI device; NULL if the slot is empty
 * @bus: the bus
 *
 * What type of device it is depends on the host's node, so a test has to say
 * on the command line which node it wants.  A test that plugs its devices in
 * by itself takes QVHOST_VDPA_OPTION and what follows off the command line.
 */
typedef struct QVhostVdpa {
    QVirtioDevice *vdev;
    QVirtioPCIDevice *pci;
    QPCIBus *bus;
} QVhostVdpa;

typedef struct QVhostVdpaPCI {
    QVirtioPCIDevice pci_vdev;
    QVhostVdpa vdpa;
} QVhostVdpaPCI;

#endif
