/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the fuzz targets share. A target is a file fuzz-NAME.c with LLVMFuzzerTestOneInput(): it hands the input to one
 * parser and asserts, with g_assert_*(), what must hold for any input. The helpers here assert what must hold for all
 * parsers: how they report a failure, and how much memory they take.
 */
#pragma once

#include "private.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* ---- The input ---- */

typedef struct {
  const uint8_t *data;
  size_t size;
} FuzzInput;

/* What stands before the next @end, which is passed over; all that is left when there is none. */
FuzzInput fuzz_take (FuzzInput *rest, const char *end);
/* The same as text, up to its first zero byte, for g_free(). */
char *fuzz_take_text (FuzzInput *rest, const char *end);

/* ---- What must hold ---- */

/* An error is set if, and only if, a call has failed; it is one of vfpool's own, and its message is one short line.
 * Frees it. */
void fuzz_assert_answer (gboolean has_succeeded, GError **error);

/* One line that a log can hold: valid UTF-8, no line end or other control character, and short, whatever was quoted. */
void fuzz_assert_line (const char *text);

/* Between the two calls no more than @allowed bytes were in use at any moment, beyond what was in use before. An
 * allowance is a fixed part and one for each byte of input: what a number in the input says takes no memory. */
void fuzz_memory_begin (void);
void fuzz_memory_end (size_t allowed);

/* ---- A host made of files ---- */

/* A folder in memory that stands for "/", removed when the program ends. */
const char *fuzz_root (void);
/* Writes a file below it, and the folders that lead there. */
void fuzz_write (const char *path, const void *data, size_t size);
void fuzz_write_text (const char *path, const char *text);
