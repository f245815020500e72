/* SPDX-License-Identifier: MIT */
#ifndef CRUN__SANITIZER_H
#define CRUN__SANITIZER_H

/*
 * Which checkers this translation unit is compiled for, as plain 0/1 numbers, so that the rest of
 * the runtime needs no compiler-specific tests. All parts of one build must agree: the layout of
 * crun__context follows these numbers.
 */

#if defined(__has_feature)
#define CRUN__HAS_FEATURE(name) __has_feature(name)
#else
#define CRUN__HAS_FEATURE(name) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || CRUN__HAS_FEATURE(address_sanitizer)
#define CRUN__ASAN 1
#else
#define CRUN__ASAN 0
#endif

#if defined(__SANITIZE_THREAD__) || CRUN__HAS_FEATURE(thread_sanitizer)
#define CRUN__TSAN 1
#else
#define CRUN__TSAN 0
#endif

#if !defined(NVALGRIND) && defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#define CRUN__VALGRIND 1
#endif
#endif
#ifndef CRUN__VALGRIND
#define CRUN__VALGRIND 0
#endif

#endif
