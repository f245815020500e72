/* SPDX-License-Identifier: MIT */
/*
 * The echo server that crun is measured against: libuv alone, nothing between its callbacks.
 * It takes the cheapest way libuv offers: one static buffer that every read goes through (nothing
 * else runs between a read and the end of its callback), and an immediate write, which takes
 * everything as long as the client reads. Only what the socket refused is copied and queued.
 * usage: echo port
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

typedef struct {
    uv_write_t request;
    char bytes[];
} backlog;

static char read_buffer[65536];

static void fail(const char *what, int code)
{
    fprintf(stderr, "echo: %s: %s\n", what, uv_strerror(code));
    exit(1);
}

static void lend_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)handle;
    (void)suggested;
    *buffer = uv_buf_init(read_buffer, sizeof read_buffer);
}

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

static void drop(uv_stream_t *stream)
{
    if (!uv_is_closing((uv_handle_t *)stream)) {
        uv_close((uv_handle_t *)stream, free_handle);
    }
}

static void backlog_written(uv_write_t *request, int status)
{
    if (status < 0 && status != UV_ECANCELED) {
        drop(request->handle);
    }
    free(request);
}

static void queue_rest(uv_stream_t *stream, const char *bytes, size_t size)
{
    backlog *rest = malloc(sizeof *rest + size);
    if (!rest) {
        fail("malloc", UV_ENOMEM);
    }
    memcpy(rest->bytes, bytes, size);
    uv_buf_t buffer = uv_buf_init(rest->bytes, (unsigned)size);
    int code = uv_write(&rest->request, stream, &buffer, 1, backlog_written);
    if (code < 0) {
        free(rest);
        drop(stream);
    }
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *from)
{
    if (size < 0) {
        drop(stream);
        return;
    }
    uv_buf_t answer = uv_buf_init(from->base, (unsigned)size);
    int sent = size > 0 ? uv_try_write(stream, &answer, 1) : 0;
    if (sent == UV_EAGAIN) {
        sent = 0;
    }
    if (sent < 0) {
        drop(stream);
    } else if (sent < size) {
        queue_rest(stream, from->base + sent, (size_t)(size - sent));
    }
}

static void on_connection(uv_stream_t *listener, int status)
{
    if (status < 0) {
        fail("accept", status);
    }
    uv_tcp_t *client = malloc(sizeof *client);
    if (!client) {
        fail("malloc", UV_ENOMEM);
    }
    uv_tcp_init(listener->loop, client);
    int code = uv_accept(listener, (uv_stream_t *)client);
    if (code == 0) {
        code = uv_tcp_nodelay(client, 1);
    }
    if (code == 0) {
        code = uv_read_start((uv_stream_t *)client, lend_buffer, on_read);
    }
    if (code < 0) {
        drop((uv_stream_t *)client);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: echo port\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    uv_loop_t *loop = uv_default_loop();
    static uv_tcp_t listener;
    struct sockaddr_in address;
    int code = uv_ip4_addr("127.0.0.1", atoi(argv[1]), &address);
    if (code == 0) {
        code = uv_tcp_init(loop, &listener);
    }
    if (code == 0) {
        code = uv_tcp_bind(&listener, (const struct sockaddr *)&address, 0);
    }
    if (code == 0) {
        code = uv_listen((uv_stream_t *)&listener, 1024, on_connection);
    }
    if (code < 0) {
        fail("listen", code);
    }
    return uv_run(loop, UV_RUN_DEFAULT);
}
