/*
 * SPDX-License-Identifier: MIT
 *
 * Lines typed at the interactive program.
 */
#ifndef CRUN__PROG_INPUT_H
#define CRUN__PROG_INPUT_H

typedef enum crun__input {
    CRUN__INPUT_LINE,
    CRUN__INPUT_END,
    CRUN__INPUT_INTERRUPTED /* the wait for it was cancelled: what was typed so far is gone */
} crun__input;

/* Around a session. */
void crun__input_begin(void);
void crun__input_end(void);

/*
 * Prompts for a line and reads it; the hub's other tasks run meanwhile. The line is without its
 * newline, ends with a NUL and stays until the next call.
 */
crun__input crun__input_line(const char *prompt, const char **line);

#endif
