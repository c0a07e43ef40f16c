/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A pool's mapping in pci.cfg: what is put in, what stays as it was, the cluster's lock, and what `vfpool check` says. A thread that
 * does what pmxcfs does stands in for it where a lock is left over.
 */
#include "pve-fixture.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "pve-hookscript/cluster.h"
#include "pve-hookscript/mapping-command.h"
#include "pve-hookscript/mapping-edit.h"

#define A "0000:01:10.0"
#define B "0000:01:10.2"
#define W "0000:02:10.0"
#define G0 "0000:05:00.0"
#define G1 "0000:05:00.1"
#define FILE_NAME "/etc/pve/mapping/pci.cfg"
#define LOCK "/etc/pve/priv/lock/file-mapping_pci_cfg"
#define ID "id=8086:10ca,iommugroup="
#define A_LINE "\tmap " ID "10,node=pve1,path=" A "\n"
#define B_LINE "\tmap " ID "11,node=pve1,path=" B "\n"
#define LAN "lan\n" A_LINE B_LINE

typedef PveFixture Test;

static int
setup (void **state) {
  Test *t = pve_fixture_new ();

  fixture_add_pf (t->fx, "0000:01", 2, "vfio-pci", 10);
  fixture_add_pf (t->fx, "0000:02", 1, "vfio-pci", 20);
  fixture_add_function (t->fx, G0, "vfio-pci", 30, 0, 0x030000);
  fixture_add_function (t->fx, G1, "vfio-pci", 31, 0, 0x040300);
  fixture_config (t->fx, "[pool lan]\nmembers=pf=0000:01:00.0\n[pool gpu]\nmembers=address=" G0 "; address=" G1 "\n"
                         "[pool none]\nmembers=address=0000:09:00.0\n[pool 1st]\nmembers=address=" W "\n");
  *state = t;
  return 0;
}

static int
teardown (void **state) {
  pve_fixture_free (*state);
  return 0;
}

static char *
path_of (Test *t, const char *path) {
  return g_strconcat (t->fx->root, path, NULL);
}

static void
assert_file (Test *t, const char *expected) {
  g_autofree char *path = path_of (t, FILE_NAME), *contents = NULL;

  assert_true (g_file_get_contents (path, &contents, NULL, NULL));
  assert_string_equal (contents, expected);
}

static void
assert_no_lock (Test *t) {
  g_autofree char *lock = path_of (t, LOCK), *temporary = path_of (t, FILE_NAME ".vfpool");

  assert_false (g_file_test (lock, G_FILE_TEST_EXISTS));
  assert_false (g_file_test (temporary, G_FILE_TEST_EXISTS));
}

/* ---- Editing ---- */

static GPtrArray *
list (const char *const *texts) {
  GPtrArray *array = g_ptr_array_new_with_free_func (g_free);

  for (; *texts; texts++)
    g_ptr_array_add (array, g_strdup (*texts));
  return array;
}

/* What becomes of a file when the mapping lan shall list A and B; and that doing it again changes nothing. */
static void
test_edit (void **state) {
  static const struct {
    const char *data, *expected; /* expected NULL: the same */
  } cases[] = {
    { "", LAN "\n" },
    { LAN "\n", NULL },
    { LAN, NULL },
    { "lan\n" B_LINE A_LINE "\n", NULL }, /* the order is the operator's */
    { "\n\n", "\n\n" LAN "\n" },
    { "# of ours\n", "# of ours\n\n" LAN "\n" },
    { "# of ours", "# of ours\n\n" LAN "\n" },
    { "wan\n\tmap x=y\n", "wan\n\tmap x=y\n\n" LAN "\n" },
    { "wan\n\tmap x=y", "wan\n\tmap x=y\n\n" LAN "\n" },
    { "wan\n\tmap x=y\n\n", "wan\n\tmap x=y\n\n" LAN "\n" },
    { "wan\n\tmap x=y\n  \n", "wan\n\tmap x=y\n  \n\n" LAN "\n" }, /* blanks end no section */
    { "wan\nlan\n" A_LINE, "wan\nlan\n" A_LINE "\n" LAN "\n" },    /* nor does an ID */
    { "lan\n", LAN },
    { "lan\n\n", LAN "\n" },
    { "lan", LAN },
    { "lan\n" A_LINE "\nwan\n\tmap x=y\n", LAN "\nwan\n\tmap x=y\n" },
    { "lan\n\tdescription all of it\n\tmdev 0\n" A_LINE "\tnew-key 7\n\n",
      "lan\n\tdescription all of it\n\tmdev 0\n" A_LINE "\tnew-key 7\n" B_LINE "\n" },
    { "lan\n# first\n" A_LINE "# last\n\n# of wan\nwan\n",
      "lan\n# first\n" A_LINE "# last\n" B_LINE "\n# of wan\nwan\n" },
    /* other nodes', also those that have the same path, and what nobody understands */
    { "lan\n\tmap " ID "99,node=pve2,path=" A "\n" A_LINE
      "    map  node=pve3,path=x,id=y  \r\n\tmap node=pve1,frob=1,path=" A "\n",
      "lan\n\tmap " ID "99,node=pve2,path=" A "\n" A_LINE
      "    map  node=pve3,path=x,id=y  \r\n\tmap node=pve1,frob=1,path=" A "\n" B_LINE },
    /* this node's: wrong, twice, of another path, of several */
    { "lan\n\tmap " ID "7,node=pve1,path=" A "\n" B_LINE, LAN },
    { "lan\n\tmap description=left port,path=" A "," ID "7,node=pve1\n" B_LINE,
      "lan\n\tmap description=left port," ID "10,node=pve1,path=" A "\n" B_LINE },
    { "lan\n" A_LINE A_LINE B_LINE, LAN },
    { "lan\n\tmap " ID "20,node=pve1,path=" W "\n" A_LINE B_LINE, LAN },
    { "lan\n\tmap " ID "10,node=pve1,path=" A ";" B "\n", LAN },
    { "lan\n\tmap " ID "10,node=pve1,path=0000:01:10\n" A_LINE "\n", LAN "\n" },
    { "lan\n\tmap path=" A "," ID "10,node=pve1\r\n" B_LINE, NULL },
    /* the last section of an ID is the one that counts */
    { "lan\n\tmap x\n\nlan\n" A_LINE "\nwan\n", "lan\n\tmap x\n\n" LAN "\nwan\n" },
  };
  static const char *const paths[] = { A, B, NULL };
  Test *t = *state;
  g_autoptr (GPtrArray) wanted = list (paths);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const char *expected = cases[i].expected ? cases[i].expected : cases[i].data;
    g_autoptr (GString) text = pve_mapping_edit (cases[i].data, strlen (cases[i].data), t->paths, "lan", wanted);
    g_autoptr (GString) again = pve_mapping_edit (text->str, text->len, t->paths, "lan", wanted);

    if (strcmp (text->str, expected))
      fail_msg ("\"%s\" became \"%s\"", cases[i].data, text->str);
    assert_string_equal (again->str, text->str);
  }
}

static void
test_edit_keeps_zero_bytes (void **state) {
  static const char data[] = "wan\n\tmap a\0b\n\nlan\n";
  static const char *const paths[] = { A, B, NULL };
  Test *t = *state;
  g_autoptr (GPtrArray) wanted = list (paths);
  g_autoptr (GString) text = pve_mapping_edit (data, sizeof data - 1, t->paths, "lan", wanted);

  assert_int_equal (text->len, sizeof data - 1 + strlen (A_LINE B_LINE));
  assert_memory_equal (text->str, data, sizeof data - 1);
}

/* Random files of some words: what is another's stays, byte for byte and in order, and this node's lines are those wanted. */
static void
test_edit_random (void **state) {
  static const char *const words[] = { "lan\n",
                                       "wan\n",
                                       "\n",
                                       A_LINE,
                                       B_LINE,
                                       "# x\n",
                                       "\tmap node=pve2,id=1:1,path=" A "\n",
                                       "\tmdev 1\n",
                                       "  \n",
                                       "\tmap x\n",
                                       "0\n",
                                       "1x\n",
                                       "lan wan\n",
                                       "\tmap id=1:1,node=pve1,path=" A "\n",
                                       "\tmap id=1:1,node=pve1,path=q\n" };
  static const char *const paths[] = { A, B, NULL };
  Test *t = *state;
  g_autoptr (GPtrArray) wanted = list (paths);
  g_autoptr (GRand) rand = g_rand_new_with_seed (20);

  for (int round = 0; round < 3000; round++) {
    g_autoptr (GString) data = g_string_new (NULL);
    g_autoptr (GString) text = NULL;
    g_autoptr (PveMappings) before = NULL, after = NULL, other_before = NULL, other_after = NULL;
    GPtrArray *maps;

    for (int n = g_rand_int_range (rand, 0, 12); n > 0; n--)
      g_string_append (data, words[g_rand_int_range (rand, 0, G_N_ELEMENTS (words))]);
    text = pve_mapping_edit (data->str, data->len, t->paths, "lan", wanted);
    after = pve_mappings_parse (text->str, text->len, "pve1");
    maps = pve_mappings_find (after, "lan");
    if (!maps || maps->len != 2)
      fail_msg ("\"%s\" became \"%s\"", data->str, text->str);
    for (guint i = 0; i < maps->len; i++)
      assert_null (pve_map_problem (g_ptr_array_index (maps, i), t->paths));
    other_before = pve_mappings_parse (data->str, data->len, "pve2");
    other_after = pve_mappings_parse (text->str, text->len, "pve2");
    maps = pve_mappings_find (other_before, "lan");
    assert_int_equal (maps ? maps->len : 0,
                      pve_mappings_find (other_after, "lan") ? pve_mappings_find (other_after, "lan")->len : 0);
    before = pve_mappings_parse (data->str, data->len, "pve1");
    maps = pve_mappings_find (before, "wan");
    assert_int_equal (maps ? maps->len : 0,
                      pve_mappings_find (after, "wan") ? pve_mappings_find (after, "wan")->len : 0);
  }
}

/* A device of several functions is listed as a whole, too, but only when all of it is the pool's. */
static void
test_paths (void **state) {
  static const struct {
    const char *members[4], *expected;
  } cases[] = {
    { { A, B }, A " " B },
    { { G0, G1 }, "0000:05:00 " G0 " " G1 },
    { { G1, G0 }, "0000:05:00 " G1 " " G0 },
    { { G0 }, G0 },
    { { A, G1 }, A " " G1 },
  };
  Test *t = *state;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GPtrArray) members = list (cases[i].members), wanted = pve_mapping_paths (t->paths, members);
    g_autofree char *text = NULL;

    g_ptr_array_add (wanted, NULL);
    text = g_strjoinv (" ", (char **)wanted->pdata);
    assert_string_equal (text, cases[i].expected);
  }
}

/* ---- Applying ---- */

static void
apply (Test *t, const char *pool) {
  GError *error = NULL;

  if (!pve_mapping_apply (t->paths, pool, &error))
    fail_msg ("%s", error->message);
  assert_no_lock (t);
}

static void
test_apply (void **state) {
  Test *t = *state;
  g_autofree char *path = path_of (t, FILE_NAME);
  struct stat before, after;

  apply (t, "lan");
  assert_file (t, LAN "\n");
  assert_int_equal (stat (path, &before), 0);
  apply (t, "lan");
  assert_int_equal (stat (path, &after), 0);
  assert_int_equal (before.st_ino, after.st_ino); /* not written again */
  apply (t, "gpu");
  assert_file (t, LAN "\ngpu\n\tmap " ID "30,node=pve1,path=0000:05:00\n\tmap " ID "30,node=pve1,path=" G0 "\n\tmap " ID
                      "31,node=pve1,path=" G1 "\n\n");
  /* another node, of which this one knows nothing */
  pve_fixture_set_node (t, "pve2");
  apply (t, "lan");
  assert_file (t, LAN "\tmap " ID "10,node=pve2,path=" A "\n\tmap " ID "11,node=pve2,path=" B "\n\ngpu\n\tmap " ID
                      "30,node=pve1,path=0000:05:00\n\tmap " ID "30,node=pve1,path=" G0 "\n\tmap " ID
                      "31,node=pve1,path=" G1 "\n\n");
}

static void
apply_fails (Test *t, const char *pool, int code, const char *part) {
  GError *error = NULL;

  assert_false (pve_mapping_apply (t->paths, pool, &error));
  assert_vfpool_error (&error, code, part);
}

static void
test_refusals (void **state) {
  Test *t = *state;

  apply_fails (t, "nowhere", VFPOOL_ERROR_NOT_FOUND, "no pool 'nowhere'");
  apply_fails (t, "none", VFPOOL_ERROR_NOT_FOUND, "has no VF now");
  apply_fails (t, "1st", VFPOOL_ERROR_BAD_CONFIG, "give the pool another name");
  fixture_remove (t->fx, "/etc/pve/local");
  apply_fails (t, "lan", VFPOOL_ERROR_NOT_FOUND, "pve-cluster.service");
  assert_no_lock (t);
}

static void
test_no_quorum (void **state) {
  Test *t = *state;
  g_autoptr (GError) error = NULL;

  pve_fixture_set_quorum (t, FALSE);
  assert_false (pve_mapping_apply (t->paths, "lan", &error));
  assert_true (g_error_matches (error, PVE_QUORUM_ERROR, 0));
  assert_non_null (strstr (error->message, "no quorum"));
  assert_no_lock (t);
  /* What is right already needs none. */
  fixture_write (t->fx, FILE_NAME, LAN);
  apply (t, "lan");
}

static void
test_lock_of_another (void **state) {
  Test *t = *state;
  g_autofree char *lock = path_of (t, LOCK);
  GError *error = NULL;
  struct stat st;

  fixture_write (t->fx, LOCK "/x", "%s", "");
  assert_null (pve_cluster_lock (t->paths, "mapping/pci.cfg", 0, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_BUSY, "file-mapping_pci_cfg");
  assert_int_equal (stat (lock, &st), 0); /* it is another's still, and asked for */
  assert_int_equal (st.st_mtime, 0);
}

/* As pmxcfs does with a lock that is old enough: removes it when its time was set to 0. */
static gpointer
remove_when_asked (gpointer lock) {
  struct stat st;

  while (stat (lock, &st) < 0 || st.st_mtime != 0)
    g_usleep (1000);
  return GINT_TO_POINTER (g_rmdir (lock) == 0);
}

static void
test_lock_left_over (void **state) {
  Test *t = *state;
  g_autofree char *lock = path_of (t, LOCK);
  GThread *pmxcfs;

  assert_int_equal (g_mkdir_with_parents (lock, 0755), 0);
  pmxcfs = g_thread_new ("pmxcfs", remove_when_asked, lock);
  apply (t, "lan");
  assert_true (GPOINTER_TO_INT (g_thread_join (pmxcfs)));
  assert_file (t, LAN "\n");
}

/* Nodes that write at the same time: no line of any is lost. */
static gpointer
apply_as_node (gpointer data) {
  return GINT_TO_POINTER (pve_mapping_apply (data, "lan", NULL));
}

static void
test_nodes_at_once (void **state) {
  enum { NODES = 6 };
  Test *t = *state;
  g_autofree char *path = path_of (t, FILE_NAME), *contents = NULL;
  PvePaths *paths[NODES];
  GThread *threads[NODES];

  for (int i = 0; i < NODES; i++) {
    paths[i] = pve_paths_new (t->fx->root, NULL, NULL);
    g_free (paths[i]->node);
    paths[i]->node = g_strdup_printf ("node%d", i);
    threads[i] = g_thread_new ("node", apply_as_node, paths[i]);
  }
  for (int i = 0; i < NODES; i++)
    assert_true (GPOINTER_TO_INT (g_thread_join (threads[i])));
  assert_true (g_file_get_contents (path, &contents, NULL, NULL));
  for (int i = 0; i < NODES; i++) {
    g_autoptr (PveMappings) mappings = pve_mappings_parse (contents, strlen (contents), paths[i]->node);

    assert_non_null (pve_mappings_find (mappings, "lan"));
    assert_int_equal (pve_mappings_find (mappings, "lan")->len, 2);
    pve_paths_free (paths[i]);
  }
  assert_no_lock (t);
}

/* ---- Looking ---- */

typedef struct {
  gboolean is_right;
  char *message; /* of the error, or NULL */
} Answer;

static void
ask (Test *t, gpointer data) {
  g_autoptr (GError) error = NULL;
  Answer *answer = data;

  answer->is_right = pve_mapping_check (t->paths, &error);
  if (error)
    assert_true (g_error_matches (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_CONFIG));
  answer->message = g_strdup (error ? error->message : "");
}

/* What the check says on stderr and as its error, as one text; @is_right: (out) */
static char *
check (Test *t, gboolean *is_right) {
  Answer answer = { FALSE, NULL };
  g_autofree char *said = pve_fixture_said (t, ask, &answer), *message = answer.message;

  *is_right = answer.is_right;
  return g_strconcat (said, message, NULL);
}

static void
test_check (void **state) {
  static const struct {
    const char *mapping;
    gboolean is_right;
    const char *part; /* of what is said; NULL: nothing is */
  } cases[] = {
    { LAN, TRUE, NULL },
    { "", TRUE,
      "the mapping lan, which is a vfpool pool, has no line for node pve1: \"vfpool pve mapping lan --apply\"" },
    { "lan\n\tmap " ID "10,node=pve2,path=" A "\n", TRUE, "has no line for node pve1" },
    { "lan\n" A_LINE, TRUE, "the mapping lan does not list " B " for node pve1" },
    { "lan\n" A_LINE "\tmap " ID "12,node=pve1,path=" B "\n", FALSE, "line 3: Proxmox VE will not start a VM" },
    { LAN "\tmap " ID "20,node=pve1,path=" W "\n", FALSE, "line 4: " W " is in the mapping lan but not" },
    { LAN "\tmap " ID "10,node=pve1,path=0000:01:1e.0\n", FALSE, "there is no such device now" },
  };
  Test *t = *state;

  /* The second cannot be a mapping, and so has none to be told of. */
  fixture_config (t->fx, "[pool lan]\nmembers=pf=0000:01:00.0\n[pool 1st]\nmembers=address=" W "\n");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    gboolean is_right;
    g_autofree char *said = NULL;

    fixture_write (t->fx, FILE_NAME, "%s", cases[i].mapping);
    said = check (t, &is_right);
    if (is_right != cases[i].is_right || (cases[i].part ? !strstr (said, cases[i].part) : *said))
      fail_msg ("\"%s\": %s", cases[i].mapping, said);
  }
  fixture_remove (t->fx, "/etc/pve");
  fixture_remove (t->fx, "/etc/vfpool/vfpool.conf");
  assert_true (pve_mapping_check (t->paths, NULL)); /* no Proxmox VE here */
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown (test_edit, setup, teardown),
    cmocka_unit_test_setup_teardown (test_edit_keeps_zero_bytes, setup, teardown),
    cmocka_unit_test_setup_teardown (test_edit_random, setup, teardown),
    cmocka_unit_test_setup_teardown (test_paths, setup, teardown),
    cmocka_unit_test_setup_teardown (test_apply, setup, teardown),
    cmocka_unit_test_setup_teardown (test_refusals, setup, teardown),
    cmocka_unit_test_setup_teardown (test_no_quorum, setup, teardown),
    cmocka_unit_test_setup_teardown (test_lock_of_another, setup, teardown),
    cmocka_unit_test_setup_teardown (test_lock_left_over, setup, teardown),
    cmocka_unit_test_setup_teardown (test_nodes_at_once, setup, teardown),
    cmocka_unit_test_setup_teardown (test_check, setup, teardown),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
