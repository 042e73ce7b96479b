/*
 * vhost-vdpa-sim: access to the caller's memory
 *
 * The kernel answers a bad pointer with EFAULT; so does this.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/uio.h>
#include "sim.h"

/*
 * The kernel checks the addresses for us.  Where a sandbox forbids the calls,
 * the pointers are trusted.
 */
static bool sim_copy_forbidden(ssize_t ret)
{
    return ret < 0 && (errno == ENOSYS || errno == EPERM);
}

int sim_copy_in(void *to, const void *from, size_t len)
{
    struct iovec local = { .iov_base = to, .iov_len = len };
    struct iovec remote = { .iov_base = (void *)from, .iov_len = len };
    ssize_t ret;

    if (!len) {
        return 0;
    }
    ret = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
    if (sim_copy_forbidden(ret)) {
        memcpy(to, from, len);
        return 0;
    }
    return ret == (ssize_t)len ? 0 : -EFAULT;
}

int sim_copy_out(void *to, const void *from, size_t len)
{
    struct iovec local = { .iov_base = (void *)from, .iov_len = len };
    struct iovec remote = { .iov_base = to, .iov_len = len };
    ssize_t ret;

    if (!len) {
        return 0;
    }
    ret = process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
    if (sim_copy_forbidden(ret)) {
        memcpy(to, from, len);
        return 0;
    }
    return ret == (ssize_t)len ? 0 : -EFAULT;
}
