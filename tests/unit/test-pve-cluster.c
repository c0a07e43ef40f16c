/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a node publishes and when, and what is made of all nodes' files: stale ones, those of a dead node or of one whose clock is off,
 * and whatever else may stand there.
 */
#include "pve-fixture.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/cluster.h"
#include "pve-hookscript/cluster-status.h"
#include "pve-hookscript/publish.h"
#include "pve-hookscript/publisher.h"

#define A "0000:01:10.0"
#define OWN "/etc/pve/nodes/pve1/vfpool.json"
#define STAMP "/run/vfpool/published"

typedef PveFixture Test;

static int
setup (void **state) {
  Test *t = pve_fixture_new ();

  fixture_add_pf (t->fx, "0000:01", 3, "vfio-pci", 10);
  fixture_config (t->fx, "[pool lan]\nmembers=pf=0000:01:00.0\n[pool empty]\nmembers=address=0000:09:00.0\n");
  *state = t;
  return 0;
}

static int
teardown (void **state) {
  pve_fixture_free (*state);
  return 0;
}

/* ---- Publishing ---- */

/* Publishes; whether something was left for later. */
static gboolean
publish (Test *t) {
  g_autoptr (Vfpool) vfpool = vfpool_open (t->fx->root, NULL, NULL, NULL);
  g_autoptr (GError) error = NULL;
  gint64 later_us = -1;

  if (!pve_publish (t->paths, vfpool, &later_us, &error))
    fail_msg ("%s", error->message);
  assert_in_range (later_us, 0, PVE_PUBLISH_INTERVAL_US);
  return later_us > 0;
}

/* The file of this node without the time, for g_free(), or NULL. */
static char *
published (Test *t) {
  g_autofree char *path = g_strconcat (t->fx->root, OWN, NULL), *contents = NULL;

  if (!g_file_get_contents (path, &contents, NULL, NULL))
    return NULL;
  assert_true (g_str_has_prefix (contents, "{\"published\":\"20"));
  return g_strdup (strchr (contents, ',') + 1);
}

/* Whether it was written by what is tested, and not by hand. */
static gboolean
is_new (Test *t) {
  g_autofree char *path = g_strconcat (t->fx->root, OWN, NULL), *contents = NULL;

  assert_true (g_file_get_contents (path, &contents, NULL, NULL));
  return !g_str_has_prefix (contents, "{\"published\":\"2001");
}

/* Waits until a process of its own has published. */
static void
wait_for_file (Test *t) {
  g_autofree char *path = g_strconcat (t->fx->root, OWN, NULL);

  while (!g_file_test (path, G_FILE_TEST_EXISTS))
    g_usleep (1000);
}

static void
lease (Test *t, const char *name) {
  g_autoptr (Vfpool) vfpool = vfpool_open (t->fx->root, NULL, NULL, NULL);
  g_autoptr (VfpoolRequest) request = vfpool_request_new (VFPOOL_GUEST_PVE_QEMU, "101", name, NULL);
  g_autoptr (GPtrArray) leases = NULL;

  assert_true (vfpool_request_add_pool (request, "hostpci0", "lan", NULL, VFPOOL_VLAN_UNSET, NULL));
  leases = vfpool_acquire (vfpool, request, NULL);
  assert_non_null (leases);
}

static void
release (Test *t) {
  g_autoptr (Vfpool) vfpool = vfpool_open (t->fx->root, NULL, NULL, NULL);

  assert_true (vfpool_release (vfpool, VFPOOL_GUEST_PVE_QEMU, "101", NULL));
}

#define POOLS(free, leased)                                                                                            \
  "\"pools\":[{\"name\":\"lan\",\"total\":3,\"free\":" free ",\"leased\":" leased                                      \
  ",\"quarantined\":0,\"foreign\":0,\"cordoned\":0},{\"name\":\"empty\",\"total\":0,\"free\":0,\"leased\":0,"          \
  "\"quarantined\":0,\"foreign\":0,\"cordoned\":0}]"
#define NOTHING_LEASED "\"version\":1,\"truncated\":false," POOLS ("3", "0") ",\"vfs\":[]}\n"
#define ONE_LEASED                                                                                                     \
  "\"version\":1,\"truncated\":false," POOLS (                                                                         \
      "2", "1") ",\"vfs\":[{\"address\":\"" A "\",\"pool\":\"lan\",\"state\":\"active\","                              \
                "\"guest\":{\"kind\":\"pve-qemu\",\"id\":\"101\",\"name\":\"w\\\"eb\"},\"slot\":\"hostpci0\",\"mac\":" \
                "null,\"vlan\":null}]}\n"

static void
assert_published (Test *t, const char *expected) {
  g_autofree char *text = published (t);

  assert_string_equal (text, expected);
}

static void
test_publish (void **state) {
  Test *t = *state;
  g_autofree char *path = g_strconcat (t->fx->root, OWN, NULL);
  GStatBuf before, after;

  assert_false (publish (t));
  assert_published (t, NOTHING_LEASED);
  assert_int_equal (g_stat (path, &before), 0);
  assert_false (publish (t)); /* nothing has changed: nothing is written, nothing is left */
  assert_int_equal (g_stat (path, &after), 0);
  assert_int_equal (before.st_ino, after.st_ino);
  lease (t, "w\"eb");
  assert_true (publish (t)); /* too soon */
  assert_published (t, NOTHING_LEASED);
  release (t);
  assert_false (publish (t)); /* it is as it was published */
  lease (t, "w\"eb");
  fixture_write (t->fx, STAMP, "%020" G_GINT64_FORMAT "\n", g_get_monotonic_time () - PVE_PUBLISH_INTERVAL_US - 1);
  assert_false (publish (t));
  assert_published (t, ONE_LEASED);
  release (t);
  assert_true (publish (t)); /* that write counts */
}

/* A stamp that makes no sense does not keep a node from publishing: of another boot, empty, not a number. */
static void
test_stamps (void **state) {
  static const char *const stamps[] = { "9223372036854775807\n", "", "x\n", "-5\n", "0\n" };
  Test *t = *state;

  for (guint i = 0; i < G_N_ELEMENTS (stamps); i++) {
    fixture_remove (t->fx, OWN);
    fixture_write (t->fx, STAMP, "%s", stamps[i]);
    assert_false (publish (t));
    assert_published (t, NOTHING_LEASED);
  }
  /* What others made of the file is put right. */
  fixture_remove (t->fx, STAMP);
  fixture_write (t->fx, OWN, "%s", "{\"published\":\"2026-11-21T07:18:30Z\",garbage");
  assert_false (publish (t));
  assert_published (t, NOTHING_LEASED);
}

static void
test_no_place (void **state) {
  Test *t = *state;

  /* no quorum: later, and no failure */
  pve_fixture_set_quorum (t, FALSE);
  assert_true (publish (t));
  assert_null (published (t));
  pve_fixture_set_quorum (t, TRUE);
  assert_false (publish (t)); /* a try without a quorum was no write */
  assert_published (t, NOTHING_LEASED);
  /* a node that the cluster does not know, or with a name that is no folder's: nothing to do */
  static const char *const names[] = { "pve9", "..", "../nodes/pve1", "." };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    pve_fixture_set_node (t, names[i]);
    fixture_remove (t->fx, STAMP);
    fixture_remove (t->fx, OWN);
    assert_false (publish (t));
    assert_null (published (t));
  }
}

static void
test_another_publishes (void **state) {
  Test *t = *state;
  g_autofree char *stamp = g_strconcat (t->fx->root, STAMP, NULL);
  FILE *file;

  fixture_write (t->fx, STAMP, "%s", "");
  file = fopen (stamp, "r");
  assert_int_equal (flock (fileno (file), LOCK_EX), 0);
  assert_true (publish (t));
  assert_null (published (t));
  fclose (file);
  assert_false (publish (t));
}

/* The node was booted since: the others see that it is up, although nothing else is new. */
static void
test_boot (void **state) {
  Test *t = *state;

  fixture_write (t->fx, OWN, "%s", "{\"published\":\"2001-01-01T00:00:00Z\"," NOTHING_LEASED);
  assert_false (publish (t));
  assert_true (is_new (t));
  fixture_write (t->fx, OWN, "%s", "{\"published\":\"2001-01-01T00:00:00Z\"," NOTHING_LEASED);
  assert_false (publish (t)); /* but that once */
  assert_false (is_new (t));
}

/* When /run is full, nobody would know how soon is too soon. */
static void
test_no_stamp (void **state) {
  const struct rlimit nothing = { 0, RLIM_INFINITY }, all = { RLIM_INFINITY, RLIM_INFINITY };
  Test *t = *state;
  gboolean is_left;

  fixture_write (t->fx, STAMP, "%s", "");
  signal (SIGXFSZ, SIG_IGN);
  fflush (NULL);
  assert_int_equal (setrlimit (RLIMIT_FSIZE, &nothing), 0);
  is_left = publish (t);
  setrlimit (RLIMIT_FSIZE, &all);
  assert_true (is_left);
  assert_null (published (t));
}

/* ---- The service ---- */

static void
run_until_idle (PvePublisher *publisher) {
  while (pve_publisher_is_busy (publisher))
    g_main_context_iteration (NULL, TRUE);
}

/* It publishes at once, and what is too soon when it is time; in between it sets no timer. */
static void
test_publisher (void **state) {
  Test *t = *state;
  g_autoptr (PvePublisher) publisher = pve_publisher_new (t->paths);

  pve_publisher_request (publisher);
  assert_true (pve_publisher_is_busy (publisher));
  run_until_idle (publisher);
  assert_published (t, NOTHING_LEASED);
  pve_publisher_request (publisher);
  run_until_idle (publisher); /* nothing new: it would be busy for all of the interval */
  lease (t, "w\"eb");
  fixture_write (t->fx, STAMP, "%020" G_GINT64_FORMAT "\n",
                 g_get_monotonic_time () - PVE_PUBLISH_INTERVAL_US + G_USEC_PER_SEC);
  pve_publisher_request (publisher);
  pve_publisher_request (publisher);
  assert_published (t, NOTHING_LEASED); /* too soon */
  run_until_idle (publisher);
  assert_published (t, ONE_LEASED);
}

/* A request that comes while something is published is not lost. */
static void
test_publisher_again (void **state) {
  Test *t = *state;
  g_autoptr (PvePublisher) publisher = pve_publisher_new (t->paths);

  pve_publisher_request (publisher);
  wait_for_file (t);
  fixture_write (t->fx, STAMP, "%s", "");
  lease (t, "w\"eb");
  pve_publisher_request (publisher);
  run_until_idle (publisher);
  assert_published (t, ONE_LEASED);
}

/* One that stops in the middle leaves nothing that calls back. */
static void
test_publisher_stops (void **state) {
  Test *t = *state;
  PvePublisher *publisher = pve_publisher_new (t->paths);

  pve_publisher_request (publisher);
  pve_publisher_free (publisher);
  wait_for_file (t);
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

/* More VFs than fit: the counts are right all the same, and the file says that something is missing. */
static void
test_too_many (void **state) {
  Test *t = *state;
  g_autoptr (GString) config = g_string_new ("[pool lan]\nsticky=no\nmac=keep\nmembers="), name = g_string_new (NULL);
  g_autoptr (Vfpool) vfpool = NULL;
  g_autoptr (VfpoolRequest) request = NULL;
  g_autoptr (GPtrArray) leases = NULL;
  g_autofree char *text = NULL;

  for (int i = 2; i < 8; i++) {
    g_autofree char *bus = g_strdup_printf ("0000:%02x", i);
    fixture_add_pf (t->fx, bus, 32, "vfio-pci", i * 100);
    g_string_append_printf (config, "pf=%s:00.0;", bus);
  }
  g_string_truncate (config, config->len - 1);
  fixture_config (t->fx, config->str);
  vfpool = vfpool_open (t->fx->root, NULL, NULL, NULL);
  for (int i = 0; i < 250; i++)
    g_string_append_unichar (name, 0x1f600);
  request = vfpool_request_new (VFPOOL_GUEST_PVE_QEMU, "101", name->str, NULL);
  for (int i = 0; i < 160; i++) {
    g_autofree char *slot = g_strdup_printf ("s%d", i);
    assert_true (vfpool_request_add_pool (request, slot, "lan", NULL, VFPOOL_VLAN_UNSET, NULL));
  }
  leases = vfpool_acquire (vfpool, request, NULL);
  assert_non_null (leases);
  assert_false (publish (t));
  text = published (t);
  assert_true (strlen (text) > 1000 && strlen (text) < PVE_PUBLISHED_MAX);
  assert_non_null (strstr (text, "\"truncated\":true"));
  assert_non_null (strstr (text, "\"total\":192,\"free\":32,\"leased\":160,"));
}

/* ---- Reading ---- */

/* "NAME online|offline|? AGE TOTALS PROBLEM" for each node, a line each; ages are rounded to minutes. */
static char *
describe (GVariant *status) {
  g_autoptr (GVariant) nodes = g_variant_lookup_value (status, "nodes", G_VARIANT_TYPE ("aa{sv}"));
  GString *text = g_string_new (NULL);

  for (gsize i = 0; i < g_variant_n_children (nodes); i++) {
    g_autoptr (GVariant) node = g_variant_get_child_value (nodes, i), pools = NULL, vfs = NULL;
    g_autofree char *problem = NULL;
    const char *name;
    gboolean has_online = FALSE, online = FALSE, has_age = FALSE;
    gint64 age = 0;

    assert_true (g_variant_lookup (node, "name", "&s", &name));
    g_variant_lookup (node, "online", "mb", &has_online, &online);
    g_variant_lookup (node, "age", "mx", &has_age, &age);
    g_variant_lookup (node, "problem", "ms", &problem);
    pools = g_variant_lookup_value (node, "pools", G_VARIANT_TYPE ("aa{sv}"));
    vfs = g_variant_lookup_value (node, "vfs", G_VARIANT_TYPE ("aa{sv}"));
    g_string_append_printf (text, "%s %s", name, !has_online ? "?" : online ? "online" : "offline");
    if (has_age)
      g_string_append_printf (text, " %" G_GINT64_FORMAT " min, %u pools, %u vfs", (age + (age < 0 ? -30 : 30)) / 60,
                              (guint)g_variant_n_children (pools), (guint)g_variant_n_children (vfs));
    g_string_append_printf (text, "%s%s\n", problem ? ": " : "",
                            problem ? strrchr (problem, '/') ? strrchr (problem, '/') : problem : "");
  }
  return g_string_free (text, FALSE);
}

/* A file of @node, of so many seconds ago. */
static void
node_file (Test *t, const char *node, int age, const char *rest) {
  g_autoptr (GDateTime) now = g_date_time_new_now_utc (), then = g_date_time_add_seconds (now, -age);
  g_autofree char *time = g_date_time_format (then, "%Y-%m-%dT%H:%M:%SZ");
  g_autofree char *path = g_strdup_printf ("/etc/pve/nodes/%s/vfpool.json", node);

  fixture_write (t->fx, path, "{\"published\":\"%s\",%s}", time, rest);
}

#define REST                                                                                                           \
  "\"version\":1,\"pools\":[{\"name\":\"lan\",\"total\":7,\"free\":6,\"leased\":1}],\"vfs\":[{\"address\":\"" A        \
  "\",\"pool\":\"lan\","                                                                                               \
  "\"state\":\"active\",\"guest\":{\"kind\":\"pve-qemu\",\"id\":\"101\",\"name\":\"web\"},\"slot\":\"hostpci0\","      \
  "\"mac\":null,\"vlan\":7}]"

static void
test_nodes (void **state) {
  Test *t = *state;
  g_autoptr (GVariant) status = NULL;
  g_autofree char *text = NULL, *huge = g_strnfill (PVE_PUBLISHED_MAX, ' '), *deep = g_strnfill (100000, '[');

  fixture_write (t->fx, "/etc/pve/.members",
                 "{\"nodename\":\"pve1\",\"version\":7,\"cluster\":{\"name\":\"c\",\"quorate\":1},\"nodelist\":{"
                 "\"pve1\":{\"id\":1,\"online\":1,\"ip\":\"10.0.0.1\"},\"pve2\":{\"id\":2,\"online\":0},\"pve3\":{"
                 "\"online\":\"1\"},"
                 "\"n 'odd' $(x) \xc3\xa9\":{\"online\":1}}}");
  node_file (t, "pve1", 60, REST);
  node_file (t, "pve2", 3 * 24 * 3600, REST);         /* dead, and so stale */
  node_file (t, "pve3", -3600, REST ",\"new\":[{}]"); /* its clock is an hour ahead */
  node_file (t, "gone", 120, "\"pools\":[],\"vfs\":[]");
  node_file (t, "n 'odd' $(x) \xc3\xa9", 60, REST);
  fixture_write (t->fx, "/etc/pve/nodes/none/x", "%s", "");
  fixture_write (t->fx, "/etc/pve/nodes/file", "%s", "");
  fixture_write (t->fx, "/etc/pve/nodes/x-empty/vfpool.json", "%s", "");
  fixture_write (t->fx, "/etc/pve/nodes/x-text/vfpool.json", "%s", "hello");
  fixture_write (t->fx, "/etc/pve/nodes/x-array/vfpool.json", "%s", "[1]");
  fixture_write (t->fx, "/etc/pve/nodes/x-deep/vfpool.json", "%s", deep);
  fixture_write (t->fx, "/etc/pve/nodes/x-large/vfpool.json", "{\"published\":\"2026-01-01T00:00:00Z\"}%s", huge);
  fixture_write (t->fx, "/etc/pve/nodes/x-folder/vfpool.json/x", "%s", "");
  fixture_write (t->fx, "/etc/pve/nodes/x-time/vfpool.json", "%s",
                 "{\"published\":\"yesterday\",\"pools\":[{\"name\":\"lan\"}]}");
  fixture_write (t->fx, "/etc/pve/nodes/x-types/vfpool.json", "%s",
                 "{\"published\":5,\"pools\":{\"name\":\"lan\"},\"vfs\":\"x\",\"truncated\":\"yes\"}");
  node_file (t, "y-types", 60,
             "\"pools\":[5,null,[],{\"name\":5,\"total\":\"7\",\"free\":1.5},{}],\"vfs\":[{\"guest\":[],\"vlan\":\"7\","
             "\"address\":{}}],\"truncated\":1");
  status = pve_cluster_status (t->paths, NULL);
  text = describe (status);
  assert_string_equal (text, "gone offline 2 min, 0 pools, 0 vfs\n"
                             "n 'odd' $(x) \xc3\xa9 online 1 min, 1 pools, 1 vfs\n"
                             "none offline: it publishes nothing\n"
                             "pve1 online 1 min, 1 pools, 1 vfs\n"
                             "pve2 offline 4320 min, 1 pools, 1 vfs\n"
                             "pve3 offline -60 min, 1 pools, 1 vfs\n"
                             "x-array offline: /vfpool.json cannot be understood\n"
                             "x-deep offline: /vfpool.json cannot be understood\n"
                             "x-empty offline: /vfpool.json cannot be understood\n"
                             "x-folder offline: /vfpool.json: Is a directory\n"
                             "x-large offline: /vfpool.json is larger than vfpool writes it\n"
                             "x-text offline: /vfpool.json cannot be understood\n"
                             "x-time offline: /vfpool.json does not say when it was written\n"
                             "x-types offline: /vfpool.json does not say when it was written\n"
                             "y-types offline 1 min, 2 pools, 1 vfs\n");
}

/* A host alone says nothing of who is online; one without Proxmox VE has no cluster. */
static void
test_no_cluster (void **state) {
  Test *t = *state;
  g_autoptr (GVariant) status = NULL;
  g_autofree char *text = NULL;
  GError *error = NULL;

  node_file (t, "pve1", 60, REST);
  fixture_write (t->fx, "/etc/pve/.members", "%s", "{\"nodename\":\"pve1\",\"version\":0}");
  status = pve_cluster_status (t->paths, NULL);
  text = describe (status);
  assert_string_equal (text, "pve1 ? 1 min, 1 pools, 1 vfs\n");
  fixture_remove (t->fx, "/etc/pve/nodes");
  assert_null (pve_cluster_status (t->paths, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_NOT_FOUND, "no node of a Proxmox VE cluster");
}

/* What was published is what is read. */
static void
test_both (void **state) {
  Test *t = *state;
  g_autoptr (GVariant) status = NULL;
  g_autofree char *table = NULL;

  lease (t, "we\x1b[31mb");
  assert_false (publish (t));
  status = pve_cluster_status (t->paths, NULL);
  table = cli_cluster_to_table (status);
  assert_non_null (strstr (table, "lan        3     2       1"));
  assert_non_null (strstr (table, "pve1  " A "  lan   active  pve-qemu/101 (we?[31mb)  hostpci0"));
}

/* ---- Showing ---- */

/* clang-format off: the text below is laid out for its reader */
static const char shown[] = "{'nodes': <["
                            "{'name': <'pve1'>, 'online': <just true>, 'published': <just int64 1763709510000000>, "
                            "'age': <just int64 59>, 'problem': <@ms nothing>,"
                            " 'truncated': <false>, 'pools': <[{'name': <'lan'>, 'total': <int64 7>, 'free': <int64 "
                            "6>, 'leased': <int64 1>, 'quarantined': <int64 0>,"
                            " 'foreign': <int64 0>, 'cordoned': <int64 0>}]>, 'vfs': <[{'address': <just "
                            "'0000:01:10.0'>, 'pool': <just 'lan'>, 'state': <just 'active'>,"
                            " 'guest': <just {'kind': <just 'pve-qemu'>, 'id': <just '101'>, 'name': <just 'web'>}>, "
                            "'slot': <just 'hostpci0'>, 'mac': <@ms nothing>,"
                            " 'vlan': <just int64 7>}]>},"
                            "{'name': <'pve2'>, 'online': <just false>, 'published': <just int64 1>, 'age': <just "
                            "int64 200000>, 'problem': <@ms nothing>,"
                            " 'truncated': <true>, 'pools': <@aa{sv} []>, 'vfs': <@aa{sv} []>},"
                            "{'name': <'pve3'>, 'online': <@mb nothing>, 'published': <just int64 1>, 'age': <just "
                            "int64 -3700>, 'problem': <@ms nothing>,"
                            " 'truncated': <false>, 'pools': <@aa{sv} []>, 'vfs': <@aa{sv} []>},"
                            "{'name': <'pve4'>, 'online': <just true>, 'published': <@mx nothing>, 'age': <@mx "
                            "nothing>, 'problem': <just 'it publishes nothing'>,"
                            " 'truncated': <false>, 'pools': <@aa{sv} []>, 'vfs': <@aa{sv} []>}]>}";

static const char shown_table[] = "NODE  STATE     AGE  POOL  TOTAL  FREE  LEASED  QUARANTINED  FOREIGN  CORDONED\n"
                                  "pve1  online   59 s  lan       7     6       1            0        0         0\n"
                                  "pve2  offline   2 d  -         -     -       -            -        -         -\n"
                                  "    truncated: it holds more VFs than it could publish\n"
                                  "pve3  -        -1 h  -         -     -       -            -        -         -\n"
                                  "    clock: it is ahead of this node's, so the age tells nothing\n"
                                  "pve4  online      -  -         -     -       -            -        -         -\n"
                                  "    unknown: it publishes nothing\n"
                                  "\n"
                                  "NODE  VF            POOL  STATE   GUEST               SLOT      VLAN\n"
                                  "pve1  0000:01:10.0  lan   active  pve-qemu/101 (web)  hostpci0     7\n";
/* clang-format on */

static void
test_faces (void **state G_GNUC_UNUSED) {
  static const char *const parts[] = {
    "\"name\" : \"pve1\"",  "\"online\" : true",       "\"published\" : \"2025-11-21T07:18:30Z\"",
    "\"age\" : -3700",      "\"published\" : null",    "\"problem\" : \"it publishes nothing\"",
    "\"vlan\" : 7",         "\"kind\" : \"pve-qemu\"", "\"online\" : null",
    "\"truncated\" : true", "\"mac\" : null",          "\"leased\" : 1"
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) status = g_variant_parse (G_VARIANT_TYPE_VARDICT, shown, NULL, NULL, &error);
  g_autofree char *table = NULL, *json = NULL;

  if (!status)
    fail_msg ("%s", error->message);
  table = cli_cluster_to_table (status);
  assert_string_equal (table, shown_table);
  json = cli_cluster_to_json (status);
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    if (!strstr (json, parts[i]))
      fail_msg ("no %s in %s", parts[i], json);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown (test_publish, setup, teardown),
    cmocka_unit_test_setup_teardown (test_stamps, setup, teardown),
    cmocka_unit_test_setup_teardown (test_no_place, setup, teardown),
    cmocka_unit_test_setup_teardown (test_another_publishes, setup, teardown),
    cmocka_unit_test_setup_teardown (test_boot, setup, teardown),
    cmocka_unit_test_setup_teardown (test_no_stamp, setup, teardown),
    cmocka_unit_test_setup_teardown (test_publisher, setup, teardown),
    cmocka_unit_test_setup_teardown (test_publisher_again, setup, teardown),
    cmocka_unit_test_setup_teardown (test_publisher_stops, setup, teardown),
    cmocka_unit_test_setup_teardown (test_too_many, setup, teardown),
    cmocka_unit_test_setup_teardown (test_nodes, setup, teardown),
    cmocka_unit_test_setup_teardown (test_no_cluster, setup, teardown),
    cmocka_unit_test_setup_teardown (test_both, setup, teardown),
    cmocka_unit_test (test_faces),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
