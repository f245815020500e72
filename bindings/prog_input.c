/* SPDX-License-Identifier: MIT */
#include "prog_input.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef CRUN_LIBEDIT
#include <editline/readline.h>
#endif

#include "../runtime/hub.h"
#include "../runtime/input.h"

static char *buffer; /* the line */
static size_t capacity;
static bool terminal;

static void end_line(void)
{
    putchar('\n');
    (void)fflush(stdout);
}

static crun__input interrupted(void)
{
    clearerr(stdin);
    end_line();
    return CRUN__INPUT_INTERRUPTED;
}

/*
 * Lets other tasks run until there is something to read. Returns: false when the wait was
 * cancelled.
 */
static bool wait_for_input(void)
{
    return crun__input_wait(crun__hub->main, STDIN_FILENO, CRUN_FOREVER) != CRUN_ECANCELED;
}

/*
 * A terminal shows what is typed; elsewhere the line is written after its prompt, so that the
 * output reads like a session. (So does lua(1) where it has readline.)
 */
static crun__input plain_line(const char *prompt)
{
    (void)fputs(prompt, stdout);
    (void)fflush(stdout);
    if (!wait_for_input())
        return interrupted();
    errno = 0;
    ssize_t n = getline(&buffer, &capacity, stdin);
    if (n < 0)
        return errno == EINTR ? interrupted() : CRUN__INPUT_END;
    if (n > 0 && buffer[n - 1] == '\n')
        buffer[n - 1] = '\0';
    if (!terminal)
        puts(buffer);
    (void)fflush(stdout);
    return CRUN__INPUT_LINE;
}

#ifdef CRUN_LIBEDIT

static bool complete;

static void on_line(char *line)
{
    free(buffer);
    buffer = line;
    complete = true;
    rl_callback_handler_remove();
}

/*
 * A key at a time, so that the hub can go on between them. Taking the handler out restores the
 * terminal.
 */
static crun__input edited_line(const char *prompt)
{
    complete = false;
    rl_callback_handler_install(prompt, on_line);
    while (!complete) {
        if (!wait_for_input()) {
            rl_callback_handler_remove();
            return interrupted();
        }
        rl_callback_read_char();
    }
    if (!buffer)
        return CRUN__INPUT_END;
    if (*buffer)
        add_history(buffer);
    return CRUN__INPUT_LINE;
}

#else
#define edited_line plain_line
#endif

/*
 * Without a buffer no more is read than the line: statements and the programs they start find the
 * rest of the input, and waiting for the descriptor never overlooks what has been read already.
 */
void crun__input_begin(void)
{
    terminal = isatty(STDIN_FILENO);
    (void)setvbuf(stdin, NULL, _IONBF, 0);
}

void crun__input_end(void)
{
    end_line();
    free(buffer);
    buffer = NULL;
    capacity = 0;
}

crun__input crun__input_line(const char *prompt, const char **line)
{
    crun__input in = terminal ? edited_line(prompt) : plain_line(prompt);
    *line = buffer;
    return in;
}
