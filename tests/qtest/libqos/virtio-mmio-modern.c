/*
 * libqos VIRTIO 1.0 MMIO driver
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "../libqtest.h"
#include "standard-headers/linux/virtio_mmio.h"
#include "standard-headers/linux/virtio_config.h"
#include "virtio-mmio-modern.h"

#define MODERN_RING_ALIGN 4

static QVirtioBus modern_bus;

static void modern_queue_select(QVirtioDevice *d, uint16_t index)
{
    QVirtioMMIODevice *dev = container_of(d, QVirtioMMIODevice, vdev);

    qtest_writel(dev->qts, dev->addr + VIRTIO_MMIO_QUEUE_SEL, index);
    g_assert_cmphex(qtest_readl(dev->qts,
                                dev->addr + VIRTIO_MMIO_QUEUE_READY), ==, 0);
}

static void modern_write_addr(QVirtioMMIODevice *dev, uint64_t low_reg,
                              uint64_t value)
{
    /* The high half is the register after the low one */
    qtest_writel(dev->qts, dev->addr + low_reg, value);
    qtest_writel(dev->qts, dev->addr + low_reg + 4, value >> 32);
}

static void modern_set_queue_address(QVirtioDevice *d, QVirtQueue *vq)
{
    QVirtioMMIODevice *dev = container_of(d, QVirtioMMIODevice, vdev);

    modern_write_addr(dev, VIRTIO_MMIO_QUEUE_DESC_LOW, vq->desc);
    modern_write_addr(dev, VIRTIO_MMIO_QUEUE_AVAIL_LOW, vq->avail);
    modern_write_addr(dev, VIRTIO_MMIO_QUEUE_USED_LOW, vq->used);
}

static QVirtQueue *modern_virtqueue_setup(QVirtioDevice *d,
                                          QGuestAllocator *alloc,
                                          uint16_t index)
{
    QVirtioMMIODevice *dev = container_of(d, QVirtioMMIODevice, vdev);
    QVirtQueue *vq = g_new0(QVirtQueue, 1);

    modern_queue_select(d, index);
    vq->vdev = d;
    vq->index = index;
    vq->size = d->bus->get_queue_size(d);
    g_assert_cmpuint(vq->size, !=, 0);
    vq->num_free = vq->size;
    vq->align = MODERN_RING_ALIGN;
    vq->indirect = d->features & (1ull << VIRTIO_RING_F_INDIRECT_DESC);
    vq->event = d->features & (1ull << VIRTIO_RING_F_EVENT_IDX);

    qvring_init(dev->qts, alloc, vq,
                guest_alloc(alloc, qvring_size(vq->size, vq->align)));
    qtest_writel(dev->qts, dev->addr + VIRTIO_MMIO_QUEUE_NUM, vq->size);
    modern_set_queue_address(d, vq);
    qtest_writel(dev->qts, dev->addr + VIRTIO_MMIO_QUEUE_READY, 1);
    return vq;
}

bool qvirtio_mmio_modern_init(QVirtioMMIODevice *dev, QTestState *qts,
                              uint64_t addr)
{
    memset(dev, 0, sizeof(*dev));
    qvirtio_mmio_init_device(dev, qts, addr, 4096);
    if (!dev->vdev.device_type) {
        return false;
    }
    g_assert_cmpuint(dev->version, ==, 2);

    modern_bus = qvirtio_mmio;
    modern_bus.queue_select = modern_queue_select;
    modern_bus.set_queue_address = modern_set_queue_address;
    modern_bus.virtqueue_setup = modern_virtqueue_setup;
    dev->vdev.bus = &modern_bus;
    return true;
}
