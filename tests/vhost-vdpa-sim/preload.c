/*
 * vhost-vdpa-sim: interposition
 *
 * The functions of the C library that a program reaches a node through, and
 * the table of the descriptors that are nodes.  What a call does to a device
 * is elsewhere; a call on anything else goes straight to the C library.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

/* Both would rename or wrap the very functions that are defined here. */
#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include "preload.h"
#include "sim.h"
#include "uapi.h"

#define SIM_NODE "/dev/vhost-vdpa-"

/*
 * The mark: a node's descriptor is an eventfd whose counter nobody else has.
 * "vdpa", the node's number, and slack so that a stray read or write by a
 * process without the simulator leaves number and mark alone.  It polls
 * readable and writable, as the kernel's node does.
 */
#define SIM_MARK        0x76647061ull
#define SIM_MARK_SLACK  0x8000ull

#define SIM_MAX_FDS     65536
/* Descriptors of the simulator's own start here, if the limit allows. */
#define SIM_OWN_FDS     400

SimReal sim_real;

/* Device number + 1; 0: not a node.  Read without a lock. */
static uint16_t sim_fds[SIM_MAX_FDS];
static pthread_mutex_t sim_fds_lock = PTHREAD_MUTEX_INITIALIZER;
/* Whose table it is: a vfork'ed child shares it and must not touch it. */
static pid_t sim_fds_pid;

static void sim_resolve(void)
{
#define SIM_RESOLVE(field, name) sim_real.field = dlsym(RTLD_NEXT, name)
    SIM_RESOLVE(open, "open");
    SIM_RESOLVE(open64, "open64");
    SIM_RESOLVE(openat, "openat");
    SIM_RESOLVE(openat64, "openat64");
    SIM_RESOLVE(open_2, "__open_2");
    SIM_RESOLVE(open64_2, "__open64_2");
    SIM_RESOLVE(openat_2, "__openat_2");
    SIM_RESOLVE(openat64_2, "__openat64_2");
    SIM_RESOLVE(close_range, "close_range");
    SIM_RESOLVE(closefrom, "closefrom");
    SIM_RESOLVE(ioctl, "ioctl");
    SIM_RESOLVE(read, "read");
    SIM_RESOLVE(read_chk, "__read_chk");
    SIM_RESOLVE(write, "write");
    SIM_RESOLVE(mmap, "mmap");
    SIM_RESOLVE(mmap64, "mmap64");
    SIM_RESOLVE(munmap, "munmap");
    SIM_RESOLVE(dup, "dup");
    SIM_RESOLVE(dup2, "dup2");
    SIM_RESOLVE(dup3, "dup3");
    SIM_RESOLVE(fcntl, "fcntl");
    SIM_RESOLVE(fcntl64, "fcntl64");
    /* Last: it says that the others are there. */
    __atomic_store_n(&sim_real.close, dlsym(RTLD_NEXT, "close"),
                     __ATOMIC_RELEASE);
#undef SIM_RESOLVE
}

/* Other libraries' constructors may run before ours. */
static inline void sim_ready(void)
{
    if (G_UNLIKELY(!__atomic_load_n(&sim_real.close, __ATOMIC_ACQUIRE))) {
        sim_resolve();
    }
}

void sim_complain(const char *fmt, ...)
{
    g_autofree char *text = NULL;
    g_autofree char *line = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    line = g_strdup_printf("vhost-vdpa-sim: %s\n", text);
    if (sim_real.write(STDERR_FILENO, line, strlen(line)) < 0) {
        return;
    }
}

int sim_thread(void *(*fn)(void *), void *opaque)
{
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all, old;
    int ret;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    ret = pthread_create(&thread, &attr, fn, opaque);
    pthread_attr_destroy(&attr);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return -ret;
}

int sim_dup(int fd)
{
    int own = sim_real.fcntl(fd, F_DUPFD_CLOEXEC, SIM_OWN_FDS);

    if (own < 0) {
        own = sim_real.fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    }
    return own < 0 ? -errno : own;
}

uint64_t sim_eventfd_id(int fd, uint64_t *count)
{
    char path[64], text[512];
    char *at;
    ssize_t n;
    int info;

    if (fd < 0 || sim_real.fcntl(fd, F_GETFD) < 0) {
        errno = EBADF;
        return 0;
    }
    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
    info = sim_real.open(path, O_RDONLY | O_CLOEXEC);
    n = info < 0 ? -1 : sim_real.read(info, text, sizeof(text) - 1);
    if (info >= 0) {
        sim_real.close(info);
    }
    text[MAX(n, 0)] = 0;
    at = strstr(text, "eventfd-count:");
    if (at && count) {
        *count = g_ascii_strtoull(at + strlen("eventfd-count:"), NULL, 16);
    }
    at = at ? strstr(text, "eventfd-id:") : NULL;
    if (!at) {
        errno = EINVAL;
        return 0;
    }
    /* The kernel counts from 0. */
    return g_ascii_strtoull(at + strlen("eventfd-id:"), NULL, 10) + 1;
}

static inline SimDev *sim_fd_peek(int fd)
{
    unsigned n;

    if ((unsigned)fd >= SIM_MAX_FDS) {
        return NULL;
    }
    n = __atomic_load_n(&sim_fds[fd], __ATOMIC_ACQUIRE);
    return G_LIKELY(!n) ? NULL : sim_dev_peek(n - 1);
}

static void sim_fd_take(int fd, SimDev *dev)
{
    dev->fds++;
    __atomic_store_n(&sim_fds[fd], dev->number + 1, __ATOMIC_RELEASE);
}

static void sim_maybe_release(SimDev *dev)
{
    if (!dev->fds && !dev->doorbell_maps && dev->open) {
        sim_lock(dev);
        sim_dev_release(dev);
        sim_unlock(dev);
    }
}

static void sim_fd_drop(int fd)
{
    SimDev *dev = sim_fd_peek(fd);

    if (dev) {
        __atomic_store_n(&sim_fds[fd], 0, __ATOMIC_RELEASE);
        dev->fds--;
    }
}

/* Forgets descriptors that were closed behind the simulator's back. */
static void sim_fds_verify(SimDev *dev)
{
    int fd;

    for (fd = 0; fd < SIM_MAX_FDS && dev->fds; fd++) {
        if (sim_fd_peek(fd) == dev &&
            sim_eventfd_id(fd, NULL) != dev->mark_id) {
            sim_fd_drop(fd);
        }
    }
    sim_maybe_release(dev);
}

static bool sim_mark_parse(uint64_t count, unsigned *number)
{
    *number = count >> 16 & 0xffff;
    return count >> 32 == SIM_MARK;
}

/* The node's descriptor came from another process: the device lives here. */
static SimDev *sim_adopt(int fd, uint64_t id, unsigned number)
{
    SimDev *dev;
    int ret = 0;

    pthread_mutex_lock(&sim_fds_lock);
    dev = sim_fd_peek(fd);
    if (dev) {
        goto out;
    }
    dev = sim_dev_get(number, true);
    if (!dev) {
        sim_complain("descriptor %d is node %u, of which the environment "
                     "knows nothing", fd, number);
        goto out;
    }
    if (dev->open && dev->mark_id != id) {
        sim_fds_verify(dev);
    }
    sim_lock(dev);
    if (!dev->open) {
        ret = sim_dev_open(dev, O_RDWR);
        dev->mark_id = id;
        sim_logf(dev, ret, "ADOPT fd=%d", fd);
    } else if (dev->mark_id != id) {
        sim_complain("descriptor %d is another open file of node %u", fd,
                     number);
        ret = -EBUSY;
    }
    sim_unlock(dev);
    if (ret < 0) {
        dev = NULL;
    } else {
        sim_fd_take(fd, dev);
    }
out:
    pthread_mutex_unlock(&sim_fds_lock);
    if (dev) {
        sim_control_start();
    }
    return dev;
}

/* The device of a descriptor, adopted if need be. */
static SimDev *sim_fd_get(int fd)
{
    SimDev *dev = sim_fd_peek(fd);
    int saved = errno;
    uint64_t id, count;
    unsigned number;

    if (dev || (unsigned)fd >= SIM_MAX_FDS) {
        return dev;
    }
    id = sim_eventfd_id(fd, &count);
    if (id && sim_mark_parse(count, &number)) {
        dev = sim_adopt(fd, id, number);
    }
    errno = saved;
    return dev;
}

bool sim_is_node(uint64_t count)
{
    unsigned number;

    return sim_mark_parse(count, &number);
}

static bool sim_path_is_node(const char *path, unsigned *number)
{
    const char *digits;
    uint64_t value = 0;

    if (!path || strncmp(path, SIM_NODE, strlen(SIM_NODE))) {
        return false;
    }
    digits = path + strlen(SIM_NODE);
    if (!g_ascii_isdigit(*digits)) {
        return false;
    }
    while (g_ascii_isdigit(*digits) && value < UINT32_MAX) {
        value = value * 10 + *digits++ - '0';
    }
    *number = value;
    return !*digits;
}

static int sim_node_fd(SimDev *dev, int flags)
{
    int efd_flags = EFD_SEMAPHORE | (flags & O_CLOEXEC ? EFD_CLOEXEC : 0) |
                    (flags & O_NONBLOCK ? EFD_NONBLOCK : 0);
    uint64_t mark = SIM_MARK << 32 | (uint64_t)dev->number << 16 |
                    SIM_MARK_SLACK;
    int fd = eventfd(0, efd_flags);

    if (fd < 0) {
        return -errno;
    }
    if (fd >= SIM_MAX_FDS ||
        sim_real.write(fd, &mark, sizeof(mark)) != sizeof(mark)) {
        sim_real.close(fd);
        return -EMFILE;
    }
    return fd;
}

/* With the table locked.  Returns a descriptor or a negative errno. */
static int sim_open_locked(SimDev *dev, int flags)
{
    uint64_t value;
    int error, fd, ret;

    sim_lock(dev);
    if (sim_fault_hit(dev, "OPEN", -1, &error, &value) && error) {
        ret = -error;
        goto out;
    }
    if (dev->open) {
        ret = -EBUSY;
        goto out;
    }
    ret = fd = sim_node_fd(dev, flags);
    if (ret < 0) {
        goto out;
    }
    ret = sim_dev_open(dev, flags);
    if (ret < 0) {
        sim_real.close(fd);
        goto out;
    }
    dev->mark_id = sim_eventfd_id(fd, NULL);
    sim_fd_take(fd, dev);
    ret = fd;
out:
    sim_logf(dev, MIN(ret, 0), "OPEN flags=0x%x", flags);
    sim_unlock(dev);
    return ret;
}

static int sim_open(unsigned number, int flags)
{
    SimDev *dev;
    int ret = -ENOENT;

    pthread_mutex_lock(&sim_fds_lock);
    dev = sim_dev_get(number, true);
    if (dev) {
        if (dev->open) {
            sim_fds_verify(dev);
        }
        ret = sim_open_locked(dev, flags);
    }
    pthread_mutex_unlock(&sim_fds_lock);
    if (ret < 0) {
        errno = -ret;
        return -1;
    }
    sim_control_start();
    return ret;
}

static mode_t sim_mode(int flags, va_list ap)
{
    return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ?
           va_arg(ap, mode_t) : 0;
}

#define SIM_OPEN(name)                                              \
SIM_PUBLIC int name(const char *path, int flags, ...)               \
{                                                                   \
    unsigned number;                                                \
    va_list ap;                                                     \
    mode_t mode;                                                    \
                                                                    \
    sim_ready();                                                    \
    if (sim_path_is_node(path, &number)) {                          \
        return sim_open(number, flags);                             \
    }                                                               \
    va_start(ap, flags);                                            \
    mode = sim_mode(flags, ap);                                     \
    va_end(ap);                                                     \
    return sim_real.name(path, flags, mode);                        \
}

#define SIM_OPENAT(name)                                            \
SIM_PUBLIC int name(int dir, const char *path, int flags, ...)      \
{                                                                   \
    unsigned number;                                                \
    va_list ap;                                                     \
    mode_t mode;                                                    \
                                                                    \
    sim_ready();                                                    \
    if (sim_path_is_node(path, &number)) {                          \
        return sim_open(number, flags);                             \
    }                                                               \
    va_start(ap, flags);                                            \
    mode = sim_mode(flags, ap);                                     \
    va_end(ap);                                                     \
    return sim_real.name(dir, path, flags, mode);                   \
}

SIM_OPEN(open)
SIM_OPEN(open64)
SIM_OPENAT(openat)
SIM_OPENAT(openat64)

int __open_2(const char *path, int flags)
{
    unsigned number;

    sim_ready();
    return sim_path_is_node(path, &number) ? sim_open(number, flags) :
           sim_real.open_2(path, flags);
}

int __open64_2(const char *path, int flags)
{
    unsigned number;

    sim_ready();
    return sim_path_is_node(path, &number) ? sim_open(number, flags) :
           sim_real.open64_2(path, flags);
}

int __openat_2(int dir, const char *path, int flags)
{
    unsigned number;

    sim_ready();
    return sim_path_is_node(path, &number) ? sim_open(number, flags) :
           sim_real.openat_2(dir, path, flags);
}

int __openat64_2(int dir, const char *path, int flags)
{
    unsigned number;

    sim_ready();
    return sim_path_is_node(path, &number) ? sim_open(number, flags) :
           sim_real.openat64_2(dir, path, flags);
}

/* Not in a vfork'ed child, whose descriptors are not those of the table. */
static bool sim_fd_is_ours(int fd)
{
    return sim_fd_peek(fd) && sim_fds_pid == getpid();
}

SIM_PUBLIC int close(int fd)
{
    SimDev *dev;
    int ret;

    sim_ready();
    if (G_LIKELY(!sim_fd_is_ours(fd))) {
        return sim_real.close(fd);
    }
    pthread_mutex_lock(&sim_fds_lock);
    dev = sim_fd_peek(fd);
    sim_fd_drop(fd);
    ret = sim_real.close(fd);
    if (dev) {
        sim_maybe_release(dev);
    }
    pthread_mutex_unlock(&sim_fds_lock);
    return ret;
}

static void sim_close_range(unsigned first, unsigned last)
{
    unsigned fd;

    if (sim_fds_pid != getpid()) {
        return;
    }
    pthread_mutex_lock(&sim_fds_lock);
    for (fd = first; fd <= last && fd < SIM_MAX_FDS; fd++) {
        SimDev *dev = sim_fd_peek(fd);

        if (dev) {
            sim_fd_drop(fd);
            sim_maybe_release(dev);
        }
    }
    pthread_mutex_unlock(&sim_fds_lock);
}

SIM_PUBLIC int close_range(unsigned first, unsigned last, int flags)
{
    sim_ready();
    if (!sim_real.close_range) {
        errno = ENOSYS;
        return -1;
    }
    if (!flags) {
        sim_close_range(first, last);
    }
    return sim_real.close_range(first, last, flags);
}

SIM_PUBLIC void closefrom(int first)
{
    sim_ready();
    sim_close_range(MAX(first, 0), UINT32_MAX);
    if (sim_real.closefrom) {
        sim_real.closefrom(first);
    }
}

/* What the kernel answers for every open file, before the driver. */
static bool sim_ioctl_is_common(unsigned long request)
{
    return request == FIONBIO || request == FIOASYNC || request == FIOCLEX ||
           request == FIONCLEX;
}

SIM_PUBLIC int ioctl(int fd, unsigned long request, ...)
{
    SimDev *dev;
    va_list ap;
    void *arg;
    int ret;

    va_start(ap, request);
    arg = va_arg(ap, void *);
    va_end(ap);
    sim_ready();
    dev = _IOC_TYPE(request) == VHOST_VIRTIO ? sim_fd_get(fd) :
          sim_fd_peek(fd);
    if (!dev || sim_ioctl_is_common(request)) {
        return sim_real.ioctl(fd, request, arg);
    }
    sim_lock(dev);
    ret = sim_ioctl(dev, request, arg);
    sim_unlock(dev);
    if (ret < 0) {
        errno = -ret;
        return -1;
    }
    return ret;
}

static ssize_t sim_read(SimDev *dev, size_t len)
{
    int error;

    sim_lock(dev);
    error = (dev->open_flags & O_ACCMODE) == O_WRONLY ? EBADF : EINVAL;
    sim_logf(dev, -error, "READ len=%zu", len);
    sim_unlock(dev);
    errno = error;
    return -1;
}

SIM_PUBLIC ssize_t read(int fd, void *buf, size_t len)
{
    SimDev *dev;

    sim_ready();
    dev = sim_fd_peek(fd);
    return G_UNLIKELY(dev) ? sim_read(dev, len) : sim_real.read(fd, buf, len);
}

ssize_t __read_chk(int fd, void *buf, size_t len, size_t max)
{
    SimDev *dev;

    sim_ready();
    dev = sim_fd_peek(fd);
    return G_UNLIKELY(dev) ? sim_read(dev, len) :
           sim_real.read_chk(fd, buf, len, max);
}

/*
 * Looks like an IOTLB message on a descriptor that is no known node: only
 * then is it worth asking the kernel.
 */
static bool sim_write_may_adopt(const void *buf, size_t len)
{
    uint32_t type;

    if (len < SIM_IOTLB_MSG_MIN || len > sizeof(struct vhost_msg_v2) || !buf) {
        return false;
    }
    memcpy(&type, buf, sizeof(type));
    return type == VHOST_IOTLB_MSG || type == VHOST_IOTLB_MSG_V2;
}

SIM_PUBLIC ssize_t write(int fd, const void *buf, size_t len)
{
    SimDev *dev;
    ssize_t ret;

    sim_ready();
    dev = sim_fd_peek(fd);
    if (G_LIKELY(!dev)) {
        if (sim_write_may_adopt(buf, len)) {
            dev = sim_fd_get(fd);
        }
        if (!dev) {
            return sim_real.write(fd, buf, len);
        }
    }
    sim_lock(dev);
    ret = sim_iotlb_write(dev, buf, len);
    sim_unlock(dev);
    if (ret < 0) {
        errno = -ret;
        return -1;
    }
    return ret;
}

static void *sim_mmap(SimDev *dev, void *addr, size_t len, int prot, int flags,
                      uint64_t offset)
{
    void *map;

    pthread_mutex_lock(&sim_fds_lock);
    sim_lock(dev);
    map = sim_doorbell_map(dev, addr, len, prot, flags, offset);
    sim_unlock(dev);
    pthread_mutex_unlock(&sim_fds_lock);
    return map;
}

SIM_PUBLIC void *mmap(void *addr, size_t len, int prot, int flags, int fd,
                      off_t offset)
{
    SimDev *dev;

    sim_ready();
    dev = flags & MAP_ANONYMOUS ? NULL : sim_fd_get(fd);
    return dev ? sim_mmap(dev, addr, len, prot, flags, offset) :
           sim_real.mmap(addr, len, prot, flags, fd, offset);
}

SIM_PUBLIC void *mmap64(void *addr, size_t len, int prot, int flags, int fd,
                        off64_t offset)
{
    SimDev *dev;

    sim_ready();
    dev = flags & MAP_ANONYMOUS ? NULL : sim_fd_get(fd);
    return dev ? sim_mmap(dev, addr, len, prot, flags, offset) :
           sim_real.mmap64(addr, len, prot, flags, fd, offset);
}

SIM_PUBLIC int munmap(void *addr, size_t len)
{
    int ret;

    sim_ready();
    ret = sim_real.munmap(addr, len);
    if (!ret && sim_doorbell_any() && sim_fds_pid == getpid()) {
        pthread_mutex_lock(&sim_fds_lock);
        sim_doorbell_unmap(addr, len, sim_maybe_release);
        pthread_mutex_unlock(&sim_fds_lock);
    }
    return ret;
}

/* @to is now a duplicate of @from, and what it was before is closed. */
static void sim_fd_duped(int from, int to)
{
    SimDev *dev, *old;

    if (to < 0 || to == from || sim_fds_pid != getpid()) {
        return;
    }
    pthread_mutex_lock(&sim_fds_lock);
    dev = sim_fd_peek(from);
    old = sim_fd_peek(to);
    if (old) {
        sim_fd_drop(to);
    }
    if (dev && to < SIM_MAX_FDS) {
        sim_fd_take(to, dev);
    }
    if (old) {
        sim_maybe_release(old);
    }
    pthread_mutex_unlock(&sim_fds_lock);
}

static int sim_duped(int from, int to)
{
    if (G_UNLIKELY(sim_fd_peek(from) || sim_fd_peek(to))) {
        sim_fd_duped(from, to);
    }
    return to;
}

SIM_PUBLIC int dup(int fd)
{
    sim_ready();
    return sim_duped(fd, sim_real.dup(fd));
}

SIM_PUBLIC int dup2(int fd, int to)
{
    sim_ready();
    return sim_duped(fd, sim_real.dup2(fd, to));
}

SIM_PUBLIC int dup3(int fd, int to, int flags)
{
    sim_ready();
    return sim_duped(fd, sim_real.dup3(fd, to, flags));
}

#define SIM_FCNTL(name)                                             \
SIM_PUBLIC int name(int fd, int cmd, ...)                           \
{                                                                   \
    va_list ap;                                                     \
    void *arg;                                                      \
    int ret;                                                        \
                                                                    \
    va_start(ap, cmd);                                              \
    arg = va_arg(ap, void *);                                       \
    va_end(ap);                                                     \
    sim_ready();                                                    \
    ret = (sim_real.name ? sim_real.name : sim_real.fcntl)          \
          (fd, cmd, arg);                                           \
    return cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC ?               \
           sim_duped(fd, ret) : ret;                                \
}

SIM_FCNTL(fcntl)
SIM_FCNTL(fcntl64)

/* A fork while another thread holds a lock would leave it held for ever. */
static void sim_fork_prepare(void)
{
    unsigned n;

    pthread_mutex_lock(&sim_fds_lock);
    for (n = 0; n < SIM_MAX_DEVS; n++) {
        SimDev *dev = sim_dev_peek(n);

        if (dev) {
            sim_lock(dev);
        }
    }
}

static void sim_fork_done(void)
{
    unsigned n;

    for (n = 0; n < SIM_MAX_DEVS; n++) {
        SimDev *dev = sim_dev_peek(n);

        if (dev) {
            sim_unlock(dev);
        }
    }
    pthread_mutex_unlock(&sim_fds_lock);
}

static void sim_fork_child(void)
{
    unsigned n;

    sim_fds_pid = getpid();
    for (n = 0; n < SIM_MAX_DEVS; n++) {
        SimDev *dev = sim_dev_peek(n);

        if (dev) {
            dev->waiters = 0;
        }
    }
    sim_fork_done();
}

static void __attribute__((constructor)) sim_init(void)
{
    sim_ready();
    sim_fds_pid = getpid();
    pthread_atfork(sim_fork_prepare, sim_fork_done, sim_fork_child);
    pthread_mutex_lock(&sim_fds_lock);
    sim_dev_scan();
    pthread_mutex_unlock(&sim_fds_lock);
    sim_control_start();
}

static void __attribute__((destructor)) sim_exit(void)
{
    sim_control_stop();
}
