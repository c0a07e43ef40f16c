/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cluster filesystem is itself the engine that tells all nodes, so a file is all there is to it. It begins with the time, in a form
 * of one length, so that what was published before is compared without being understood.
 *
 * When this node last wrote stands in a file of this boot in /run, by the clock that nobody sets. Where it is not there, the node was
 * booted since: it writes once, even the same, so that the others see that it is up and of when that is. The lock of that file is also
 * what keeps two processes from writing at once. Who finds it locked leaves it at that: the other has looked a moment ago, and the next change, or
 * the service, publishes what it has not seen.
 *
 * Loss of quorum is no failure: a guest's start or end has nothing to do with it.
 */
#include "publish.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cluster.h"
#include "report.h"

#define TIME_BEGIN "{\"published\":\""
#define TIME_END "\","
#define TIME_LENGTH strlen ("2026-11-21T07:18:30Z")

/* ---- What is published ---- */

static void
add_string (JsonBuilder *builder, GVariant *dict, const char *key) {
  g_autofree char *text = NULL;

  if (!g_variant_lookup (dict, key, "s", &text))
    g_variant_lookup (dict, key, "ms", &text);
  json_builder_set_member_name (builder, key);
  if (text)
    json_builder_add_string_value (builder, text);
  else
    json_builder_add_null_value (builder);
}

static void
add_pool (JsonBuilder *builder, GVariant *pool) {
  static const char *const counts[] = { "total", "free", "leased", "quarantined", "foreign", "cordoned" };

  json_builder_begin_object (builder);
  add_string (builder, pool, "name");
  for (guint i = 0; i < G_N_ELEMENTS (counts); i++) {
    guint count = 0;

    g_variant_lookup (pool, counts[i], "u", &count);
    json_builder_set_member_name (builder, counts[i]);
    json_builder_add_int_value (builder, count);
  }
  json_builder_end_object (builder);
}

static void
add_guest (JsonBuilder *builder, GVariant *vf) {
  g_autoptr (GVariant) maybe = g_variant_lookup_value (vf, "guest", NULL);
  g_autoptr (GVariant) guest = maybe ? g_variant_get_maybe (maybe) : NULL;

  json_builder_set_member_name (builder, "guest");
  if (!guest) {
    json_builder_add_null_value (builder);
    return;
  }
  json_builder_begin_object (builder);
  add_string (builder, guest, "kind");
  add_string (builder, guest, "id");
  add_string (builder, guest, "name");
  json_builder_end_object (builder);
}

static void
add_vf (JsonBuilder *builder, GVariant *vf) {
  gboolean is_set = FALSE;
  int vlan = 0;

  json_builder_begin_object (builder);
  add_string (builder, vf, "address");
  add_string (builder, vf, "pool");
  add_string (builder, vf, "state");
  add_guest (builder, vf);
  add_string (builder, vf, "slot");
  add_string (builder, vf, "mac");
  json_builder_set_member_name (builder, "vlan");
  if (g_variant_lookup (vf, "vlan", "mi", &is_set, &vlan) && is_set)
    json_builder_add_int_value (builder, vlan);
  else
    json_builder_add_null_value (builder);
  json_builder_end_object (builder);
}

/* VFs of pools that are not free. */
static gboolean
is_told (GVariant *vf) {
  g_autofree char *pool = NULL;
  const char *state = "";

  g_variant_lookup (vf, "pool", "ms", &pool);
  g_variant_lookup (vf, "state", "&s", &state);
  return pool && strcmp (state, "free") != 0;
}

static void
add_array (JsonBuilder *builder, GVariant *status, const char *key, guint max, gboolean (*is_one) (GVariant *),
           void (*add) (JsonBuilder *, GVariant *)) {
  g_autoptr (GVariant) array = g_variant_lookup_value (status, key, G_VARIANT_TYPE ("aa{sv}"));
  guint n = 0;

  json_builder_set_member_name (builder, key);
  json_builder_begin_array (builder);
  for (gsize i = 0; array && i < g_variant_n_children (array) && n < max; i++) {
    g_autoptr (GVariant) one = g_variant_get_child_value (array, i);

    if (is_one && !is_one (one))
      continue;
    add (builder, one);
    n++;
  }
  json_builder_end_array (builder);
}

/* All but the time: an object without the brace that opens it. @max_vfs: so many at most */
static char *
make_body (GVariant *status, guint max_vfs) {
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode) root = NULL;
  g_autofree char *text = NULL;

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "version");
  json_builder_add_int_value (builder, 1);
  json_builder_set_member_name (builder, "truncated");
  json_builder_add_boolean_value (builder, max_vfs < G_MAXUINT);
  add_array (builder, status, "pools", G_MAXUINT, NULL, add_pool);
  add_array (builder, status, "vfs", max_vfs, is_told, add_vf);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  json_generator_set_root (generator, root);
  text = json_generator_to_data (generator, NULL);
  return g_strconcat (text + 1, "\n", NULL);
}

/* As much as fits: the pools are what others look for, so rather fewer VFs. */
static char *
make_body_that_fits (GVariant *status) {
  char *body = make_body (status, G_MAXUINT);

  for (guint max = 256; strlen (body) > PVE_PUBLISHED_MAX - 64 && max > 0; max /= 2) {
    g_free (body);
    body = make_body (status, max);
  }
  return body;
}

/* ---- When ---- */

/* The file that says when this node last wrote, locked; -1: it cannot be had, or another process has it. */
static int
open_stamp (const PvePaths *paths) {
  g_autofree char *folder = g_strconcat (paths->root ? paths->root : "", "/run/vfpool", NULL);
  g_autofree char *file = g_build_filename (folder, "published", NULL);
  int fd;

  g_mkdir_with_parents (folder, S_IRWXU);
  fd = open (file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
  if (fd >= 0 && flock (fd, LOCK_EX | LOCK_NB) < 0) {
    close (fd);
    return -1;
  }
  return fd;
}

/* When this node last wrote; 0: not since it was booted, or nobody knows. */
static gint64
read_stamp (int stamp) {
  char text[32] = "";
  gint64 last = pread (stamp, text, sizeof text - 1, 0) > 0 ? g_ascii_strtoll (text, NULL, 10) : 0;

  return last > 0 && last <= g_get_monotonic_time () ? last : 0;
}

/* How long it is still too soon. */
static gint64
time_left (int stamp) {
  gint64 last = read_stamp (stamp), passed = g_get_monotonic_time () - last;

  return last && passed < PVE_PUBLISH_INTERVAL_US ? PVE_PUBLISH_INTERVAL_US - passed : 0;
}

static gboolean
write_stamp (int stamp) {
  g_autofree char *text = g_strdup_printf ("%020" G_GINT64_FORMAT "\n", g_get_monotonic_time ());

  return pwrite (stamp, text, strlen (text), 0) == (ssize_t)strlen (text);
}

/* ---- Publishing ---- */

static gboolean
is_published (const char *file, const char *body) {
  gsize begin = strlen (TIME_BEGIN) + TIME_LENGTH + strlen (TIME_END), length;
  g_autofree char *contents = NULL;

  return pve_read_file (file, &contents, &length, NULL) && length == begin + strlen (body)
         && !strcmp (contents + begin, body);
}

static gboolean
write_body (const PvePaths *paths, const char *file, const char *body, gint64 *later_us, GError **error) {
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autofree char *time = g_date_time_format (now, "%Y-%m-%dT%H:%M:%SZ");
  g_autoptr (GString) text = g_string_new (NULL);
  GError *failure = NULL;

  g_string_append_printf (text, TIME_BEGIN "%s" TIME_END "%s", time, body);
  if (pve_replace_file (file, text, &failure))
    return TRUE;
  *later_us = PVE_PUBLISH_INTERVAL_US;
  if (pve_cluster_check_quorum (paths, NULL)) {
    g_propagate_error (error, failure);
    return FALSE;
  }
  g_error_free (failure); /* the quorum went just then */
  return TRUE;
}

static gboolean
publish (const PvePaths *paths, const char *file, const char *body, int stamp, gint64 *later_us, GError **error) {
  if (read_stamp (stamp) && is_published (file, body))
    return TRUE;
  *later_us = time_left (stamp);
  if (*later_us == 0 && !pve_cluster_check_quorum (paths, NULL))
    *later_us = PVE_PUBLISH_INTERVAL_US;
  /* Where nothing can be kept of when that was, nobody could keep the next from coming too soon. */
  if (*later_us == 0 && !write_stamp (stamp))
    *later_us = PVE_PUBLISH_INTERVAL_US;
  if (*later_us > 0)
    return TRUE;
  return write_body (paths, file, body, later_us, error);
}

/* The node's own folder, which pmxcfs makes, for g_free(); NULL: there is none. */
static char *
own_folder (const PvePaths *paths) {
  g_autofree char *folder = g_build_filename (paths->pve_dir, "nodes", paths->node, NULL);
  gboolean is_name = *paths->node != '.' && !strchr (paths->node, '/');

  return is_name && g_file_test (folder, G_FILE_TEST_IS_DIR) ? g_steal_pointer (&folder) : NULL;
}

gboolean
pve_publish (const PvePaths *paths, Vfpool *vfpool, gint64 *later_us, GError **error) {
  g_autofree char *folder = own_folder (paths);
  g_autofree char *file = folder ? g_build_filename (folder, PVE_PUBLISHED_NAME, NULL) : NULL;
  g_autoptr (GVariant) status = NULL;
  g_autofree char *body = NULL;
  gboolean is_done;
  int stamp;

  *later_us = 0;
  if (!folder)
    return TRUE;
  stamp = open_stamp (paths);
  if (stamp < 0) {
    *later_us = PVE_PUBLISH_INTERVAL_US;
    return TRUE;
  }
  status = vfpool_status (vfpool, error);
  body = status ? make_body_that_fits (status) : NULL;
  is_done = body && publish (paths, file, body, stamp, later_us, error);
  close (stamp);
  return is_done;
}

/* In a child, which keeps nothing of how its parent deals with signals. Returns: in how many seconds to try again. @error: not of a
 * configuration that cannot be read, others tell of that */
static int
publish_as_child (const PvePaths *paths, GError **error) {
  static const int signals[] = { SIGHUP, SIGINT, SIGTERM, SIGCHLD };
  g_autoptr (Vfpool) vfpool = NULL;
  gint64 later_us = 0;

  for (guint i = 0; i < G_N_ELEMENTS (signals); i++)
    signal (signals[i], SIG_DFL);
  vfpool = vfpool_open (paths->root, NULL, NULL, NULL);
  if (!vfpool || !pve_publish (paths, vfpool, &later_us, error))
    return 0;
  return (int)((later_us + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC);
}

void
pve_publish_in_background (const PvePaths *paths) {
  g_autofree char *folder = vfpool_has_configuration (paths->root) ? own_folder (paths) : NULL;
  int null;

  fflush (NULL);
  if (!folder || fork () != 0)
    return;
  null = open ("/dev/null", O_RDWR | O_CLOEXEC);
  setsid ();
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    dup2 (null, fd); /* PVE waits until nobody can write to its task log any more */
  publish_as_child (paths, NULL);
  _exit (0);
}

GPid
pve_publish_begin (const PvePaths *paths) {
  GError *error = NULL;
  GPid pid;
  int status;

  fflush (NULL);
  pid = fork ();
  if (pid != 0)
    return pid;
  status = publish_as_child (paths, &error);
  if (error)
    report_error (error);
  _exit (status);
}
