/*
 * SPDX-License-Identifier: MIT
 *
 * crun: tasks that wait anywhere. This header includes the whole C API.
 */
#ifndef CRUN_CRUN_H
#define CRUN_CRUN_H

#include <crun/version.h>

#include <crun/chan.h>
#include <crun/error.h>
#include <crun/future.h>
#include <crun/greenlet.h>
#include <crun/hub.h>
#include <crun/pool.h>
#include <crun/port.h>
#include <crun/process.h>
#include <crun/select.h>
#include <crun/stream.h>
#include <crun/sync.h>
#include <crun/task.h>
#include <crun/time.h>
#include <crun/value.h>

#endif
