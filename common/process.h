/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a program inherits from whoever started it, and what of that it keeps. Called first in main(). */
#pragma once

/* Empties the environment but for a PATH of the system's own folders and the variables @kept (ends with NULL). */
void process_clean_environment (const char *const *kept);

/* Sees to it that descriptors 0, 1 and 2 are open: the next file that is opened must not become standard output. */
void process_hold_standard_streams (void);

/* Closes all descriptors from @first on. */
void process_close_from (int first);

/* All of it, for a program that a hypervisor starts as root; then keeps no capability that its work does not need. */
void process_begin_as_hook (void);
