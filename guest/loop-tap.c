/*
 * "make e2e": a tap device of any number of queues, in which each queue gives
 * back the frames that go into it.  Preloaded into a QEMU, it needs no rights
 * and nothing of the host's network.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Beyond those of terminals, which have the same letter */
#define TUN_FIRST 200

#define NEXT(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))

/* A datagram socket that is connected to itself */
static int loop(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    socklen_t length = sizeof(address);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    /* The kernel picks a name */
    if (fd >= 0 &&
        (bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)) ||
         getsockname(fd, (struct sockaddr *)&address, &length) ||
         connect(fd, (struct sockaddr *)&address, length))) {
        return -1;
    }
    return fd;
}

int open64(const char *path, int flags, ...)
{
    mode_t mode = 0;
    va_list ap;

    va_start(ap, flags);
    if (flags & (O_CREAT | __O_TMPFILE)) {
        mode = va_arg(ap, int);
    }
    va_end(ap);
    return strcmp(path, "/dev/net/tun") ?
           NEXT(open64)(path, flags, mode) : loop();
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list ap;
    void *arg;

    va_start(ap, request);
    arg = va_arg(ap, void *);
    va_end(ap);
    if (_IOC_TYPE(request) != 'T' || _IOC_NR(request) < TUN_FIRST) {
        return NEXT(ioctl)(fd, request, arg);
    }
    switch (request) {
    case TUNGETFEATURES:
        *(unsigned *)arg = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE;
        return 0;
    case TUNGETIFF:
        ((struct ifreq *)arg)->ifr_flags = IFF_TAP | IFF_NO_PI;
        return 0;
    case TUNSETIFF:
    case TUNSETQUEUE:
    case TUNSETSNDBUF:
        return 0;
    default:
        errno = EINVAL;
        return -1;
    }
}
