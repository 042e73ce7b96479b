/*
 * libqos client of the vhost-vdpa simulator
 *
 * Preloads libvhost-vdpa-sim.so into the QEMU under test (and into nothing
 * else) and speaks to its control socket.  It knows the simulator's interface
 * (tests/vhost-vdpa-sim/README.rst) and nothing of the device under test.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef LIBQOS_VHOST_VDPA_SIM_H
#define LIBQOS_VHOST_VDPA_SIM_H

typedef struct QVdpaSim QVdpaSim;

/**
 * QVdpaSimCall: one line of the simulator's log
 * @seq: sequence number
 * @usec: when it returned, in microseconds
 * @name: the call, named as in the uAPI headers without the VHOST prefix
 * @args: its arguments, "key=value" separated by blanks
 * @result: what it returned: a number or the name of an errno
 */
typedef struct QVdpaSimCall {
    uint64_t seq;
    int64_t usec;
    char *name;
    char *args;
    char *result;
} QVdpaSimCall;

/**
 * qvdpa_sim_library:
 *
 * Returns: the path of the simulator: $VHOST_VDPA_SIM_LIB, or where the build
 * of this test puts it; NULL if there is none.  Owned by the callee.
 */
const char *qvdpa_sim_library(void);

/**
 * qvdpa_sim_new:
 * @dir: an existing directory in which the control socket may be made
 * @devices: what the simulated nodes are, from /dev/vhost-vdpa-0 on, separated
 *           by '|', each as the value of VHOST_VDPA_SIM_<N>
 *
 * Returns: a client that is connected at the first command.
 */
QVdpaSim *qvdpa_sim_new(const char *dir, const char *devices);

/**
 * qvdpa_sim_free:
 * @sim: the client; NULL is fine
 *
 * Closes the connection and removes the socket.
 */
void qvdpa_sim_free(QVdpaSim *sim);

/**
 * qvdpa_sim_wrap:
 * @sim: the client
 * @binary: a QEMU binary, or a shell command that ends with one
 *
 * Returns: a shell command that runs @binary with the simulator preloaded; to
 * be used as QTEST_QEMU_BINARY.
 */
char *qvdpa_sim_wrap(QVdpaSim *sim, const char *binary);

/**
 * qvdpa_sim_open_node:
 * @sim: the client
 * @n: number of the node
 *
 * Opens a simulated node in this process, to be handed to QEMU.
 *
 * Returns: the descriptor.
 */
int qvdpa_sim_open_node(QVdpaSim *sim, unsigned n);

/**
 * qvdpa_sim_command:
 * @sim: the client
 * @fmt: a command of the simulator's control language
 *
 * Asserts that the simulator answers "ok".
 *
 * Returns: the lines before the "ok", to be freed with g_strfreev().
 */
char **qvdpa_sim_command(QVdpaSim *sim, const char *fmt, ...)
    G_GNUC_PRINTF(2, 3);

/**
 * qvdpa_sim_do:
 * @sim: the client
 * @fmt: a command whose answer is only "ok"
 */
void qvdpa_sim_do(QVdpaSim *sim, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/**
 * qvdpa_sim_state:
 * @sim: the client
 * @n: number of the node
 * @key: a key of the "state" command
 *
 * Returns: its value.
 */
uint64_t qvdpa_sim_state(QVdpaSim *sim, unsigned n, const char *key);

/**
 * qvdpa_sim_ring_state:
 * @sim: the client
 * @n: number of the node
 * @ring: index of a ring
 * @key: a key of the line of this ring in the "state" command
 *
 * Returns: its value.
 */
uint64_t qvdpa_sim_ring_state(QVdpaSim *sim, unsigned n, unsigned ring,
                              const char *key);

/**
 * qvdpa_sim_wait_state:
 * @sim: the client
 * @n: number of the node
 * @key: a key of the "state" command
 * @value: what to wait for
 * @timeout_us: how long at most
 */
void qvdpa_sim_wait_state(QVdpaSim *sim, unsigned n, const char *key,
                          uint64_t value, gint64 timeout_us);

/**
 * qvdpa_sim_is_open:
 * @sim: the client
 * @n: number of the node
 */
bool qvdpa_sim_is_open(QVdpaSim *sim, unsigned n);

/**
 * qvdpa_sim_iotlb_entries:
 * @sim: the client
 * @n: number of the node
 *
 * Returns: how many entries there are in vhost's table and in the device's.
 */
unsigned qvdpa_sim_iotlb_entries(QVdpaSim *sim, unsigned n);

/**
 * qvdpa_sim_clear:
 * @sim: the client
 * @n: number of the node
 *
 * Empties the log.
 */
void qvdpa_sim_clear(QVdpaSim *sim, unsigned n);

/**
 * qvdpa_sim_log:
 * @sim: the client
 * @n: number of the node
 *
 * Returns: the calls since the log was last emptied, a #GPtrArray of
 * #QVdpaSimCall, to be freed with g_ptr_array_unref().
 */
GPtrArray *qvdpa_sim_log(QVdpaSim *sim, unsigned n);

/**
 * qvdpa_log_call:
 * @log: a log
 * @i: an index into it
 */
static inline QVdpaSimCall *qvdpa_log_call(GPtrArray *log, int i)
{
    g_assert_cmpint(i, >=, 0);
    g_assert_cmpint(i, <, log->len);
    return g_ptr_array_index(log, i);
}

/**
 * qvdpa_log_find:
 * @log: a log
 * @from: index at which the search begins
 * @name: name of a call
 * @arg: "key=value" that it must have, or NULL
 *
 * Returns: the index of the first such call, -1 if there is none.
 */
int qvdpa_log_find(GPtrArray *log, int from, const char *name,
                   const char *arg);

/**
 * qvdpa_log_count:
 * @log: a log
 * @name: name of a call
 *
 * Returns: how often it was made.
 */
unsigned qvdpa_log_count(GPtrArray *log, const char *name);

/**
 * qvdpa_call_has:
 * @call: a call
 * @arg: "key=value"
 */
bool qvdpa_call_has(const QVdpaSimCall *call, const char *arg);

/**
 * qvdpa_call_arg:
 * @call: a call
 * @key: the name of one of its arguments, which must be a number
 *
 * Returns: its value.
 */
uint64_t qvdpa_call_arg(const QVdpaSimCall *call, const char *key);

/**
 * qvdpa_sim_dump:
 * @sim: the client
 * @n: number of the node
 *
 * Prints state, mappings and log to stderr, for whoever looks at a failure.
 * Asserts nothing: it is for use in an abort handler.
 */
void qvdpa_sim_dump(QVdpaSim *sim, unsigned n);

#endif
