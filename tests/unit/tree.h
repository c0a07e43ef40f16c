/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Folders that tests make and must not leave behind. */
#pragma once

/* Removes @path and all below it; links are removed and not followed. What is not there is no error. */
void remove_tree (const char *path);
