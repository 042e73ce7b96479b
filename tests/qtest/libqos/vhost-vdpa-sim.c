/*
 * libqos client of the vhost-vdpa simulator
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <dlfcn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "qemu/cutils.h"
#include "../libqtest.h"
#include "vhost-vdpa-sim.h"

#define SIM_TIMEOUT_S 30

struct QVdpaSim {
    char *socket_path;
    char **devices;
    int fd;
    GString *rx;
};

/* Ends the test with a message, as a failed assertion does */
G_NORETURN
static void G_GNUC_PRINTF(1, 2) sim_fail(const char *fmt, ...)
{
    g_autofree char *msg = NULL;
    va_list ap;

    va_start(ap, fmt);
    msg = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    g_assertion_message(NULL, __FILE__, __LINE__, "vhost-vdpa-sim", msg);
    abort();
}

const char *qvdpa_sim_library(void)
{
    static char *path;
    g_autofree char *self = NULL;
    g_autofree char *dir = NULL;
    g_autofree char *cwd = g_get_current_dir();
    const char *env = g_getenv("VHOST_VDPA_SIM_LIB");

    if (path) {
        return path;
    }
    if (env) {
        path = g_path_is_absolute(env) ? g_strdup(env) :
               g_build_filename(cwd, env, NULL);
    } else {
        self = g_file_read_link("/proc/self/exe", NULL);
        if (!self) {
            return NULL;
        }
        dir = g_path_get_dirname(self);
        path = g_build_filename(dir, "..", "vhost-vdpa-sim",
                                "libvhost-vdpa-sim.so", NULL);
    }
    if (access(path, R_OK) < 0) {
        g_free(path);
        path = NULL;
    }
    return path;
}

QVdpaSim *qvdpa_sim_new(const char *dir, const char *devices)
{
    QVdpaSim *sim = g_new0(QVdpaSim, 1);

    sim->socket_path = g_build_filename(dir, "sim.sock", NULL);
    sim->devices = g_strsplit(devices, "|", 0);
    sim->fd = -1;
    sim->rx = g_string_new(NULL);
    return sim;
}

void qvdpa_sim_free(QVdpaSim *sim)
{
    if (!sim) {
        return;
    }
    if (sim->fd >= 0) {
        close(sim->fd);
    }
    unlink(sim->socket_path);
    g_free(sim->socket_path);
    g_strfreev(sim->devices);
    g_string_free(sim->rx, true);
    g_free(sim);
}

char *qvdpa_sim_wrap(QVdpaSim *sim, const char *binary)
{
    g_autofree char *lib = g_shell_quote(qvdpa_sim_library());
    g_autofree char *ctl = g_shell_quote(sim->socket_path);
    GString *cmd = g_string_new(NULL);
    int i;

    /* env(1) itself is not preloaded, only what it executes */
    g_string_printf(cmd, "env LD_PRELOAD=%s VHOST_VDPA_SIM_CONTROL=%s",
                    lib, ctl);
    for (i = 0; sim->devices[i]; i++) {
        g_autofree char *value = g_shell_quote(sim->devices[i]);

        g_string_append_printf(cmd, " VHOST_VDPA_SIM_%d=%s", i, value);
    }
    g_string_append_printf(cmd, " %s", binary);
    return g_string_free(cmd, false);
}

int qvdpa_sim_open_node(QVdpaSim *sim, unsigned n)
{
    g_autofree char *name = g_strdup_printf("VHOST_VDPA_SIM_%u", n);
    g_autofree char *node = g_strdup_printf("/dev/vhost-vdpa-%u", n);
    int (*sim_open)(const char *path, int flags, ...);
    void *lib;
    int fd;

    /*
     * Not preloaded here: of all the calls that the simulator takes over only
     * its open() is used.
     */
    g_setenv(name, sim->devices[n], true);
    lib = dlopen(qvdpa_sim_library(), RTLD_NOW | RTLD_LOCAL);
    if (!lib) {
        sim_fail("%s", dlerror());
    }
    sim_open = dlsym(lib, "open");
    g_assert_nonnull(sim_open);
    fd = sim_open(node, O_RDWR);
    g_assert_cmpint(fd, >=, 0);
    g_unsetenv(name);
    return fd;
}

static void sim_connect(QVdpaSim *sim)
{
    struct timeval timeout = { .tv_sec = SIM_TIMEOUT_S };
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int ret;

    sim->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(sim->fd, >=, 0);
    ret = setsockopt(sim->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout,
                     sizeof(timeout));
    g_assert_cmpint(ret, ==, 0);
    g_assert_cmpuint(strlen(sim->socket_path), <, sizeof(addr.sun_path));
    strcpy(addr.sun_path, sim->socket_path);
    ret = connect(sim->fd, (struct sockaddr *)&addr, sizeof(addr));
    if (ret < 0) {
        sim_fail("no simulator at %s: %s", sim->socket_path, strerror(errno));
    }
}

/* Takes one line, without its newline, out of what was received */
static char *sim_read_line(QVdpaSim *sim)
{
    char buf[4096];
    ssize_t len;
    char *line, *end;

    while (!(end = strchr(sim->rx->str, '\n'))) {
        len = recv(sim->fd, buf, sizeof(buf), 0);
        if (len < 0 && errno == EINTR) {
            continue;
        }
        if (len <= 0) {
            sim_fail("the simulator hung up: %s",
                    len < 0 ? strerror(errno) : "end of file");
        }
        g_string_append_len(sim->rx, buf, len);
    }
    line = g_strndup(sim->rx->str, end - sim->rx->str);
    g_string_erase(sim->rx, 0, end - sim->rx->str + 1);
    return line;
}

static char ** G_GNUC_PRINTF(2, 0)
sim_vcommand(QVdpaSim *sim, const char *fmt, va_list ap)
{
    g_autofree char *cmd = g_strdup_vprintf(fmt, ap);
    g_autofree char *line = g_strconcat(cmd, "\n", NULL);
    GPtrArray *answer = g_ptr_array_new();
    size_t done = 0;
    ssize_t len;
    char *got;

    if (sim->fd < 0) {
        sim_connect(sim);
    }
    while (done < strlen(line)) {
        len = send(sim->fd, line + done, strlen(line) - done, MSG_NOSIGNAL);
        if (len < 0 && errno != EINTR) {
            sim_fail("the simulator does not take '%s': %s", cmd,
                    strerror(errno));
        }
        done += MAX(len, 0);
    }
    for (;;) {
        got = sim_read_line(sim);
        if (g_str_equal(got, "ok")) {
            g_free(got);
            break;
        }
        if (g_str_has_prefix(got, "error:")) {
            sim_fail("the simulator answers '%s' to '%s'", got, cmd);
        }
        g_ptr_array_add(answer, got);
    }
    g_ptr_array_add(answer, NULL);
    return (char **)g_ptr_array_free(answer, false);
}

char **qvdpa_sim_command(QVdpaSim *sim, const char *fmt, ...)
{
    char **answer;
    va_list ap;

    va_start(ap, fmt);
    answer = sim_vcommand(sim, fmt, ap);
    va_end(ap);
    return answer;
}

void qvdpa_sim_do(QVdpaSim *sim, const char *fmt, ...)
{
    g_auto(GStrv) answer = NULL;
    va_list ap;

    va_start(ap, fmt);
    answer = sim_vcommand(sim, fmt, ap);
    va_end(ap);
    g_assert_cmpuint(g_strv_length(answer), ==, 0);
}

static uint64_t sim_number(const char *text)
{
    uint64_t value;

    if (qemu_strtou64(text, NULL, 0, &value) < 0) {
        sim_fail("'%s' is not a number", text);
    }
    return value;
}

/* The value of @key in "key=value key=value ...", NULL if it has none */
static char *sim_find_arg(const char *args, const char *key)
{
    g_auto(GStrv) words = g_strsplit(args, " ", 0);
    g_autofree char *prefix = g_strconcat(key, "=", NULL);
    int i;

    for (i = 0; words[i]; i++) {
        if (g_str_has_prefix(words[i], prefix)) {
            return g_strdup(words[i] + strlen(prefix));
        }
    }
    return NULL;
}

uint64_t qvdpa_sim_state(QVdpaSim *sim, unsigned n, const char *key)
{
    g_auto(GStrv) state = qvdpa_sim_command(sim, "state %u", n);
    int i;

    for (i = 0; state[i]; i++) {
        g_autofree char *value = sim_find_arg(state[i], key);

        if (value) {
            return sim_number(value);
        }
    }
    sim_fail("the simulator's state has no '%s'", key);
}

uint64_t qvdpa_sim_ring_state(QVdpaSim *sim, unsigned n, unsigned ring,
                              const char *key)
{
    g_auto(GStrv) state = qvdpa_sim_command(sim, "state %u", n);
    g_autofree char *prefix = g_strdup_printf("ring%u=", ring);
    int i;

    for (i = 0; state[i]; i++) {
        if (g_str_has_prefix(state[i], prefix)) {
            g_autofree char *value = sim_find_arg(state[i] + strlen(prefix),
                                                  key);

            g_assert_nonnull(value);
            return sim_number(value);
        }
    }
    sim_fail("the simulator's state has no ring %u", ring);
}

void qvdpa_sim_wait_state(QVdpaSim *sim, unsigned n, const char *key,
                          uint64_t value, gint64 timeout_us)
{
    gint64 start = g_get_monotonic_time();
    uint64_t got;

    while ((got = qvdpa_sim_state(sim, n, key)) != value) {
        if (g_get_monotonic_time() - start > timeout_us) {
            sim_fail("simulator: %s is %" PRIu64 ", not %" PRIu64, key, got,
                    value);
        }
    }
}

bool qvdpa_sim_is_open(QVdpaSim *sim, unsigned n)
{
    g_auto(GStrv) list = qvdpa_sim_command(sim, "list");
    g_autofree char *prefix = g_strdup_printf("%u ", n);
    int i;

    for (i = 0; list[i]; i++) {
        if (g_str_has_prefix(list[i], prefix)) {
            return strstr(list[i], " open=1");
        }
    }
    sim_fail("the simulator has no node %u", n);
}

unsigned qvdpa_sim_iotlb_entries(QVdpaSim *sim, unsigned n)
{
    g_auto(GStrv) entries = qvdpa_sim_command(sim, "iotlb %u", n);

    return g_strv_length(entries);
}

void qvdpa_sim_clear(QVdpaSim *sim, unsigned n)
{
    qvdpa_sim_do(sim, "clear %u", n);
}

static void sim_call_free(void *opaque)
{
    QVdpaSimCall *call = opaque;

    g_free(call->name);
    g_free(call->args);
    g_free(call->result);
    g_free(call);
}

GPtrArray *qvdpa_sim_log(QVdpaSim *sim, unsigned n)
{
    g_auto(GStrv) lines = qvdpa_sim_command(sim, "log %u", n);
    GPtrArray *log = g_ptr_array_new_with_free_func(sim_call_free);
    int i;

    for (i = 0; lines[i]; i++) {
        /* <seq> <microseconds> <call> <arguments> -> <result> */
        QVdpaSimCall *call = g_new0(QVdpaSimCall, 1);
        g_auto(GStrv) halves = g_strsplit(lines[i], " -> ", 2);
        g_auto(GStrv) words = g_strsplit(halves[0], " ", 4);

        g_assert_cmpuint(g_strv_length(halves), ==, 2);
        g_assert_cmpuint(g_strv_length(words), >=, 3);
        call->seq = sim_number(words[0]);
        call->usec = sim_number(words[1]);
        call->name = g_strdup(words[2]);
        call->args = g_strdup(words[3] ?: "");
        call->result = g_strdup(halves[1]);
        g_ptr_array_add(log, call);
    }
    return log;
}

bool qvdpa_call_has(const QVdpaSimCall *call, const char *arg)
{
    g_auto(GStrv) words = g_strsplit(call->args, " ", 0);

    return g_strv_contains((const char *const *)words, arg);
}

uint64_t qvdpa_call_arg(const QVdpaSimCall *call, const char *key)
{
    g_autofree char *value = sim_find_arg(call->args, key);

    if (!value) {
        sim_fail("'%s %s' has no '%s'", call->name, call->args, key);
    }
    return sim_number(value);
}

int qvdpa_log_find(GPtrArray *log, int from, const char *name,
                   const char *arg)
{
    int i;

    for (i = from; i < log->len; i++) {
        QVdpaSimCall *call = qvdpa_log_call(log, i);

        if (g_str_equal(call->name, name) &&
            (!arg || qvdpa_call_has(call, arg))) {
            return i;
        }
    }
    return -1;
}

unsigned qvdpa_log_count(GPtrArray *log, const char *name)
{
    unsigned count = 0;
    int i;

    for (i = 0; i < log->len; i++) {
        count += g_str_equal(qvdpa_log_call(log, i)->name, name);
    }
    return count;
}

void qvdpa_sim_dump(QVdpaSim *sim, unsigned n)
{
    g_autofree char *cmd = g_strdup_printf("state %u\niotlb %u\nlog %u\n",
                                           n, n, n);
    struct timeval timeout = { .tv_sec = 1 };
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    char buf[4096];
    unsigned answers = 0;
    FILE *stream = NULL;
    int fd;

    pstrcpy(addr.sun_path, sizeof(addr.sun_path), sim->socket_path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 &&
        send(fd, cmd, strlen(cmd), MSG_NOSIGNAL) == strlen(cmd)) {
        stream = fdopen(fd, "r");
    }
    if (!stream) {
        close(fd);
        return;
    }
    while (answers < 3 && fgets(buf, sizeof(buf), stream)) {
        fprintf(stderr, "# sim: %s", buf);
        answers += g_str_equal(buf, "ok\n");
    }
    fclose(stream);
}
