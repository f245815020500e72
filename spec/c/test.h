/* SPDX-License-Identifier: MIT */
#ifndef CRUN_SPEC_TEST_H
#define CRUN_SPEC_TEST_H

/*
 * Assertions for the C unit tests. A test program is one .c file that includes this once:
 *
 *     TEST(list_pops_in_order) { CHECK_EQ_INT(pop(), 1); }
 *     TEST_MAIN
 *
 * Tests register themselves and run in the order they are written. A failed CHECK prints its place
 * and counts, and the test goes on; REQUIRE also leaves the function it stands in. SKIP says why a
 * test cannot run here and leaves it. The program ends with the line "N passed, N failed" (before
 * it the number skipped, if any) and exits with 1 if any failed. Arguments select tests by a part
 * of their name. None of this depends on NDEBUG. Checks may be used from one thread at a time.
 */

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test_case {
    const char *name;
    void (*run)(void);
    struct test_case *next;
};

struct test_state {
    struct test_case *first;
    struct test_case **last;
    unsigned checks_failed; // in the running test
    bool skipped;
    unsigned passed;
    unsigned failed;
    unsigned skips;
};

static struct test_state test_state;

static inline void test_add(struct test_case *test)
{
    if (test_state.last == NULL) {
        test_state.last = &test_state.first;
    }
    *test_state.last = test;
    test_state.last = &test->next;
}

#define TEST(name)                                                                                 \
    static void test_##name(void);                                                                 \
    __attribute__((constructor)) static void test_add_##name(void)                                 \
    {                                                                                              \
        static struct test_case test = {#name, test_##name, NULL};                                 \
        test_add(&test);                                                                           \
    }                                                                                              \
    static void test_##name(void)

/* A failed check's place and text; the format is for the values, and may be empty. */
__attribute__((format(printf, 4, 5))) static inline void
test_fail(const char *file, int line, const char *what, const char *format, ...)
{
    va_list values;
    test_state.checks_failed++;
    (void)fprintf(stderr, "%s:%d: failed: %s", file, line, what);
    va_start(values, format);
    (void)vfprintf(stderr, format, values);
    va_end(values);
    (void)fputc('\n', stderr);
    (void)fflush(stderr);
}

static inline bool test_true(bool ok, const char *file, int line, const char *what)
{
    if (!ok) {
        test_fail(file, line, what, "%s", "");
    }
    return ok;
}

static inline bool test_eq_int(intmax_t a, intmax_t b, const char *file, int line, const char *what)
{
    if (a != b) {
        test_fail(file, line, what, " (%" PRIdMAX " and %" PRIdMAX ")", a, b);
    }
    return a == b;
}

static inline bool test_eq_ptr(const void *a, const void *b, const char *file, int line,
                               const char *what)
{
    if (a != b) {
        test_fail(file, line, what, " (%p and %p)", a, b);
    }
    return a == b;
}

static inline bool test_eq_str(const char *a, const char *b, const char *file, int line,
                               const char *what)
{
    bool same = a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
    if (!same) {
        test_fail(file, line, what, " (\"%s\" and \"%s\")", a ? a : "NULL", b ? b : "NULL");
    }
    return same;
}

static inline bool test_has_str(const char *text, const char *part, const char *file, int line,
                                const char *what)
{
    bool found = text != NULL && strstr(text, part) != NULL;
    if (!found) {
        test_fail(file, line, what, " (\"%s\" in \"%s\")", part, text ? text : "NULL");
    }
    return found;
}

#define CHECK(cond) test_true((cond), __FILE__, __LINE__, #cond)
#define CHECK_EQ_INT(a, b)                                                                         \
    test_eq_int((intmax_t)(a), (intmax_t)(b), __FILE__, __LINE__, #a " == " #b)
#define CHECK_EQ_PTR(a, b) test_eq_ptr((a), (b), __FILE__, __LINE__, #a " == " #b)
#define CHECK_STR(a, b) test_eq_str((a), (b), __FILE__, __LINE__, #a " equals " #b)
#define CHECK_STR_HAS(text, part) test_has_str((text), (part), __FILE__, __LINE__, #text)

#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!CHECK(cond)) {                                                                        \
            return;                                                                                \
        }                                                                                          \
    } while (0)

#define SKIP(reason)                                                                               \
    do {                                                                                           \
        test_state.skipped = true;                                                                 \
        (void)printf("skipped: %s: %s\n", __func__, (reason));                                     \
        return;                                                                                    \
    } while (0)

static inline bool test_selected(const struct test_case *test, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strstr(test->name, argv[i]) != NULL) {
            return true;
        }
    }
    return argc < 2;
}

static inline void test_run(const struct test_case *test)
{
    test_state.checks_failed = 0;
    test_state.skipped = false;
    test->run();
    if (test_state.checks_failed != 0) {
        test_state.failed++;
        (void)printf("FAILED: %s\n", test->name);
    } else if (test_state.skipped) {
        test_state.skips++;
    } else {
        test_state.passed++;
    }
    (void)fflush(stdout);
}

static inline int test_run_all(int argc, char **argv)
{
    for (const struct test_case *test = test_state.first; test != NULL; test = test->next) {
        if (test_selected(test, argc, argv)) {
            test_run(test);
        }
    }
    if (test_state.skips != 0) {
        (void)printf("%u skipped\n", test_state.skips);
    }
    (void)printf("%u passed, %u failed\n", test_state.passed, test_state.failed);
    return test_state.failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define TEST_MAIN                                                                                  \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        return test_run_all(argc, argv);                                                           \
    }

#endif
