/*
 * SPDX-License-Identifier: MIT
 *
 * Visibility: everything is compiled hidden, what a host may call is marked.
 */
#ifndef CRUN_EXPORT_H
#define CRUN_EXPORT_H

#if defined(__GNUC__)
#define CRUN_API __attribute__((visibility("default")))
#else
#define CRUN_API
#endif

#endif
