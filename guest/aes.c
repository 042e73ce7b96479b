/*
 * "make e2e": AES-128 in CBC mode by a driver of the kernel's crypto API, both
 * ways, against the known answers of NIST SP 800-38A, F.2.1 and F.2.2.
 *
 *   aes DRIVER
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <err.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <linux/if_alg.h>
#include <sys/socket.h>

#define BLOCK 16
#define SIZE (4 * BLOCK)

static const char key[] =
    "\x2b\x7e\x15\x16\x28\xae\xd2\xa6\xab\xf7\x15\x88\x09\xcf\x4f\x3c";
static const char iv[] =
    "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f";
static const char plain[] =
    "\x6b\xc1\xbe\xe2\x2e\x40\x9f\x96\xe9\x3d\x7e\x11\x73\x93\x17\x2a"
    "\xae\x2d\x8a\x57\x1e\x03\xac\x9c\x9e\xb7\x6f\xac\x45\xaf\x8e\x51"
    "\x30\xc8\x1c\x46\xa3\x5c\xe4\x11\xe5\xfb\xc1\x19\x1a\x0a\x52\xef"
    "\xf6\x9f\x24\x45\xdf\x4f\x9b\x17\xad\x2b\x41\x7b\xe6\x6c\x37\x10";
static const char cipher[] =
    "\x76\x49\xab\xac\x81\x19\xb2\x46\xce\xe9\x8e\x9b\x12\xe9\x19\x7d"
    "\x50\x86\xcb\x9b\x50\x72\x19\xee\x95\xdb\x11\x3a\x91\x76\x78\xb2"
    "\x73\xbe\xd6\xb8\xe3\xc1\x74\x3b\x71\x16\xe6\x9e\x22\x22\x95\x16"
    "\x3f\xf1\xca\xa1\x68\x1f\xac\x09\x12\x0e\xca\x30\x75\x86\xe1\xa7";

static void expect(int fd, unsigned operation, const char *in, const char *out)
{
    char control[CMSG_SPACE(sizeof(operation)) +
                 CMSG_SPACE(sizeof(struct af_alg_iv) + BLOCK)] = { 0 };
    struct iovec iov = { .iov_base = (char *)in, .iov_len = SIZE };
    struct msghdr msg = {
        .msg_control = control, .msg_controllen = sizeof(control),
        .msg_iov = &iov, .msg_iovlen = 1,
    };
    struct cmsghdr *header = CMSG_FIRSTHDR(&msg);
    struct af_alg_iv *vector;
    char got[SIZE];

    header->cmsg_level = SOL_ALG;
    header->cmsg_type = ALG_SET_OP;
    header->cmsg_len = CMSG_LEN(sizeof(operation));
    memcpy(CMSG_DATA(header), &operation, sizeof(operation));

    header = CMSG_NXTHDR(&msg, header);
    header->cmsg_level = SOL_ALG;
    header->cmsg_type = ALG_SET_IV;
    header->cmsg_len = CMSG_LEN(sizeof(*vector) + BLOCK);
    vector = (struct af_alg_iv *)CMSG_DATA(header);
    vector->ivlen = BLOCK;
    memcpy(vector->iv, iv, BLOCK);

    if (sendmsg(fd, &msg, 0) != SIZE) {
        err(1, "cannot give it data");
    }
    if (read(fd, got, SIZE) != SIZE) {
        err(1, "it gives none back");
    }
    if (memcmp(got, out, SIZE)) {
        errx(1, "the answer is wrong");
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_alg address = {
        .salg_family = AF_ALG, .salg_type = "skcipher",
    };
    int fd, operation;

    if (argc != 2) {
        errx(1, "which driver?");
    }
    snprintf((char *)address.salg_name, sizeof(address.salg_name), "%s",
             argv[1]);
    fd = socket(AF_ALG, SOCK_SEQPACKET, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address))) {
        err(1, "%s", argv[1]);
    }
    if (setsockopt(fd, SOL_ALG, ALG_SET_KEY, key, BLOCK)) {
        err(1, "cannot set the key");
    }
    operation = accept(fd, NULL, NULL);
    if (operation < 0) {
        err(1, "accept");
    }
    expect(operation, ALG_OP_ENCRYPT, plain, cipher);
    expect(operation, ALG_OP_DECRYPT, cipher, plain);
    return 0;
}
