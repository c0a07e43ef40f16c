/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is done again for a guest after a while, until it is forgotten. All of it is called in the worker's thread. */
#pragma once

#include "worker.h"

#define AGAIN_PAUSE_FIRST_S 1
#define AGAIN_PAUSE_MAX_S 60

typedef struct _Again Again;

/* Does for the guest @uuid what was put off. */
typedef void (*AgainFunc) (const char *uuid, gpointer data);

/* There is one, for the life of the program. */
Again *again_new (Worker *worker, AgainFunc func, gpointer data);

/* Has the function called for @uuid, once: after AGAIN_PAUSE_FIRST_S at first, and after twice as long each time, up to
 * AGAIN_PAUSE_MAX_S. Returns: for how long the guest has been put off altogether, in seconds. */
guint again_later (Again *self, const char *uuid);

/* Whether something was put off for @uuid. */
gboolean again_is_known (const Again *self, const char *uuid);

/* Nothing more for @uuid, or for anybody. */
void again_forget (Again *self, const char *uuid);
void again_forget_all (Again *self);

/* The pause after one of @pause seconds (0: the first). */
guint again_next_pause (guint pause, guint max);
