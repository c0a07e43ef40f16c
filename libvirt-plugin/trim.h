/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gives back memory before a long sleep. */
#pragma once

#include <glib.h>

/* Gives back what the process does not need while it waits; what is needed again comes back by itself. */
void trim_memory (void);

/* Whether @line of /proc/self/maps is the code of a file; @from, @to: (out): where it lies. */
gboolean trim_is_code (const char *line, guintptr *from, guintptr *to);
