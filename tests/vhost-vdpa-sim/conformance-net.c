/*
 * vhost-vdpa-sim: conformance, frames and a network card's control ring
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
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include "conformance-device.h"

#define HEADER_LEN  12
#define FRAME_LEN   60
#define SENT_LEN    (HEADER_LEN + FRAME_LEN)
#define MAC_LEN     6

/* Where nothing is mapped */
#define NOWHERE     (MEMORY_IOVA + 8 * MEMORY_SIZE)

#define RX(dev)     (&(dev)->rings[0])
#define TX(dev)     (&(dev)->rings[1])
#define CONTROL(dev) (&(dev)->rings[2])

#define SEND        0
#define RECEIVE     (4 * PAGE)
#define COMMAND     (8 * PAGE)
#define ACK         (9 * PAGE)
#define UNTOUCHED   0xee

static const uint8_t broadcast[MAC_LEN] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff
};
static const uint8_t multicast[MAC_LEN] = { 0x01, 0, 0x5e, 0, 0, 1 };
static const uint8_t nobody[MAC_LEN] = { 0x06, 0, 0, 0, 0, 1 };

static void get_mac(Device *dev, uint8_t *mac)
{
    uint8_t raw[sizeof(struct vhost_vdpa_config) + MAC_LEN] = { 0 };
    struct vhost_vdpa_config *config = (void *)raw;

    config->len = MAC_LEN;
    call(dev->fd, VHOST_VDPA_GET_CONFIG, config);
    memcpy(mac, config->buf, MAC_LEN);
}

static void set_mac(Device *dev, const uint8_t *mac)
{
    uint8_t raw[sizeof(struct vhost_vdpa_config) + MAC_LEN] = { 0 };
    struct vhost_vdpa_config *config = (void *)raw;

    config->len = MAC_LEN;
    memcpy(config->buf, mac, MAC_LEN);
    call(dev->fd, VHOST_VDPA_SET_CONFIG, config);
}

static void negotiate_control(Device *dev)
{
    negotiate(dev->fd);
    set_status(dev->fd, 0);
    iotlb_unmap(dev->fd, MEMORY_IOVA, MEMORY_SIZE);
    map_memory(dev->fd, 0);
    set_status(dev->fd, S_DRIVER);
    call_u64(dev->fd, VHOST_SET_FEATURES, F_PLATFORM | F_VERSION_1 |
             1ull << VIRTIO_NET_F_CTRL_VQ |
             1ull << VIRTIO_NET_F_CTRL_MAC_ADDR);
    set_status(dev->fd, S_FEATURES);
}

static void rx_add(Device *dev, uint64_t iova, uint32_t len)
{
    const Buf bufs[] = { { iova, len, true } };

    ring_add(dev, RX(dev), bufs, G_N_ELEMENTS(bufs));
}

static void tx_add(Device *dev, const uint8_t *to, uint32_t len)
{
    const Buf bufs[] = { { buffer_iova(SEND), len, false } };

    memset(buffer(SEND), 0, HEADER_LEN);
    memset(buffer(SEND) + HEADER_LEN, 0x5a, FRAME_LEN);
    memcpy(buffer(SEND) + HEADER_LEN, to, MAC_LEN);
    ring_add(dev, TX(dev), bufs, G_N_ELEMENTS(bufs));
}

static const char *ring_outcome(Ring *ring)
{
    if (!ring_completes(ring)) {
        return "not completed";
    }
    return ring_interrupted(ring) ? "completed" :
           "completed without interrupt";
}

/* Both rings after a kick of the transmit ring */
static char *sent(Device *dev)
{
    const char *tx, *rx;

    ring_kick(TX(dev));
    tx = ring_outcome(TX(dev));
    rx = ring_outcome(RX(dev));
    return g_strdup_printf("transmit %s, length %u; receive %s, length %u, "
                           "header %02x%02x, frame %s", tx,
                           ring_used(TX(dev))->ring[0].len, rx,
                           ring_used(RX(dev))->ring[0].len,
                           buffer(RECEIVE)[10], buffer(RECEIVE)[11],
                           memcmp(buffer(RECEIVE) + HEADER_LEN,
                                  buffer(SEND) + HEADER_LEN, FRAME_LEN) ?
                           "not equal" : "equal");
}

static char *send_to(Device *dev, const uint8_t *mac)
{
    device_start(dev);
    rx_add(dev, buffer_iova(RECEIVE), PAGE);
    tx_add(dev, mac, SENT_LEN);
    return sent(dev);
}

static char *send_broadcast(Device *dev)
{
    return send_to(dev, broadcast);
}

static char *send_multicast(Device *dev)
{
    return send_to(dev, multicast);
}

static char *send_to_nobody(Device *dev)
{
    return send_to(dev, nobody);
}

static char *send_to_itself(Device *dev)
{
    uint8_t mac[MAC_LEN];

    get_mac(dev, mac);
    return send_to(dev, mac);
}

static char *send_tiny(Device *dev)
{
    device_start(dev);
    rx_add(dev, buffer_iova(RECEIVE), PAGE);
    tx_add(dev, broadcast, HEADER_LEN + 2);
    return sent(dev);
}

static char *send_huge(Device *dev)
{
    device_start(dev);
    rx_add(dev, buffer_iova(RECEIVE), 2 * PAGE);
    tx_add(dev, broadcast, PAGE + 100);
    return sent(dev);
}

static char *send_to_small_buffer(Device *dev)
{
    device_start(dev);
    rx_add(dev, buffer_iova(RECEIVE), 20);
    tx_add(dev, broadcast, SENT_LEN);
    return sent(dev);
}

static char *send_without_buffer(Device *dev)
{
    device_start(dev);
    tx_add(dev, broadcast, SENT_LEN);
    return sent(dev);
}

static char *send_two_without_buffer(Device *dev)
{
    g_autofree char *first = NULL;
    g_autofree char *second = NULL;

    device_start(dev);
    tx_add(dev, broadcast, SENT_LEN);
    tx_add(dev, broadcast, SENT_LEN);
    first = sent(dev);
    rx_add(dev, buffer_iova(RECEIVE), PAGE);
    second = sent(dev);
    return g_strdup_printf("%s; then with a buffer: %s", first, second);
}

static char *send_unmapped(Device *dev)
{
    const Buf bufs[] = { { NOWHERE, SENT_LEN, false } };
    g_autofree char *first = NULL;
    g_autofree char *second = NULL;

    device_start(dev);
    rx_add(dev, buffer_iova(RECEIVE), PAGE);
    ring_add(dev, TX(dev), bufs, G_N_ELEMENTS(bufs));
    first = sent(dev);
    tx_add(dev, broadcast, SENT_LEN);
    second = sent(dev);
    return g_strdup_printf("%s; then a good one: %s", first, second);
}

static char *send_writable(Device *dev)
{
    const Buf bufs[] = { { buffer_iova(SEND), SENT_LEN, true } };

    device_start(dev);
    rx_add(dev, buffer_iova(RECEIVE), PAGE);
    ring_add(dev, TX(dev), bufs, G_N_ELEMENTS(bufs));
    return sent(dev);
}

static char *receive_unmapped(Device *dev)
{
    g_autofree char *first = NULL;
    g_autofree char *second = NULL;

    device_start(dev);
    rx_add(dev, NOWHERE, PAGE);
    tx_add(dev, broadcast, SENT_LEN);
    first = sent(dev);
    rx_add(dev, buffer_iova(RECEIVE), PAGE);
    tx_add(dev, broadcast, SENT_LEN);
    second = sent(dev);
    return g_strdup_printf("%s; then a good one: %s", first, second);
}

static char *receive_readable(Device *dev)
{
    const Buf bufs[] = { { buffer_iova(RECEIVE), PAGE, false } };

    device_start(dev);
    ring_add(dev, RX(dev), bufs, G_N_ELEMENTS(bufs));
    tx_add(dev, broadcast, SENT_LEN);
    return sent(dev);
}

static char *receive_disabled(Device *dev)
{
    device_start(dev);
    ring_enable(dev, RX(dev), false);
    rx_add(dev, buffer_iova(RECEIVE), PAGE);
    tx_add(dev, broadcast, SENT_LEN);
    return sent(dev);
}

static char *send_six(Device *dev)
{
    const char *tx, *rx;
    int i;

    device_start(dev);
    for (i = 0; i < 6; i++) {
        rx_add(dev, buffer_iova(RECEIVE), PAGE);
        tx_add(dev, broadcast, SENT_LEN);
    }
    ring_kick(TX(dev));
    tx = ring_outcome(TX(dev));
    rx = ring_outcome(RX(dev));
    return g_strdup_printf("transmit %s, base %u; receive %s, base %u", tx,
                           get_base(dev->fd, 1), rx, get_base(dev->fd, 0));
}

/* The control ring */

static char *control(Device *dev, uint8_t class, uint8_t cmd,
                     const void *data, uint32_t len)
{
    const Buf bufs[] = {
        { buffer_iova(COMMAND), 2 + len, false },
        { buffer_iova(ACK), 1, true },
    };
    Ring *ring = CONTROL(dev);
    uint16_t at = ring_used(ring)->idx;
    const char *outcome;

    buffer(COMMAND)[0] = class;
    buffer(COMMAND)[1] = cmd;
    memcpy(buffer(COMMAND) + 2, data, len);
    *buffer(ACK) = UNTOUCHED;
    ring_add(dev, ring, bufs, G_N_ELEMENTS(bufs));
    ring_kick(ring);
    outcome = ring_outcome(ring);
    return g_strdup_printf("%s, length %u, ack 0x%02x", outcome,
                           ring_used(ring)->ring[at % RING_NUM].len,
                           *buffer(ACK));
}

static char *control_mac(Device *dev)
{
    uint8_t mac[MAC_LEN], now[MAC_LEN];
    g_autofree char *answer = NULL;
    bool changed;

    get_mac(dev, mac);
    negotiate_control(dev);
    device_start(dev);
    answer = control(dev, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET,
                     nobody, MAC_LEN);
    get_mac(dev, now);
    changed = !memcmp(now, nobody, MAC_LEN);
    set_mac(dev, mac);
    return g_strdup_printf("%s, %s", answer,
                           changed ? "changed" : "not changed");
}

static char *control_mac_short(Device *dev)
{
    uint8_t mac[MAC_LEN];
    char *answer;

    get_mac(dev, mac);
    negotiate_control(dev);
    device_start(dev);
    answer = control(dev, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET,
                     nobody, 3);
    set_mac(dev, mac);
    return answer;
}

static char *control_command(Device *dev, uint8_t class, uint8_t cmd,
                             const void *data, uint32_t len)
{
    negotiate_control(dev);
    device_start(dev);
    return control(dev, class, cmd, data, len);
}

static char *control_mac_table(Device *dev)
{
    return control_command(dev, VIRTIO_NET_CTRL_MAC,
                           VIRTIO_NET_CTRL_MAC_TABLE_SET, "\0\0\0\0\0\0\0",
                           8);
}

static char *control_promisc(Device *dev)
{
    return control_command(dev, VIRTIO_NET_CTRL_RX,
                           VIRTIO_NET_CTRL_RX_PROMISC, "\1", 1);
}

static char *control_mq(Device *dev)
{
    return control_command(dev, VIRTIO_NET_CTRL_MQ,
                           VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, "\1\0", 2);
}

static char *control_unknown(Device *dev)
{
    return control_command(dev, 99, 0, "", 1);
}

static char *control_not_acked(Device *dev)
{
    device_start(dev);
    return control(dev, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC,
                   "\1", 1);
}

static char *control_tiny(Device *dev)
{
    const Buf bufs[] = {
        { buffer_iova(COMMAND), 1, false },
        { buffer_iova(ACK), 1, true },
    };

    negotiate_control(dev);
    device_start(dev);
    ring_add(dev, CONTROL(dev), bufs, G_N_ELEMENTS(bufs));
    ring_kick(CONTROL(dev));
    return g_strdup(ring_outcome(CONTROL(dev)));
}

static char *control_no_interrupt(Device *dev)
{
    negotiate_control(dev);
    ring_avail(CONTROL(dev))->flags = VRING_AVAIL_F_NO_INTERRUPT;
    device_start(dev);
    return control(dev, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC,
                   "\1", 1);
}

/* Address spaces */

static char *promisc(Device *dev)
{
    return control(dev, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC,
                   "\1", 1);
}

static char *space_1(Device *dev)
{
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;

    negotiate_control(dev);
    call_state(dev->fd, VHOST_VDPA_SET_GROUP_ASID, 1, 1);
    device_start(dev);
    before = promisc(dev);
    map_memory(dev->fd, 1);
    after = promisc(dev);
    return g_strdup_printf("%s; mapped there: %s", before, after);
}

static char *space_1_frames(Device *dev)
{
    negotiate_control(dev);
    call_state(dev->fd, VHOST_VDPA_SET_GROUP_ASID, 1, 1);
    return send_to(dev, broadcast);
}

static char *space_1_running(Device *dev)
{
    negotiate_control(dev);
    device_start(dev);
    g_free(promisc(dev));
    call_state(dev->fd, VHOST_VDPA_SET_GROUP_ASID, 1, 1);
    return promisc(dev);
}

static char *space_1_reset(Device *dev)
{
    negotiate_control(dev);
    call_state(dev->fd, VHOST_VDPA_SET_GROUP_ASID, 1, 1);
    negotiate_control(dev);
    device_start(dev);
    return promisc(dev);
}

static char *space_1_close(Device *dev)
{
    call_state(dev->fd, VHOST_VDPA_SET_GROUP_ASID, 1, 1);
    close(dev->fd);
    dev->fd = node_open_owned();
    map_memory(dev->fd, 0);
    negotiate_control(dev);
    device_start(dev);
    return promisc(dev);
}

static char *both_in_space_1(Device *dev)
{
    negotiate_control(dev);
    call_state(dev->fd, VHOST_VDPA_SET_GROUP_ASID, 0, 1);
    map_memory(dev->fd, 1);
    return send_to(dev, broadcast);
}

static const Question questions[] = {
    { "a frame to all", send_broadcast },
    { "a frame to many", send_multicast },
    { "a frame to nobody", send_to_nobody },
    { "a frame to itself", send_to_itself },
    { "a frame of two bytes", send_tiny },
    { "a frame of more than a page", send_huge },
    { "a frame for a small buffer", send_to_small_buffer },
    { "a frame without a buffer for it", send_without_buffer },
    { "two frames without a buffer", send_two_without_buffer },
    { "a frame that is not mapped", send_unmapped },
    { "a frame that is writable", send_writable },
    { "a frame for a buffer that is not mapped", receive_unmapped },
    { "a frame for a buffer that is readable", receive_readable },
    { "a frame, the receive ring disabled", receive_disabled },
    { "six frames with one kick", send_six },
    { "MAC_ADDR_SET", control_mac },
    { "MAC_ADDR_SET of three bytes", control_mac_short },
    { "MAC_TABLE_SET", control_mac_table },
    { "CTRL_RX_PROMISC", control_promisc },
    { "CTRL_MQ", control_mq },
    { "an unknown command", control_unknown },
    { "a command of one byte", control_tiny },
    { "a command, CTRL_VQ not acked", control_not_acked },
    { "a command with NO_INTERRUPT", control_no_interrupt },
    { "a command with the control ring in space 1", space_1 },
    { "a frame with the control ring in space 1", space_1_frames },
    { "a command, its ring moved to space 1 meanwhile", space_1_running },
    { "a command, space 1 set before a reset", space_1_reset },
    { "a command, space 1 set before close", space_1_close },
    { "a frame with its rings in space 1", both_in_space_1 },
};

void ask_net(void)
{
    if (device_id == VIRTIO_ID_NET) {
        ask_questions(questions, G_N_ELEMENTS(questions));
    }
}
