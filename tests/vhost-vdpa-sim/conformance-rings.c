/*
 * vhost-vdpa-sim: conformance, kicks, interrupts, indices, stopping
 *
 * What does not depend on what the requests are.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include "conformance-device.h"

/* The outcome of what was asked before, and of a kick after that. */
static char *then_a_kick(Device *dev)
{
    g_autofree char *before = request_outcome(dev);
    g_autofree char *after = NULL;

    ring_kick(dev->ring);
    after = request_outcome(dev);
    return g_strdup_printf("%s, after another kick %s", before, after);
}

/* Kicks */

static char *kick(Device *dev)
{
    device_start(dev);
    return request_run(dev);
}

static char *no_kick(Device *dev)
{
    device_start(dev);
    request_add(dev);
    return then_a_kick(dev);
}

static char *kick_before_enable(Device *dev)
{
    rings_set(dev);
    ring_enable(dev, dev->ring, false);
    set_status(dev->fd, S_ALL);
    request_add(dev);
    ring_kick(dev->ring);
    g_free(request_outcome(dev));
    ring_enable(dev, dev->ring, true);
    return then_a_kick(dev);
}

static char *kick_before_driver_ok(Device *dev)
{
    rings_set(dev);
    request_add(dev);
    ring_kick(dev->ring);
    g_free(request_outcome(dev));
    set_status(dev->fd, S_ALL);
    return then_a_kick(dev);
}

static char *kick_fd_again(Device *dev)
{
    g_free(kick_before_driver_ok(dev));
    request_add(dev);
    ring_kick_fd(dev, dev->ring);
    return then_a_kick(dev);
}

static char *kick_fd_duplicate(Device *dev)
{
    int other = dup(dev->ring->kick);
    char *answer;

    device_start(dev);
    g_free(request_run(dev));
    request_add(dev);
    call_file(dev->fd, VHOST_SET_VRING_KICK, dev->ring->index, other);
    answer = then_a_kick(dev);
    close(other);
    return answer;
}

static char *kick_fd_new(Device *dev)
{
    device_start(dev);
    request_add(dev);
    ring_new_kick(dev->ring, 0);
    ring_kick_fd(dev, dev->ring);
    return then_a_kick(dev);
}

static char *kick_fd_signalled(Device *dev)
{
    device_start(dev);
    request_add(dev);
    ring_new_kick(dev->ring, 1);
    ring_kick_fd(dev, dev->ring);
    return request_outcome(dev);
}

static char *kick_fd_unbound(Device *dev)
{
    device_start(dev);
    call_file(dev->fd, VHOST_SET_VRING_KICK, dev->ring->index, -1);
    return request_run(dev);
}

static char *kick_fd_bound_again(Device *dev)
{
    device_start(dev);
    call_file(dev->fd, VHOST_SET_VRING_KICK, dev->ring->index, -1);
    request_add(dev);
    ring_kick(dev->ring);
    ring_kick_fd(dev, dev->ring);
    return request_outcome(dev);
}

static char *kick_fd_closed(Device *dev)
{
    int other = dup(dev->ring->kick);

    device_start(dev);
    close(dev->ring->kick);
    dev->ring->kick = other;
    return request_run(dev);
}

static char *kick_fd_bad(Device *dev)
{
    device_start(dev);
    call_file(dev->fd, VHOST_SET_VRING_KICK, dev->ring->index, 1000);
    return request_run(dev);
}

static char *kick_counter(Device *dev)
{
    eventfd_t count = 0;
    int i;

    device_start(dev);
    for (i = 0; i < 3; i++) {
        g_free(request_run(dev));
    }
    eventfd_read(dev->ring->kick, &count);
    return g_strdup_printf("%u", (unsigned)count);
}

static char *kick_other_ring(Device *dev)
{
    device_start(dev);
    request_add(dev);
    ring_kick(&dev->rings[0]);
    return request_outcome(dev);
}

/* Enabling */

static char *enable_late(Device *dev)
{
    rings_set(dev);
    ring_enable(dev, dev->ring, false);
    set_status(dev->fd, S_ALL);
    ring_enable(dev, dev->ring, true);
    return request_run(dev);
}

static char *disabled(Device *dev)
{
    device_start(dev);
    g_free(request_run(dev));
    ring_enable(dev, dev->ring, false);
    return request_run(dev);
}

static char *disabled_and_enabled(Device *dev)
{
    g_autofree char *outcome = NULL;

    device_start(dev);
    g_free(request_run(dev));
    ring_enable(dev, dev->ring, false);
    ring_enable(dev, dev->ring, true);
    outcome = request_run(dev);
    return g_strdup_printf("%s, base %u, used %u", outcome,
                           get_base(dev->fd, dev->ring->index),
                           ring_used(dev->ring)->idx);
}

static char *enabled_again(Device *dev)
{
    device_start(dev);
    g_free(request_run(dev));
    ring_enable(dev, dev->ring, true);
    return request_run(dev);
}

static char *no_features_ok(Device *dev)
{
    set_status(dev->fd, 0);
    set_status(dev->fd, S_DRIVER);
    iotlb_unmap(dev->fd, MEMORY_IOVA, MEMORY_SIZE);
    map_memory(dev->fd, 0);
    rings_set(dev);
    set_status(dev->fd, S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK);
    return request_run(dev);
}

static char *needs_reset_written(Device *dev)
{
    device_start(dev);
    set_status(dev->fd, S_ALL | VIRTIO_CONFIG_S_NEEDS_RESET);
    return request_run(dev);
}

static char *failed_written(Device *dev)
{
    device_start(dev);
    set_status(dev->fd, S_ALL | VIRTIO_CONFIG_S_FAILED);
    return request_run(dev);
}

/* Moving a ring that runs */

static char *num_while_running(Device *dev)
{
    device_start(dev);
    call_state(dev->fd, VHOST_SET_VRING_NUM, dev->ring->index, 2);
    g_free(request_run(dev));
    g_free(request_run(dev));
    return request_run(dev);
}

static char *addr_while_running(Device *dev)
{
    device_start(dev);
    dev->ring->at = MiB / 2;
    ring_addr(dev, dev->ring);
    dev->ring->at = dev->ring->index * 4 * PAGE;
    return request_run(dev);
}

static char *base_while_running(Device *dev)
{
    device_start(dev);
    g_free(request_run(dev));
    call_state(dev->fd, VHOST_SET_VRING_BASE, dev->ring->index, 0);
    request_add(dev);
    ring_kick(dev->ring);
    ring_completes(dev->ring);
    return g_strdup_printf("base %u", get_base(dev->fd, dev->ring->index));
}

/* Interrupts */

static char *no_call_fd(Device *dev)
{
    rings_set(dev);
    call_file(dev->fd, VHOST_SET_VRING_CALL, dev->ring->index, -1);
    set_status(dev->fd, S_ALL);
    return request_run(dev);
}

static char *call_fd_late(Device *dev)
{
    g_free(no_call_fd(dev));
    ring_call(dev, dev->ring);
    return request_run(dev);
}

static char *call_fd_new(Device *dev)
{
    device_start(dev);
    g_free(request_run(dev));
    ring_new_call(dev->ring);
    ring_call(dev, dev->ring);
    return request_run(dev);
}

static char *call_fd_bad(Device *dev)
{
    device_start(dev);
    call_file(dev->fd, VHOST_SET_VRING_CALL, dev->ring->index, 1000);
    return request_run(dev);
}

static char *no_interrupt_wanted(Device *dev)
{
    device_start(dev);
    ring_avail(dev->ring)->flags = VRING_AVAIL_F_NO_INTERRUPT;
    return request_run(dev);
}

/* Indices */

static char *base_after_requests(Device *dev)
{
    int i;

    device_start(dev);
    for (i = 0; i < 3; i++) {
        g_free(request_run(dev));
    }
    return g_strdup_printf("%u", get_base(dev->fd, dev->ring->index));
}

static char *base_after_reset(Device *dev)
{
    device_start(dev);
    g_free(request_run(dev));
    set_status(dev->fd, 0);
    return g_strdup_printf("%u", get_base(dev->fd, dev->ring->index));
}

static char *base_after_disable(Device *dev)
{
    device_start(dev);
    g_free(request_run(dev));
    ring_enable(dev, dev->ring, false);
    return g_strdup_printf("%u", get_base(dev->fd, dev->ring->index));
}

/* The ring goes on at 5 although it was used up to 3 only. */
static char *base_ahead_of_used(Device *dev)
{
    rings_set(dev);
    ring_enable(dev, dev->ring, false);
    call_state(dev->fd, VHOST_SET_VRING_BASE, dev->ring->index, 5);
    ring_enable(dev, dev->ring, true);
    set_status(dev->fd, S_ALL);
    ring_avail(dev->ring)->idx = 5;
    ring_used(dev->ring)->idx = 3;
    g_free(request_run(dev));
    return g_strdup_printf("base %u, used %u",
                           get_base(dev->fd, dev->ring->index),
                           ring_used(dev->ring)->idx);
}

static char *base_after_enable(Device *dev)
{
    rings_set(dev);
    call_state(dev->fd, VHOST_SET_VRING_BASE, dev->ring->index, 5);
    set_status(dev->fd, S_ALL);
    ring_avail(dev->ring)->idx = 5;
    g_free(request_run(dev));
    return g_strdup_printf("base %u, used %u",
                           get_base(dev->fd, dev->ring->index),
                           ring_used(dev->ring)->idx);
}

static char *index_wraps(Device *dev)
{
    rings_set(dev);
    ring_enable(dev, dev->ring, false);
    call_state(dev->fd, VHOST_SET_VRING_BASE, dev->ring->index, 65535);
    ring_enable(dev, dev->ring, true);
    set_status(dev->fd, S_ALL);
    ring_avail(dev->ring)->idx = 65535;
    g_free(request_run(dev));
    return g_strdup_printf("base %u, used %u",
                           get_base(dev->fd, dev->ring->index),
                           ring_used(dev->ring)->idx);
}

/* SUSPEND and RESUME */

static char *suspend(Device *dev)
{
    g_autofree char *outcome = NULL;
    int ret;

    device_start(dev);
    g_free(request_run(dev));
    ret = call(dev->fd, VHOST_VDPA_SUSPEND, NULL);
    outcome = request_run(dev);
    return g_strdup_printf("%s, %s, base %u, status 0x%02x",
                           ret ? "refused" : "done", outcome,
                           get_base(dev->fd, dev->ring->index),
                           get_status(dev->fd));
}

static char *suspend_twice(Device *dev)
{
    device_start(dev);
    call(dev->fd, VHOST_VDPA_SUSPEND, NULL);
    return g_strdup(result_name(call(dev->fd, VHOST_VDPA_SUSPEND, NULL)));
}

static char *resume(Device *dev)
{
    device_start(dev);
    call(dev->fd, VHOST_VDPA_SUSPEND, NULL);
    g_free(request_run(dev));
    call(dev->fd, VHOST_VDPA_RESUME, NULL);
    return then_a_kick(dev);
}

static char *resume_without_kick(Device *dev)
{
    device_start(dev);
    call(dev->fd, VHOST_VDPA_SUSPEND, NULL);
    request_add(dev);
    call(dev->fd, VHOST_VDPA_RESUME, NULL);
    return then_a_kick(dev);
}

static char *resume_twice(Device *dev)
{
    device_start(dev);
    call(dev->fd, VHOST_VDPA_SUSPEND, NULL);
    g_free(request_run(dev));
    call(dev->fd, VHOST_VDPA_RESUME, NULL);
    g_free(request_outcome(dev));
    request_add(dev);
    call(dev->fd, VHOST_VDPA_RESUME, NULL);
    return then_a_kick(dev);
}

static char *resume_running(Device *dev)
{
    device_start(dev);
    request_add(dev);
    call(dev->fd, VHOST_VDPA_RESUME, NULL);
    return then_a_kick(dev);
}

static char *suspend_before_driver_ok(Device *dev)
{
    rings_set(dev);
    call(dev->fd, VHOST_VDPA_SUSPEND, NULL);
    set_status(dev->fd, S_ALL);
    return request_run(dev);
}

static char *status_while_suspended(Device *dev)
{
    device_start(dev);
    call(dev->fd, VHOST_VDPA_SUSPEND, NULL);
    g_free(request_run(dev));
    set_status(dev->fd, S_ALL);
    return then_a_kick(dev);
}

static char *base_while_suspended(Device *dev)
{
    int ret;

    device_start(dev);
    g_free(request_run(dev));
    call(dev->fd, VHOST_VDPA_SUSPEND, NULL);
    ret = call_state(dev->fd, VHOST_SET_VRING_BASE, dev->ring->index, 0);
    return g_strdup_printf("%s, base %u", result_name(ret),
                           get_base(dev->fd, dev->ring->index));
}

static char *enable_while_suspended(Device *dev)
{
    rings_set(dev);
    ring_enable(dev, dev->ring, false);
    set_status(dev->fd, S_ALL);
    call(dev->fd, VHOST_VDPA_SUSPEND, NULL);
    ring_enable(dev, dev->ring, true);
    g_free(request_run(dev));
    call(dev->fd, VHOST_VDPA_RESUME, NULL);
    return then_a_kick(dev);
}

static char *reset_while_suspended(Device *dev)
{
    device_start(dev);
    call(dev->fd, VHOST_VDPA_SUSPEND, NULL);
    set_status(dev->fd, 0);
    negotiate(dev->fd);
    iotlb_unmap(dev->fd, MEMORY_IOVA, MEMORY_SIZE);
    map_memory(dev->fd, 0);
    device_start(dev);
    return request_run(dev);
}

static char *suspended_over_close(Device *dev)
{
    device_start(dev);
    call(dev->fd, VHOST_VDPA_SUSPEND, NULL);
    close(dev->fd);
    dev->fd = node_open_owned();
    negotiate(dev->fd);
    map_memory(dev->fd, 0);
    device_start(dev);
    return request_run(dev);
}

/* What a reset leaves */

/* A reset; after it all is said again that the uAPI wants to be said. */
static void reset(Device *dev)
{
    device_start(dev);
    g_free(request_run(dev));
    memset(memory, 0, BUFFERS);
    dev->ring->head = 0;
    negotiate(dev->fd);
}

static void map_again(Device *dev)
{
    iotlb_unmap(dev->fd, MEMORY_IOVA, MEMORY_SIZE);
    map_memory(dev->fd, 0);
}

static char *reset_and_again(Device *dev)
{
    reset(dev);
    map_again(dev);
    device_start(dev);
    return request_run(dev);
}

static char *reset_without_call(Device *dev)
{
    reset(dev);
    map_again(dev);
    rings_set(dev);
    set_status(dev->fd, 0);
    negotiate(dev->fd);
    map_again(dev);
    call_state(dev->fd, VHOST_SET_VRING_NUM, dev->ring->index, RING_NUM);
    ring_addr(dev, dev->ring);
    ring_addr(dev, &dev->rings[0]);
    ring_enable(dev, &dev->rings[0], true);
    ring_enable(dev, dev->ring, true);
    set_status(dev->fd, S_ALL);
    return request_run(dev);
}

static char *reset_without_num(Device *dev)
{
    reset(dev);
    map_again(dev);
    ring_addr(dev, dev->ring);
    ring_addr(dev, &dev->rings[0]);
    ring_call(dev, dev->ring);
    ring_enable(dev, &dev->rings[0], true);
    ring_enable(dev, dev->ring, true);
    set_status(dev->fd, S_ALL);
    return request_run(dev);
}

static char *reset_without_addr(Device *dev)
{
    reset(dev);
    map_again(dev);
    ring_call(dev, dev->ring);
    ring_enable(dev, &dev->rings[0], true);
    ring_enable(dev, dev->ring, true);
    set_status(dev->fd, S_ALL);
    return request_run(dev);
}

static char *reset_without_enable(Device *dev)
{
    reset(dev);
    map_again(dev);
    ring_addr(dev, dev->ring);
    ring_call(dev, dev->ring);
    set_status(dev->fd, S_ALL);
    return request_run(dev);
}

static char *reset_mapping(Device *dev)
{
    reset(dev);
    device_start(dev);
    return request_run(dev);
}

static char *reset_empty_batch(Device *dev)
{
    reset(dev);
    iotlb(dev->fd, 0, VHOST_IOTLB_BATCH_BEGIN, 0, 0, NULL, 0);
    iotlb(dev->fd, 0, VHOST_IOTLB_BATCH_END, 0, 0, NULL, 0);
    device_start(dev);
    return request_run(dev);
}

static char *reset_other_mapping(Device *dev)
{
    reset(dev);
    iotlb_map(dev->fd, 0, PAGE, memory, VHOST_ACCESS_RW);
    device_start(dev);
    return request_run(dev);
}

static char *reset_other_unmapping(Device *dev)
{
    reset(dev);
    iotlb_unmap(dev->fd, 0, PAGE);
    device_start(dev);
    return request_run(dev);
}

static char *reset_persist(Device *dev)
{
    int ret = call_u64(dev->fd, VHOST_SET_BACKEND_FEATURES,
                       dev->backend_features |
                       1ull << VHOST_BACKEND_F_IOTLB_PERSIST);
    g_autofree char *outcome = NULL;

    reset(dev);
    device_start(dev);
    outcome = request_run(dev);
    return g_strdup_printf("%s, %s", ret ? "refused" : "acked", outcome);
}

/* Mapping */

static char *map_late(Device *dev)
{
    iotlb_unmap(dev->fd, MEMORY_IOVA, MEMORY_SIZE);
    device_start(dev);
    g_free(request_run(dev));
    map_memory(dev->fd, 0);
    return then_a_kick(dev);
}

static char *map_in_open_batch(Device *dev)
{
    iotlb_unmap(dev->fd, MEMORY_IOVA, MEMORY_SIZE);
    iotlb(dev->fd, 0, VHOST_IOTLB_BATCH_BEGIN, 0, 0, NULL, 0);
    map_memory(dev->fd, 0);
    device_start(dev);
    return request_run(dev);
}

static char *map_in_batch(Device *dev)
{
    g_free(map_in_open_batch(dev));
    iotlb(dev->fd, 0, VHOST_IOTLB_BATCH_END, 0, 0, NULL, 0);
    return then_a_kick(dev);
}

static char *map_batch_over_reset(Device *dev)
{
    iotlb_unmap(dev->fd, MEMORY_IOVA, MEMORY_SIZE);
    iotlb(dev->fd, 0, VHOST_IOTLB_BATCH_BEGIN, 0, 0, NULL, 0);
    negotiate(dev->fd);
    map_memory(dev->fd, 0);
    device_start(dev);
    g_free(request_run(dev));
    iotlb(dev->fd, 0, VHOST_IOTLB_BATCH_END, 0, 0, NULL, 0);
    return then_a_kick(dev);
}

static char *unmap_in_open_batch(Device *dev)
{
    device_start(dev);
    iotlb(dev->fd, 0, VHOST_IOTLB_BATCH_BEGIN, 0, 0, NULL, 0);
    iotlb_unmap(dev->fd, MEMORY_IOVA, MEMORY_SIZE);
    return request_run(dev);
}

static char *unmap(Device *dev)
{
    device_start(dev);
    iotlb_unmap(dev->fd, MEMORY_IOVA, MEMORY_SIZE);
    return request_run(dev);
}

static char *unmap_a_page(Device *dev)
{
    device_start(dev);
    iotlb_unmap(dev->fd, MEMORY_IOVA + MEMORY_SIZE - PAGE, PAGE);
    return request_run(dev);
}

static char *ring_read_only(Device *dev)
{
    iotlb_unmap(dev->fd, MEMORY_IOVA, MEMORY_SIZE);
    iotlb_map(dev->fd, MEMORY_IOVA, MEMORY_SIZE, memory, VHOST_ACCESS_RO);
    device_start(dev);
    return request_run(dev);
}

static char *ring_write_only(Device *dev)
{
    iotlb_unmap(dev->fd, MEMORY_IOVA, MEMORY_SIZE);
    iotlb_map(dev->fd, MEMORY_IOVA, MEMORY_SIZE, memory, VHOST_ACCESS_WO);
    device_start(dev);
    return request_run(dev);
}

/* Closing */

static char *close_while_running(Device *dev)
{
    device_start(dev);
    request_add(dev);
    close(dev->fd);
    ring_kick(dev->ring);
    ring_completes(dev->ring);
    dev->fd = node_open_owned();
    return g_strdup_printf("used %u, status 0x%02x",
                           ring_used(dev->ring)->idx, get_status(dev->fd));
}

static char *close_forgets_kick(Device *dev)
{
    device_start(dev);
    close(dev->fd);
    dev->fd = node_open_owned();
    negotiate(dev->fd);
    map_memory(dev->fd, 0);
    call_state(dev->fd, VHOST_SET_VRING_NUM, dev->ring->index, RING_NUM);
    ring_addr(dev, dev->ring);
    ring_addr(dev, &dev->rings[0]);
    ring_call(dev, dev->ring);
    ring_enable(dev, &dev->rings[0], true);
    ring_enable(dev, dev->ring, true);
    set_status(dev->fd, S_ALL);
    return request_run(dev);
}

static const Question questions[] = {
    { "a request with a kick", kick },
    { "a request without kick", no_kick },
    { "a kick before ENABLE, then ENABLE", kick_before_enable },
    { "a kick before DRIVER_OK, then DRIVER_OK", kick_before_driver_ok },
    { "the same signalled kick fd set again", kick_fd_again },
    { "a duplicate of the signalled kick fd set", kick_fd_duplicate },
    { "a new kick fd set, not signalled", kick_fd_new },
    { "a new kick fd set, signalled", kick_fd_signalled },
    { "a kick, the fd unbound", kick_fd_unbound },
    { "a kick while the fd is unbound, then bound", kick_fd_bound_again },
    { "a kick by a duplicate, the fd closed", kick_fd_closed },
    { "a kick after SET_VRING_KICK failed", kick_fd_bad },
    { "the kick fd's counter after three requests", kick_counter },
    { "a kick of ring 0", kick_other_ring },
    { "ENABLE after DRIVER_OK", enable_late },
    { "ENABLE 0", disabled },
    { "ENABLE 0, then 1", disabled_and_enabled },
    { "ENABLE 1 twice", enabled_again },
    { "DRIVER_OK without features", no_features_ok },
    { "NEEDS_RESET written", needs_reset_written },
    { "FAILED written", failed_written },
    { "SET_VRING_NUM 2 while it runs, the third request",
      num_while_running },
    { "SET_VRING_ADDR while it runs", addr_while_running },
    { "SET_VRING_BASE 0 while it runs, after two requests",
      base_while_running },
    { "no call fd", no_call_fd },
    { "the call fd set after DRIVER_OK", call_fd_late },
    { "another call fd while it runs", call_fd_new },
    { "interrupt after SET_VRING_CALL failed", call_fd_bad },
    { "NO_INTERRUPT", no_interrupt_wanted },
    { "base after three requests", base_after_requests },
    { "base after a reset", base_after_reset },
    { "base after ENABLE 0", base_after_disable },
    { "base 5 and used 3, after one request", base_ahead_of_used },
    { "base 5 set after ENABLE, after one request", base_after_enable },
    { "base 65535, after one request", index_wraps },
    { "SUSPEND, then a request", suspend },
    { "SUSPEND twice", suspend_twice },
    { "SUSPEND, a kick, RESUME", resume },
    { "SUSPEND, a request without kick, RESUME", resume_without_kick },
    { "SUSPEND, a kick, RESUME, a request without kick, RESUME",
      resume_twice },
    { "a request without kick, RESUME", resume_running },
    { "SUSPEND before DRIVER_OK", suspend_before_driver_ok },
    { "SUSPEND, a kick, SET_STATUS as it was", status_while_suspended },
    { "SUSPEND, SET_VRING_BASE 0", base_while_suspended },
    { "SUSPEND, ENABLE, a kick, RESUME", enable_while_suspended },
    { "SUSPEND, a reset, a new start", reset_while_suspended },
    { "SUSPEND, close, a new start", suspended_over_close },
    { "a reset, a new start", reset_and_again },
    { "a reset, a new start without CALL and KICK", reset_without_call },
    { "a reset, a new start without NUM", reset_without_num },
    { "a reset, a new start without ADDR", reset_without_addr },
    { "a reset, a new start without ENABLE", reset_without_enable },
    { "a reset, nothing mapped again", reset_mapping },
    { "a reset, an empty batch", reset_empty_batch },
    { "a reset, other memory mapped", reset_other_mapping },
    { "a reset, other memory unmapped", reset_other_unmapping },
    { "a reset with PERSIST, nothing mapped again", reset_persist },
    { "memory mapped while it runs", map_late },
    { "memory mapped in a batch that is open", map_in_open_batch },
    { "memory mapped in a batch that ended", map_in_batch },
    { "memory mapped in a batch begun before a reset and ended",
      map_batch_over_reset },
    { "memory unmapped in a batch that is open", unmap_in_open_batch },
    { "memory unmapped while it runs", unmap },
    { "a page of the mapping unmapped while it runs", unmap_a_page },
    { "the ring mapped read-only", ring_read_only },
    { "the ring mapped write-only", ring_write_only },
    { "close while it runs, then a kick", close_while_running },
    { "close, a new start without KICK", close_forgets_kick },
};

void ask_rings(void)
{
    ask_questions(questions, G_N_ELEMENTS(questions));
}
