/*
 * vhost-vdpa-sim: the environment
 *
 * Parses VHOST_VDPA_SIM_<N>.  It starts nothing and opens nothing.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/virtio_config.h>
#include "sim.h"
#include "uapi.h"

#define SIM_ENV "VHOST_VDPA_SIM_"

static SimDev *sim_devs[SIM_MAX_DEVS];

static const SimType *const sim_types[] = {
    &sim_block, &sim_net, &sim_rng, &sim_generic,
};

bool sim_parse_number(const char *text, uint64_t *value)
{
    char *end;
    unsigned shift = 0;

    if (!g_ascii_isdigit(*text)) {
        return false;
    }
    errno = 0;
    *value = g_ascii_strtoull(text, &end,
                              !strncmp(text, "0x", 2) ? 16 : 10);
    if (errno) {
        return false;
    }
    switch (*end) {
    case 'K':
        shift = 10;
        break;
    case 'M':
        shift = 20;
        break;
    case 'G':
        shift = 30;
        break;
    }
    if (shift) {
        if (*value > UINT64_MAX >> shift) {
            return false;
        }
        *value <<= shift;
        end++;
    }
    return !*end;
}

uint8_t *sim_parse_hex(const char *text, size_t *len)
{
    size_t i, n = strlen(text);
    uint8_t *bytes;

    if (n % 2) {
        return NULL;
    }
    bytes = g_malloc0(n / 2 + 1);
    for (i = 0; i < n; i++) {
        if (!g_ascii_isxdigit(text[i])) {
            g_free(bytes);
            return NULL;
        }
        bytes[i / 2] = bytes[i / 2] << 4 | g_ascii_xdigit_value(text[i]);
    }
    *len = n / 2;
    return bytes;
}

typedef enum SimKeyWhen {
    SIM_KEY_ALWAYS,
    SIM_KEY_CLOSED,         /* cannot change under an open node */
} SimKeyWhen;

/* The keys that are numbers, and what they may be. */
static const struct {
    const char *name;
    size_t offset;
    uint64_t min;
    uint64_t max;
    SimKeyWhen when;
} sim_keys[] = {
#define SIM_KEY(name, field, min, max, when) \
    { name, offsetof(SimConf, field), min, max, when }
    SIM_KEY("id", id, 0, UINT32_MAX, SIM_KEY_ALWAYS),
    SIM_KEY("queues", queues, 0, 4096, SIM_KEY_CLOSED),
    SIM_KEY("queue-max", queue_max, 0, UINT16_MAX, SIM_KEY_ALWAYS),
    SIM_KEY("config-size", config_size, 0, UINT32_MAX, SIM_KEY_ALWAYS),
    SIM_KEY("features", features, 0, UINT64_MAX, SIM_KEY_ALWAYS),
    SIM_KEY("backend-features", backend_features, 0, UINT64_MAX,
            SIM_KEY_ALWAYS),
    SIM_KEY("iova-first", iova_first, 0, UINT64_MAX, SIM_KEY_ALWAYS),
    SIM_KEY("iova-last", iova_last, 0, UINT64_MAX, SIM_KEY_ALWAYS),
    SIM_KEY("entries", entries, 0, UINT32_MAX, SIM_KEY_ALWAYS),
    SIM_KEY("memlock", memlock, 0, UINT64_MAX, SIM_KEY_ALWAYS),
    SIM_KEY("run", run, 0, UINT64_MAX, SIM_KEY_ALWAYS),
    SIM_KEY("size", size, 512, UINT64_MAX, SIM_KEY_CLOSED),
    SIM_KEY("mtu", mtu, 0, UINT16_MAX, SIM_KEY_CLOSED),
    SIM_KEY("random", random, 0, UINT64_MAX, SIM_KEY_ALWAYS),
    SIM_KEY("cost-call", cost_call, 0, 1000 * 1000, SIM_KEY_ALWAYS),
    SIM_KEY("cost-map", cost_map, 0, 1000 * 1000, SIM_KEY_ALWAYS),
    SIM_KEY("doorbell-period", doorbell_period, 0, 1000 * 1000,
            SIM_KEY_ALWAYS),
#undef SIM_KEY
};

static int sim_key_find(const char *key)
{
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(sim_keys); i++) {
        if (!strcmp(sim_keys[i].name, key)) {
            return i;
        }
    }
    return -1;
}

static const char *sim_key_parse(SimConf *conf, int key, const char *value)
{
    uint64_t number;

    if (!sim_parse_number(value, &number)) {
        return "not a number";
    }
    if (number < sim_keys[key].min || number > sim_keys[key].max) {
        return "out of range";
    }
    G_STRUCT_MEMBER(uint64_t, conf, sim_keys[key].offset) = number;
    return NULL;
}

/* The keys that are switches; NULL if @key is none */
static bool *sim_switch_find(SimConf *conf, const char *key)
{
    return !strcmp(key, "doorbells") ? &conf->doorbells :
           !strcmp(key, "config-reset") ? &conf->config_reset : NULL;
}

static const char *sim_switch_parse(const char *value, bool *on)
{
    if (!strcmp(value, "on") || !strcmp(value, "off")) {
        *on = !strcmp(value, "on");
        return NULL;
    }
    return "on or off";
}

static const char *sim_mac_parse(const char *value, uint8_t *mac)
{
    char rest;

    if (sscanf(value, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%c", &mac[0],
               &mac[1], &mac[2], &mac[3], &mac[4], &mac[5], &rest) != 6) {
        return "not a MAC address";
    }
    return NULL;
}

static int sim_word_find(const char *word, const char *const *words)
{
    int i;

    for (i = 0; words[i]; i++) {
        if (!strcmp(words[i], word)) {
            return i;
        }
    }
    return -1;
}

static uint64_t sim_default_backend_features(const SimConf *conf)
{
    bool old = conf->profile == SIM_PROFILE_6_1;

    switch (conf->parent) {
    case SIM_PARENT_VDPA_SIM:
        return old ? 0x1e : 0x17e;
    case SIM_PARENT_VP_VDPA:
        return old ? 0xe : 0x10e;
    default:
        return 0xe;
    }
}

/*
 * The keys that the defaults of others depend on.  The order of the list is
 * the user's, so these are looked for first.
 */
static const char *sim_parse_kind(SimDev *dev, char **words)
{
    static const char *const profiles[] = { "6.1", "6.12", "7.2", NULL };
    static const char *const parents[] = { "vdpa_sim", "vduse", "vp_vdpa",
                                           NULL };
    SimConf *conf = &dev->conf;
    size_t t;
    int i, found;

    conf->type = &sim_generic;
    conf->profile = SIM_PROFILE_6_12;
    conf->parent = SIM_PARENT_VDPA_SIM;
    conf->id = UINT64_MAX;
    for (i = 0; words[i]; i++) {
        const char *value = strchr(words[i], '=') + 1;

        if (g_str_has_prefix(words[i], "type=")) {
            conf->type = NULL;
            for (t = 0; t < G_N_ELEMENTS(sim_types); t++) {
                if (!strcmp(sim_types[t]->name, value)) {
                    conf->type = sim_types[t];
                }
            }
            if (!conf->type) {
                return "unknown type";
            }
        } else if (g_str_has_prefix(words[i], "profile=")) {
            found = sim_word_find(value, profiles);
            if (found < 0) {
                return "unknown profile";
            }
            conf->profile = found;
        } else if (g_str_has_prefix(words[i], "parent=")) {
            found = sim_word_find(value, parents);
            if (found < 0) {
                return "unknown parent";
            }
            conf->parent = found;
        }
    }
    return NULL;
}

static void sim_conf_defaults(SimDev *dev)
{
    static const uint8_t mac[6] = { 0x52, 0x54, 0x00, 0x76, 0x64, 0x00 };
    SimConf *conf = &dev->conf;

    if (conf->type != &sim_generic) {
        conf->id = conf->type->id;
    }
    conf->queues = conf->type->queues;
    if (conf->type == &sim_net && conf->parent == SIM_PARENT_VDUSE) {
        conf->queues = 2;
    }
    conf->queue_max = 256;
    conf->features = conf->type->features(dev);
    conf->config_size = conf->type->config_size(dev);
    if (conf->parent == SIM_PARENT_VP_VDPA) {
        conf->config_size = 4096;
    }
    conf->backend_features = sim_default_backend_features(conf);
    conf->iova_last = UINT64_MAX;
    conf->va = conf->parent == SIM_PARENT_VDUSE ||
               (conf->parent == SIM_PARENT_VDPA_SIM &&
                conf->profile != SIM_PROFILE_6_1);
    conf->entries = conf->profile == SIM_PROFILE_6_12 ? 0 : 2048;
    conf->memlock = UINT64_MAX;
    conf->size = 16 << 20;
    conf->mtu = 1500;
    conf->doorbell_period = 1000;
    conf->config_reset = conf->parent == SIM_PARENT_VP_VDPA;
    memcpy(conf->mac, mac, sizeof(mac));
    conf->mac[5] = dev->number;
}

static const char *sim_parse_word(SimDev *dev, const char *name,
                                  const char *value, GPtrArray *later)
{
    static const char *const mappings[] = { "pa", "va", NULL };
    SimConf *conf = &dev->conf;
    bool *on = sim_switch_find(conf, name);
    int key = sim_key_find(name);
    int found;

    if (key >= 0) {
        return sim_key_parse(conf, key, value);
    }
    if (!strcmp(name, "type") || !strcmp(name, "profile") ||
        !strcmp(name, "parent")) {
        return NULL;
    }
    if (on) {
        return sim_switch_parse(value, on);
    }
    if (!strcmp(name, "mapping")) {
        found = sim_word_find(value, mappings);
        conf->va = found == 1;
        return found < 0 ? "pa or va" : NULL;
    }
    if (!strcmp(name, "file")) {
        g_free(conf->file);
        conf->file = g_strdup(value);
        return NULL;
    }
    if (!strcmp(name, "mac")) {
        return sim_mac_parse(value, conf->mac);
    }
    if (!strcmp(name, "fault")) {
        g_auto(GStrv) words = g_strsplit(value, ":", -1);

        return sim_fault_add(dev, words);
    }
    if (!strcmp(name, "config")) {
        g_ptr_array_add(later, (char *)value);
        return NULL;
    }
    return "unknown key";
}

void sim_config_put(SimDev *dev, uint64_t off, const void *bytes, size_t len)
{
    memcpy(dev->config + off, bytes, len);
    memcpy(dev->host_config + off, bytes, len);
}

static const char *sim_parse_config(SimDev *dev, GPtrArray *later)
{
    guint i;

    for (i = 0; i < later->len; i++) {
        size_t len;
        g_autofree uint8_t *bytes =
            sim_parse_hex(g_ptr_array_index(later, i), &len);

        if (!bytes) {
            return "config is not an even number of hex digits";
        }
        if (len > dev->conf.config_size) {
            return "config is longer than config-size";
        }
        sim_config_put(dev, 0, bytes, len);
    }
    return NULL;
}

static bool sim_dev_parse(SimDev *dev, const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, ",", -1);
    g_autoptr(GPtrArray) later = g_ptr_array_new();
    const char *why = NULL;
    const char *word = text;
    int i;

    for (i = 0; words[i] && !why; i++) {
        if (!strchr(words[i], '=')) {
            why = "not key=value";
            word = words[i];
        }
    }
    if (!why) {
        why = sim_parse_kind(dev, words);
    }
    if (!why) {
        sim_conf_defaults(dev);
    }
    for (i = 0; !why && words[i]; i++) {
        g_auto(GStrv) pair = g_strsplit(words[i], "=", 2);

        word = words[i];
        why = sim_parse_word(dev, pair[0], strchr(words[i], '=') + 1, later);
    }
    if (!why && dev->conf.id > UINT32_MAX) {
        why = "generic needs an id";
        word = text;
    }
    if (!why && dev->conf.config_size > 1 << 20) {
        dev->conf.config_size = 1 << 20;
    }
    if (!why) {
        if (!sim_dev_make(dev)) {
            return false;
        }
        why = sim_parse_config(dev, later);
    }
    if (why) {
        sim_complain("%s%u: %s: %s", SIM_ENV, dev->number, word, why);
        return false;
    }
    return true;
}

static SimDev *sim_dev_new(unsigned number)
{
    SimDev *dev = g_new0(SimDev, 1);
    int i;

    dev->number = number;
    pthread_mutex_init(&dev->lock, NULL);
    g_queue_init(&dev->log);
    dev->config_fd = -1;
    dev->epoll_fd = -1;
    dev->wake_fd = -1;
    dev->doorbell_fd = -1;
    for (i = 0; i < SIM_MAX_SPACES; i++) {
        dev->space[i].vhost = g_array_new(false, true, sizeof(SimMap));
        dev->space[i].device = g_array_new(false, true, sizeof(SimMap));
    }
    return dev;
}

static void sim_dev_forget(SimDev *dev)
{
    sim_dev_unmake(dev);
    sim_fault_clear(dev);
    sim_log_clear(dev);
    g_free(dev->conf.file);
    memset(&dev->conf, 0, sizeof(dev->conf));
    g_free(dev->env);
    dev->env = NULL;
    dev->opens = 0;
    dev->kicks = 0;
    dev->doorbell_kicks = 0;
    dev->requests = 0;
    dev->dma_faults = 0;
    dev->ring_errors = 0;
    dev->held = false;
}

/* The environment's text is new: the device is made anew from it. */
static bool sim_dev_configure(SimDev *dev, const char *text)
{
    sim_dev_forget(dev);
    if (!sim_dev_parse(dev, text)) {
        return false;
    }
    dev->env = g_strdup(text);
    return true;
}

SimDev *sim_dev_peek(unsigned number)
{
    return number < SIM_MAX_DEVS ?
           __atomic_load_n(&sim_devs[number], __ATOMIC_ACQUIRE) : NULL;
}

SimDev *sim_dev_get(unsigned number, bool refresh)
{
    g_autofree char *name = g_strdup_printf(SIM_ENV "%u", number);
    const char *text = getenv(name);
    SimDev *dev = sim_dev_peek(number);
    bool good = true;

    if (number >= SIM_MAX_DEVS || (!dev && !text)) {
        return NULL;
    }
    if (!dev) {
        dev = sim_dev_new(number);
        good = sim_dev_configure(dev, text);
        __atomic_store_n(&sim_devs[number], dev, __ATOMIC_RELEASE);
        return good ? dev : NULL;
    }
    sim_lock(dev);
    if (refresh && !dev->open) {
        if (!text) {
            sim_dev_forget(dev);
            good = false;
        } else if (!dev->env || strcmp(text, dev->env)) {
            good = sim_dev_configure(dev, text);
        }
    }
    good = good && dev->env;
    sim_unlock(dev);
    return good ? dev : NULL;
}

void sim_dev_scan(void)
{
    char **var;

    for (var = environ; var && *var; var++) {
        const char *digits = *var + strlen(SIM_ENV);
        uint64_t number = 0;

        if (!g_str_has_prefix(*var, SIM_ENV) || !g_ascii_isdigit(*digits)) {
            continue;
        }
        while (g_ascii_isdigit(*digits) && number < SIM_MAX_DEVS) {
            number = number * 10 + *digits++ - '0';
        }
        if (*digits == '=' && number < SIM_MAX_DEVS) {
            sim_dev_get(number, true);
        }
    }
}

static void sim_config_resize(SimDev *dev, uint64_t old)
{
    uint64_t size = dev->conf.config_size;

    dev->config = g_realloc(dev->config, size + 1);
    dev->host_config = g_realloc(dev->host_config, size + 1);
    if (size > old) {
        memset(dev->config + old, 0, size - old);
        memset(dev->host_config + old, 0, size - old);
    }
}

const char *sim_conf_set(SimDev *dev, const char *key, const char *value)
{
    SimConf old = dev->conf;
    bool *on = sim_switch_find(&dev->conf, key);
    int index = sim_key_find(key);
    const char *why;

    if (on) {
        return sim_switch_parse(value, on);
    }
    if (index < 0) {
        return "no such key, or neither number nor switch";
    }
    if (sim_keys[index].when == SIM_KEY_CLOSED && dev->open) {
        return "the node is open";
    }
    why = sim_key_parse(&dev->conf, index, value);
    if (why) {
        return why;
    }
    if (dev->conf.config_size > 1 << 20) {
        dev->conf.config_size = 1 << 20;
    }
    if (sim_keys[index].when == SIM_KEY_CLOSED) {
        sim_dev_unmake(dev);
        if (!sim_dev_make(dev)) {
            sim_dev_forget(dev);
            return "it cannot be made so; the node is gone";
        }
        return NULL;
    }
    sim_config_resize(dev, old.config_size);
    return NULL;
}
