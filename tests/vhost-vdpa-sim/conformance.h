/*
 * vhost-vdpa-sim: what the files of the conformance program share
 *
 * The program asks a node of /dev/vhost-vdpa-N questions and prints the
 * answers.  It knows neither the simulator nor what is right.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef VHOST_VDPA_SIM_CONFORMANCE_H
#define VHOST_VDPA_SIM_CONFORMANCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <glib.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include "uapi.h"

#define PAGE        4096ull
#define MEMORY_SIZE (2 * MiB)
#define MEMORY_IOVA 0x40000000ull
#define MiB         (1024ull * 1024)

#define S_DRIVER    (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)
#define S_FEATURES  (S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK)
#define S_ALL       (S_FEATURES | VIRTIO_CONFIG_S_DRIVER_OK)

#define F_PLATFORM  (1ull << VIRTIO_F_ACCESS_PLATFORM)
#define F_VERSION_1 (1ull << VIRTIO_F_VERSION_1)

/* The node's path and the virtio id of its device. */
extern const char *node;
extern uint32_t device_id;

/**
 * memory: physically contiguous where huge pages are to be had, shared, and
 * never given back; rings and buffers are in it
 */
extern uint8_t *memory;

/**
 * say: one answer
 * @answer: a word, without what changes from one run to the next
 * @fmt: the question
 */
void say(const char *answer, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* As say(), for a call's result: 0, a number, or a negative errno. */
void say_result(long ret, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
void say_bool(bool yes, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* The name of a negative errno, or the number.  Static until the next call. */
const char *result_name(long ret);

/* Opens the node; the program ends if that fails. */
int node_open(void);
/* As node_open(), owned by this process. */
int node_open_owned(void);

/* An ioctl: its value or the negative errno. */
int call(int fd, unsigned long request, void *arg);
int call_state(int fd, unsigned long request, uint32_t index, uint32_t num);
int call_file(int fd, unsigned long request, uint32_t index, int file);
int call_u64(int fd, unsigned long request, uint64_t value);
int set_status(int fd, uint8_t status);
uint8_t get_status(int fd);
uint32_t get_base(int fd, uint32_t index);
uint64_t get_backend_features(int fd);

/**
 * iotlb: one v2 message
 *
 * Returns: what write() returned, or the negative errno.
 */
ssize_t iotlb(int fd, uint32_t asid, uint8_t type, uint64_t iova,
              uint64_t size, void *uaddr, uint8_t perm);
ssize_t iotlb_map(int fd, uint64_t iova, uint64_t size, void *uaddr,
                  uint8_t perm);
ssize_t iotlb_unmap(int fd, uint64_t iova, uint64_t size);

/* Maps memory at MEMORY_IOVA in an address space. */
void map_memory(int fd, uint32_t asid);

/* Resets the device and takes it to FEATURES_OK, with ACCESS_PLATFORM. */
void negotiate(int fd);

/* The chapters */
void ask_calls(void);
void ask_config(void);
void ask_node(void);
void ask_iotlb(void);
void ask_rings(void);
void ask_block(void);
void ask_net(void);

#endif
