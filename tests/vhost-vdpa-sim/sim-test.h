/*
 * vhost-vdpa-sim: what the simulator's own tests share
 *
 * The tests use the simulator as any program would, through the C library,
 * and know nothing of its inside.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef VHOST_VDPA_SIM_TEST_H
#define VHOST_VDPA_SIM_TEST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <glib.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include "uapi.h"

#define NODE            "/dev/vhost-vdpa-0"
#define GUEST_IOVA      0x100000ull
#define GUEST_SIZE      (1 << 20)
#define PAGE            4096

#define BIT(n)          (1ull << (n))
#define F_BASIC         (BIT(VIRTIO_F_VERSION_1) | \
                         BIT(VIRTIO_F_ACCESS_PLATFORM))

#define S_DRIVER        (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)
#define S_FEATURES      (S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK)
#define S_OK            (S_FEATURES | VIRTIO_CONFIG_S_DRIVER_OK)

/* Shared memory that stands for the guest's. */
typedef struct Guest {
    int memfd;
    uint8_t *base;
} Guest;

/* A driver's view of a ring. */
typedef struct Vq {
    int fd;
    Guest *guest;
    uint32_t index;
    uint16_t num;
    bool packed;
    uint64_t offset;        /* of the ring in the guest's memory */
    uint64_t desc;
    uint64_t avail;
    uint64_t used;
    int kick;
    int call;
    uint16_t next;          /* packed: where the driver is */
    bool wrap;
} Vq;

typedef struct Buf {
    uint64_t iova;
    uint32_t len;
    bool writable;
} Buf;

/**
 * node_open: a fresh node 0
 * @conf: the value of VHOST_VDPA_SIM_0
 *
 * Nothing of an earlier configuration is left.  Returns: the descriptor.
 */
int node_open(const char *conf);

/* As node_open(), owned by this process. */
int node_open_owned(const char *conf);

/**
 * node_set_env: make VHOST_VDPA_SIM_0 what it says without opening
 */
void node_set_env(const char *conf);

/* An ioctl: its value or the negative errno. */
int call(int fd, unsigned long request, void *arg);

/* Shorthands for calls with a vring_state, a vring_file, a number. */
int call_state(int fd, unsigned long request, uint32_t index, uint32_t num);
int call_file(int fd, unsigned long request, uint32_t index, int file);
int call_u64(int fd, unsigned long request, uint64_t value);
int call_addr(int fd, uint32_t index, uint32_t flags, uint64_t desc,
              uint64_t avail, uint64_t used);
int set_status(int fd, uint8_t status);
uint8_t get_status(int fd);
uint32_t get_base(int fd, uint32_t index);

/**
 * iotlb: one v2 message
 *
 * Returns: what write() returned, or the negative errno.
 */
ssize_t iotlb(int fd, uint32_t asid, uint8_t type, uint64_t iova,
              uint64_t size, void *uaddr, uint8_t perm);

/**
 * control: one command on the control socket
 *
 * Returns: the answer with its last line, to be freed with g_free().
 */
char *control(const char *fmt, ...) G_GNUC_PRINTF(1, 2);

/* As control(), which has to succeed; the answer without "ok". */
char *control_ok(const char *fmt, ...) G_GNUC_PRINTF(1, 2);

/* A number of "state 0". */
uint64_t state(const char *key);

/* Whether the log of node 0 has a line with that text. */
bool logged(const char *text);
int logged_times(const char *text);

void guest_init(Guest *guest);
void guest_free(Guest *guest);
/* Maps all of it at GUEST_IOVA, read-write, in address space @asid. */
void guest_map(Guest *guest, int fd, uint32_t asid);

/* Resets the device and takes it to FEATURES_OK. */
void device_init(int fd, uint64_t features);

/**
 * vq_init: sets a ring up and enables it
 * @offset: where in the guest's memory, 3 pages of it
 */
void vq_init(Vq *vq, int fd, Guest *guest, uint32_t index, uint16_t num,
             uint64_t offset, bool packed);
void vq_free(Vq *vq);

/* Makes one chain available, at descriptor @head (split). */
void vq_add(Vq *vq, uint16_t head, const Buf *bufs, unsigned n);

/* As vq_add() with the chain in a table at @table. */
void vq_add_indirect(Vq *vq, uint16_t head, uint64_t table, const Buf *bufs,
                     unsigned n);
void vq_kick(Vq *vq);

/* Waits for the interrupt; at most a few seconds.  False: it did not come. */
bool vq_wait(Vq *vq);

/* True if no interrupt comes while the device is given time for one. */
bool vq_quiet(Vq *vq);

uint16_t vq_used_idx(Vq *vq);
/* Split: the entry @i of the used ring. */
struct vring_used_elem vq_used(Vq *vq, uint16_t i);

/* Waits until a counter of the state has that value. */
void state_wait(const char *key, uint64_t value);

void add_ring_tests(void);

#endif
