/*
 * vhost-vdpa-sim: what preload.c interposes and no header declares for it
 *
 * For preload.c alone: elsewhere the C library's own headers may declare these.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef VHOST_VDPA_SIM_PRELOAD_H
#define VHOST_VDPA_SIM_PRELOAD_H

#include "sim.h"

SIM_PUBLIC int __open_2(const char *path, int flags);
SIM_PUBLIC int __open64_2(const char *path, int flags);
SIM_PUBLIC int __openat_2(int dir, const char *path, int flags);
SIM_PUBLIC int __openat64_2(int dir, const char *path, int flags);
SIM_PUBLIC ssize_t __read_chk(int fd, void *buf, size_t len, size_t max);

#endif
