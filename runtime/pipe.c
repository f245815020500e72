/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tcp.h"

/* Returns: 0; CRUN_EINVAL for what is no socket of a stream. family receives its address family. */
static int socket_family(int fd, int *family)
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t size = sizeof address, type_size = sizeof(int);
    int type = 0;
    *family = AF_UNSPEC;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        return uv_translate_sys_error(errno);
    *family = address.ss_family;
    return type == SOCK_STREAM ? 0 : CRUN_EINVAL;
}

/* Returns: 0 or a code. tcp: whether libuv knows such a socket as TCP; socket: whether it is one.
 */
static int look_at(int fd, bool *socket, bool *tcp)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return uv_translate_sys_error(errno);
    *socket = S_ISSOCK(st.st_mode);
    if (!*socket)
        return S_ISFIFO(st.st_mode) ? 0 : CRUN_EINVAL;
    int family;
    int rc = socket_family(fd, &family);
    *tcp = family == AF_INET || family == AF_INET6;
    return rc;
}

/* A Unix socket, or one end of a pipe. */
static int adopt(crun_hub *hub, int fd, bool socket, crun_stream **out)
{
    crun_stream *s = crun__stream_alloc(hub);
    if (!s)
        return CRUN_ENOMEM;
    int rc = uv_pipe_init(&hub->loop->uv, &s->uv.pipe, 0);
    if (rc < 0) {
        free(s);
        return rc;
    }
    crun__stream_opened(s);
    rc = uv_pipe_open(&s->uv.pipe, fd);
    if (rc < 0) {
        crun_stream_release(s);
        return rc;
    }
    s->fd = socket ? fd : -1;
    *out = s;
    return 0;
}

int crun_stream_open(crun_hub *hub, int fd, crun_stream **out)
{
    bool socket = false, tcp = false;
    int rc = look_at(fd, &socket, &tcp);
    if (rc == 0 && tcp) {
        crun_tcp_options options = {.size = sizeof options};
        return crun__tcp_adopt(hub, fd, &options, out);
    }
    if (rc == 0)
        rc = adopt(hub, fd, socket, out);
    if (rc < 0 && fd >= 0)
        close(fd);
    return rc;
}

int crun_stream_fd(const crun_stream *s)
{
    uv_os_fd_t fd;
    int rc = s->closed ? CRUN_ECLOSED : uv_fileno(&s->uv.handle, &fd);
    return rc < 0 ? rc : fd;
}

int crun_pipe(int fds[2])
{
    return pipe2(fds, O_CLOEXEC) < 0 ? uv_translate_sys_error(errno) : 0;
}

int crun_socketpair(int fds[2])
{
    int rc = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);
    return rc < 0 ? uv_translate_sys_error(errno) : 0;
}
