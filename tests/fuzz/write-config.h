/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a configuration back to text, so that what was read can be read again and compared. */
#pragma once

#include "config.h"

char *write_member (const VfpoolMember *member); /* for g_free() */
char *write_config (const VfpoolConfig *config); /* for g_free() */
