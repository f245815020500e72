/* SPDX-License-Identifier: MIT */
/*
 * For libFuzzer: the bytes are a script of what another process writes to its end of a port's
 * socket, and of when is received meanwhile. Only messages as they may be come out, nothing
 * crashes, and neither memory nor a descriptor is left. .ci/fuzz builds and runs this.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <crun/crun.h>

#include "../../runtime/port.h"

enum { HEADER, BYTES, BULK, DESCRIPTOR, RECEIVE, DONE, CLOSE, OPERATIONS };

enum { HELD = 4 };

static crun_hub *hub;
static crun_port *port;
static int far;   /* the other process's end */
static bool with; /* the next bytes go with a descriptor */
static crun_message held[HELD];

static void send_bytes(const void *data, size_t size)
{
    struct iovec piece = {(void *)(uintptr_t)data, size};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {
        {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    memcpy(CMSG_DATA(&control.header), &far, sizeof far);
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = with ? &control : NULL,
                             .msg_controllen = with ? sizeof control : 0};
    (void)sendmsg(far, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    with = false;
}

static void send_header(const uint8_t *b)
{
    const crun__frame frame = {
        .size = (uint64_t)(b[0] | b[1] << 8) << (b[2] % 64),
        .mark = b[3] == 0xff ? 0 : CRUN__FRAME_MARK,
        .kind = b[4],
        .fds = b[5],
    };
    send_bytes(&frame, sizeof frame);
}

/* What is held can be read up to its end: also behind a close, and after what came later. */
static void done(crun_message *m)
{
    volatile char sum = 0;
    for (size_t i = 0; m->held && i < m->size; i++)
        sum ^= ((const char *)m->data)[i];
    if (m->held)
        crun_port_done(port, m);
}

static void receive(crun_message *m)
{
    done(m);
    if (crun_port_recv(port, m, CRUN_NOWAIT) == 0 && (m->kind < 1 || m->kind > CRUN__FRAME_KINDS))
        abort();
}

/* Returns: how many bytes of the script it took. */
static size_t step(const uint8_t *b, size_t left)
{
    static const char bulk[1 << 16];
    size_t number = left > 1 ? b[1] : 0;
    switch (b[0] % OPERATIONS) {
    case HEADER:
        if (left > 6)
            send_header(b + 1);
        return 7;
    case BYTES:
        number = left < 2 + number ? 0 : number;
        send_bytes(b + 2, number);
        return 2 + number;
    case BULK:
        send_bytes(bulk, (number + 1) << 8);
        return 2;
    case DESCRIPTOR:
        with = true;
        return 1;
    case RECEIVE:
        receive(&held[number % HELD]);
        return 2;
    case DONE:
        done(&held[number % HELD]);
        return 2;
    default:
        crun_port_close(port);
        return 1;
    }
}

static int descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 64; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    return crun_hub_new(&hub, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    int fds[2], before = descriptors();
    if (crun_socketpair(fds) < 0 || crun_port_open(hub, fds[0], &port) < 0)
        abort();
    far = fds[1];
    with = false;
    for (size_t at = 0; at < size;)
        at += step(bytes + at, size - at);
    close(far);
    for (int i = 0; i < 2 * HELD; i++)
        receive(&held[i % HELD]);
    for (int i = 0; i < HELD; i++)
        done(&held[i]);
    crun_port_release(port);
    (void)crun_sleep_until(hub, crun_now(hub) + 1);
    if (descriptors() != before)
        abort();
    return 0;
}
