/*
 * "make e2e": KVM has so few memory slots that a test can use them up.
 * Preloaded into QEMU.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#define _GNU_SOURCE
#include <stdarg.h>
#include <unistd.h>
#include <linux/kvm.h>
#include <sys/syscall.h>

#define FEW 88

int ioctl(int fd, unsigned long request, ...)
{
    va_list ap;
    long arg;

    va_start(ap, request);
    arg = va_arg(ap, long);
    va_end(ap);
    if (request == KVM_CHECK_EXTENSION && arg == KVM_CAP_NR_MEMSLOTS) {
        return FEW;
    }
    return syscall(SYS_ioctl, fd, request, arg);
}
