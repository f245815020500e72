/* SPDX-License-Identifier: MIT */
#include <crun/version.h>

#include <uv.h>

const char *crun_libuv_version(void)
{
    return uv_version_string();
}
