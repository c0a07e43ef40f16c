/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A host with the library open on it, for tests of what becomes of leases. */
#pragma once

#include "fixture.h"

typedef struct {
  Fixture *fx;
  Vfpool *vfpool; /* NULL: not opened yet */
  GString *said;  /* by the library since it was opened, a line each: the level, a blank, the message */
} Test;

Test *lease_test_new (void); /* on an empty host */
/* Opens the library, anew if it is open. */
void lease_test_open (Test *self);
/* For cmocka: frees the test that *@state is. */
int lease_test_teardown (void **state);
