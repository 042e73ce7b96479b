/*
 * vhost-vdpa-sim: faults as data
 *
 * Which call fails, which time, and how.  What a call does is elsewhere.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "sim.h"
#include "uapi.h"

#define SIM_ERRNO(name) { #name, name }

static const struct {
    const char *name;
    int value;
} sim_errnos[] = {
    SIM_ERRNO(EPERM),
    SIM_ERRNO(ENOENT),
    SIM_ERRNO(EINTR),
    SIM_ERRNO(EIO),
    SIM_ERRNO(ENXIO),
    SIM_ERRNO(E2BIG),
    SIM_ERRNO(EBADF),
    SIM_ERRNO(EAGAIN),
    SIM_ERRNO(ENOMEM),
    SIM_ERRNO(EACCES),
    SIM_ERRNO(EFAULT),
    SIM_ERRNO(EBUSY),
    SIM_ERRNO(EEXIST),
    SIM_ERRNO(ENODEV),
    SIM_ERRNO(EINVAL),
    SIM_ERRNO(ENFILE),
    SIM_ERRNO(EMFILE),
    SIM_ERRNO(ENOTTY),
    SIM_ERRNO(EFBIG),
    SIM_ERRNO(ENOSPC),
    SIM_ERRNO(EROFS),
    SIM_ERRNO(EPIPE),
    SIM_ERRNO(EDOM),
    SIM_ERRNO(ERANGE),
    SIM_ERRNO(ENOSYS),
    SIM_ERRNO(ENODATA),
    SIM_ERRNO(ETIME),
    SIM_ERRNO(EPROTO),
    SIM_ERRNO(EOVERFLOW),
    SIM_ERRNO(EOPNOTSUPP),
    SIM_ERRNO(ENOBUFS),
    SIM_ERRNO(ESHUTDOWN),
    SIM_ERRNO(ETIMEDOUT),
    SIM_ERRNO(EREMOTEIO),
    SIM_ERRNO(ECANCELED),
    { "ENOTSUPP", SIM_ENOTSUPP },
};

const char *sim_errno_name(int error, char *buf, size_t len)
{
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(sim_errnos); i++) {
        if (sim_errnos[i].value == error) {
            return sim_errnos[i].name;
        }
    }
    snprintf(buf, len, "E%d", error);
    return buf;
}

int sim_errno_parse(const char *name)
{
    uint64_t value;
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(sim_errnos); i++) {
        if (!strcmp(sim_errnos[i].name, name)) {
            return sim_errnos[i].value;
        }
    }
    if (name[0] == 'E' && g_ascii_isdigit(name[1])) {
        name++;
    }
    if (sim_parse_number(name, &value) && value > 0 && value < 4096) {
        return value;
    }
    return 0;
}

static void sim_fault_free(gpointer opaque)
{
    SimFault *fault = opaque;

    g_free(fault->call);
    g_free(fault);
}

static const char *sim_fault_word(SimFault *fault, const char *word,
                                  bool *has_value)
{
    uint64_t ring;

    if (!strcmp(word, "always")) {
        fault->always = true;
    } else if (g_str_has_prefix(word, "nth=")) {
        if (!sim_parse_number(word + 4, &fault->nth) || !fault->nth) {
            return "nth is a number from 1 on";
        }
    } else if (g_str_has_prefix(word, "errno=")) {
        fault->error = sim_errno_parse(word + 6);
        if (!fault->error) {
            return "unknown errno";
        }
    } else if (g_str_has_prefix(word, "value=")) {
        if (!sim_parse_number(word + 6, &fault->value)) {
            return "value is a number";
        }
        *has_value = true;
    } else if (g_str_has_prefix(word, "ring=")) {
        if (!sim_parse_number(word + 5, &ring) || ring > UINT32_MAX) {
            return "ring is a number";
        }
        fault->ring = ring;
    } else {
        return "unknown word in a fault";
    }
    return NULL;
}

const char *sim_fault_add(SimDev *dev, char **words)
{
    SimFault *fault;
    const char *why = NULL;
    bool has_value = false;
    int i;

    if (!words[0] || !*words[0]) {
        return "a fault needs the name of a call";
    }
    fault = g_new0(SimFault, 1);
    fault->call = g_strdup(words[0]);
    fault->nth = 1;
    fault->ring = -1;
    for (i = 1; words[i] && !why; i++) {
        why = sim_fault_word(fault, words[i], &has_value);
    }
    if (!why && has_value == !!fault->error) {
        why = "a fault has either errno or value";
    }
    if (why) {
        sim_fault_free(fault);
        return why;
    }
    dev->faults = g_list_append(dev->faults, fault);
    return NULL;
}

void sim_fault_clear(SimDev *dev)
{
    g_list_free_full(dev->faults, sim_fault_free);
    dev->faults = NULL;
}

bool sim_fault_hit(SimDev *dev, const char *call, int64_t ring, int *error,
                   uint64_t *value)
{
    GList *l, *next;
    bool hit = false;

    for (l = dev->faults; l; l = next) {
        SimFault *fault = l->data;

        next = l->next;
        if (strcmp(fault->call, call) ||
            (fault->ring >= 0 && fault->ring != ring)) {
            continue;
        }
        fault->seen++;
        if (fault->seen < fault->nth || hit) {
            continue;
        }
        hit = true;
        *error = fault->error;
        *value = fault->value;
        if (!fault->always) {
            sim_fault_free(fault);
            dev->faults = g_list_delete_link(dev->faults, l);
        }
    }
    return hit;
}
