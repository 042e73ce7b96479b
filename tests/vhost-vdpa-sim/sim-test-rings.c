/*
 * vhost-vdpa-sim: tests of the rings
 *
 * Requests that really run, through the IOTLB, by every way to kick.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_net.h>
#include "sim-test.h"

#define GENERIC     "type=generic,id=99,config-size=8,features=0x77f000000"
#define F_PACKED    BIT(VIRTIO_F_RING_PACKED)
#define F_INDIRECT  BIT(VIRTIO_RING_F_INDIRECT_DESC)
#define F_EVENT_IDX BIT(VIRTIO_RING_F_EVENT_IDX)

/* Where things are in the guest's memory. */
#define RING0       0x00000
#define RING1       0x08000
#define RING2       0x10000
#define DATA        0x20000
#define HEADER      0x40000
#define STATUS      0x41000
#define TABLE       0x42000

typedef struct Rig {
    Guest guest;
    int fd;
    Vq vq;
} Rig;

static uint8_t *at(Rig *rig, uint64_t offset)
{
    return rig->guest.base + offset;
}

/* One ring, running. */
static void rig_prepare(Rig *rig, const char *conf, uint64_t features,
                        uint16_t num)
{
    guest_init(&rig->guest);
    rig->fd = node_open_owned(conf);
    guest_map(&rig->guest, rig->fd, 0);
    device_init(rig->fd, features);
    if (!strstr(conf, "vp_vdpa")) {
        /* As the kernel does at reset, vdpa_sim has none of it any more. */
        iotlb(rig->fd, 0, VHOST_IOTLB_BATCH_BEGIN, 0, 0, NULL, 0);
        iotlb(rig->fd, 0, VHOST_IOTLB_BATCH_END, 0, 0, NULL, 0);
    }
    vq_init(&rig->vq, rig->fd, &rig->guest, 0, num, RING0,
            features & F_PACKED);
}

static void rig_start(Rig *rig, const char *conf, uint64_t features,
                      uint16_t num)
{
    rig_prepare(rig, conf, features, num);
    g_assert_cmpint(set_status(rig->fd, S_OK), ==, 0);
}

static void rig_stop(Rig *rig)
{
    close(rig->fd);
    vq_free(&rig->vq);
    guest_free(&rig->guest);
}

/* One writable buffer of @len bytes at DATA. */
static void add_buffer(Rig *rig, uint16_t head, uint32_t len)
{
    Buf buf = { GUEST_IOVA + DATA, len, true };

    memset(at(rig, DATA), 0, len);
    vq_add(&rig->vq, head, &buf, 1);
}

static void assert_filled(Rig *rig, uint32_t len)
{
    uint32_t i;

    for (i = 0; i < len; i++) {
        g_assert_cmphex(at(rig, DATA)[i], ==, 0xa5);
    }
    g_assert_cmphex(at(rig, DATA)[len], ==, 0);
}

static uint8_t block_request(Rig *rig, uint32_t type, uint64_t sector,
                             uint32_t len, bool in)
{
    struct virtio_blk_outhdr *hdr = (void *)at(rig, HEADER);
    uint16_t done = vq_used_idx(&rig->vq);
    Buf bufs[] = {
        { GUEST_IOVA + HEADER, sizeof(*hdr), false },
        { GUEST_IOVA + DATA, len, in },
        { GUEST_IOVA + STATUS, 1, true },
    };

    *hdr = (struct virtio_blk_outhdr) { .type = type, .sector = sector };
    *at(rig, STATUS) = 0xff;
    if (!len) {
        bufs[1] = bufs[2];
    }
    vq_add(&rig->vq, 0, bufs, len ? 3 : 2);
    vq_kick(&rig->vq);
    g_assert_true(vq_wait(&rig->vq));
    g_assert_cmpint(vq_used_idx(&rig->vq), ==, (uint16_t)(done + 1));
    g_assert_cmpint(vq_used(&rig->vq, done).len, ==,
                    1 + (in && *at(rig, STATUS) == VIRTIO_BLK_S_OK ? len : 0));
    return *at(rig, STATUS);
}

static void test_block_data(void)
{
    Rig rig;

    rig_start(&rig, "type=block,size=1M", F_BASIC, 16);
    memset(at(&rig, DATA), 0x5a, 1024);
    g_assert_cmpint(block_request(&rig, VIRTIO_BLK_T_OUT, 3, 1024, false), ==,
                    VIRTIO_BLK_S_OK);
    memset(at(&rig, DATA), 0, 4096);
    g_assert_cmpint(block_request(&rig, VIRTIO_BLK_T_IN, 2, 2048, true), ==,
                    VIRTIO_BLK_S_OK);
    g_assert_cmphex(at(&rig, DATA)[511], ==, 0);
    g_assert_cmphex(at(&rig, DATA)[512], ==, 0x5a);
    g_assert_cmphex(at(&rig, DATA)[1535], ==, 0x5a);
    g_assert_cmphex(at(&rig, DATA)[1536], ==, 0);
    g_assert_cmpint(get_base(rig.fd, 0), ==, 2);
    g_assert_cmpint(state("requests"), ==, 2);
    rig_stop(&rig);
}

static void test_block_file(void)
{
    g_autofree char *path = NULL;
    g_autofree char *conf = NULL;
    int fd = g_file_open_tmp("vdpa-sim-XXXXXX", &path, NULL);
    char text[4];
    Rig rig;

    g_assert_cmpint(ftruncate(fd, 4096), ==, 0);
    conf = g_strdup_printf("type=block,file=%s", path);
    rig_start(&rig, conf, F_BASIC, 16);
    memset(at(&rig, DATA), 'x', 512);
    g_assert_cmpint(block_request(&rig, VIRTIO_BLK_T_OUT, 7, 512, false), ==,
                    VIRTIO_BLK_S_OK);
    g_assert_cmpint(block_request(&rig, VIRTIO_BLK_T_FLUSH, 0, 0, false), ==,
                    VIRTIO_BLK_S_OK);
    g_assert_cmpint(pread(fd, text, 4, 7 * 512), ==, 4);
    g_assert_cmpint(memcmp(text, "xxxx", 4), ==, 0);
    rig_stop(&rig);
    close(fd);
    unlink(path);
}

static void test_block_end(void)
{
    Rig rig;

    rig_start(&rig, "type=block,size=1M", F_BASIC, 16);
    g_assert_cmpint(block_request(&rig, VIRTIO_BLK_T_IN, 2047, 512, true), ==,
                    VIRTIO_BLK_S_OK);
    g_assert_cmpint(block_request(&rig, VIRTIO_BLK_T_IN, 2047, 1024, true),
                    ==, VIRTIO_BLK_S_IOERR);
    rig_stop(&rig);
}

static void test_block_others(void)
{
    Rig rig;

    rig_start(&rig, "type=block,size=1M", F_BASIC, 16);
    g_assert_cmpint(block_request(&rig, VIRTIO_BLK_T_OUT, 2048, 512, false),
                    ==, VIRTIO_BLK_S_IOERR);
    g_assert_cmpint(block_request(&rig, VIRTIO_BLK_T_OUT, UINT64_MAX, 512,
                                  false), ==, VIRTIO_BLK_S_IOERR);
    memset(at(&rig, DATA), 0, 16);
    g_assert_cmpint(block_request(&rig, VIRTIO_BLK_T_DISCARD, 0, 16, false),
                    ==, VIRTIO_BLK_S_OK);
    *at(&rig, DATA + 12) = 2;
    g_assert_cmpint(block_request(&rig, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16,
                                  false), ==, VIRTIO_BLK_S_UNSUPP);
    g_assert_cmpint(block_request(&rig, VIRTIO_BLK_T_DISCARD, 0, 8, false),
                    ==, VIRTIO_BLK_S_IOERR);
    g_assert_cmpint(block_request(&rig, VIRTIO_BLK_T_FLUSH, 1, 0, false), ==,
                    VIRTIO_BLK_S_IOERR);
    g_assert_cmpint(block_request(&rig, 99, 0, 16, true), ==,
                    VIRTIO_BLK_S_IOERR);
    g_assert_cmpint(block_request(&rig, VIRTIO_BLK_T_GET_ID, 0, 20, true), ==,
                    VIRTIO_BLK_S_OK);
    g_assert_cmpstr((char *)at(&rig, DATA), ==, "vdpa_blk_sim");
    rig_stop(&rig);
}

static void test_block_zeroes(void)
{
    struct virtio_blk_discard_write_zeroes *range;
    Rig rig;

    rig_start(&rig, "type=block,size=1M", F_BASIC, 16);
    memset(at(&rig, DATA), 'x', 1024);
    g_assert_cmpint(block_request(&rig, VIRTIO_BLK_T_OUT, 7, 1024, false), ==,
                    VIRTIO_BLK_S_OK);
    range = (void *)at(&rig, DATA);
    *range = (struct virtio_blk_discard_write_zeroes) {
        .sector = 8,
        .num_sectors = 1,
    };
    g_assert_cmpint(block_request(&rig, VIRTIO_BLK_T_WRITE_ZEROES, 0,
                                  sizeof(*range), false), ==,
                    VIRTIO_BLK_S_OK);
    g_assert_cmpint(block_request(&rig, VIRTIO_BLK_T_IN, 7, 1024, true), ==,
                    VIRTIO_BLK_S_OK);
    g_assert_cmpint(*at(&rig, DATA + 511), ==, 'x');
    g_assert_cmpint(*at(&rig, DATA + 512), ==, 0);
    rig_stop(&rig);
}

/* Data that the device cannot reach is an I/O error, and it goes on. */
static void test_block_data_unmapped(void)
{
    struct virtio_blk_outhdr *hdr;
    Buf bufs[] = {
        { GUEST_IOVA + HEADER, sizeof(*hdr), false },
        { GUEST_IOVA + GUEST_SIZE, 512, true },
        { GUEST_IOVA + STATUS, 1, true },
    };
    Rig rig;

    rig_start(&rig, "type=block,size=1M", F_BASIC, 16);
    hdr = (void *)at(&rig, HEADER);
    *hdr = (struct virtio_blk_outhdr) { .type = VIRTIO_BLK_T_IN };
    *at(&rig, STATUS) = 0xff;
    vq_add(&rig.vq, 0, bufs, 3);
    vq_kick(&rig.vq);
    g_assert_true(vq_wait(&rig.vq));
    g_assert_cmpint(*at(&rig, STATUS), ==, VIRTIO_BLK_S_IOERR);
    g_assert_cmpint(vq_used(&rig.vq, 0).len, ==, 1);
    g_assert_cmpint(state("dma-faults"), ==, 1);
    g_assert_cmpint(block_request(&rig, VIRTIO_BLK_T_IN, 0, 512, true), ==,
                    VIRTIO_BLK_S_OK);
    rig_stop(&rig);
}

/*
 * Header or status out of reach: completed without an interrupt, and what is
 * behind it waits for the next kick.
 */
static void block_dropped(uint64_t header, uint64_t status, uint32_t len)
{
    Buf bufs[] = {
        { header, sizeof(struct virtio_blk_outhdr), false },
        { GUEST_IOVA + DATA, 512, true },
        { status, 1, true },
    };
    Rig rig;

    rig_start(&rig, "type=block,size=1M", F_BASIC, 16);
    memset(at(&rig, HEADER), 0, sizeof(struct virtio_blk_outhdr));
    vq_add(&rig.vq, 0, bufs, 3);
    vq_add(&rig.vq, 0, bufs, 3);
    vq_kick(&rig.vq);
    state_wait("requests", 1);
    g_assert_cmpint(vq_used_idx(&rig.vq), ==, 1);
    g_assert_cmpint(vq_used(&rig.vq, 0).len, ==, len);
    g_assert_true(vq_quiet(&rig.vq));
    vq_kick(&rig.vq);
    state_wait("requests", 2);
    g_assert_cmpint(vq_used_idx(&rig.vq), ==, 2);
    rig_stop(&rig);
}

static void test_block_dropped(void)
{
    block_dropped(GUEST_IOVA + GUEST_SIZE, GUEST_IOVA + STATUS, 0);
    block_dropped(GUEST_IOVA + HEADER, GUEST_IOVA + GUEST_SIZE, 512);
}

/* What the byte at @off is after 0x5a was written to it */
static uint8_t written_config(int fd, uint32_t off)
{
    uint8_t raw[sizeof(struct vhost_vdpa_config) + 1] = { 0 };
    struct vhost_vdpa_config *config = (void *)raw;

    config->off = off;
    config->len = 1;
    config->buf[0] = 0x5a;
    g_assert_cmpint(call(fd, VHOST_VDPA_SET_CONFIG, config), ==, 0);
    g_assert_cmpint(call(fd, VHOST_VDPA_GET_CONFIG, config), ==, 0);
    return config->buf[0];
}

/* vdpa_sim_blk makes its config space anew at each look. */
static void test_block_config(void)
{
    uint32_t wce = offsetof(struct virtio_blk_config, wce);
    int fd = node_open("type=block,size=1M");

    g_assert_cmpint(written_config(fd, 0), ==, 0);
    g_assert_cmpint(written_config(fd, wce), ==, 0);
    close(fd);

    /* VIRTIO_BLK_F_FLUSH and VIRTIO_BLK_F_CONFIG_WCE, which it lacks */
    fd = node_open("type=block,size=1M,features=0x300000a00");
    g_assert_cmpint(written_config(fd, 0), ==, 0);
    g_assert_cmpint(written_config(fd, wce), ==, 0x5a);
    close(fd);
}

static void test_kick_rules(void)
{
    Buf buf = { GUEST_IOVA + DATA, 64, true };
    Guest guest;
    Vq vq;
    int fd;

    guest_init(&guest);
    fd = node_open_owned(GENERIC);
    device_init(fd, F_BASIC);
    guest_map(&guest, fd, 0);
    vq_init(&vq, fd, &guest, 0, 16, 0, false);
    call_state(fd, VHOST_VDPA_SET_VRING_ENABLE, 0, 0);
    vq_add(&vq, 0, &buf, 1);

    /* Lost before DRIVER_OK, and DRIVER_OK does not look again. */
    vq_kick(&vq);
    state_wait("kicks", 1);
    set_status(fd, S_OK);
    g_assert_true(vq_quiet(&vq));
    /* Lost before ENABLE, and ENABLE does not look again. */
    vq_kick(&vq);
    state_wait("kicks", 2);
    call_state(fd, VHOST_VDPA_SET_VRING_ENABLE, 0, 1);
    g_assert_true(vq_quiet(&vq));
    /* The same descriptor again is nothing new. */
    call_file(fd, VHOST_SET_VRING_KICK, 0, vq.kick);
    g_assert_true(vq_quiet(&vq));
    /* A new one that is signalled already kicks. */
    call_file(fd, VHOST_SET_VRING_KICK, 0, -1);
    call_file(fd, VHOST_SET_VRING_KICK, 0, vq.kick);
    g_assert_true(vq_wait(&vq));
    g_assert_cmpint(vq_used_idx(&vq), ==, 1);
    close(fd);
    vq_free(&vq);
    guest_free(&guest);
}

static void test_kick_counter(void)
{
    eventfd_t count;
    Rig rig;

    rig_start(&rig, GENERIC, F_BASIC, 16);
    add_buffer(&rig, 0, 16);
    vq_kick(&rig.vq);
    g_assert_true(vq_wait(&rig.vq));
    add_buffer(&rig, 1, 16);
    vq_kick(&rig.vq);
    g_assert_true(vq_wait(&rig.vq));
    /* Nobody has read it. */
    g_assert_cmpint(eventfd_read(rig.vq.kick, &count), ==, 0);
    g_assert_cmpuint(count, ==, 2);
    rig_stop(&rig);
}

static void test_eventfds_outlive_close(void)
{
    int kick, called;
    Rig rig;

    rig_start(&rig, GENERIC, F_BASIC, 16);
    kick = dup(rig.vq.kick);
    called = dup(rig.vq.call);
    close(rig.vq.kick);
    close(rig.vq.call);
    rig.vq.kick = kick;
    rig.vq.call = called;
    add_buffer(&rig, 0, 16);
    vq_kick(&rig.vq);
    g_assert_true(vq_wait(&rig.vq));
    rig_stop(&rig);
}

static void test_split_indirect(void)
{
    Buf bufs[] = {
        { GUEST_IOVA + DATA, 100, true },
        { GUEST_IOVA + DATA + 100, 28, true },
    };
    Rig rig;

    rig_start(&rig, GENERIC, F_BASIC | F_INDIRECT, 16);
    memset(at(&rig, DATA), 0, 256);
    vq_add_indirect(&rig.vq, 3, GUEST_IOVA + TABLE, bufs, 2);
    vq_kick(&rig.vq);
    g_assert_true(vq_wait(&rig.vq));
    g_assert_cmpint(vq_used(&rig.vq, 0).id, ==, 3);
    g_assert_cmpint(vq_used(&rig.vq, 0).len, ==, 128);
    assert_filled(&rig, 128);
    rig_stop(&rig);
}

static void test_split_indirect_unacked(void)
{
    Buf buf = { GUEST_IOVA + DATA, 100, true };
    Rig rig;

    rig_start(&rig, GENERIC, F_BASIC, 16);
    vq_add_indirect(&rig.vq, 0, GUEST_IOVA + TABLE, &buf, 1);
    vq_kick(&rig.vq);
    g_assert_true(vq_quiet(&rig.vq));
    g_assert_cmpint(vq_used_idx(&rig.vq), ==, 0);
    g_assert_cmpint(state("ring-errors"), ==, 1);
    g_assert_true(logged("RING_ERROR ring=0 why=indirect-not-acked"));
    rig_stop(&rig);
}

static void assert_ring_error(Rig *rig, const char *why)
{
    g_autofree char *line = g_strdup_printf("RING_ERROR ring=0 why=%s ", why);

    vq_kick(&rig->vq);
    state_wait("ring-errors", 1);
    g_assert_true(logged(line));
    g_assert_cmpint(vq_used_idx(&rig->vq), ==, 0);
}

static void test_split_malformed(void)
{
    Buf bufs[] = {
        { GUEST_IOVA + DATA, 8, true },
        { GUEST_IOVA + DATA, 8, true },
    };
    struct vring_desc *desc;
    struct vring_avail *avail;
    Rig rig;

    rig_start(&rig, GENERIC, F_BASIC, 16);
    vq_add(&rig.vq, 0, bufs, 2);
    desc = (void *)at(&rig, RING0);
    desc[1].flags |= VRING_DESC_F_NEXT;
    desc[1].next = 0;
    assert_ring_error(&rig, "loop");
    rig_stop(&rig);

    rig_start(&rig, GENERIC, F_BASIC, 16);
    vq_add(&rig.vq, 0, bufs, 2);
    desc = (void *)at(&rig, RING0);
    desc[0].next = 16;
    assert_ring_error(&rig, "next");
    rig_stop(&rig);

    rig_start(&rig, GENERIC, F_BASIC, 16);
    avail = (void *)at(&rig, RING0 + PAGE);
    avail->idx = 17;
    assert_ring_error(&rig, "avail-index");
    rig_stop(&rig);

    bufs[1].writable = false;
    rig_start(&rig, GENERIC, F_BASIC, 16);
    vq_add(&rig.vq, 0, bufs, 2);
    assert_ring_error(&rig, "readable-after-writable");
    rig_stop(&rig);
}

static void test_split_no_interrupt(void)
{
    struct vring_avail *avail;
    Rig rig;

    rig_start(&rig, GENERIC, F_BASIC, 16);
    avail = (void *)at(&rig, RING0 + PAGE);
    avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
    add_buffer(&rig, 0, 16);
    vq_kick(&rig.vq);
    state_wait("requests", 1);
    g_assert_true(vq_quiet(&rig.vq));
    g_assert_cmpint(vq_used_idx(&rig.vq), ==, 1);
    rig_stop(&rig);
}

static void test_split_event_idx(void)
{
    uint16_t *used_event, *avail_event;
    Rig rig;
    int i;

    rig_start(&rig, GENERIC, F_BASIC | F_EVENT_IDX, 16);
    used_event = (uint16_t *)(at(&rig, RING0 + PAGE) +
                 offsetof(struct vring_avail, ring) + 16 * 2);
    avail_event = (uint16_t *)(at(&rig, RING0 + 2 * PAGE) +
                  offsetof(struct vring_used, ring) + 16 * 8);
    *used_event = 2;
    for (i = 0; i < 2; i++) {
        add_buffer(&rig, i, 16);
        vq_kick(&rig.vq);
        state_wait("requests", i + 1);
        g_assert_true(vq_quiet(&rig.vq));
    }
    add_buffer(&rig, 2, 16);
    vq_kick(&rig.vq);
    g_assert_true(vq_wait(&rig.vq));
    g_assert_cmpint(vq_used_idx(&rig.vq), ==, 3);
    /* And the device says that it wants to hear of the next one. */
    state_wait("requests", 3);
    g_assert_cmpint(__atomic_load_n(avail_event, __ATOMIC_SEQ_CST), ==, 3);
    rig_stop(&rig);
}

static void test_split_wraps(void)
{
    Rig rig;
    int i;

    rig_start(&rig, GENERIC, F_BASIC, 4);
    for (i = 0; i < 70000; i += 1) {
        Buf buf = { GUEST_IOVA + DATA, 4, true };

        vq_add(&rig.vq, i % 4, &buf, 1);
        if (i % 4 == 3) {
            vq_kick(&rig.vq);
            while (vq_used_idx(&rig.vq) != (uint16_t)(i + 1)) {
                g_assert_true(vq_wait(&rig.vq));
            }
        }
    }
    g_assert_cmpint(state("requests"), ==, 70000);
    g_assert_cmpint(state("ring-errors"), ==, 0);
    rig_stop(&rig);
}

static struct vring_packed_desc *packed_entry(Rig *rig, unsigned i)
{
    return (struct vring_packed_desc *)at(rig, RING0) + i;
}

static bool packed_is_used(Rig *rig, unsigned i, bool wrap)
{
    uint16_t flags = __atomic_load_n(&packed_entry(rig, i)->flags,
                                     __ATOMIC_SEQ_CST);

    return !!(flags & 1 << VRING_PACKED_DESC_F_AVAIL) == wrap &&
           !!(flags & 1 << VRING_PACKED_DESC_F_USED) == wrap;
}

static void test_packed_chain(void)
{
    Buf bufs[] = {
        { GUEST_IOVA + DATA, 100, true },
        { GUEST_IOVA + DATA + 100, 28, true },
    };
    Rig rig;

    rig_start(&rig, GENERIC, F_BASIC | F_PACKED, 8);
    memset(at(&rig, DATA), 0, 256);
    vq_add(&rig.vq, 7, bufs, 2);
    vq_kick(&rig.vq);
    g_assert_true(vq_wait(&rig.vq));
    g_assert_true(packed_is_used(&rig, 0, true));
    g_assert_cmpint(packed_entry(&rig, 0)->id, ==, 7);
    g_assert_cmpint(packed_entry(&rig, 0)->len, ==, 128);
    assert_filled(&rig, 128);
    /* Both sides are past the two entries of the chain. */
    g_assert_cmphex(get_base(rig.fd, 0), ==, 0x80028002);
    rig_stop(&rig);
}

/* Chains of three on a ring of eight: they cross the end in every way. */
static void test_packed_wraps(void)
{
    Buf bufs[] = {
        { GUEST_IOVA + DATA, 16, false },
        { GUEST_IOVA + DATA + 16, 16, true },
        { GUEST_IOVA + DATA + 32, 16, true },
    };
    uint16_t pos = 0;
    bool wrap = true;
    Rig rig;
    int i;

    rig_start(&rig, GENERIC, F_BASIC | F_PACKED, 8);
    for (i = 0; i < 100; i++) {
        memset(at(&rig, DATA), 0, 48);
        vq_add(&rig.vq, i, bufs, 3);
        vq_kick(&rig.vq);
        g_assert_true(vq_wait(&rig.vq));
        g_assert_true(packed_is_used(&rig, pos, wrap));
        g_assert_cmpint(packed_entry(&rig, pos)->id, ==, i);
        g_assert_cmpint(packed_entry(&rig, pos)->len, ==, 32);
        g_assert_cmphex(at(&rig, DATA)[15], ==, 0);
        g_assert_cmphex(at(&rig, DATA)[47], ==, 0xa5);
        pos += 3;
        if (pos >= 8) {
            pos -= 8;
            wrap = !wrap;
        }
        g_assert_cmphex(get_base(rig.fd, 0), ==,
                        (pos | wrap << 15) * 0x10001u);
    }
    rig_stop(&rig);
}

static void test_packed_indirect(void)
{
    Buf bufs[] = {
        { GUEST_IOVA + DATA, 100, true },
        { GUEST_IOVA + DATA + 100, 28, true },
    };
    Rig rig;

    rig_start(&rig, GENERIC, F_BASIC | F_PACKED | F_INDIRECT, 8);
    memset(at(&rig, DATA), 0, 256);
    vq_add_indirect(&rig.vq, 9, GUEST_IOVA + TABLE, bufs, 2);
    vq_kick(&rig.vq);
    g_assert_true(vq_wait(&rig.vq));
    g_assert_cmpint(packed_entry(&rig, 0)->id, ==, 9);
    g_assert_cmpint(packed_entry(&rig, 0)->len, ==, 128);
    assert_filled(&rig, 128);
    g_assert_cmphex(get_base(rig.fd, 0), ==, 0x80018001);
    rig_stop(&rig);
}

static void test_packed_event_idx(void)
{
    struct vring_packed_desc_event *driver, *device;
    Rig rig;
    int i;

    rig_start(&rig, GENERIC, F_BASIC | F_PACKED | F_EVENT_IDX, 4);
    driver = (void *)at(&rig, RING0 + PAGE);
    device = (void *)at(&rig, RING0 + 2 * PAGE);
    /* Position 1 of the second lap: the sixth request. */
    driver->off_wrap = 1;
    driver->flags = VRING_PACKED_EVENT_FLAG_DESC;
    for (i = 0; i < 5; i++) {
        add_buffer(&rig, i, 16);
        vq_kick(&rig.vq);
        state_wait("requests", i + 1);
        g_assert_true(vq_quiet(&rig.vq));
    }
    add_buffer(&rig, 5, 16);
    vq_kick(&rig.vq);
    g_assert_true(vq_wait(&rig.vq));
    state_wait("requests", 6);
    g_assert_cmphex(device->off_wrap, ==, 2);
    g_assert_cmpint(device->flags, ==, VRING_PACKED_EVENT_FLAG_DESC);

    driver->flags = VRING_PACKED_EVENT_FLAG_DISABLE;
    add_buffer(&rig, 6, 16);
    vq_kick(&rig.vq);
    state_wait("requests", 7);
    g_assert_true(vq_quiet(&rig.vq));
    rig_stop(&rig);
}

static void test_rng(void)
{
    unsigned i, zeroes = 0;
    Rig rig;

    rig_start(&rig, "type=rng", F_BASIC, 8);
    add_buffer(&rig, 0, 1000);
    vq_kick(&rig.vq);
    g_assert_true(vq_wait(&rig.vq));
    g_assert_cmpint(vq_used(&rig.vq, 0).len, ==, 1000);
    for (i = 0; i < 1000; i++) {
        zeroes += !at(&rig, DATA)[i];
    }
    g_assert_cmpint(zeroes, <, 100);
    rig_stop(&rig);
}

/* A net device with all three rings, the control ring in a space of its own */
typedef struct NetRig {
    Guest guest;
    Guest other;
    int fd;
    Vq rx;
    Vq tx;
    Vq ctrl;
} NetRig;

static void net_start(NetRig *net)
{
    guest_init(&net->guest);
    guest_init(&net->other);
    net->fd = node_open_owned("type=net,mac=02:00:00:00:00:01");
    call_u64(net->fd, VHOST_SET_BACKEND_FEATURES, 0x1e);
    device_init(net->fd, F_BASIC | BIT(VIRTIO_NET_F_CTRL_VQ) |
                BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) | BIT(VIRTIO_NET_F_MAC));
    g_assert_cmpint(call_state(net->fd, VHOST_VDPA_SET_GROUP_ASID, 1, 1), ==,
                    0);
    guest_map(&net->guest, net->fd, 0);
    guest_map(&net->other, net->fd, 1);
    vq_init(&net->rx, net->fd, &net->guest, 0, 8, RING0, false);
    vq_init(&net->tx, net->fd, &net->guest, 1, 8, RING1, false);
    vq_init(&net->ctrl, net->fd, &net->other, 2, 8, RING2, false);
    g_assert_cmpint(set_status(net->fd, S_OK), ==, 0);
}

static void net_stop(NetRig *net)
{
    close(net->fd);
    vq_free(&net->rx);
    vq_free(&net->tx);
    vq_free(&net->ctrl);
    guest_free(&net->guest);
    guest_free(&net->other);
}

static void test_net_loop(void)
{
    Buf out = { GUEST_IOVA + DATA, 100, false };
    Buf in = { GUEST_IOVA + HEADER, 2000, true };
    NetRig net;

    net_start(&net);
    memset(net.guest.base + DATA, 0, 12);
    memset(net.guest.base + DATA + 12, 0xff, 88);
    vq_add(&net.rx, 0, &in, 1);
    vq_kick(&net.rx);
    g_assert_true(vq_quiet(&net.rx));
    vq_add(&net.tx, 0, &out, 1);
    vq_kick(&net.tx);
    g_assert_true(vq_wait(&net.rx));
    g_assert_true(vq_wait(&net.tx));
    g_assert_cmpint(vq_used(&net.rx, 0).len, ==, 100);
    g_assert_cmpint(vq_used(&net.tx, 0).len, ==, 0);
    /* The header is the sender's. */
    g_assert_cmpint(net.guest.base[HEADER + 10], ==, 0);
    g_assert_cmpint(net.guest.base[HEADER + 12], ==, 0xff);
    g_assert_cmpint(net.guest.base[HEADER + 99], ==, 0xff);
    /* Without a buffer the packet is lost, but sent. */
    vq_add(&net.tx, 0, &out, 1);
    vq_kick(&net.tx);
    g_assert_true(vq_wait(&net.tx));
    g_assert_true(vq_quiet(&net.rx));
    net_stop(&net);
}

static void test_net_filter(void)
{
    static const uint8_t macs[][6] = {
        { 6, 0, 0, 0, 0, 1 },       /* nobody's */
        { 2, 0, 0, 0, 0, 1 },       /* the card's */
        { 1, 0, 0x5e, 0, 0, 1 },    /* a group's */
    };
    Buf out = { GUEST_IOVA + DATA, 100, false };
    Buf in = { GUEST_IOVA + HEADER, 2000, true };
    NetRig net;
    size_t i;

    net_start(&net);
    memset(net.guest.base + DATA, 0, 100);
    for (i = 0; i < G_N_ELEMENTS(macs); i++) {
        memcpy(net.guest.base + DATA + 12, macs[i], 6);
        vq_add(&net.rx, 0, &in, 1);
        vq_add(&net.tx, 0, &out, 1);
        vq_kick(&net.tx);
        g_assert_true(vq_wait(&net.tx));
        g_assert_cmpint(vq_used_idx(&net.rx), ==, i);
    }
    net_stop(&net);
}

/* Bad buffers on either ring: what stays uncompleted, and what goes on. */
static void test_net_bad_buffers(void)
{
    Buf out = { GUEST_IOVA + DATA, 100, false };
    Buf in = { GUEST_IOVA + HEADER, 2000, true };
    Buf nowhere = { GUEST_IOVA + GUEST_SIZE, 2000, true };
    Buf writable = { GUEST_IOVA + DATA, 100, true };
    NetRig net;

    net_start(&net);
    memset(net.guest.base + DATA, 0xff, 100);
    vq_add(&net.rx, 0, &nowhere, 1);
    vq_add(&net.tx, 0, &out, 1);
    vq_kick(&net.tx);
    state_wait("dma-faults", 1);
    g_assert_cmpint(vq_used_idx(&net.tx), ==, 0);
    g_assert_cmpint(vq_used_idx(&net.rx), ==, 0);
    vq_add(&net.tx, 0, &writable, 1);
    vq_kick(&net.tx);
    state_wait("ring-errors", 1);
    g_assert_cmpint(vq_used_idx(&net.tx), ==, 0);
    vq_add(&net.rx, 0, &in, 1);
    vq_add(&net.tx, 0, &out, 1);
    vq_kick(&net.tx);
    g_assert_true(vq_wait(&net.rx));
    g_assert_cmpint(vq_used_idx(&net.tx), ==, 1);
    net_stop(&net);
}

/* vdpa_sim has one worker; and frames wait for the receive ring. */
static void test_net_one_worker(void)
{
    Buf out = { GUEST_IOVA + DATA, 100, false };
    NetRig net;

    net_start(&net);
    memset(net.guest.base + DATA, 0xff, 100);
    vq_add(&net.tx, 0, &out, 1);
    vq_kick(&net.rx);
    g_assert_true(vq_wait(&net.tx));
    call_state(net.fd, VHOST_VDPA_SET_VRING_ENABLE, 0, 0);
    vq_add(&net.tx, 0, &out, 1);
    vq_kick(&net.tx);
    g_assert_true(vq_quiet(&net.tx));
    g_assert_cmpint(get_base(net.fd, 1), ==, 1);
    net_stop(&net);
}

static uint8_t net_command(NetRig *net, uint8_t class, uint8_t cmd,
                           const void *data, size_t len)
{
    uint8_t *bytes = net->other.base + DATA;
    Buf bufs[] = {
        { GUEST_IOVA + DATA, 2 + len, false },
        { GUEST_IOVA + STATUS, 1, true },
    };

    bytes[0] = class;
    bytes[1] = cmd;
    memcpy(bytes + 2, data, len);
    net->other.base[STATUS] = 0xff;
    vq_add(&net->ctrl, 0, bufs, 2);
    vq_kick(&net->ctrl);
    g_assert_true(vq_wait(&net->ctrl));
    return net->other.base[STATUS];
}

static void test_net_control(void)
{
    static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 0x77 };
    g_autofree char *config = NULL;
    uint8_t on = 1;
    NetRig net;

    net_start(&net);
    g_assert_cmpint(net_command(&net, VIRTIO_NET_CTRL_MAC,
                                VIRTIO_NET_CTRL_MAC_ADDR_SET, mac, 6), ==,
                    VIRTIO_NET_OK);
    config = control_ok("read-config 0");
    g_assert_true(g_str_has_prefix(config, "020000000077"));
    g_assert_cmpint(net_command(&net, VIRTIO_NET_CTRL_RX,
                                VIRTIO_NET_CTRL_RX_PROMISC, &on, 1), ==,
                    VIRTIO_NET_ERR);
    /* It does not heed that no interrupt is wanted. */
    ((struct vring_avail *)(net.other.base + RING2 + PAGE))->flags =
        VRING_AVAIL_F_NO_INTERRUPT;
    g_assert_cmpint(net_command(&net, 77, 0, &on, 1), ==, VIRTIO_NET_ERR);
    net_stop(&net);
}

static void test_dma_unmapped(void)
{
    Buf bad = { GUEST_IOVA + GUEST_SIZE, 16, true };
    Buf good = { GUEST_IOVA + DATA, 16, true };
    Rig rig;

    rig_start(&rig, GENERIC, F_BASIC, 16);
    vq_add(&rig.vq, 0, &bad, 1);
    vq_add(&rig.vq, 1, &good, 1);
    vq_kick(&rig.vq);
    state_wait("dma-faults", 1);
    /* The ring has stopped: not even the good one is done. */
    g_assert_true(vq_quiet(&rig.vq));
    g_assert_cmpint(vq_used_idx(&rig.vq), ==, 0);
    g_assert_true(logged("DMA_FAULT ring=0 iova=0x200000 -> EFAULT"));
    rig_stop(&rig);
}

static void test_dma_ring_unmapped(void)
{
    Rig rig;

    rig_start(&rig, GENERIC, F_BASIC, 16);
    g_assert_cmpint(iotlb(rig.fd, 0, VHOST_IOTLB_INVALIDATE, GUEST_IOVA,
                          GUEST_SIZE, NULL, 0), ==, 72);
    add_buffer(&rig, 0, 16);
    vq_kick(&rig.vq);
    state_wait("dma-faults", 1);
    g_assert_cmpint(vq_used_idx(&rig.vq), ==, 0);
    /* Mapped again, the next kick finds it. */
    guest_map(&rig.guest, rig.fd, 0);
    vq_kick(&rig.vq);
    g_assert_true(vq_wait(&rig.vq));
    rig_stop(&rig);
}

static void test_dma_read_only(void)
{
    uint64_t iova = GUEST_IOVA + GUEST_SIZE;
    Buf buf = { iova, 16, true };
    Rig rig;

    rig_start(&rig, GENERIC, F_BASIC, 16);
    g_assert_cmpint(iotlb(rig.fd, 0, VHOST_IOTLB_UPDATE, iova, PAGE,
                          rig.guest.base + DATA, VHOST_ACCESS_RO), ==, 72);
    memset(at(&rig, DATA), 0, 16);
    vq_add(&rig.vq, 0, &buf, 1);
    vq_kick(&rig.vq);
    state_wait("dma-faults", 1);
    g_assert_cmphex(at(&rig, DATA)[0], ==, 0);
    g_assert_cmpint(vq_used_idx(&rig.vq), ==, 0);
    rig_stop(&rig);
}

/* Two entries that meet in IOVA and lie apart in memory. */
static void test_dma_crosses_entries(void)
{
    uint64_t iova = GUEST_IOVA + GUEST_SIZE;
    Buf buf = { iova + PAGE - 8, 16, true };
    Rig rig;

    rig_start(&rig, GENERIC, F_BASIC, 16);
    iotlb(rig.fd, 0, VHOST_IOTLB_UPDATE, iova, PAGE,
          rig.guest.base + DATA + PAGE, VHOST_ACCESS_RW);
    iotlb(rig.fd, 0, VHOST_IOTLB_UPDATE, iova + PAGE, PAGE,
          rig.guest.base + DATA, VHOST_ACCESS_RW);
    memset(at(&rig, DATA), 0, 2 * PAGE);
    vq_add(&rig.vq, 0, &buf, 1);
    vq_kick(&rig.vq);
    g_assert_true(vq_wait(&rig.vq));
    g_assert_cmphex(at(&rig, DATA)[7], ==, 0xa5);
    g_assert_cmphex(at(&rig, DATA)[8], ==, 0);
    g_assert_cmphex(at(&rig, DATA)[2 * PAGE - 8], ==, 0xa5);
    g_assert_cmphex(at(&rig, DATA)[2 * PAGE - 9], ==, 0);
    rig_stop(&rig);
}

static void test_suspend(void)
{
    Rig rig;

    rig_start(&rig, GENERIC, F_BASIC, 16);
    add_buffer(&rig, 0, 16);
    vq_kick(&rig.vq);
    g_assert_true(vq_wait(&rig.vq));
    g_assert_cmpint(call(rig.fd, VHOST_VDPA_SUSPEND, NULL), ==, 0);
    g_assert_cmpint(state("suspended"), ==, 1);
    add_buffer(&rig, 1, 16);
    vq_kick(&rig.vq);
    g_assert_true(vq_quiet(&rig.vq));
    g_assert_cmpint(vq_used_idx(&rig.vq), ==, 1);
    g_assert_cmpint(get_base(rig.fd, 0), ==, 1);
    /* The kick was not lost. */
    g_assert_cmpint(call(rig.fd, VHOST_VDPA_RESUME, NULL), ==, 0);
    g_assert_true(vq_wait(&rig.vq));
    g_assert_cmpint(get_base(rig.fd, 0), ==, 2);
    rig_stop(&rig);
}

static void test_suspend_is_a_barrier(void)
{
    Buf buf = { GUEST_IOVA + DATA, 16, true };
    uint16_t used;
    Rig rig;
    int i;

    rig_start(&rig, GENERIC, F_BASIC, 256);
    for (i = 0; i < 256; i++) {
        vq_add(&rig.vq, i, &buf, 1);
    }
    vq_kick(&rig.vq);
    g_assert_cmpint(call(rig.fd, VHOST_VDPA_SUSPEND, NULL), ==, 0);
    used = vq_used_idx(&rig.vq);
    g_assert_cmpint(get_base(rig.fd, 0), ==, used);
    g_usleep(20000);
    g_assert_cmpint(vq_used_idx(&rig.vq), ==, used);
    g_assert_cmpint(call(rig.fd, VHOST_VDPA_RESUME, NULL), ==, 0);
    vq_kick(&rig.vq);
    while (vq_used_idx(&rig.vq) != 256) {
        g_assert_true(vq_wait(&rig.vq));
    }
    rig_stop(&rig);
}

/* vdpa_sim runs again at any SET_STATUS with DRIVER_OK. */
static void test_suspend_status(void)
{
    Rig rig;

    rig_start(&rig, GENERIC, F_BASIC, 16);
    g_assert_cmpint(call(rig.fd, VHOST_VDPA_SUSPEND, NULL), ==, 0);
    add_buffer(&rig, 0, 16);
    vq_kick(&rig.vq);
    g_assert_true(vq_quiet(&rig.vq));
    g_assert_cmpint(set_status(rig.fd, S_OK), ==, 0);
    g_assert_true(vq_quiet(&rig.vq));
    vq_kick(&rig.vq);
    g_assert_true(vq_wait(&rig.vq));
    rig_stop(&rig);
}

static void test_base_jump(void)
{
    struct vring_used *used;
    Rig rig;

    rig_start(&rig, GENERIC, F_BASIC, 16);
    g_assert_cmpint(call(rig.fd, VHOST_VDPA_SUSPEND, NULL), ==, 0);
    call_state(rig.fd, VHOST_VDPA_SET_VRING_ENABLE, 0, 0);
    g_assert_cmpint(call_state(rig.fd, VHOST_SET_VRING_BASE, 0, 5), ==, 0);
    call_state(rig.fd, VHOST_VDPA_SET_VRING_ENABLE, 0, 1);
    g_assert_cmpint(call(rig.fd, VHOST_VDPA_RESUME, NULL), ==, 0);
    used = (void *)at(&rig, RING0 + 2 * PAGE);
    used->idx = 3;
    ((struct vring_avail *)at(&rig, RING0 + PAGE))->idx = 5;
    add_buffer(&rig, 0, 16);
    vq_kick(&rig.vq);
    g_assert_true(vq_wait(&rig.vq));
    /* The device goes by the base alone: two are dropped. */
    g_assert_cmpint(vq_used_idx(&rig.vq), ==, 6);
    rig_stop(&rig);
}

static void test_hold(void)
{
    Rig rig;

    rig_start(&rig, GENERIC, F_BASIC, 16);
    g_free(control_ok("hold 0"));
    add_buffer(&rig, 0, 16);
    vq_kick(&rig.vq);
    state_wait("inflight", 1);
    g_assert_true(vq_quiet(&rig.vq));
    /* In flight: taken, not given back. */
    g_assert_cmpint(get_base(rig.fd, 0), ==, 1);
    g_assert_cmpint(vq_used_idx(&rig.vq), ==, 0);
    g_free(control_ok("release 0"));
    g_assert_true(vq_wait(&rig.vq));
    g_assert_cmpint(vq_used_idx(&rig.vq), ==, 1);
    g_assert_cmpint(state("inflight"), ==, 0);
    rig_stop(&rig);
}

static void test_hold_suspended(void)
{
    Rig rig;

    rig_start(&rig, GENERIC, F_BASIC, 16);
    g_free(control_ok("hold 0"));
    add_buffer(&rig, 0, 16);
    vq_kick(&rig.vq);
    state_wait("inflight", 1);
    g_assert_cmpint(call(rig.fd, VHOST_VDPA_SUSPEND, NULL), ==, 0);
    g_free(control_ok("release 0"));
    g_assert_true(vq_quiet(&rig.vq));
    g_assert_cmpint(call(rig.fd, VHOST_VDPA_RESUME, NULL), ==, 0);
    g_assert_true(vq_wait(&rig.vq));
    rig_stop(&rig);
}

static void test_drain_suspended(void)
{
    Rig rig;

    rig_start(&rig, GENERIC, F_BASIC, 16);
    g_free(control_ok("hold 0"));
    add_buffer(&rig, 0, 16);
    add_buffer(&rig, 1, 16);
    vq_kick(&rig.vq);
    state_wait("inflight", 2);
    g_assert_cmpint(call(rig.fd, VHOST_VDPA_SUSPEND, NULL), ==, 0);
    g_free(control_ok("drain 0 newest"));
    g_assert_cmpint(vq_used_idx(&rig.vq), ==, 1);
    g_assert_cmpint(state("inflight"), ==, 1);
    g_free(control_ok("drain 0"));
    g_assert_cmpint(vq_used_idx(&rig.vq), ==, 2);
    g_assert_cmpint(get_base(rig.fd, 0), ==, 2);
    rig_stop(&rig);
}

static void test_drain_late(void)
{
    Rig rig;

    rig_start(&rig, GENERIC, F_BASIC, 16);
    g_free(control_ok("hold 0"));
    add_buffer(&rig, 0, 16);
    vq_kick(&rig.vq);
    state_wait("inflight", 1);
    g_assert_cmpint(call(rig.fd, VHOST_VDPA_SUSPEND, NULL), ==, 0);
    g_free(control_ok("drain 0 late"));
    g_assert_cmpint(get_base(rig.fd, 0), ==, 1);
    g_assert_cmpint(vq_used_idx(&rig.vq), ==, 0);
    set_status(rig.fd, 0);
    g_assert_cmpint(vq_used_idx(&rig.vq), ==, 1);
    rig_stop(&rig);
}

static void test_vp_vdpa_disable(void)
{
    Rig rig;

    rig_start(&rig, GENERIC ",parent=vp_vdpa,mapping=va", F_BASIC, 16);
    add_buffer(&rig, 0, 16);
    vq_kick(&rig.vq);
    g_assert_true(vq_wait(&rig.vq));
    call_state(rig.fd, VHOST_VDPA_SET_VRING_ENABLE, 0, 0);
    call_state(rig.fd, VHOST_VDPA_SET_VRING_ENABLE, 0, 1);
    add_buffer(&rig, 1, 16);
    vq_kick(&rig.vq);
    g_assert_true(vq_quiet(&rig.vq));
    g_assert_cmphex(get_status(rig.fd), ==,
                    S_OK | VIRTIO_CONFIG_S_NEEDS_RESET);
    rig_stop(&rig);
}

static void vp_vdpa_late_call(const char *profile, bool fires)
{
    g_autofree char *conf = g_strdup_printf(GENERIC ",parent=vp_vdpa,"
                                            "mapping=va,profile=%s", profile);
    Buf buf = { GUEST_IOVA + DATA, 16, true };
    Guest guest;
    Vq vq;
    int fd;

    guest_init(&guest);
    fd = node_open_owned(conf);
    device_init(fd, F_BASIC);
    guest_map(&guest, fd, 0);
    vq_init(&vq, fd, &guest, 0, 16, 0, false);
    call_file(fd, VHOST_SET_VRING_CALL, 0, -1);
    set_status(fd, S_OK);
    call_file(fd, VHOST_SET_VRING_CALL, 0, vq.call);
    vq_add(&vq, 0, &buf, 1);
    vq_kick(&vq);
    state_wait("requests", 1);
    g_assert_true(fires ? vq_wait(&vq) : vq_quiet(&vq));
    close(fd);
    vq_free(&vq);
    guest_free(&guest);
}

static void test_vp_vdpa_late_call(void)
{
    vp_vdpa_late_call("6.1", true);
    vp_vdpa_late_call("6.12", false);
}

static void *map_doorbell(int fd, uint32_t index)
{
    return mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, fd, index * PAGE);
}

/* volatile: a page that another thread reads and nothing here does */
static void kick_by(volatile uint16_t *bell)
{
    *bell = 0;
}

/* Requests, one after the other, each by the doorbell. */
static void kick_doorbell(const char *conf, int times)
{
    void *bell;
    Rig rig;
    int i;

    rig_start(&rig, conf, F_BASIC, 16);
    bell = map_doorbell(rig.fd, 0);
    g_assert_true(bell != MAP_FAILED);
    g_assert_cmpint(state("doorbells"), ==, 1);
    for (i = 0; i < times; i++) {
        add_buffer(&rig, i, 16);
        kick_by(bell);
        g_assert_true(vq_wait(&rig.vq));
        state_wait("doorbell-kicks", i + 1);
    }
    g_assert_cmpint(state("kicks"), ==, 0);
    munmap(bell, PAGE);
    g_assert_cmpint(state("doorbells"), ==, 0);
    g_assert_true(logged("MMAP index=0 -> 0"));
    g_assert_true(logged("MUNMAP index=0 -> 0"));
    rig_stop(&rig);
}

static void test_doorbell_kick(void)
{
    kick_doorbell(GENERIC ",doorbells=on,queues=2", 3);
}

static void test_doorbell_period(void)
{
    int64_t begin = g_get_monotonic_time();

    kick_doorbell(GENERIC ",doorbells=on,doorbell-period=50000", 3);
    /* The first may be seen at once. */
    g_assert_cmpint(g_get_monotonic_time() - begin, >=, 2 * 50000);
    kick_doorbell(GENERIC ",doorbells=on,doorbell-period=0", 10);
}

static void test_doorbell_early(void)
{
    void *bell;
    Rig rig;

    rig_prepare(&rig, GENERIC ",doorbells=on", F_BASIC, 16);
    bell = map_doorbell(rig.fd, 0);
    g_assert_true(bell != MAP_FAILED);
    add_buffer(&rig, 0, 16);
    kick_by(bell);
    g_assert_cmpint(set_status(rig.fd, S_OK), ==, 0);
    g_assert_true(vq_quiet(&rig.vq));
    g_assert_cmpint(state("doorbell-kicks"), ==, 1);
    kick_by(bell);
    g_assert_true(vq_wait(&rig.vq));
    munmap(bell, PAGE);
    rig_stop(&rig);
}

static void test_doorbell_keeps_open(void)
{
    int fd = node_open(GENERIC ",doorbells=on");
    void *bell = map_doorbell(fd, 0);

    g_assert_true(bell != MAP_FAILED);
    close(fd);
    g_assert_false(logged("CLOSE"));
    g_assert_cmpint(open(NODE, O_RDWR), ==, -1);
    g_assert_cmpint(errno, ==, EBUSY);
    munmap(bell, PAGE);
    g_assert_true(logged("CLOSE"));
    fd = open(NODE, O_RDWR);
    g_assert_cmpint(fd, >=, 0);
    close(fd);
}

static void assert_mmap(int fd, size_t len, int prot, int flags, off_t off,
                        int error)
{
    errno = 0;
    g_assert_true(mmap(NULL, len, prot, flags, fd, off) == MAP_FAILED);
    g_assert_cmpint(errno, ==, error);
}

static void test_doorbell_errors(void)
{
    int fd = node_open(GENERIC ",doorbells=on,queues=2");

    assert_mmap(fd, 2 * PAGE, PROT_WRITE, MAP_SHARED, 0, EINVAL);
    assert_mmap(fd, PAGE, PROT_WRITE, MAP_PRIVATE, 0, EINVAL);
    assert_mmap(fd, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, 0, EINVAL);
    assert_mmap(fd, PAGE, PROT_WRITE, MAP_SHARED, 2 * PAGE, EINVAL);
    close(fd);

    fd = node_open(GENERIC);
    assert_mmap(fd, PAGE, PROT_WRITE, MAP_SHARED, 0, SIM_ENOTSUPP);
    assert_mmap(fd, PAGE, PROT_READ, MAP_SHARED, 0, EINVAL);
    assert_mmap(fd, PAGE, PROT_WRITE, MAP_SHARED, 65536 * PAGE, EINVAL);
    close(fd);

    fd = node_open(GENERIC ",profile=6.1");
    assert_mmap(fd, PAGE, PROT_WRITE, MAP_SHARED, 65536 * PAGE,
                SIM_ENOTSUPP);
    close(fd);
}

void add_ring_tests(void)
{
    g_test_add_func("/rings/block/data-comes-back", test_block_data);
    g_test_add_func("/rings/block/file-holds-the-data", test_block_file);
    g_test_add_func("/rings/block/read-past-the-end", test_block_end);
    g_test_add_func("/rings/block/other-requests", test_block_others);
    g_test_add_func("/rings/block/zeroes", test_block_zeroes);
    g_test_add_func("/rings/block/unmapped-data-is-an-error",
                    test_block_data_unmapped);
    g_test_add_func("/rings/block/unmapped-header-or-status",
                    test_block_dropped);
    g_test_add_func("/rings/block/config-is-not-written", test_block_config);
    g_test_add_func("/rings/kick/lost-or-not", test_kick_rules);
    g_test_add_func("/rings/kick/counter-is-not-read", test_kick_counter);
    g_test_add_func("/rings/kick/outlives-its-number",
                    test_eventfds_outlive_close);
    g_test_add_func("/rings/split/indirect", test_split_indirect);
    g_test_add_func("/rings/split/indirect-unacked",
                    test_split_indirect_unacked);
    g_test_add_func("/rings/split/malformed", test_split_malformed);
    g_test_add_func("/rings/split/no-interrupt", test_split_no_interrupt);
    g_test_add_func("/rings/split/event-idx", test_split_event_idx);
    g_test_add_func("/rings/split/indices-wrap", test_split_wraps);
    g_test_add_func("/rings/packed/chain", test_packed_chain);
    g_test_add_func("/rings/packed/wraps", test_packed_wraps);
    g_test_add_func("/rings/packed/indirect", test_packed_indirect);
    g_test_add_func("/rings/packed/event-idx", test_packed_event_idx);
    g_test_add_func("/rings/rng", test_rng);
    g_test_add_func("/rings/net/loops", test_net_loop);
    g_test_add_func("/rings/net/filter", test_net_filter);
    g_test_add_func("/rings/net/bad-buffers", test_net_bad_buffers);
    g_test_add_func("/rings/net/one-worker", test_net_one_worker);
    g_test_add_func("/rings/net/control-in-its-own-space", test_net_control);
    g_test_add_func("/rings/dma/unmapped-buffer-stops-the-ring",
                    test_dma_unmapped);
    g_test_add_func("/rings/dma/unmapped-ring", test_dma_ring_unmapped);
    g_test_add_func("/rings/dma/read-only-is-not-written",
                    test_dma_read_only);
    g_test_add_func("/rings/dma/buffer-crosses-entries",
                    test_dma_crosses_entries);
    g_test_add_func("/rings/suspend/kick-waits", test_suspend);
    g_test_add_func("/rings/suspend/is-a-barrier", test_suspend_is_a_barrier);
    g_test_add_func("/rings/suspend/status-ends-it", test_suspend_status);
    g_test_add_func("/rings/base-jumps-over-lost-ones", test_base_jump);
    g_test_add_func("/rings/hold/release-completes", test_hold);
    g_test_add_func("/rings/hold/waits-for-resume", test_hold_suspended);
    g_test_add_func("/rings/hold/drained-while-suspended",
                    test_drain_suspended);
    g_test_add_func("/rings/hold/drained-late", test_drain_late);
    g_test_add_func("/rings/vp_vdpa/disable-breaks", test_vp_vdpa_disable);
    g_test_add_func("/rings/vp_vdpa/late-call", test_vp_vdpa_late_call);
    g_test_add_func("/doorbells/kick", test_doorbell_kick);
    g_test_add_func("/doorbells/period", test_doorbell_period);
    g_test_add_func("/doorbells/lost-before-driver-ok", test_doorbell_early);
    g_test_add_func("/doorbells/keep-the-node-open",
                    test_doorbell_keeps_open);
    g_test_add_func("/doorbells/errors", test_doorbell_errors);
}
