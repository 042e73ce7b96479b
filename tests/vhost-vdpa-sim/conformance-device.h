/*
 * vhost-vdpa-sim: conformance, a tiny driver
 *
 * Split rings of 256 in the program's memory; one request at a time is enough.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef VHOST_VDPA_SIM_CONFORMANCE_DEVICE_H
#define VHOST_VDPA_SIM_CONFORMANCE_DEVICE_H

#include <linux/virtio_ring.h>
#include "conformance.h"

#define RING_NUM    256
#define RINGS       3
/* Where buffers may be, from the beginning of memory. */
#define BUFFERS     0x100000

typedef struct Ring {
    unsigned index;
    uint64_t at;            /* from the beginning of memory */
    int kick;
    int call;
    uint16_t head;          /* the next free descriptor */
} Ring;

typedef struct Device {
    int fd;
    uint64_t backend_features;
    unsigned nrings;
    Ring rings[RINGS];
    Ring *ring;             /* the one that request_add() uses */
} Device;

typedef struct Buf {
    uint64_t iova;
    uint32_t len;
    bool writable;
} Buf;

/**
 * Asks one question of a device that was opened for it: owned, all backend
 * features but IOTLB_PERSIST acked, memory mapped, FEATURES_OK set, nothing
 * said of its rings.
 *
 * Returns: the answer, to be freed with g_free(); NULL: the question makes no
 * sense here.
 */
typedef char *Ask(Device *dev);

typedef struct Question {
    const char *text;
    Ask *ask;
} Question;

/* Asks and prints all of them. */
void ask_questions(const Question *questions, size_t n);

/* NUM, ADDR, BASE 0, CALL and KICK of each ring, ENABLE, in that order. */
void rings_set(Device *dev);
void ring_addr(Device *dev, Ring *ring);
void ring_call(Device *dev, Ring *ring);
void ring_kick_fd(Device *dev, Ring *ring);
void ring_enable(Device *dev, Ring *ring, bool on);

/* rings_set(), then DRIVER_OK. */
void device_start(Device *dev);

/* Makes one chain available. */
void ring_add(Device *dev, Ring *ring, const Buf *bufs, unsigned n);
void ring_kick(Ring *ring);
struct vring_avail *ring_avail(Ring *ring);
struct vring_used *ring_used(Ring *ring);
struct vring_desc *ring_desc(Ring *ring);

/**
 * ring_completes: whether all that is available is used
 *
 * Waits for it, as long as any device takes.
 */
bool ring_completes(Ring *ring);

/* Whether there is an interrupt, which is taken; waits likewise. */
bool ring_interrupted(Ring *ring);

/**
 * request_add: the simplest request that the device completes
 *
 * A disk is asked for its identity; a network card sends a frame to nobody.
 */
void request_add(Device *dev);

/* "completed", "completed without interrupt" or "not completed" */
char *request_outcome(Device *dev);

/* request_add(), a kick, request_outcome() */
char *request_run(Device *dev);

/* A buffer's address and where the device finds it. */
uint8_t *buffer(uint64_t offset);
uint64_t buffer_iova(uint64_t offset);

/* A second eventfd in the place of a ring's, with the given counter. */
void ring_new_kick(Ring *ring, unsigned count);
void ring_new_call(Ring *ring);

#endif
