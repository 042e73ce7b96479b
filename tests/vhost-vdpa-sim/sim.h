/*
 * vhost-vdpa-sim: what the simulator's files share
 *
 * Locks, in the order in which they are taken: the descriptor table's
 * (preload.c), then a device's.  Everything in SimDev is under its lock, save
 * where a comment says otherwise.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef VHOST_VDPA_SIM_H
#define VHOST_VDPA_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <sys/types.h>
#include <glib.h>

#define SIM_MAX_DEVS    256
#define SIM_MAX_SPACES  2
#define SIM_PAGE_SIZE   4096ull
#define SIM_PAGE_MASK   (~(SIM_PAGE_SIZE - 1))

/* Everything is hidden, but for what preload.c interposes. */
#define SIM_PUBLIC __attribute__((visibility("default")))

typedef struct SimDev SimDev;
typedef struct SimRing SimRing;
typedef struct SimElem SimElem;
typedef struct SimType SimType;

typedef enum SimProfile {
    SIM_PROFILE_6_1,
    SIM_PROFILE_6_12,
    SIM_PROFILE_7_2,
} SimProfile;

typedef enum SimParent {
    SIM_PARENT_VDPA_SIM,
    SIM_PARENT_VDUSE,
    SIM_PARENT_VP_VDPA,
} SimParent;

/* One element of a descriptor chain. */
typedef struct SimSeg {
    uint64_t iova;
    uint32_t len;
} SimSeg;

/*
 * A request: addresses only.  They are translated at each access, so that a
 * request that is held cannot reach memory that was unmapped meanwhile.
 */
struct SimElem {
    uint16_t id;            /* head, or the packed ring's buffer id */
    uint16_t slots;         /* ring entries that the chain takes (packed) */
    GArray *out;            /* SimSeg, readable by the device */
    GArray *in;             /* SimSeg, writable by the device */
    size_t out_len;
    size_t in_len;
};

/* What runs behind the rings. */
struct SimType {
    const char *name;
    uint32_t id;
    unsigned queues;
    uint64_t (*features)(SimDev *dev);
    uint32_t (*config_size)(SimDev *dev);
    void (*fill_config)(SimDev *dev);
    /* Is the ring served when it is kicked?  NULL: each one is. */
    bool (*served)(SimDev *dev, SimRing *ring);
    /* Is there an interrupt although the driver wants none?  NULL: no. */
    bool (*insists)(SimDev *dev, SimRing *ring);
    /*
     * Carries a request out: the used length, or a negative errno, after
     * which the ring stops until the next kick, and the request is not
     * completed unless @request did so.
     */
    ssize_t (*request)(SimDev *dev, SimRing *ring, SimElem *elem);
};

extern const SimType sim_block;
extern const SimType sim_net;
extern const SimType sim_rng;
extern const SimType sim_generic;

/* One node's environment. */
typedef struct SimConf {
    const SimType *type;
    uint64_t id;
    SimProfile profile;
    SimParent parent;
    uint64_t queues;
    uint64_t queue_max;
    uint64_t config_size;
    uint64_t features;
    uint64_t backend_features;
    uint64_t iova_first;
    uint64_t iova_last;
    bool va;
    uint64_t entries;
    uint64_t memlock;
    uint64_t run;
    bool doorbells;
    bool config_reset;
    char *file;
    uint64_t size;
    uint8_t mac[6];
    uint64_t mtu;
    uint64_t random;        /* seed; 0: all answers are true */
    uint64_t cost_call;     /* microseconds */
    uint64_t cost_map;      /* milliseconds per GiB */
    uint64_t doorbell_period; /* microseconds */
} SimConf;

typedef struct SimFault {
    char *call;
    uint64_t nth;
    int64_t ring;           /* -1: any */
    int error;              /* positive errno; 0: a value */
    uint64_t value;
    bool always;
    uint64_t seen;
} SimFault;

typedef struct SimLogLine {
    uint64_t seq;
    int64_t usec;
    char *text;
} SimLogLine;

typedef struct SimMap {
    uint64_t first;
    uint64_t last;
    uint64_t uaddr;
    uint8_t perm;
} SimMap;

/* An address space: what vhost holds and what the device can reach. */
typedef struct SimSpace {
    bool exists;            /* had an UPDATE or a BATCH_BEGIN */
    GArray *vhost;          /* SimMap, sorted */
    GArray *device;         /* SimMap, sorted */
} SimSpace;

struct SimRing {
    unsigned index;
    /* As set by the uAPI. */
    uint32_t num;
    uint64_t desc;
    uint64_t avail;
    uint64_t used;
    bool ready;
    uint32_t busyloop;
    /* As taken over when the ring became ready. */
    uint32_t run_num;
    uint64_t run_desc;
    uint64_t run_avail;
    uint64_t run_used;
    /* Where the device is. */
    uint16_t avail_idx;
    uint16_t used_idx;
    bool avail_wrap;
    bool used_wrap;
    uint16_t signalled_idx;
    bool signalled_wrap;
    /* Eventfds: duplicates that belong to the simulator. -1: none. */
    int kick_fd;
    uint64_t kick_id;
    uint32_t kick_gen;
    int call_fd;
    int err_fd;
    bool callback;          /* the parent knows the callback */
    bool vector;            /* vp_vdpa: had one at DRIVER_OK */
    GQueue held;            /* SimElem, fetched but not completed */
    uint64_t requests;
    bool pending;           /* kicked, to be looked at */
};

struct SimDev {
    unsigned number;
    pthread_mutex_t lock;
    int waiters;            /* atomic: who waits for the lock */

    char *env;              /* the text that conf was made from */
    SimConf conf;
    uint8_t *config;
    uint8_t *host_config;   /* without what the driver did to it */
    uint8_t *disk;
    uint64_t disk_size;

    /* The open file. */
    bool open;
    unsigned fds;           /* descriptors; under the table's lock */
    unsigned opens;
    uint64_t mark_id;       /* eventfd-id of the node's descriptor */
    int open_flags;

    /* The vhost layer: outlives a reset. */
    pid_t owner;
    uint64_t backend_features;
    uint64_t acked;
    bool in_batch;
    uint32_t batch_asid;
    bool suspended;
    int config_fd;
    SimSpace space[SIM_MAX_SPACES];
    uint64_t pinned;        /* pages */

    /* The parent. */
    uint8_t status;
    uint64_t features;
    bool config_callback;
    bool running;
    bool pending_kick;
    bool broken;
    uint32_t group_asid[SIM_MAX_SPACES];
    unsigned nrings;
    SimRing *rings;

    /* The worker. */
    pid_t worker_pid;
    int epoll_fd;
    int wake_fd;
    uint32_t next_gen;
    int doorbell_fd;
    void *doorbell_area;
    size_t doorbell_size;
    unsigned doorbell_maps; /* under the table's lock as well */
    bool held;
    bool drain_late;        /* when it is reset */

    GList *faults;          /* SimFault */
    uint64_t random_state;
    GQueue log;             /* SimLogLine */
    uint64_t next_seq;
    uint64_t kicks;
    uint64_t doorbell_kicks;
    uint64_t requests;
    uint64_t dma_faults;
    uint64_t ring_errors;
};

/* The real functions behind the interposed ones; set before any other use. */
typedef struct SimReal {
    int (*open)(const char *, int, ...);
    int (*open64)(const char *, int, ...);
    int (*openat)(int, const char *, int, ...);
    int (*openat64)(int, const char *, int, ...);
    int (*open_2)(const char *, int);
    int (*open64_2)(const char *, int);
    int (*openat_2)(int, const char *, int);
    int (*openat64_2)(int, const char *, int);
    int (*close)(int);
    int (*close_range)(unsigned, unsigned, int);
    void (*closefrom)(int);
    int (*ioctl)(int, unsigned long, ...);
    ssize_t (*read)(int, void *, size_t);
    ssize_t (*read_chk)(int, void *, size_t, size_t);
    ssize_t (*write)(int, const void *, size_t);
    void *(*mmap)(void *, size_t, int, int, int, off_t);
    void *(*mmap64)(void *, size_t, int, int, int, int64_t);
    int (*munmap)(void *, size_t);
    int (*dup)(int);
    int (*dup2)(int, int);
    int (*dup3)(int, int, int);
    int (*fcntl)(int, int, ...);
    int (*fcntl64)(int, int, ...);
} SimReal;

extern SimReal sim_real;

/* preload.c */

/**
 * sim_eventfd_id: the kernel's identity of an eventfd
 * @fd: any number
 * @count: where to put its counter, or NULL
 *
 * Two descriptors with the same identity are the same open file.
 *
 * Returns: the id, which is not 0; 0 with errno EBADF (not open) or EINVAL
 * (not an eventfd).
 */
uint64_t sim_eventfd_id(int fd, uint64_t *count);

/**
 * sim_is_node: whether an eventfd stands for a simulated node
 * @count: its counter
 *
 * A node is no eventfd for the uAPI, although it is one below.
 */
bool sim_is_node(uint64_t count);

/**
 * sim_dup: a duplicate for the simulator's own use, above the numbers that
 * programs count on
 *
 * Returns: the descriptor or a negative errno.
 */
int sim_dup(int fd);

/**
 * sim_thread: start a detached thread that gets no signals
 *
 * Returns: 0 or a negative errno.
 */
int sim_thread(void *(*fn)(void *), void *opaque);

/* Complains on stderr, with the simulator's prefix. */
void sim_complain(const char *fmt, ...) G_GNUC_PRINTF(1, 2);

/* config.c */

/**
 * sim_dev_get: the device of a node
 * @number: the node's number
 * @refresh: read the environment again if the node is not open
 *
 * Returns: the device, or NULL if the environment has none or its text is
 * wrong (which is complained of).  Devices are never freed.  The caller holds
 * the descriptor table's lock.
 */
SimDev *sim_dev_get(unsigned number, bool refresh);

/* Changes config space as the host does: a reset does not undo it. */
void sim_config_put(SimDev *dev, uint64_t off, const void *bytes, size_t len);

/* The device if it exists already.  Any thread, no lock. */
SimDev *sim_dev_peek(unsigned number);

/* Makes a device of each VHOST_VDPA_SIM_<N> in the environment. */
void sim_dev_scan(void);

/**
 * sim_conf_set: change one numeric key of a device
 *
 * Returns: NULL, or why not (static text).
 */
const char *sim_conf_set(SimDev *dev, const char *key, const char *value);

/**
 * sim_parse_number: decimal or 0x, with an optional suffix K, M or G
 */
bool sim_parse_number(const char *text, uint64_t *value);

/**
 * sim_parse_hex: hex digits, an even number of them
 * @text: the digits
 * @len: where to put the number of bytes
 *
 * Returns: the bytes, to be freed with g_free(), or NULL.
 */
uint8_t *sim_parse_hex(const char *text, size_t *len);

/* Whether a backend feature bit is offered. */
static inline bool sim_offers(uint64_t set, unsigned bit)
{
    return set & (1ull << bit);
}

/* device.c */

void sim_lock(SimDev *dev);
void sim_unlock(SimDev *dev);

/**
 * sim_dev_open: what the kernel does at open(), but for the descriptor
 *
 * Returns: 0 or a negative errno.  Called with the device locked.
 */
int sim_dev_open(SimDev *dev, int flags);

/**
 * sim_dev_release: what the kernel does when the last reference goes
 */
void sim_dev_release(SimDev *dev);

/* SET_STATUS(0) as the parent sees it. */
void sim_dev_reset(SimDev *dev);

/**
 * sim_dev_set_status: SET_STATUS
 *
 * Returns: 0 or a negative errno.
 */
int sim_dev_set_status(SimDev *dev, uint8_t status);

void sim_dev_config_interrupt(SimDev *dev);
int sim_dev_suspend(SimDev *dev);
int sim_dev_resume(SimDev *dev);
bool sim_dev_can_suspend(SimDev *dev);
bool sim_dev_can_resume(SimDev *dev);

/* The number of groups; of address spaces there are as many. */
unsigned sim_dev_groups(SimDev *dev);
unsigned sim_dev_group(SimDev *dev, SimRing *ring);

/* Frees everything that depends on conf, then makes it anew. */
void sim_dev_unmake(SimDev *dev);
bool sim_dev_make(SimDev *dev);

/* ioctl.c */

/**
 * sim_ioctl: one ioctl, with its faults and its line in the log
 *
 * Returns: what ioctl() returns, or a negative errno.
 */
int sim_ioctl(SimDev *dev, unsigned long request, void *arg);

/* user.c */

/**
 * sim_copy_in, sim_copy_out: copy between the simulator and memory that may
 * not be there
 *
 * Returns: 0 or -EFAULT.
 */
int sim_copy_in(void *to, const void *from, size_t len);
int sim_copy_out(void *to, const void *from, size_t len);

/* iotlb.c */

/**
 * sim_iotlb_write: one write() on the node
 *
 * Returns: the result of write(), or a negative errno.
 */
ssize_t sim_iotlb_write(SimDev *dev, const void *buf, size_t len);

/* Forgets the mappings of vhost (close). */
void sim_iotlb_drop(SimDev *dev);

/* Forgets what the device can reach (reset without PERSIST). */
void sim_iotlb_wipe_device(SimDev *dev);

/**
 * sim_dma_read, sim_dma_write: access by the device
 * @dev: the device
 * @ring: whose address space is meant, and who faults
 * @iova: where
 *
 * Returns: 0, or -EFAULT, which is then in the log and counted.
 */
int sim_dma_read(SimDev *dev, SimRing *ring, uint64_t iova, void *buf,
                 size_t len);
int sim_dma_write(SimDev *dev, SimRing *ring, uint64_t iova, const void *buf,
                  size_t len);
int sim_dma_fill(SimDev *dev, SimRing *ring, uint64_t iova, uint8_t byte,
                 size_t len);

/* As above, in one access, little endian. */
int sim_dma_load16(SimDev *dev, SimRing *ring, uint64_t iova, uint16_t *val);
int sim_dma_store16(SimDev *dev, SimRing *ring, uint64_t iova, uint16_t val);

/* ring.c */

/* The ring takes over size, addresses and features. */
void sim_ring_start(SimDev *dev, SimRing *ring);
/* Back to the beginning; what is held is forgotten. */
void sim_ring_reset(SimDev *dev, SimRing *ring);

/* A kick, by whichever way: acts, waits, or is lost. */
void sim_ring_kick(SimDev *dev, SimRing *ring);

/**
 * sim_ring_run: serve a ring that is pending
 *
 * Returns: true if there may be more to do.
 */
bool sim_ring_run(SimDev *dev, SimRing *ring);

/* Completes what is held, in order; or of that the newest alone. */
void sim_ring_release(SimDev *dev, SimRing *ring, bool newest);

/**
 * sim_ring_pop: fetch the next request
 *
 * Returns: the request, or NULL with *@ret 0 (empty) or a negative errno.
 */
SimElem *sim_ring_pop(SimDev *dev, SimRing *ring, int *ret);

/**
 * sim_ring_push: complete a request and interrupt if the driver wants it
 *
 * Returns: 0 or a negative errno.  Does not free @elem.
 */
int sim_ring_push(SimDev *dev, SimRing *ring, SimElem *elem, uint32_t len);

/**
 * sim_ring_drop: complete a request that could not be carried out, without an
 * interrupt
 *
 * Returns: a negative errno, with which the ring stops until the next kick.
 */
int sim_ring_drop(SimDev *dev, SimRing *ring, SimElem *elem, uint32_t len);
void sim_ring_interrupt(SimDev *dev, SimRing *ring);
bool sim_ring_packed(SimDev *dev);
bool sim_ring_has(SimDev *dev, unsigned feature);

/* A malformed ring: logged and counted.  Returns -EINVAL. */
int sim_ring_error(SimDev *dev, SimRing *ring, const char *why);

SimElem *sim_elem_new(void);
void sim_elem_free(SimElem *elem);
/* Adds one buffer; -EINVAL if a readable one follows a writable one. */
int sim_elem_add(SimDev *dev, SimRing *ring, SimElem *elem, uint64_t iova,
                 uint32_t len, bool writable);

/**
 * sim_elem_read, sim_elem_write: the readable (writable) part of a request as
 * one run of bytes, from @off on
 *
 * Returns: the number of bytes, fewer than @len at the end of the part, or
 * -EFAULT.
 */
ssize_t sim_elem_read(SimDev *dev, SimRing *ring, SimElem *elem, size_t off,
                      void *buf, size_t len);
ssize_t sim_elem_write(SimDev *dev, SimRing *ring, SimElem *elem, size_t off,
                       const void *buf, size_t len);

/* ring-split.c, ring-packed.c: the same four for each layout */
SimElem *sim_split_pop(SimDev *dev, SimRing *ring, int *ret);
int sim_split_push(SimDev *dev, SimRing *ring, SimElem *elem, uint32_t len);
/* Whether the driver wants an interrupt for what was completed since. */
bool sim_split_wants_interrupt(SimDev *dev, SimRing *ring);
/* Asks for the next kick; true if there is something already. */
bool sim_split_arm(SimDev *dev, SimRing *ring);

SimElem *sim_packed_pop(SimDev *dev, SimRing *ring, int *ret);
int sim_packed_push(SimDev *dev, SimRing *ring, SimElem *elem, uint32_t len);
bool sim_packed_wants_interrupt(SimDev *dev, SimRing *ring);
bool sim_packed_arm(SimDev *dev, SimRing *ring);

/* worker.c */

/* Starts the device's thread in this process unless it runs. */
int sim_worker_start(SimDev *dev);
/* Has the thread look at the rings again. */
void sim_worker_wake(SimDev *dev);

/**
 * sim_kick_set: SET_VRING_KICK
 * @fd: the program's eventfd, or -1
 * @id: its identity
 *
 * Returns: 0 or a negative errno.
 */
int sim_kick_set(SimDev *dev, SimRing *ring, int fd, uint64_t id);

/* doorbell.c */

/**
 * sim_doorbell_map: mmap() of the node
 *
 * Returns: the address, or MAP_FAILED with errno set.  The caller holds the
 * table's lock and the device's.
 */
void *sim_doorbell_map(SimDev *dev, void *addr, size_t len, int prot,
                       int flags, uint64_t offset);

/* Whether any doorbell is mapped at all.  Any thread, no lock. */
bool sim_doorbell_any(void);

/**
 * sim_doorbell_unmap: the program has unmapped a range
 * @released: called for each device that lost its last doorbell, unlocked
 *
 * The caller holds the table's lock.
 */
void sim_doorbell_unmap(void *addr, size_t len,
                        void (*released)(SimDev *dev));

/* Whether the thread looks at doorbells: they count after DRIVER_OK. */
bool sim_doorbell_rings(SimDev *dev);

/* Turns what was written to doorbells into kicks. */
void sim_doorbell_scan(SimDev *dev);

/* Gives the pages back; none may be mapped by the program. */
void sim_doorbell_drop(SimDev *dev);

/* fault.c */

/**
 * sim_fault_add: one fault from its words
 * @words: the call's name, then key=value words
 *
 * Returns: NULL, or why not (static text).
 */
const char *sim_fault_add(SimDev *dev, char **words);
void sim_fault_clear(SimDev *dev);

/**
 * sim_fault_hit: count a call and say whether it is one to fail
 * @ring: the ring it is for, or -1
 * @error: set to a positive errno, or to 0 if the value is to be replaced
 * @value: set to that value
 */
bool sim_fault_hit(SimDev *dev, const char *call, int64_t ring, int *error,
                   uint64_t *value);

/* The name of a positive errno, or its number in @buf. */
const char *sim_errno_name(int error, char *buf, size_t len);
/* The errno of a name or a number; 0 if there is none. */
int sim_errno_parse(const char *name);

/* random.c */

/**
 * sim_random_value: what to answer
 * @value: the true answer
 *
 * Returns: @value, or, with the key "random", an edge value now and then.
 */
uint64_t sim_random_value(SimDev *dev, uint64_t value);

/**
 * sim_random_bytes: as above, for config space
 * @bytes: overwritten if the answer is not the true one
 *
 * Returns: whether it is not.
 */
bool sim_random_bytes(SimDev *dev, uint8_t *bytes, size_t len);

/* cost.c */

/**
 * sim_cost_call: spend what a call costs
 *
 * The caller holds the device's lock: as in the kernel, other calls wait.
 */
void sim_cost_call(SimDev *dev);

/**
 * sim_cost_map: spend what it costs to map memory
 * @size: bytes
 */
void sim_cost_map(SimDev *dev, uint64_t size);

/* log.c */

/**
 * sim_log: add a line
 * @call: the name and the arguments
 * @ret: negative errno, or a value
 * @hex: print the value in hex
 */
void sim_log(SimDev *dev, const char *call, int64_t ret, bool hex);
/* As sim_log() with the arguments formatted, for 0 and errnos. */
void sim_logf(SimDev *dev, int ret, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
void sim_log_print(SimDev *dev, GString *out, uint64_t since);
void sim_log_clear(SimDev *dev);

/* control.c */

/* Listens in this process, if the environment says where. */
void sim_control_start(void);
/* Takes the socket's file away if it is still this process's. */
void sim_control_stop(void);

#endif
