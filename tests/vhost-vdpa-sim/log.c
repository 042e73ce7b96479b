/*
 * vhost-vdpa-sim: the ordered log of calls
 *
 * It records, in memory and in the file of VHOST_VDPA_SIM_LOG; it judges
 * nothing.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "sim.h"

/* Enough for any test; the oldest line goes first. */
#define SIM_LOG_MAX 200000

static void sim_log_line_free(gpointer opaque)
{
    SimLogLine *line = opaque;

    g_free(line->text);
    g_free(line);
}

/* A write of its own for each line: nothing is lost when the program dies. */
static void sim_log_file(SimDev *dev, const SimLogLine *line)
{
    const char *path = getenv("VHOST_VDPA_SIM_LOG");
    g_autofree char *text = NULL;
    int fd;

    if (!path) {
        return;
    }
    text = g_strdup_printf("%u %" PRIu64 " %" PRId64 " %s\n", dev->number,
                           line->seq, line->usec, line->text);
    fd = sim_real.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0 || sim_real.write(fd, text, strlen(text)) < 0) {
        sim_complain("%s: %s", path, g_strerror(errno));
    }
    if (fd >= 0) {
        sim_real.close(fd);
    }
}

static void sim_log_take(SimDev *dev, char *text)
{
    SimLogLine *line = g_new0(SimLogLine, 1);

    line->seq = dev->next_seq++;
    line->usec = g_get_monotonic_time();
    line->text = text;
    sim_log_file(dev, line);
    g_queue_push_tail(&dev->log, line);
    if (g_queue_get_length(&dev->log) > SIM_LOG_MAX) {
        sim_log_line_free(g_queue_pop_head(&dev->log));
    }
}

void sim_log(SimDev *dev, const char *call, int64_t ret, bool hex)
{
    char buf[32];

    if (hex) {
        sim_log_take(dev, g_strdup_printf("%s -> 0x%" PRIx64, call, ret));
    } else if (ret < 0) {
        sim_log_take(dev, g_strdup_printf("%s -> %s", call,
                                          sim_errno_name(-ret, buf,
                                                         sizeof(buf))));
    } else {
        sim_log_take(dev, g_strdup_printf("%s -> %" PRId64, call, ret));
    }
}

void sim_logf(SimDev *dev, int ret, const char *fmt, ...)
{
    g_autofree char *call = NULL;
    va_list ap;

    va_start(ap, fmt);
    call = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    sim_log(dev, call, ret, false);
}

void sim_log_print(SimDev *dev, GString *out, uint64_t since)
{
    GList *l;

    for (l = dev->log.head; l; l = l->next) {
        SimLogLine *line = l->data;

        if (line->seq >= since) {
            g_string_append_printf(out, "%" PRIu64 " %" PRId64 " %s\n",
                                   line->seq, line->usec, line->text);
        }
    }
}

void sim_log_clear(SimDev *dev)
{
    SimLogLine *line;

    while ((line = g_queue_pop_head(&dev->log))) {
        sim_log_line_free(line);
    }
}
