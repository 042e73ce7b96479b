/*
 * vhost-vdpa-sim: conformance, each call in each state
 *
 * A table of calls with their arguments, made once in each state, on a device
 * that was opened for it.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "conformance.h"

/* A number that is no descriptor. */
#define CLOSED_FD   1000
/* More than any device here has of rings. */
#define NO_RING     1000

/* What stands at the place of a descriptor in an argument. */
typedef enum File {
    FILE_NONE,
    FILE_EVENTFD,
    FILE_UNBIND,
    FILE_CLOSED,
    FILE_OTHER,             /* an open file that is no eventfd */
    FILE_NODE,
} File;

/* What is printed behind a result that is not an error. */
typedef enum Show {
    SHOW_NONE,
    SHOW_ARG,               /* out_len bytes of the argument from out_off */
    SHOW_STATUS,
    SHOW_BASE,
} Show;

typedef struct Probe {
    const char *text;
    unsigned long request;
    uint32_t words[12];     /* the argument */
    bool null;              /* NULL in its place */
    File file;
    unsigned file_at;       /* which word a descriptor is */
    Show show;
    unsigned out_off;
    unsigned out_len;
} Probe;

#define W(...)      .words = { __VA_ARGS__ }
#define NUL         .null = true
#define OUT(len)    .show = SHOW_ARG, .out_len = (len)
#define OUT_NUM     .show = SHOW_ARG, .out_off = 4, .out_len = 4
#define FD0(f)      .file = FILE_##f, .file_at = 0
#define FD1(f)      .file = FILE_##f, .file_at = 1
/* flags, desc, used, avail, log: the lower halves of the addresses */
#define ADDR(ring, flags, desc, used, avail, log) \
    W(ring, flags, desc, 0, used, 0, avail, 0, log, 0)

static const Probe probes[] = {
    { "SET_OWNER", VHOST_SET_OWNER, NUL },
    { "RESET_OWNER", VHOST_RESET_OWNER, W(0) },
    { "SET_MEM_TABLE of no region", VHOST_SET_MEM_TABLE, W(0, 0) },
    { "SET_MEM_TABLE with padding", VHOST_SET_MEM_TABLE, W(0, 1) },
    { "SET_MEM_TABLE of 65 regions", VHOST_SET_MEM_TABLE, W(65, 0) },
    { "SET_MEM_TABLE NULL", VHOST_SET_MEM_TABLE, NUL },
    { "SET_LOG_BASE", VHOST_SET_LOG_BASE, W(0, 0) },
    { "SET_LOG_FD", VHOST_SET_LOG_FD, W(~0u) },

    { "GET_FEATURES", VHOST_GET_FEATURES, OUT(8) },
    { "GET_FEATURES NULL", VHOST_GET_FEATURES, NUL },
    { "SET_FEATURES none", VHOST_SET_FEATURES, W(0, 0) },
    { "SET_FEATURES ACCESS_PLATFORM", VHOST_SET_FEATURES, W(0, 2) },
    { "SET_FEATURES VERSION_1", VHOST_SET_FEATURES, W(0, 1) },
    { "SET_FEATURES all bits", VHOST_SET_FEATURES, W(~0u, ~0u) },
    { "SET_FEATURES NULL", VHOST_SET_FEATURES, NUL },

    { "GET_BACKEND_FEATURES", VHOST_GET_BACKEND_FEATURES, OUT(8) },
    { "GET_BACKEND_FEATURES NULL", VHOST_GET_BACKEND_FEATURES, NUL },
    { "SET_BACKEND_FEATURES none", VHOST_SET_BACKEND_FEATURES, W(0, 0) },
    { "SET_BACKEND_FEATURES bit 0", VHOST_SET_BACKEND_FEATURES, W(0x1, 0) },
    { "SET_BACKEND_FEATURES IOTLB_MSG_V2", VHOST_SET_BACKEND_FEATURES,
      W(0x2, 0) },
    { "SET_BACKEND_FEATURES IOTLB_BATCH", VHOST_SET_BACKEND_FEATURES,
      W(0x4, 0) },
    { "SET_BACKEND_FEATURES IOTLB_ASID", VHOST_SET_BACKEND_FEATURES,
      W(0x8, 0) },
    { "SET_BACKEND_FEATURES SUSPEND", VHOST_SET_BACKEND_FEATURES,
      W(0x10, 0) },
    { "SET_BACKEND_FEATURES RESUME", VHOST_SET_BACKEND_FEATURES,
      W(0x20, 0) },
    { "SET_BACKEND_FEATURES ENABLE_AFTER_DRIVER_OK",
      VHOST_SET_BACKEND_FEATURES, W(0x40, 0) },
    { "SET_BACKEND_FEATURES DESC_ASID", VHOST_SET_BACKEND_FEATURES,
      W(0x80, 0) },
    { "SET_BACKEND_FEATURES DESC_ASID and IOTLB_ASID",
      VHOST_SET_BACKEND_FEATURES, W(0x88, 0) },
    { "SET_BACKEND_FEATURES IOTLB_PERSIST", VHOST_SET_BACKEND_FEATURES,
      W(0x100, 0) },
    { "SET_BACKEND_FEATURES bit 9", VHOST_SET_BACKEND_FEATURES,
      W(0x200, 0) },
    { "SET_BACKEND_FEATURES bit 63", VHOST_SET_BACKEND_FEATURES,
      W(0, 1u << 31) },
    { "SET_BACKEND_FEATURES NULL", VHOST_SET_BACKEND_FEATURES, NUL },

    { "GET_DEVICE_ID", VHOST_VDPA_GET_DEVICE_ID, OUT(4) },
    { "GET_DEVICE_ID NULL", VHOST_VDPA_GET_DEVICE_ID, NUL },
    { "GET_VRING_NUM", VHOST_VDPA_GET_VRING_NUM, OUT(4) },
    { "GET_VRING_NUM NULL", VHOST_VDPA_GET_VRING_NUM, NUL },
    { "GET_GROUP_NUM", VHOST_VDPA_GET_GROUP_NUM, OUT(4) },
    { "GET_GROUP_NUM NULL", VHOST_VDPA_GET_GROUP_NUM, NUL },
    { "GET_AS_NUM", VHOST_VDPA_GET_AS_NUM, OUT(4) },
    { "GET_AS_NUM NULL", VHOST_VDPA_GET_AS_NUM, NUL },
    { "GET_VQS_COUNT", VHOST_VDPA_GET_VQS_COUNT, OUT(4) },
    { "GET_VQS_COUNT NULL", VHOST_VDPA_GET_VQS_COUNT, NUL },
    { "GET_CONFIG_SIZE", VHOST_VDPA_GET_CONFIG_SIZE, OUT(4) },
    { "GET_CONFIG_SIZE NULL", VHOST_VDPA_GET_CONFIG_SIZE, NUL },
    { "GET_IOVA_RANGE", VHOST_VDPA_GET_IOVA_RANGE, OUT(16) },
    { "GET_IOVA_RANGE NULL", VHOST_VDPA_GET_IOVA_RANGE, NUL },

    { "GET_STATUS", VHOST_VDPA_GET_STATUS, OUT(1) },
    { "GET_STATUS NULL", VHOST_VDPA_GET_STATUS, NUL },
    { "SET_STATUS 0x00", VHOST_VDPA_SET_STATUS, W(0x00),
      .show = SHOW_STATUS },
    { "SET_STATUS 0x01", VHOST_VDPA_SET_STATUS, W(0x01),
      .show = SHOW_STATUS },
    { "SET_STATUS 0x03", VHOST_VDPA_SET_STATUS, W(0x03),
      .show = SHOW_STATUS },
    { "SET_STATUS 0x0b", VHOST_VDPA_SET_STATUS, W(0x0b),
      .show = SHOW_STATUS },
    { "SET_STATUS 0x0f", VHOST_VDPA_SET_STATUS, W(0x0f),
      .show = SHOW_STATUS },
    { "SET_STATUS 0x1f", VHOST_VDPA_SET_STATUS, W(0x1f),
      .show = SHOW_STATUS },
    { "SET_STATUS 0x4f", VHOST_VDPA_SET_STATUS, W(0x4f),
      .show = SHOW_STATUS },
    { "SET_STATUS 0x80", VHOST_VDPA_SET_STATUS, W(0x80),
      .show = SHOW_STATUS },
    { "SET_STATUS 0x8f", VHOST_VDPA_SET_STATUS, W(0x8f),
      .show = SHOW_STATUS },
    { "SET_STATUS NULL", VHOST_VDPA_SET_STATUS, NUL },

    { "GET_CONFIG of 1 byte", VHOST_VDPA_GET_CONFIG, W(0, 1),
      .show = SHOW_ARG, .out_off = 8, .out_len = 1 },
    { "GET_CONFIG of no byte", VHOST_VDPA_GET_CONFIG, W(0, 0) },
    { "GET_CONFIG NULL", VHOST_VDPA_GET_CONFIG, NUL },
    { "SET_CONFIG of 1 byte", VHOST_VDPA_SET_CONFIG, W(0, 1) },
    { "SET_CONFIG of no byte", VHOST_VDPA_SET_CONFIG, W(0, 0) },
    { "SET_CONFIG NULL", VHOST_VDPA_SET_CONFIG, NUL },
    { "SET_CONFIG_CALL eventfd", VHOST_VDPA_SET_CONFIG_CALL, FD0(EVENTFD) },
    { "SET_CONFIG_CALL -1", VHOST_VDPA_SET_CONFIG_CALL, FD0(UNBIND) },
    { "SET_CONFIG_CALL -2", VHOST_VDPA_SET_CONFIG_CALL, W(-2u) },
    { "SET_CONFIG_CALL closed descriptor", VHOST_VDPA_SET_CONFIG_CALL,
      FD0(CLOSED) },
    { "SET_CONFIG_CALL no eventfd", VHOST_VDPA_SET_CONFIG_CALL, FD0(OTHER) },
    { "SET_CONFIG_CALL the node", VHOST_VDPA_SET_CONFIG_CALL, FD0(NODE) },
    { "SET_CONFIG_CALL NULL", VHOST_VDPA_SET_CONFIG_CALL, NUL },

    { "SUSPEND", VHOST_VDPA_SUSPEND, NUL },
    { "RESUME", VHOST_VDPA_RESUME, NUL },
    { "RESUME with a ring's index", VHOST_VDPA_RESUME, W(0) },

    { "SET_VRING_NUM 0", VHOST_SET_VRING_NUM, W(0, 0) },
    { "SET_VRING_NUM 1", VHOST_SET_VRING_NUM, W(0, 1) },
    { "SET_VRING_NUM 2", VHOST_SET_VRING_NUM, W(0, 2) },
    { "SET_VRING_NUM 100", VHOST_SET_VRING_NUM, W(0, 100) },
    { "SET_VRING_NUM 256", VHOST_SET_VRING_NUM, W(0, 256) },
    { "SET_VRING_NUM 512", VHOST_SET_VRING_NUM, W(0, 512) },
    { "SET_VRING_NUM 32768", VHOST_SET_VRING_NUM, W(0, 32768) },
    { "SET_VRING_NUM 65535", VHOST_SET_VRING_NUM, W(0, 65535) },
    { "SET_VRING_NUM 65536", VHOST_SET_VRING_NUM, W(0, 65536) },
    { "SET_VRING_NUM of no ring", VHOST_SET_VRING_NUM, W(NO_RING, 256) },
    { "SET_VRING_NUM NULL", VHOST_SET_VRING_NUM, NUL },

    { "SET_VRING_ADDR", VHOST_SET_VRING_ADDR,
      ADDR(0, 0, 0x1000, 0x3000, 0x2000, 0) },
    { "SET_VRING_ADDR descriptors at 1", VHOST_SET_VRING_ADDR,
      ADDR(0, 0, 0x1001, 0x3000, 0x2000, 0) },
    { "SET_VRING_ADDR available at 1", VHOST_SET_VRING_ADDR,
      ADDR(0, 0, 0x1000, 0x3000, 0x2001, 0) },
    { "SET_VRING_ADDR available at 2", VHOST_SET_VRING_ADDR,
      ADDR(0, 0, 0x1000, 0x3000, 0x2002, 0) },
    { "SET_VRING_ADDR used at 2", VHOST_SET_VRING_ADDR,
      ADDR(0, 0, 0x1000, 0x3002, 0x2000, 0) },
    { "SET_VRING_ADDR used at 4", VHOST_SET_VRING_ADDR,
      ADDR(0, 0, 0x1000, 0x3004, 0x2000, 0) },
    { "SET_VRING_ADDR log at 2", VHOST_SET_VRING_ADDR,
      ADDR(0, 0, 0x1000, 0x3000, 0x2000, 2) },
    { "SET_VRING_ADDR LOG", VHOST_SET_VRING_ADDR,
      ADDR(0, 1, 0x1000, 0x3000, 0x2000, 0) },
    { "SET_VRING_ADDR flag 1", VHOST_SET_VRING_ADDR,
      ADDR(0, 2, 0x1000, 0x3000, 0x2000, 0) },
    { "SET_VRING_ADDR of no ring", VHOST_SET_VRING_ADDR,
      ADDR(NO_RING, 0, 0x1000, 0x3000, 0x2000, 0) },
    { "SET_VRING_ADDR NULL", VHOST_SET_VRING_ADDR, NUL },

    { "SET_VRING_BASE 0", VHOST_SET_VRING_BASE, W(0, 0),
      .show = SHOW_BASE },
    { "SET_VRING_BASE 5", VHOST_SET_VRING_BASE, W(0, 5),
      .show = SHOW_BASE },
    { "SET_VRING_BASE 65535", VHOST_SET_VRING_BASE, W(0, 65535),
      .show = SHOW_BASE },
    { "SET_VRING_BASE 65536", VHOST_SET_VRING_BASE, W(0, 65536) },
    { "SET_VRING_BASE of no ring", VHOST_SET_VRING_BASE, W(NO_RING, 0) },
    { "SET_VRING_BASE NULL", VHOST_SET_VRING_BASE, NUL },
    { "GET_VRING_BASE", VHOST_GET_VRING_BASE, W(0), OUT_NUM },
    { "GET_VRING_BASE of no ring", VHOST_GET_VRING_BASE, W(NO_RING) },
    { "GET_VRING_BASE NULL", VHOST_GET_VRING_BASE, NUL },

    { "SET_VRING_KICK eventfd", VHOST_SET_VRING_KICK, FD1(EVENTFD) },
    { "SET_VRING_KICK -1", VHOST_SET_VRING_KICK, FD1(UNBIND) },
    { "SET_VRING_KICK -2", VHOST_SET_VRING_KICK, W(0, -2u) },
    { "SET_VRING_KICK closed descriptor", VHOST_SET_VRING_KICK,
      FD1(CLOSED) },
    { "SET_VRING_KICK no eventfd", VHOST_SET_VRING_KICK, FD1(OTHER) },
    { "SET_VRING_KICK the node", VHOST_SET_VRING_KICK, FD1(NODE) },
    { "SET_VRING_KICK of no ring", VHOST_SET_VRING_KICK, W(NO_RING, 0),
      FD1(EVENTFD) },
    { "SET_VRING_KICK NULL", VHOST_SET_VRING_KICK, NUL },
    { "SET_VRING_CALL eventfd", VHOST_SET_VRING_CALL, FD1(EVENTFD) },
    { "SET_VRING_CALL -1", VHOST_SET_VRING_CALL, FD1(UNBIND) },
    { "SET_VRING_CALL -2", VHOST_SET_VRING_CALL, W(0, -2u) },
    { "SET_VRING_CALL closed descriptor", VHOST_SET_VRING_CALL,
      FD1(CLOSED) },
    { "SET_VRING_CALL no eventfd", VHOST_SET_VRING_CALL, FD1(OTHER) },
    { "SET_VRING_CALL the node", VHOST_SET_VRING_CALL, FD1(NODE) },
    { "SET_VRING_CALL of no ring", VHOST_SET_VRING_CALL, W(NO_RING, 0),
      FD1(EVENTFD) },
    { "SET_VRING_CALL NULL", VHOST_SET_VRING_CALL, NUL },
    { "SET_VRING_ERR eventfd", VHOST_SET_VRING_ERR, FD1(EVENTFD) },
    { "SET_VRING_ERR -1", VHOST_SET_VRING_ERR, FD1(UNBIND) },
    { "SET_VRING_ERR closed descriptor", VHOST_SET_VRING_ERR, FD1(CLOSED) },
    { "SET_VRING_ERR no eventfd", VHOST_SET_VRING_ERR, FD1(OTHER) },
    { "SET_VRING_ERR NULL", VHOST_SET_VRING_ERR, NUL },

    { "SET_VRING_ENABLE 1", VHOST_VDPA_SET_VRING_ENABLE, W(0, 1),
      .show = SHOW_STATUS },
    { "SET_VRING_ENABLE 2", VHOST_VDPA_SET_VRING_ENABLE, W(0, 2),
      .show = SHOW_STATUS },
    { "SET_VRING_ENABLE 0", VHOST_VDPA_SET_VRING_ENABLE, W(0, 0),
      .show = SHOW_STATUS },
    { "SET_VRING_ENABLE of no ring", VHOST_VDPA_SET_VRING_ENABLE,
      W(NO_RING, 1) },
    { "SET_VRING_ENABLE NULL", VHOST_VDPA_SET_VRING_ENABLE, NUL },

    { "GET_VRING_GROUP", VHOST_VDPA_GET_VRING_GROUP, W(0), OUT_NUM },
    { "GET_VRING_GROUP of ring 2", VHOST_VDPA_GET_VRING_GROUP, W(2),
      OUT_NUM },
    { "GET_VRING_GROUP of no ring", VHOST_VDPA_GET_VRING_GROUP,
      W(NO_RING) },
    { "GET_VRING_GROUP NULL", VHOST_VDPA_GET_VRING_GROUP, NUL },
    { "SET_GROUP_ASID group 0, space 0", VHOST_VDPA_SET_GROUP_ASID,
      W(0, 0) },
    { "SET_GROUP_ASID group 0, space 1", VHOST_VDPA_SET_GROUP_ASID,
      W(0, 1) },
    { "SET_GROUP_ASID group 0, space 2", VHOST_VDPA_SET_GROUP_ASID,
      W(0, 2) },
    { "SET_GROUP_ASID group 1, space 0", VHOST_VDPA_SET_GROUP_ASID,
      W(1, 0) },
    { "SET_GROUP_ASID group 1, space 1", VHOST_VDPA_SET_GROUP_ASID,
      W(1, 1) },
    { "SET_GROUP_ASID group 2, space 0", VHOST_VDPA_SET_GROUP_ASID,
      W(2, 0) },
    { "SET_GROUP_ASID of no ring", VHOST_VDPA_SET_GROUP_ASID,
      W(NO_RING, 0) },
    { "SET_GROUP_ASID NULL", VHOST_VDPA_SET_GROUP_ASID, NUL },
    { "GET_VRING_DESC_GROUP", VHOST_VDPA_GET_VRING_DESC_GROUP, W(0),
      OUT_NUM },
    { "GET_VRING_DESC_GROUP of no ring", VHOST_VDPA_GET_VRING_DESC_GROUP,
      W(NO_RING) },
    { "GET_VRING_SIZE", VHOST_VDPA_GET_VRING_SIZE, W(0), OUT_NUM },
    { "GET_VRING_SIZE of no ring", VHOST_VDPA_GET_VRING_SIZE, W(NO_RING) },
    { "GET_VRING_SIZE NULL", VHOST_VDPA_GET_VRING_SIZE, NUL },

    { "SET_VRING_BUSYLOOP_TIMEOUT", VHOST_SET_VRING_BUSYLOOP_TIMEOUT,
      W(0, 7) },
    { "SET_VRING_BUSYLOOP_TIMEOUT NULL", VHOST_SET_VRING_BUSYLOOP_TIMEOUT,
      NUL },
    { "GET_VRING_BUSYLOOP_TIMEOUT", VHOST_GET_VRING_BUSYLOOP_TIMEOUT, W(0),
      OUT_NUM },
    { "SET_VRING_ENDIAN", VHOST_SET_VRING_ENDIAN, W(0, 0) },
    { "GET_VRING_ENDIAN", VHOST_GET_VRING_ENDIAN, W(0) },

    { "unknown call", _IO(VHOST_VIRTIO, 0xfe), W(0) },
    { "unknown call of no ring", _IO(VHOST_VIRTIO, 0xfe), W(NO_RING) },
    { "unknown call NULL", _IO(VHOST_VIRTIO, 0xfe), NUL },
    { "call of another kind of device", _IO('v', 1), W(0) },
};

typedef enum State {
    STATE_OPEN,
    STATE_OWNED,
    STATE_FEATURES_OK,
    STATE_DRIVER_OK,
    STATE_SUSPENDED,
    STATE_RESET,
    STATE_CHILD,            /* in a fork's child, the parent at DRIVER_OK */
    STATE_MAX,
} State;

static const char *const state_names[] = {
    "not owned", "owned", "FEATURES_OK", "DRIVER_OK", "suspended",
    "after a reset", "in a child",
};

static void state_enter(int fd, State state)
{
    if (state == STATE_OPEN) {
        return;
    }
    call(fd, VHOST_SET_OWNER, NULL);
    if (state == STATE_OWNED) {
        return;
    }
    negotiate(fd);
    if (state == STATE_FEATURES_OK) {
        return;
    }
    set_status(fd, S_ALL);
    if (state == STATE_SUSPENDED) {
        call(fd, VHOST_VDPA_SUSPEND, NULL);
    } else if (state == STATE_RESET) {
        set_status(fd, 0);
    }
}

static int file_open(File file, int fd)
{
    switch (file) {
    case FILE_EVENTFD:
        return eventfd(0, EFD_CLOEXEC);
    case FILE_OTHER:
        return memfd_create("no eventfd", MFD_CLOEXEC);
    case FILE_NODE:
        return fd;
    case FILE_UNBIND:
        return -1;
    default:
        return CLOSED_FD;
    }
}

static void probe_make(int fd, const char *state, const Probe *probe)
{
    uint32_t arg[G_N_ELEMENTS(probe->words)];
    g_autoptr(GString) text = g_string_new(NULL);
    int file = -1, ret;
    unsigned i;

    memcpy(arg, probe->words, sizeof(arg));
    if (probe->file != FILE_NONE) {
        arg[probe->file_at] = file = file_open(probe->file, fd);
    }
    ret = call(fd, probe->request, probe->null ? NULL : arg);
    g_string_append(text, result_name(ret));
    if (ret >= 0 && probe->show == SHOW_STATUS) {
        g_string_append_printf(text, ", status 0x%02x", get_status(fd));
    } else if (ret >= 0 && probe->show == SHOW_BASE) {
        g_string_append_printf(text, ", base 0x%x", get_base(fd, 0));
    } else if (ret >= 0 && probe->show == SHOW_ARG) {
        uint8_t *out = (uint8_t *)arg + probe->out_off;

        g_string_append(text, ", bytes ");
        for (i = 0; i < probe->out_len; i++) {
            g_string_append_printf(text, "%02x", out[i]);
        }
    }
    if (probe->file == FILE_EVENTFD || probe->file == FILE_OTHER) {
        close(file);
    }
    say(text->str, "%s, %s", state, probe->text);
}

static void probe_in_child(int fd, const Probe *probe)
{
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (!pid) {
        probe_make(fd, state_names[STATE_CHILD], probe);
        fflush(stdout);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
}

void ask_calls(void)
{
    State state;
    size_t i;

    for (state = 0; state < STATE_MAX; state++) {
        for (i = 0; i < G_N_ELEMENTS(probes); i++) {
            int fd = node_open();

            state_enter(fd, state);
            if (state == STATE_CHILD) {
                probe_in_child(fd, &probes[i]);
            } else {
                probe_make(fd, state_names[state], &probes[i]);
            }
            close(fd);
        }
    }
}
