/*
 * SPDX-License-Identifier: MIT
 *
 * Channels: bounded queues of values between the tasks of one hub.
 *
 * Laws:
 * - First come, first served, on both sides; a value sent while somebody waits for it is theirs,
 * and a place that becomes free belongs to the sender that has waited longest.
 * - Without room (capacity 0) a send with time to wait lets its receiver run before it returns.
 * - A task whose wait ends by deadline or cancel has neither sent nor received anything.
 * - After close, sending fails with CRUN_ECLOSED; what is inside can still be received, then
 * receiving fails with CRUN_ECLOSED, too. Those who wait are told at once.
 *
 * Thread, for everything here: the hub's.
 */
#ifndef CRUN_CHAN_H
#define CRUN_CHAN_H

#include <stdbool.h>
#include <stddef.h>

#include <crun/hub.h>
#include <crun/value.h>

typedef struct crun_chan crun_chan;

#define CRUN_UNBOUNDED SIZE_MAX

/*
 * A channel that holds up to `capacity` values; with 0 a send returns once somebody has received.
 * Returns: 0 and the channel with one reference, or CRUN_ENOMEM.
 */
CRUN_API int crun_chan_new(crun_chan **out, size_t capacity);
CRUN_API crun_chan *crun_chan_retain(crun_chan *chan);
CRUN_API void crun_chan_release(crun_chan *chan);

/*
 * Sends a value; with CRUN_NOWAIT as the deadline only if that can be done at once. The channel
 * owns it on success, the caller still does on failure. Switches: may.
 * Returns: 0, CRUN_ETIMEDOUT, CRUN_ECANCELED, CRUN_ECLOSED, CRUN_ENOMEM.
 */
CRUN_API int crun_chan_send(crun_chan *chan, const crun_value *value, crun_time deadline);

/*
 * Receives the oldest value; with CRUN_NOWAIT only if one is inside or is being sent. It is owned
 * by the caller from then on. Switches: may.
 * Returns: 0, CRUN_ETIMEDOUT, CRUN_ECANCELED, CRUN_ECLOSED; out is untouched on failure.
 */
CRUN_API int crun_chan_recv(crun_chan *chan, crun_value *out, crun_time deadline);

/* Closing twice does nothing. */
CRUN_API void crun_chan_close(crun_chan *chan);
CRUN_API bool crun_chan_closed(const crun_chan *chan);

/* Values inside, those of waiting senders not counted. */
CRUN_API size_t crun_chan_count(const crun_chan *chan);
CRUN_API size_t crun_chan_capacity(const crun_chan *chan);

#endif
