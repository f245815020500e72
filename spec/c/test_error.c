/* SPDX-License-Identifier: MIT */
#include <limits.h>

#include <crun/error.h>
#include <uv.h>

#include "test.h"

struct code {
    const char *name;
    const char *text;
    int value;
};

static const struct code own[] = {
#define ROW(name, value, text) {#name, text, CRUN_##name},
    CRUN_ERRORS(ROW)
#undef ROW
};

static const struct code libuvs[] = {
#define ROW(name, text) {#name, text, UV_##name},
    UV_ERRNO_MAP(ROW)
#undef ROW
};

enum { OWN = sizeof own / sizeof *own, LIBUVS = sizeof libuvs / sizeof *libuvs };

TEST(every_code_has_its_name_and_text)
{
    for (size_t i = 0; i < OWN; i++) {
        CHECK(own[i].value < 0);
        CHECK_STR(crun_error_name(own[i].value), own[i].name);
        CHECK_STR(crun_error_text(own[i].value), own[i].text);
    }
}

TEST(every_code_of_libuv_has_name_and_text)
{
    for (size_t i = 0; i < LIBUVS; i++) {
        CHECK_STR(crun_error_name(libuvs[i].value), libuvs[i].name);
        CHECK(strlen(crun_error_text(libuvs[i].value)) > 2);
    }
}

TEST(codes_of_the_same_name_are_the_same_number)
{
    for (size_t i = 0; i < OWN; i++) {
        for (size_t k = 0; k < LIBUVS; k++) {
            bool same = strcmp(own[i].name, libuvs[k].name) == 0;
            CHECK_EQ_INT(same, own[i].value == libuvs[k].value);
        }
    }
}

TEST(no_two_codes_are_equal)
{
    for (size_t i = 0; i < OWN; i++) {
        for (size_t k = 0; k < i; k++) {
            CHECK(own[i].value != own[k].value);
        }
    }
}

TEST(what_is_no_code_is_unknown)
{
    const int numbers[] = {0, 1, -5000, -5999, INT_MIN, INT_MAX};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        CHECK_STR(crun_error_name(numbers[i]), "UNKNOWN");
        CHECK_STR(crun_error_text(numbers[i]), "unknown error");
    }
}

TEST_MAIN
