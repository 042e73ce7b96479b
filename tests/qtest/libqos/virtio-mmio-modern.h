/*
 * libqos VIRTIO 1.0 MMIO driver
 *
 * virtio-mmio.c sets rings up through the page frame number of the legacy
 * register layout.  This is the same bus with the registers of version 2.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef LIBQOS_VIRTIO_MMIO_MODERN_H
#define LIBQOS_VIRTIO_MMIO_MODERN_H

#include "virtio-mmio.h"

/**
 * qvirtio_mmio_modern_init:
 * @dev: the device to initialise
 * @qts: the guest
 * @addr: where its registers are
 *
 * Returns: false if the slot is empty.
 */
bool qvirtio_mmio_modern_init(QVirtioMMIODevice *dev, QTestState *qts,
                              uint64_t addr);

#endif
