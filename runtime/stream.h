/*
 * SPDX-License-Identifier: MIT
 *
 * Streams as the bindings see them: each blocking operation in two phases.
 *
 * begin returns 1 when the operation is done, a code when it has failed, or 0 when the task's wait
 * is registered: then the task parks, and what it does next is up to its wait's result.
 * - Result 0: what was waited for has happened; the operation goes on as said below. Another task
 * may have run first, and taken what there was.
 * - A code (a deadline, a cancel, a close): the operation is over, nothing is left of it.
 * Failures of the system never are results of waits, whose codes mean what ends a wait.
 */
#ifndef CRUN__STREAM_H
#define CRUN__STREAM_H

#include <crun/stream.h>

/* --- reading ------------------------------------------------------------------------------ */

/*
 * What a reader waits for: that at least `count` bytes are there (SIZE_MAX: all up to the end), or,
 * with `line`, a line feed among fewer; or the end, whatever is there then.
 */
typedef struct crun__goal {
    size_t count;
    bool line;
} crun__goal;

/*
 * Returns 1 when the goal is reached: then look at what is there and take it, without waiting.
 * After a wait with result 0, begin again.
 */
int crun__read_begin(crun_stream *stream, crun_task *task, const crun__goal *goal);

/* The bytes that are there; valid until something is consumed or the task waits. */
const char *crun__stream_peek(const crun_stream *stream, size_t *size);

/* The length of the first line there, its line feed included; 0: no line feed. */
size_t crun__stream_line(crun_stream *stream);

/* Takes the first bytes away. */
void crun__stream_consume(crun_stream *stream, size_t size);

/* What comes after the bytes that are there: 0 nothing yet, 1 the end, or the code of a failure. */
int crun__stream_end(const crun_stream *stream);

/* --- writing ------------------------------------------------------------------------------ */

/*
 * Returns 1 when the system has taken everything. After 0 the data must stay where it is until the
 * wait is over.
 */
int crun__write_begin(crun_stream *stream, crun_task *task, const void *data, size_t size);

/* After a wait with result 0. Returns 1: everything is written; or a code. */
int crun__write_finish(const crun_stream *stream);

/* After a wait with result 0, begin again. */
int crun__shutdown_begin(crun_stream *stream, crun_task *task);

/* --- connecting, listening, accepting ----------------------------------------------------- */

/*
 * What came of opening: to be looked at after a wait with result 0. The caller's memory, which
 * stays where it is until the wait is over, or is dropped before: then what comes of it is closed.
 */
typedef struct crun__opened {
    struct crun__opening *opening; /* under way, or NULL */
    int code;
    crun_stream *stream;     /* with one reference, after connecting */
    crun_listener *listener; /* with one reference, after listening */
} crun__opened;

int crun__connect_begin(crun_hub *hub, crun_task *task, const char *host, int port,
                        const crun_tcp_options *options, crun__opened *out);

/* Done at once (1, or a code) for a numeric address. */
int crun__listen_begin(crun_hub *hub, crun_task *task, const char *host, int port,
                       const crun_tcp_options *options, crun__opened *out);

void crun__opened_drop(crun__opened *opened);

/* Returns 1 and the stream. */
int crun__accept_begin(crun_listener *listener, crun_task *task, crun_stream **out);

/* After a wait with result 0. Returns as begin does. */
int crun__accept_finish(crun_listener *listener, crun_task *task, crun_stream **out);

/* --- sending descriptors away ------------------------------------------------------------- */

/*
 * A descriptor to be copied, so that someone else goes on with the stream from here: nothing more
 * is read ahead. Returns: it, which stays the stream's; CRUN_ECLOSED; CRUN_EBUSY: something is
 * unread, or somebody reads; CRUN_EAGAIN: something is not yet sent.
 */
int crun__stream_share(crun_stream *stream);

/* The same of a listener, with the options that its connections get. */
int crun__listener_share(const crun_listener *listener, crun_tcp_options *options);

/* A listener of a descriptor that listens already, which is taken over. Returns: 0 or a code. */
int crun__listener_adopt(crun_hub *hub, int fd, const crun_tcp_options *options,
                         crun_listener **out);

#endif
