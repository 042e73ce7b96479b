/*
 * vhost-vdpa-sim: a device's thread
 *
 * It waits for kicks and serves the rings under the device's lock.  A call that
 * holds the lock (SUSPEND, a reset) is a barrier for it.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include "sim.h"

#define SIM_WAKE        UINT32_MAX
#define SIM_EVENTS      64

static void sim_worker_event(SimDev *dev, uint64_t data)
{
    uint32_t index = data, gen = data >> 32;
    uint64_t count;

    if (index == SIM_WAKE) {
        if (sim_real.read(dev->wake_fd, &count, sizeof(count)) < 0) {
            return;
        }
    } else if (index < dev->nrings && dev->rings[index].kick_fd >= 0 &&
               dev->rings[index].kick_gen == gen) {
        dev->kicks++;
        sim_ring_kick(dev, &dev->rings[index]);
    }
}

/*
 * Waits for events, at most that many microseconds (-1: for ever); epoll_wait()
 * itself knows milliseconds only.
 */
static int sim_worker_wait(SimDev *dev, struct epoll_event *events,
                           int64_t usec)
{
    struct pollfd pfd = { .fd = dev->epoll_fd, .events = POLLIN };
    struct timespec timeout = {
        .tv_sec = usec / G_USEC_PER_SEC,
        .tv_nsec = usec % G_USEC_PER_SEC * 1000,
    };

    if (usec > 0) {
        ppoll(&pfd, 1, &timeout, NULL);
        usec = 0;
    }
    return epoll_wait(dev->epoll_fd, events, SIM_EVENTS, usec);
}

static void *sim_worker(void *opaque)
{
    SimDev *dev = opaque;
    struct epoll_event events[SIM_EVENTS];
    int64_t timeout = -1;

    pthread_setname_np(pthread_self(), "vhost-vdpa-sim");
    for (;;) {
        bool more = false;
        unsigned r;
        int i, n;

        n = sim_worker_wait(dev, events, timeout);
        if (n < 0 && errno != EINTR) {
            sim_complain("node %u: epoll_wait: %s", dev->number,
                         g_strerror(errno));
            return NULL;
        }
        /* The lock is not fair: let calls of the program go first. */
        while (__atomic_load_n(&dev->waiters, __ATOMIC_SEQ_CST)) {
            sched_yield();
        }
        pthread_mutex_lock(&dev->lock);
        for (i = 0; i < n; i++) {
            sim_worker_event(dev, events[i].data.u64);
        }
        if (sim_doorbell_rings(dev)) {
            sim_doorbell_scan(dev);
        }
        for (r = 0; r < dev->nrings; r++) {
            more |= sim_ring_run(dev, &dev->rings[r]);
        }
        timeout = more ? 0 : sim_doorbell_rings(dev) ?
                  (int64_t)dev->conf.doorbell_period : -1;
        pthread_mutex_unlock(&dev->lock);
    }
}

static int sim_worker_watch(SimDev *dev, int fd, uint32_t index, uint32_t gen)
{
    struct epoll_event event = {
        .events = EPOLLIN,
        .data.u64 = (uint64_t)gen << 32 | index,
    };

    /*
     * The kernel reads no kick: each write is an edge.  A signalled eventfd
     * fires when it is added.
     */
    if (index != SIM_WAKE) {
        event.events |= EPOLLET;
    }
    return epoll_ctl(dev->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ?
           -errno : 0;
}

static void sim_worker_forget(SimDev *dev)
{
    if (dev->epoll_fd >= 0) {
        sim_real.close(dev->epoll_fd);
        dev->epoll_fd = -1;
    }
    if (dev->wake_fd >= 0) {
        sim_real.close(dev->wake_fd);
        dev->wake_fd = -1;
    }
}

/* A descriptor of the simulator's own, moved out of the way. */
static int sim_own_fd(int fd)
{
    int own;

    if (fd < 0) {
        return -errno;
    }
    own = sim_dup(fd);
    sim_real.close(fd);
    return own;
}

int sim_worker_start(SimDev *dev)
{
    int ret;

    if (dev->worker_pid == getpid()) {
        return 0;
    }
    /* After a fork these are the parent's; the thread did not come along. */
    sim_worker_forget(dev);
    sim_doorbell_drop(dev);
    dev->epoll_fd = sim_own_fd(epoll_create1(EPOLL_CLOEXEC));
    if (dev->epoll_fd < 0) {
        return dev->epoll_fd;
    }
    ret = sim_own_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (ret >= 0) {
        dev->wake_fd = ret;
        ret = sim_worker_watch(dev, dev->wake_fd, SIM_WAKE, 0);
    }
    if (ret >= 0) {
        ret = sim_thread(sim_worker, dev);
    }
    if (ret < 0) {
        sim_worker_forget(dev);
        return ret;
    }
    dev->worker_pid = getpid();
    return 0;
}

void sim_worker_wake(SimDev *dev)
{
    uint64_t one = 1;

    if (dev->worker_pid == getpid() &&
        sim_real.write(dev->wake_fd, &one, sizeof(one)) < 0) {
        sim_complain("node %u: wake: %s", dev->number, g_strerror(errno));
    }
}

int sim_kick_set(SimDev *dev, SimRing *ring, int fd, uint64_t id)
{
    bool ours = dev->worker_pid == getpid();
    int ret = 0;

    if (fd >= 0 && ring->kick_fd >= 0 && ring->kick_id == id) {
        sim_real.close(fd);
        return 0;
    }
    if (ring->kick_fd >= 0) {
        if (ours) {
            epoll_ctl(dev->epoll_fd, EPOLL_CTL_DEL, ring->kick_fd, NULL);
        }
        sim_real.close(ring->kick_fd);
        ring->kick_fd = -1;
    }
    if (fd >= 0) {
        ring->kick_gen = ++dev->next_gen;
        ring->kick_id = id;
        ring->kick_fd = fd;
        if (ours) {
            ret = sim_worker_watch(dev, fd, ring->index, ring->kick_gen);
        }
    }
    return ret;
}
