/*
 * vhost-vdpa-sim: the control socket
 *
 * Commands from outside: README.rst has them.  Each is one line and acts under
 * the device's lock.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <linux/virtio_config.h>
#include "sim.h"
#include "uapi.h"

#define SIM_LINE_MAX    (1 << 20)

typedef const char *SimCommand(SimDev *dev, char **words, GString *out);

static pid_t sim_control_pid;
static int sim_control_fd = -1;
static struct stat sim_control_stat;
static char *sim_control_path;

static const char *cmd_set(SimDev *dev, char **words, GString *out)
{
    (void)out;
    return words[0] && words[1] && !words[2] ?
           sim_conf_set(dev, words[0], words[1]) : "set <N> <key> <value>";
}

static const char *cmd_fault(SimDev *dev, char **words, GString *out)
{
    (void)out;
    return sim_fault_add(dev, words);
}

static const char *cmd_unfault(SimDev *dev, char **words, GString *out)
{
    (void)words;
    (void)out;
    sim_fault_clear(dev);
    return NULL;
}

static const char *cmd_config(SimDev *dev, char **words, GString *out)
{
    g_autofree uint8_t *bytes = NULL;
    uint64_t off;
    size_t len;
    bool quiet = words[0] && words[1] && words[2];

    (void)out;
    if (!words[0] || !words[1] || (quiet && strcmp(words[2], "quiet"))) {
        return "config <N> <offset> <hex> [quiet]";
    }
    bytes = sim_parse_hex(words[1], &len);
    if (!sim_parse_number(words[0], &off) || !bytes) {
        return "not a number, or not hex digits";
    }
    if (off > dev->conf.config_size || len > dev->conf.config_size - off) {
        return "beyond config space";
    }
    sim_config_put(dev, off, bytes, len);
    if (!quiet) {
        sim_dev_config_interrupt(dev);
    }
    return NULL;
}

static const char *cmd_read_config(SimDev *dev, char **words, GString *out)
{
    uint64_t i;

    (void)words;
    for (i = 0; i < dev->conf.config_size; i++) {
        g_string_append_printf(out, "%02x", dev->config[i]);
    }
    g_string_append_c(out, '\n');
    return NULL;
}

static const char *cmd_interrupt(SimDev *dev, char **words, GString *out)
{
    uint64_t ring;

    (void)out;
    if (!words[0]) {
        return "interrupt <N> config|<ring>";
    }
    if (!strcmp(words[0], "config")) {
        sim_dev_config_interrupt(dev);
        return NULL;
    }
    if (!sim_parse_number(words[0], &ring) || ring >= dev->nrings) {
        return "no such ring";
    }
    sim_ring_interrupt(dev, &dev->rings[ring]);
    return NULL;
}

static const char *cmd_needs_reset(SimDev *dev, char **words, GString *out)
{
    (void)words;
    (void)out;
    dev->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
    sim_dev_config_interrupt(dev);
    return NULL;
}

static const char *cmd_hold(SimDev *dev, char **words, GString *out)
{
    (void)words;
    (void)out;
    dev->held = true;
    return NULL;
}

static const char *cmd_release(SimDev *dev, char **words, GString *out)
{
    unsigned r;

    (void)words;
    (void)out;
    dev->held = false;
    for (r = 0; dev->running && r < dev->nrings; r++) {
        sim_ring_release(dev, &dev->rings[r], false);
    }
    return NULL;
}

static const char *cmd_drain(SimDev *dev, char **words, GString *out)
{
    bool newest = words[0] && !strcmp(words[0], "newest");
    unsigned r;

    (void)out;
    if (words[0] && !strcmp(words[0], "late")) {
        dev->drain_late = true;
        return NULL;
    }
    if (words[0] && !newest) {
        return "drain takes nothing, newest or late";
    }
    for (r = 0; r < dev->nrings; r++) {
        sim_ring_release(dev, &dev->rings[r], newest);
    }
    return NULL;
}

static void sim_state_rings(SimDev *dev, GString *out)
{
    unsigned r;

    for (r = 0; r < dev->nrings; r++) {
        SimRing *ring = &dev->rings[r];

        g_string_append_printf(out, "ring%u=ready=%d num=%u desc=0x%" PRIx64
                               " avail=0x%" PRIx64 " used=0x%" PRIx64, r,
                               ring->ready, ring->num, ring->desc,
                               ring->avail, ring->used);
        if (sim_ring_packed(dev)) {
            g_string_append_printf(out, " base=0x%x", ring->avail_idx |
                                   (uint32_t)ring->avail_wrap << 15 |
                                   (uint32_t)ring->used_idx << 16 |
                                   (uint32_t)ring->used_wrap << 31);
        } else {
            g_string_append_printf(out, " base=%u", ring->avail_idx);
        }
        g_string_append_printf(out, " kick=%d call=%d requests=%" PRIu64 "\n",
                               ring->kick_fd >= 0,
                               ring->callback && ring->call_fd >= 0,
                               ring->requests);
    }
}

static const char *cmd_state(SimDev *dev, char **words, GString *out)
{
    unsigned r, inflight = 0, entries = 0;
    int i;

    (void)words;
    for (r = 0; r < dev->nrings; r++) {
        inflight += g_queue_get_length(&dev->rings[r].held);
    }
    for (i = 0; i < SIM_MAX_SPACES; i++) {
        entries += dev->space[i].vhost->len;
    }
    sim_doorbell_scan(dev);
    g_string_append_printf(out, "status=0x%x\nowner=%d\nopens=%u\n",
                           dev->status, (int)dev->owner, dev->opens);
    g_string_append_printf(out, "features=0x%" PRIx64
                           "\nbackend-features=0x%" PRIx64 "\n",
                           dev->features, dev->backend_features);
    g_string_append_printf(out, "suspended=%d\nconfig-call=%d\n",
                           dev->suspended,
                           dev->config_callback && dev->config_fd >= 0);
    g_string_append_printf(out, "pinned=%" PRIu64 "\nentries=%u\n",
                           dev->pinned * (uint64_t)SIM_PAGE_SIZE, entries);
    g_string_append_printf(out, "doorbells=%u\ninflight=%u\n",
                           dev->doorbell_maps, inflight);
    g_string_append_printf(out, "kicks=%" PRIu64 "\ndoorbell-kicks=%" PRIu64
                           "\nrequests=%" PRIu64 "\n", dev->kicks,
                           dev->doorbell_kicks, dev->requests);
    g_string_append_printf(out, "dma-faults=%" PRIu64 "\nring-errors=%" PRIu64
                           "\n", dev->dma_faults, dev->ring_errors);
    sim_state_rings(dev, out);
    return NULL;
}

static void sim_maps_print(GArray *maps, int asid, const char *prefix,
                           GString *out)
{
    static const char *const perms[] = { "none", "ro", "wo", "rw" };
    guint i;

    for (i = 0; i < maps->len; i++) {
        SimMap *map = &g_array_index(maps, SimMap, i);

        g_string_append_printf(out, "%s%d 0x%" PRIx64 " 0x%" PRIx64
                               " 0x%" PRIx64 " %s\n", prefix, asid,
                               map->first, map->last, map->uaddr,
                               perms[map->perm & 3]);
    }
}

static const char *cmd_iotlb(SimDev *dev, char **words, GString *out)
{
    int i;

    (void)words;
    for (i = 0; i < SIM_MAX_SPACES; i++) {
        sim_maps_print(dev->space[i].vhost, i, "", out);
    }
    for (i = 0; i < SIM_MAX_SPACES; i++) {
        sim_maps_print(dev->space[i].device, i, "device ", out);
    }
    return NULL;
}

static const char *cmd_log(SimDev *dev, char **words, GString *out)
{
    uint64_t since = 0;

    if (words[0] && (strcmp(words[0], "since") || !words[1] ||
                     !sim_parse_number(words[1], &since))) {
        return "log <N> [since <SEQ>]";
    }
    sim_log_print(dev, out, since);
    return NULL;
}

static const char *cmd_clear(SimDev *dev, char **words, GString *out)
{
    (void)words;
    (void)out;
    sim_log_clear(dev);
    return NULL;
}

static const struct {
    const char *name;
    SimCommand *run;
} sim_commands[] = {
    { "set", cmd_set },
    { "fault", cmd_fault },
    { "unfault", cmd_unfault },
    { "config", cmd_config },
    { "read-config", cmd_read_config },
    { "interrupt", cmd_interrupt },
    { "needs-reset", cmd_needs_reset },
    { "hold", cmd_hold },
    { "release", cmd_release },
    { "drain", cmd_drain },
    { "state", cmd_state },
    { "iotlb", cmd_iotlb },
    { "log", cmd_log },
    { "clear", cmd_clear },
};

static void sim_control_list(GString *out)
{
    unsigned n;

    for (n = 0; n < SIM_MAX_DEVS; n++) {
        SimDev *dev = sim_dev_peek(n);

        if (!dev) {
            continue;
        }
        sim_lock(dev);
        if (dev->env) {
            g_string_append_printf(out, "%u %s id=%" PRIu64 " open=%d\n", n,
                                   dev->conf.type->name, dev->conf.id,
                                   dev->open);
        }
        sim_unlock(dev);
    }
}

static const char *sim_control_device(char **words, GString *out,
                                      SimCommand *run)
{
    const char *why = "no such node";
    uint64_t number;
    SimDev *dev;

    if (!words[1] || !sim_parse_number(words[1], &number) ||
        number >= SIM_MAX_DEVS) {
        return why;
    }
    dev = sim_dev_peek(number);
    if (!dev) {
        return why;
    }
    sim_lock(dev);
    if (dev->env) {
        why = run(dev, words + 2, out);
    }
    sim_unlock(dev);
    return why;
}

static const char *sim_control_run(char *line, GString *out)
{
    g_auto(GStrv) all = g_strsplit_set(line, " \t\r", -1);
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    size_t i;

    for (i = 0; all[i]; i++) {
        if (*all[i]) {
            g_ptr_array_add(words, all[i]);
        }
    }
    g_ptr_array_add(words, NULL);
    if (words->len == 1) {
        return "empty line";
    }
    if (!strcmp(g_ptr_array_index(words, 0), "list")) {
        sim_control_list(out);
        return NULL;
    }
    for (i = 0; i < G_N_ELEMENTS(sim_commands); i++) {
        if (!strcmp(g_ptr_array_index(words, 0), sim_commands[i].name)) {
            return sim_control_device((char **)words->pdata, out,
                                      sim_commands[i].run);
        }
    }
    return "unknown command";
}

static bool sim_send(int fd, const char *text, size_t len)
{
    while (len) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        text += n;
        len -= n;
    }
    return true;
}

static bool sim_control_answer(int fd, char *line)
{
    g_autoptr(GString) out = g_string_new(NULL);
    const char *why = sim_control_run(line, out);

    if (why) {
        g_string_printf(out, "error: %s\n", why);
    } else {
        g_string_append(out, "ok\n");
    }
    return sim_send(fd, out->str, out->len);
}

static void *sim_control_client(void *opaque)
{
    int fd = GPOINTER_TO_INT(opaque);
    g_autoptr(GString) input = g_string_new(NULL);
    char buf[4096];
    bool good = true;

    while (good && input->len < SIM_LINE_MAX) {
        ssize_t n = recv(fd, buf, sizeof(buf), 0);
        char *end;

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            break;
        }
        g_string_append_len(input, buf, n);
        while (good && (end = strchr(input->str, '\n'))) {
            *end = 0;
            good = sim_control_answer(fd, input->str);
            g_string_erase(input, 0, end + 1 - input->str);
        }
    }
    sim_real.close(fd);
    return NULL;
}

static void *sim_control_listen(void *opaque)
{
    int listener = GPOINTER_TO_INT(opaque);

    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        int own;

        if (fd < 0) {
            if (errno == EINTR || errno == ECONNABORTED) {
                continue;
            }
            sim_complain("control socket: accept: %s", g_strerror(errno));
            return NULL;
        }
        own = sim_dup(fd);
        sim_real.close(fd);
        if (own >= 0 && sim_thread(sim_control_client,
                                   GINT_TO_POINTER(own)) < 0) {
            sim_real.close(own);
        }
    }
}

/*
 * A helper that a program starts inherits the environment: it must not take
 * the socket from the program.  Who has a node open keeps it.
 */
static bool sim_control_is_taken(const struct sockaddr_un *addr)
{
    struct timeval timeout = { .tv_usec = 500 * 1000 };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_autoptr(GString) answer = g_string_new(NULL);
    char buf[1024];
    ssize_t n;

    if (fd < 0) {
        return false;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 &&
        sim_send(fd, "list\n", 5)) {
        while (!g_str_has_suffix(answer->str, "ok\n") &&
               (n = recv(fd, buf, sizeof(buf), 0)) > 0) {
            g_string_append_len(answer, buf, n);
        }
    }
    sim_real.close(fd);
    return strstr(answer->str, " open=1\n");
}

static int sim_control_bind(const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd, own;

    if (strlen(path) >= sizeof(addr.sun_path)) {
        sim_complain("%s: too long for a socket", path);
        return -1;
    }
    strcpy(addr.sun_path, path);
    if (sim_control_is_taken(&addr)) {
        return -1;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    own = fd < 0 ? -1 : sim_dup(fd);
    if (fd >= 0) {
        sim_real.close(fd);
    }
    unlink(path);
    if (own < 0 ||
        bind(own, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
        stat(path, &sim_control_stat) < 0 || listen(own, 16) < 0) {
        sim_complain("%s: %s", path, g_strerror(errno));
        if (own >= 0) {
            sim_real.close(own);
        }
        return -1;
    }
    return own;
}

void sim_control_start(void)
{
    const char *path = getenv("VHOST_VDPA_SIM_CONTROL");

    if (!path || !*path || sim_control_pid == getpid()) {
        return;
    }
    if (sim_control_fd >= 0) {
        /* The parent's, from before a fork. */
        sim_real.close(sim_control_fd);
    }
    sim_control_fd = sim_control_bind(path);
    if (sim_control_fd < 0) {
        return;
    }
    if (sim_thread(sim_control_listen, GINT_TO_POINTER(sim_control_fd)) < 0) {
        sim_complain("control socket: no thread");
        return;
    }
    g_free(sim_control_path);
    sim_control_path = g_strdup(path);
    sim_control_pid = getpid();
}

void sim_control_stop(void)
{
    struct stat st;

    /* A forked child, or a process whose socket another one replaced. */
    if (!sim_control_path || sim_control_pid != getpid() ||
        stat(sim_control_path, &st) < 0) {
        return;
    }
    if (st.st_dev == sim_control_stat.st_dev &&
        st.st_ino == sim_control_stat.st_ino) {
        unlink(sim_control_path);
    }
}
