/*
 * vhost-vdpa-sim: conformance, requests to a disk
 *
 * What becomes of good and bad ones, and what the device reaches.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include "conformance-device.h"

#define SECTOR      512
/* Where nothing is mapped */
#define NOWHERE     (MEMORY_IOVA + 8 * MEMORY_SIZE)
/* Where further memory is mapped */
#define ELSEWHERE   (MEMORY_IOVA + 4 * MEMORY_SIZE)

#define HEADER      0
#define DATA        PAGE
#define STATUS      (4 * PAGE)
/* What the status byte is as long as nobody writes it */
#define UNTOUCHED   0xee

static void header(uint32_t type, uint64_t sector)
{
    struct virtio_blk_outhdr *hdr = (void *)buffer(HEADER);

    *hdr = (struct virtio_blk_outhdr) { .type = type, .sector = sector };
}

#define HEADER_BUF  { buffer_iova(HEADER), sizeof(struct virtio_blk_outhdr), \
                      false }
#define STATUS_BUF  { buffer_iova(STATUS), 1, true }

/* Runs a chain, then a good request. */
static char *chain(Device *dev, const Buf *bufs, unsigned n)
{
    Ring *ring = dev->ring;
    uint16_t at = ring_used(ring)->idx;
    g_autofree char *outcome = NULL;
    g_autofree char *next = NULL;
    uint32_t len;
    uint8_t status;

    *buffer(STATUS) = UNTOUCHED;
    ring_add(dev, ring, bufs, n);
    ring_kick(ring);
    outcome = request_outcome(dev);
    len = ring_used(ring)->ring[at % RING_NUM].len;
    status = *buffer(STATUS);
    if (ring_used(ring)->idx == at) {
        return g_strdup_printf("%s, status 0x%02x", outcome, status);
    }
    next = request_run(dev);
    return g_strdup_printf("%s, status 0x%02x, used length %u, "
                           "the next request %s", outcome, status, len,
                           next);
}

static char *command(Device *dev, uint32_t type, uint64_t sector,
                     uint32_t len, bool writable)
{
    const Buf bufs[] = {
        HEADER_BUF,
        { buffer_iova(DATA), len, writable },
        STATUS_BUF,
    };

    device_start(dev);
    header(type, sector);
    return chain(dev, bufs, G_N_ELEMENTS(bufs));
}

static char *command_at(Device *dev, uint32_t type, uint64_t iova,
                        uint32_t len, bool writable)
{
    const Buf bufs[] = { HEADER_BUF, { iova, len, writable }, STATUS_BUF };

    device_start(dev);
    header(type, 0);
    return chain(dev, bufs, G_N_ELEMENTS(bufs));
}

static uint64_t capacity(Device *dev)
{
    uint64_t words[2] = { 0 };
    struct vhost_vdpa_config *config = (void *)words;

    config->len = sizeof(uint64_t);
    call(dev->fd, VHOST_VDPA_GET_CONFIG, config);
    return words[1];
}

static char *read_sector(Device *dev)
{
    return command(dev, VIRTIO_BLK_T_IN, 0, SECTOR, true);
}

static char *read_page(Device *dev)
{
    return command(dev, VIRTIO_BLK_T_IN, 8, PAGE, true);
}

static char *read_nothing(Device *dev)
{
    const Buf bufs[] = { HEADER_BUF, STATUS_BUF };

    device_start(dev);
    header(VIRTIO_BLK_T_IN, 0);
    return chain(dev, bufs, G_N_ELEMENTS(bufs));
}

static char *read_odd(Device *dev)
{
    return command(dev, VIRTIO_BLK_T_IN, 0, 100, true);
}

static char *read_last(Device *dev)
{
    return command(dev, VIRTIO_BLK_T_IN, capacity(dev) - 1, SECTOR, true);
}

static char *read_over_end(Device *dev)
{
    return command(dev, VIRTIO_BLK_T_IN, capacity(dev) - 1, 2 * SECTOR,
                   true);
}

static char *read_beyond_end(Device *dev)
{
    return command(dev, VIRTIO_BLK_T_IN, capacity(dev), SECTOR, true);
}

/* What is written is read back. */
static char *write_and_read(Device *dev)
{
    const Buf out[] = { HEADER_BUF, { buffer_iova(DATA), PAGE, false },
                        STATUS_BUF };
    const Buf in[] = { HEADER_BUF, { buffer_iova(DATA), PAGE, true },
                       STATUS_BUF };
    g_autofree char *wrote = NULL;
    g_autofree char *read = NULL;
    bool equal = true;
    size_t i;

    device_start(dev);
    memset(buffer(DATA), 0x5a, PAGE);
    header(VIRTIO_BLK_T_OUT, 16);
    wrote = chain(dev, out, G_N_ELEMENTS(out));
    memset(buffer(DATA), 0, PAGE);
    header(VIRTIO_BLK_T_IN, 16);
    read = chain(dev, in, G_N_ELEMENTS(in));
    for (i = 0; i < PAGE; i++) {
        equal &= buffer(DATA)[i] == 0x5a;
    }
    return g_strdup_printf("%s; %s; %s", wrote, read,
                           equal ? "equal" : "not equal");
}

static char *write_beyond_end(Device *dev)
{
    return command(dev, VIRTIO_BLK_T_OUT, capacity(dev), SECTOR, false);
}

static char *flush(Device *dev)
{
    const Buf bufs[] = { HEADER_BUF, STATUS_BUF };

    device_start(dev);
    header(VIRTIO_BLK_T_FLUSH, 0);
    return chain(dev, bufs, G_N_ELEMENTS(bufs));
}

static char *flush_sector(Device *dev)
{
    const Buf bufs[] = { HEADER_BUF, STATUS_BUF };

    device_start(dev);
    header(VIRTIO_BLK_T_FLUSH, 1);
    return chain(dev, bufs, G_N_ELEMENTS(bufs));
}

static char *get_id(Device *dev)
{
    return command(dev, VIRTIO_BLK_T_GET_ID, 0, VIRTIO_BLK_ID_BYTES, true);
}

static char *get_id_short(Device *dev)
{
    return command(dev, VIRTIO_BLK_T_GET_ID, 0, 8, true);
}

static char *get_id_long(Device *dev)
{
    return command(dev, VIRTIO_BLK_T_GET_ID, 0, 64, true);
}

static char *unknown(Device *dev)
{
    return command(dev, 99, 0, SECTOR, true);
}

static char *discard_range(Device *dev, uint32_t type, uint64_t sector,
                           uint32_t sectors, uint32_t flags)
{
    struct virtio_blk_discard_write_zeroes *range = (void *)buffer(DATA);

    *range = (struct virtio_blk_discard_write_zeroes) {
        .sector = sector,
        .num_sectors = sectors,
        .flags = flags,
    };
    return command(dev, type, 0, sizeof(*range), false);
}

static char *discard(Device *dev)
{
    return discard_range(dev, VIRTIO_BLK_T_DISCARD, 8, 8, 0);
}

static char *discard_flags(Device *dev)
{
    return discard_range(dev, VIRTIO_BLK_T_DISCARD, 8, 8, 1);
}

static char *discard_beyond_end(Device *dev)
{
    return discard_range(dev, VIRTIO_BLK_T_DISCARD, capacity(dev), 1, 0);
}

static char *discard_short(Device *dev)
{
    return command(dev, VIRTIO_BLK_T_DISCARD, 0, 8, false);
}

static char *write_zeroes(Device *dev)
{
    return discard_range(dev, VIRTIO_BLK_T_WRITE_ZEROES, 8, 8, 0);
}

static char *write_zeroes_unmap(Device *dev)
{
    return discard_range(dev, VIRTIO_BLK_T_WRITE_ZEROES, 8, 8,
                         VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP);
}

static char *write_zeroes_flags(Device *dev)
{
    return discard_range(dev, VIRTIO_BLK_T_WRITE_ZEROES, 8, 8, 2);
}

/* Chains */

static char *status_with_data(Device *dev)
{
    const Buf bufs[] = { HEADER_BUF,
                         { buffer_iova(STATUS) - SECTOR, SECTOR + 1, true } };

    device_start(dev);
    header(VIRTIO_BLK_T_IN, 0);
    return chain(dev, bufs, G_N_ELEMENTS(bufs));
}

static char *header_in_pieces(Device *dev)
{
    const Buf bufs[] = {
        { buffer_iova(HEADER), 3, false },
        { buffer_iova(HEADER) + 3, 13, false },
        { buffer_iova(DATA), SECTOR, true },
        STATUS_BUF,
    };

    device_start(dev);
    header(VIRTIO_BLK_T_IN, 0);
    return chain(dev, bufs, G_N_ELEMENTS(bufs));
}

static char *header_short(Device *dev)
{
    const Buf bufs[] = { { buffer_iova(HEADER), 8, false }, STATUS_BUF };

    device_start(dev);
    header(VIRTIO_BLK_T_FLUSH, 0);
    return chain(dev, bufs, G_N_ELEMENTS(bufs));
}

static char *no_status(Device *dev)
{
    const Buf bufs[] = { HEADER_BUF };

    device_start(dev);
    header(VIRTIO_BLK_T_FLUSH, 0);
    return chain(dev, bufs, G_N_ELEMENTS(bufs));
}

static char *no_header(Device *dev)
{
    const Buf bufs[] = { STATUS_BUF };

    device_start(dev);
    return chain(dev, bufs, G_N_ELEMENTS(bufs));
}

static char *readable_after_writable(Device *dev)
{
    const Buf bufs[] = { HEADER_BUF, STATUS_BUF,
                         { buffer_iova(DATA), SECTOR, false } };

    device_start(dev);
    header(VIRTIO_BLK_T_OUT, 0);
    return chain(dev, bufs, G_N_ELEMENTS(bufs));
}

static char *head_too_large(Device *dev)
{
    struct vring_avail *avail = ring_avail(dev->ring);

    device_start(dev);
    avail->ring[0] = RING_NUM;
    avail->idx = 1;
    ring_kick(dev->ring);
    return request_outcome(dev);
}

static char *next_too_large(Device *dev)
{
    const Buf bufs[] = { HEADER_BUF, STATUS_BUF };

    device_start(dev);
    header(VIRTIO_BLK_T_FLUSH, 0);
    ring_add(dev, dev->ring, bufs, G_N_ELEMENTS(bufs));
    ring_desc(dev->ring)[0].next = RING_NUM;
    ring_kick(dev->ring);
    return request_outcome(dev);
}

static char *descriptor_loop(Device *dev)
{
    const Buf bufs[] = { HEADER_BUF, STATUS_BUF };

    device_start(dev);
    header(VIRTIO_BLK_T_FLUSH, 0);
    ring_add(dev, dev->ring, bufs, G_N_ELEMENTS(bufs));
    ring_desc(dev->ring)[0].next = 0;
    ring_kick(dev->ring);
    return request_outcome(dev);
}

/* What the device reaches */

static char *data_unmapped(Device *dev)
{
    return command_at(dev, VIRTIO_BLK_T_IN, NOWHERE, SECTOR, true);
}

static char *data_unmapped_write(Device *dev)
{
    return command_at(dev, VIRTIO_BLK_T_OUT, NOWHERE, SECTOR, false);
}

static char *data_half_mapped(Device *dev)
{
    return command_at(dev, VIRTIO_BLK_T_IN,
                      MEMORY_IOVA + MEMORY_SIZE - SECTOR, 2 * SECTOR, true);
}

static char *header_unmapped(Device *dev)
{
    const Buf bufs[] = { { NOWHERE, 16, false }, STATUS_BUF };

    device_start(dev);
    return chain(dev, bufs, G_N_ELEMENTS(bufs));
}

static char *status_unmapped(Device *dev)
{
    const Buf bufs[] = { HEADER_BUF, { buffer_iova(DATA), SECTOR, true },
                         { NOWHERE, 1, true } };

    device_start(dev);
    header(VIRTIO_BLK_T_IN, 0);
    return chain(dev, bufs, G_N_ELEMENTS(bufs));
}

/* Data in a page of its own, mapped before or after the start */
static char *data_in(Device *dev, void *page, uint8_t perm, uint32_t type)
{
    iotlb_map(dev->fd, ELSEWHERE, PAGE, page, perm);
    return command_at(dev, type, ELSEWHERE, SECTOR,
                      type == VIRTIO_BLK_T_IN);
}

static char *data_read_only(Device *dev)
{
    return data_in(dev, memory, VHOST_ACCESS_RO, VIRTIO_BLK_T_IN);
}

static char *data_read_only_write(Device *dev)
{
    return data_in(dev, memory, VHOST_ACCESS_RO, VIRTIO_BLK_T_OUT);
}

static char *data_write_only(Device *dev)
{
    return data_in(dev, memory, VHOST_ACCESS_WO, VIRTIO_BLK_T_IN);
}

static char *data_write_only_write(Device *dev)
{
    return data_in(dev, memory, VHOST_ACCESS_WO, VIRTIO_BLK_T_OUT);
}

static char *data_private(Device *dev)
{
    void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *answer;

    memset(page, 0, PAGE);
    answer = data_in(dev, page, VHOST_ACCESS_RW, VIRTIO_BLK_T_IN);
    munmap(page, PAGE);
    return answer;
}

static char *data_moved(Device *dev)
{
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;
    const Buf bufs[] = { HEADER_BUF, { ELSEWHERE, SECTOR, true },
                         STATUS_BUF };

    before = data_in(dev, memory + MiB / 2, VHOST_ACCESS_RW,
                     VIRTIO_BLK_T_IN);
    iotlb_unmap(dev->fd, ELSEWHERE, PAGE);
    header(VIRTIO_BLK_T_IN, 0);
    after = chain(dev, bufs, G_N_ELEMENTS(bufs));
    return g_strdup_printf("%s; unmapped: %s", before, after);
}

static char *data_unaligned(Device *dev)
{
    const Buf bufs[] = { HEADER_BUF, { ELSEWHERE + 0x800, SECTOR, true },
                         STATUS_BUF };

    iotlb_map(dev->fd, ELSEWHERE + 0x800, SECTOR, memory + MiB / 2 + 0x800,
              VHOST_ACCESS_RW);
    device_start(dev);
    header(VIRTIO_BLK_T_IN, 0);
    return chain(dev, bufs, G_N_ELEMENTS(bufs));
}

static char *data_beside_unaligned(Device *dev)
{
    const Buf bufs[] = { HEADER_BUF, { ELSEWHERE, SECTOR, true },
                         STATUS_BUF };

    iotlb_map(dev->fd, ELSEWHERE + 0x800, SECTOR, memory + MiB / 2 + 0x800,
              VHOST_ACCESS_RW);
    device_start(dev);
    header(VIRTIO_BLK_T_IN, 0);
    return chain(dev, bufs, G_N_ELEMENTS(bufs));
}

static char *six_at_once(Device *dev)
{
    g_autofree char *outcome = NULL;
    int i;

    device_start(dev);
    for (i = 0; i < 5; i++) {
        request_add(dev);
    }
    outcome = request_run(dev);
    return g_strdup_printf("%s, base %u", outcome, get_base(dev->fd, 0));
}

static const Question questions[] = {
    { "read of a sector", read_sector },
    { "read of a page", read_page },
    { "read of nothing", read_nothing },
    { "read of 100 bytes", read_odd },
    { "read of the last sector", read_last },
    { "read of the last sector and one more", read_over_end },
    { "read beyond the end", read_beyond_end },
    { "a write, read back", write_and_read },
    { "write beyond the end", write_beyond_end },
    { "FLUSH", flush },
    { "FLUSH with a sector", flush_sector },
    { "GET_ID", get_id },
    { "GET_ID of 8 bytes", get_id_short },
    { "GET_ID of 64 bytes", get_id_long },
    { "an unknown request", unknown },
    { "DISCARD", discard },
    { "DISCARD with a flag", discard_flags },
    { "DISCARD beyond the end", discard_beyond_end },
    { "DISCARD of 8 bytes", discard_short },
    { "WRITE_ZEROES", write_zeroes },
    { "WRITE_ZEROES with UNMAP", write_zeroes_unmap },
    { "WRITE_ZEROES with flag 1", write_zeroes_flags },
    { "data and status in one buffer", status_with_data },
    { "a header in two buffers", header_in_pieces },
    { "a header of 8 bytes", header_short },
    { "a request without status", no_status },
    { "a request without header", no_header },
    { "a readable buffer after a writable one", readable_after_writable },
    { "a head beyond the ring", head_too_large },
    { "a next descriptor beyond the ring", next_too_large },
    { "a chain that loops", descriptor_loop },
    { "read to what is not mapped", data_unmapped },
    { "write from what is not mapped", data_unmapped_write },
    { "read to what is mapped in part", data_half_mapped },
    { "a header that is not mapped", header_unmapped },
    { "a status that is not mapped", status_unmapped },
    { "read to memory mapped read-only", data_read_only },
    { "write from memory mapped read-only", data_read_only_write },
    { "read to memory mapped write-only", data_write_only },
    { "write from memory mapped write-only", data_write_only_write },
    { "read to private memory", data_private },
    { "read to memory that is unmapped then", data_moved },
    { "read to a mapping in the middle of a page", data_unaligned },
    { "read beside a mapping in the middle of a page",
      data_beside_unaligned },
    { "six requests with one kick", six_at_once },
};

void ask_block(void)
{
    if (device_id == VIRTIO_ID_BLOCK) {
        ask_questions(questions, G_N_ELEMENTS(questions));
    }
}
