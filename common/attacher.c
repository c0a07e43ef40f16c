/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One file, and a byte of it for each of those who attach, locked as an open file description: the lock is nobody else's to
 * drop, and is looked at without being taken. The first byte is the agent's, the others are the guests', by the first 60 bits
 * of their UUID.
 */
#include "attacher.h"

#include "vfpool.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "/var/lib/vfpool"
#define FILE_NAME FOLDER "/attacher.lock"

/* Between two looks: a byte that is locked by nobody cannot be waited for in another way. */
#define STEP (G_USEC_PER_SEC / 20)

/* The first 15 hexadecimal digits of @uuid, one higher, or 0 for the agent. */
static off_t
byte_of (const char *uuid) {
  off_t number = 0;
  int digits = 0;

  for (; uuid && *uuid && digits < 15; uuid++)
    if (g_ascii_isxdigit (*uuid)) {
      number = number * 16 + g_ascii_xdigit_value (*uuid);
      digits++;
    }
  return digits ? number + 1 : 0;
}

static struct flock
lock_on (const char *uuid) {
  return (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte_of (uuid), .l_len = 1 };
}

static gboolean
fail (GError **error, const char *path, int saved_errno) {
  VfpoolError code =
      saved_errno == EACCES || saved_errno == EPERM || saved_errno == EROFS ? VFPOOL_ERROR_DENIED : VFPOOL_ERROR_KERNEL;

  g_set_error (error, VFPOOL_ERROR, code, "cannot lock %s: %s", path, g_strerror (saved_errno));
  return FALSE;
}

gboolean
attacher_hold (const char *root, const char *uuid, GError **error) {
  g_autofree char *folder = g_strconcat (root ? root : "", FOLDER, NULL);
  g_autofree char *path = g_strconcat (root ? root : "", FILE_NAME, NULL);
  struct flock lock = lock_on (uuid);
  int saved_errno, fd;

  if (g_mkdir_with_parents (folder, S_IRWXU) != 0)
    return fail (error, folder, errno);
  fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
  if (fd >= 0 && fcntl (fd, F_OFD_SETLK, &lock) == 0)
    return TRUE; /* the file stays open: it is the lock */
  saved_errno = errno;
  if (fd >= 0)
    close (fd);
  if (fd < 0 || (saved_errno != EAGAIN && saved_errno != EACCES))
    return fail (error, path, saved_errno);
  if (uuid)
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BUSY,
                 "another `vfpool start` or `vfpool attach` is at work on guest %s", uuid);
  else
    g_set_error_literal (error, VFPOOL_ERROR, VFPOOL_ERROR_BUSY,
                         "another vfpool-agent runs already: there is one for a host, vfpool-agent.service");
  return FALSE;
}

static gboolean
is_locked (int fd, const char *uuid) {
  struct flock lock = lock_on (uuid);

  return fcntl (fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

gboolean
attacher_is_held (const char *root, const char *uuid) {
  g_autofree char *path = g_strconcat (root ? root : "", FILE_NAME, NULL);
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  gboolean is_held = fd >= 0 && (is_locked (fd, NULL) || is_locked (fd, uuid));

  if (fd >= 0)
    close (fd);
  return is_held;
}

gboolean
attacher_wait_for (const char *root, const char *uuid, guint seconds) {
  g_autofree char *path = g_strconcat (root ? root : "", FILE_NAME, NULL);
  gint64 end = g_get_monotonic_time () + (gint64)seconds * G_USEC_PER_SEC;

  while (!attacher_is_held (root, uuid)) {
    if (g_get_monotonic_time () >= end || !g_file_test (path, G_FILE_TEST_EXISTS))
      return FALSE;
    g_usleep (STEP);
  }
  return TRUE;
}
