/*
 * libqos driver for packed virtqueues
 *
 * The driver's side of VIRTIO 1.1, 2.7 "Packed Virtqueues", on a virtqueue
 * whose memory and registers were set up by qvirtqueue_setup().  Requests may
 * complete in any order; the ring is never filled beyond its size.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef LIBQOS_VIRTIO_PACKED_H
#define LIBQOS_VIRTIO_PACKED_H

#include "virtio.h"

/**
 * QVirtioBuf: one element of a request
 * @addr: guest address
 * @len: length in bytes
 * @write: whether the device writes it
 */
typedef struct QVirtioBuf {
    uint64_t addr;
    uint32_t len;
    bool write;
} QVirtioBuf;

/**
 * QVirtQueuePacked: a packed ring in the memory of a split one
 * @vq: the virtqueue as libqos knows it; desc is the descriptor ring, avail
 *      the driver's and used the device's event suppression area
 * @next_avail: slot of the next descriptor to make available
 * @next_used: slot in which the next used descriptor appears
 * @avail_wrap: the driver's wrap counter
 * @used_wrap: the device's wrap counter
 * @num_free: free slots
 * @next_id: buffer id of the next request
 * @slots: how many slots the request with an id takes
 */
typedef struct QVirtQueuePacked {
    QVirtQueue *vq;
    uint16_t next_avail;
    uint16_t next_used;
    bool avail_wrap;
    bool used_wrap;
    uint16_t num_free;
    uint16_t next_id;
    uint16_t *slots;
} QVirtQueuePacked;

/**
 * qvirtqueue_packed_init:
 * @qts: the guest
 * @pq: the ring to initialise
 * @vq: a virtqueue that the device has not used yet
 */
void qvirtqueue_packed_init(QTestState *qts, QVirtQueuePacked *pq,
                            QVirtQueue *vq);

/**
 * qvirtqueue_packed_cleanup:
 * @pq: the ring; @pq->vq is the caller's to clean up
 */
void qvirtqueue_packed_cleanup(QVirtQueuePacked *pq);

/**
 * qvirtqueue_packed_add:
 * @qts: the guest
 * @pq: the ring
 * @bufs: the elements of the request
 * @num: their number
 *
 * Makes a request available without a notification.
 *
 * Returns: its buffer id.
 */
uint16_t qvirtqueue_packed_add(QTestState *qts, QVirtQueuePacked *pq,
                               const QVirtioBuf *bufs, unsigned num);

/**
 * qvirtqueue_packed_add_indirect:
 * @qts: the guest
 * @pq: the ring
 * @alloc: where the indirect table comes from
 * @bufs: the elements of the request
 * @num: their number
 *
 * As qvirtqueue_packed_add(), through an indirect table, which is not freed.
 */
uint16_t qvirtqueue_packed_add_indirect(QTestState *qts, QVirtQueuePacked *pq,
                                        QGuestAllocator *alloc,
                                        const QVirtioBuf *bufs, unsigned num);

/**
 * qvirtqueue_packed_kick:
 * @qts: the guest
 * @pq: the ring
 *
 * Notifies the device unless it asked not to be.
 */
void qvirtqueue_packed_kick(QTestState *qts, QVirtQueuePacked *pq);

/**
 * qvirtqueue_packed_get_buf:
 * @qts: the guest
 * @pq: the ring
 * @id: filled with the buffer id of the request
 * @len: filled with the length that the device wrote, may be NULL
 *
 * Returns: whether a request was complete.
 */
bool qvirtqueue_packed_get_buf(QTestState *qts, QVirtQueuePacked *pq,
                               uint16_t *id, uint32_t *len);

#endif
