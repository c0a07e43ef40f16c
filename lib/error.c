/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one error domain, and the one place that turns an error into an exit status, so that the command, the hooks and
 * scripts around them agree on what a number means.
 */
#include "private.h"

#include <sysexits.h>

G_DEFINE_QUARK (vfpool - error - quark, vfpool_error)

int
vfpool_error_exit_status (const GError *error) {
  if (!error)
    return EX_OK;
  if (error->domain != VFPOOL_ERROR)
    return EX_SOFTWARE;
  switch ((VfpoolError)error->code) {
  case VFPOOL_ERROR_USAGE:
    return EX_USAGE;
  case VFPOOL_ERROR_BAD_INPUT:
    return EX_DATAERR;
  case VFPOOL_ERROR_NOT_FOUND:
  case VFPOOL_ERROR_NO_FREE_VF:
  case VFPOOL_ERROR_IN_USE:
    return EX_UNAVAILABLE;
  case VFPOOL_ERROR_CORRUPT:
    return EX_SOFTWARE;
  case VFPOOL_ERROR_KERNEL:
    return EX_OSERR;
  case VFPOOL_ERROR_BUSY:
    return EX_TEMPFAIL;
  case VFPOOL_ERROR_DENIED:
    return EX_NOPERM;
  case VFPOOL_ERROR_BAD_CONFIG:
    return EX_CONFIG;
  }
  return EX_SOFTWARE;
}
