/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration: what good files mean, and that each kind of bad file is refused with a message that names the
 * file, the line and the way out. Most cases are rows: a text, and what the message must say.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config.h"
#include "nearest.h"
#include "tree.h"

typedef struct {
  char *root;
  char *file;   /* vfpool.conf */
  char *folder; /* conf.d */
} Fixture;

static void
put (const char *path, const char *text, gssize length) {
  FILE *file = fopen (path, "w");

  assert_non_null (file);
  assert_int_equal (fwrite (text, 1, length < 0 ? strlen (text) : (size_t)length, file),
                    length < 0 ? strlen (text) : (size_t)length);
  assert_int_equal (fclose (file), 0);
  assert_int_equal (chmod (path, 0644), 0);
}

static int
setup (void **state) {
  Fixture *f = g_new0 (Fixture, 1);

  f->root = g_dir_make_tmp ("vfpool-config-XXXXXX", NULL);
  f->file = g_strconcat (f->root, "/etc/vfpool/vfpool.conf", NULL);
  f->folder = g_strconcat (f->root, "/etc/vfpool/conf.d", NULL);
  assert_int_equal (g_mkdir_with_parents (f->folder, 0755), 0);
  assert_int_equal (chmod (f->root, 0755), 0);
  *state = f;
  return 0;
}

static int
teardown (void **state) {
  Fixture *f = *state;

  remove_tree (f->root);
  g_free (f->root);
  g_free (f->file);
  g_free (f->folder);
  g_free (f);
  return 0;
}

static void
assert_says (const char *message, const char *part) {
  if (!strstr (message, part))
    fail_msg ("expected \"%s\" in: %s", part, message);
}

/* Loads, and expects a failure whose message has all @parts; returns the message for g_free(). */
static char *
refused (const Fixture *f, VfpoolError code, const char *const *parts) {
  g_autoptr (GError) error = NULL;
  g_autoptr (VfpoolConfig) config = vfpool_config_load (f->root, &error);

  assert_null (config);
  assert_non_null (error);
  if (!g_error_matches (error, VFPOOL_ERROR, code))
    fail_msg ("code %d, expected %d: %s", error->code, code, error->message);
  assert_null (strchr (error->message, '\n'));
  for (int i = 0; parts && parts[i]; i++)
    assert_says (error->message, parts[i]);
  return g_strdup (error->message);
}

static VfpoolConfig *
loaded (const Fixture *f) {
  g_autoptr (GError) error = NULL;
  VfpoolConfig *config = vfpool_config_load (f->root, &error);

  if (!config)
    fail_msg ("%s", error->message);
  return config;
}

/* ---- Good ---- */

#define GOOD                                                                                                           \
  "# comment\n\n[pf 0000:01:00.0]\nnumvfs=7\npark=host\n\n[pool lan]\n"                                                \
  "members=pf=01:00.0; pf=0000:0A:00.1 vfs=0-3,5 ;address=0000:03:10.0;\n[vfpool]\nstart-grace = 30 "                  \
  "\nrelease-wait=7\n"

static void
assert_is_good (const VfpoolConfig *config) {
  const VfpoolPool *lan = vfpool_config_find_pool (config, "lan");
  const VfpoolPfConfig *pf = vfpool_config_find_pf (config, "0000:01:00.0");
  const VfpoolMember *members[3];

  assert_non_null (lan);
  assert_non_null (pf);
  assert_int_equal (config->pools->len, 1);
  assert_int_equal (lan->line, 7);
  assert_int_equal (lan->members->len, 3);
  memcpy (members, lan->members->pdata, sizeof members);
  assert_string_equal (members[0]->pf, "0000:01:00.0");
  assert_null (members[0]->indexes);
  assert_string_equal (members[1]->pf, "0000:0a:00.1");
  assert_int_equal (members[1]->indexes->len, 4);
  assert_string_equal (members[2]->address, "0000:03:10.0");
  assert_int_equal (pf->numvfs, 7);
  assert_int_equal (pf->line, 3);
  assert_int_equal (pf->park, VFPOOL_PARK_HOST);
  assert_int_equal (config->start_grace, 30);
  assert_int_equal (config->release_wait, 7);
}

static void
reads_all_keys (void **state) {
  const Fixture *f = *state;
  g_autoptr (VfpoolConfig) config = NULL;

  put (f->file, GOOD, -1);
  config = loaded (f);
  assert_is_good (config);
  assert_string_equal (vfpool_config_find_pool (config, "lan")->file, f->file);
  assert_null (vfpool_config_find_pool (config, "wan"));
  assert_null (vfpool_config_find_pf (config, "0000:0a:00.1"));
  assert_int_equal (vfpool_config_park_of (config, "0000:01:00.0"), VFPOOL_PARK_HOST);
  assert_int_equal (vfpool_config_park_of (config, "0000:0a:00.1"), VFPOOL_PARK_VFIO);
  assert_int_equal (vfpool_config_park_of (config, NULL), VFPOOL_PARK_VFIO);
}

static void
reads_windows_files (void **state) {
  const Fixture *f = *state;
  g_auto (GStrv) lines = g_strsplit (GOOD, "\n", -1);
  g_autofree char *crlf = g_strjoinv ("\r\n", lines);
  g_autofree char *text = g_strconcat ("\xef\xbb\xbf", crlf, NULL);
  g_autoptr (VfpoolConfig) config = NULL;

  put (f->file, text, -1);
  config = loaded (f);
  assert_is_good (config);
}

static void
has_defaults (void **state) {
  const Fixture *f = *state;
  g_autoptr (VfpoolConfig) config = NULL;

  put (f->file, "[pf 01:00.0]\n", -1);
  assert_int_equal (g_rmdir (f->folder), 0); /* conf.d may be missing */
  config = loaded (f);
  assert_int_equal (config->start_grace, 120);
  assert_int_equal (config->release_wait, 10);
  assert_int_equal (vfpool_config_find_pf (config, "0000:01:00.0")->numvfs, -1);
  assert_int_equal (vfpool_config_find_pf (config, "0000:01:00.0")->park, VFPOOL_PARK_VFIO);
  assert_int_equal (config->pools->len, 0);
}

static void
empty_file_is_fine (void **state) {
  const Fixture *f = *state;
  g_autoptr (VfpoolConfig) config = NULL;

  put (f->file, "", 0);
  config = loaded (f);
  assert_int_equal (config->pools->len, 0);
}

static void
put_in_folder (const Fixture *f, const char *name, const char *text) {
  g_autofree char *path = g_build_filename (f->folder, name, NULL);
  put (path, text, -1);
}

static void
reads_folder_in_order (void **state) {
  const Fixture *f = *state;
  g_autoptr (VfpoolConfig) config = NULL;
  const char *expected[] = { "main", "upper", "ten", "nine" };

  put (f->file, "[pool main]\nmembers=pf=01:00.0\n", -1);
  put_in_folder (f, "9.conf", "[pool nine]\nmembers=pf=02:00.0\n[vfpool]\nstart-grace=5\n");
  put_in_folder (f, "10.conf", "[pool ten]\nmembers=pf=03:00.0\n");
  put_in_folder (f, ".hidden.conf", "bad");
  put_in_folder (f, "a.conf.bak", "bad");
  put_in_folder (f, "0A.conf", "[pool upper]\nmembers=pf=04:00.0\n");
  config = loaded (f);
  assert_int_equal (config->pools->len, G_N_ELEMENTS (expected));
  for (guint i = 0; i < config->pools->len; i++)
    assert_string_equal (((VfpoolPool *)config->pools->pdata[i])->name, expected[i]);
  assert_int_equal (config->start_grace, 5);
}

static void
members_match (void **state) {
  static const struct {
    const char *member, *bdf, *pf;
    int index;
    gboolean matches;
  } rows[] = {
    { "pf=01:00.0", "0000:01:10.0", "0000:01:00.0", 0, TRUE },
    { "pf=01:00.0", "0000:01:10.0", "0000:02:00.0", 0, FALSE },
    { "pf=01:00.0", "0000:01:00.0", NULL, -1, FALSE }, /* the PF itself is none of its VFs */
    { "pf=01:00.0 vfs=1-2,7", "0000:01:10.0", "0000:01:00.0", 0, FALSE },
    { "pf=01:00.0 vfs=1-2,7", "0000:01:10.0", "0000:01:00.0", 1, TRUE },
    { "pf=01:00.0 vfs=1-2,7", "0000:01:10.0", "0000:01:00.0", 2, TRUE },
    { "pf=01:00.0 vfs=1-2,7", "0000:01:10.0", "0000:01:00.0", 3, FALSE },
    { "pf=01:00.0 vfs=1-2,7", "0000:01:10.0", "0000:01:00.0", 7, TRUE },
    { "pf=01:00.0 vfs=0-65535", "0000:01:10.0", "0000:01:00.0", 65535, TRUE },
    { "pf=01:00.0 vfs=0", "0000:01:10.0", "0000:01:00.0", -1, FALSE },
    { "address=0000:01:10.0", "0000:01:10.0", "0000:01:00.0", 0, TRUE },
    { "address=0000:01:10.0", "0000:01:10.0", NULL, -1, TRUE },
    { "address=0000:01:10.0", "0000:01:10.2", "0000:01:00.0", 1, FALSE },
  };
  const Fixture *f = *state;

  for (size_t i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *text = g_strdup_printf ("[pool a]\nmembers=%s\n", rows[i].member);
    g_autoptr (VfpoolConfig) config = NULL;

    put (f->file, text, -1);
    config = loaded (f);
    if (vfpool_member_matches (vfpool_config_find_pool (config, "a")->members->pdata[0], rows[i].bdf, rows[i].pf,
                               rows[i].index)
        != rows[i].matches)
      fail_msg ("row %zu: %s", i, rows[i].member);
  }
}

/* ---- Bad text ---- */

#define NAME33 "abcdefghijklmnopqrstuvwxyz0123456"

static const struct {
  const char *text;
  int line;
  const char *says; /* parts separated by | */
} bad_texts[] = {
  /* unknown groups and keys */
  { "[pf 01:00.0]\nnumvf=3\n", 2, "unknown key \"numvf\"|\"numvfs\"" },
  { "[pf 01:00.0]\nPARK=vfio\n", 2, "unknown key \"PARK\"|\"park\"" },
  { "[pool a]\nmember=pf=01:00.0\n", 2, "\"members\"" },
  { "[pool a]\nmembers=pf=01:00.0\npark=vfio\n", 3, "\"park\"|belongs in [pf ADDRESS]" },
  { "[vfpool]\nstartgrace=3\n", 2, "\"start-grace\"" },
  { "[pools a]\n", 1, "unknown group [pools a]|\"pool\"" },
  { "[Vfpool]\n", 1, "\"vfpool\"" },
  { "[]\n", 1, "cannot be understood" },
  { "[pf 01:00.0]\nnumvfs[de]=3\n", 2, "unknown key|\"numvfs\"" },
  /* what GKeyFile refuses */
  { "numvfs=3\n[pool a]\n", 1, "before the first group" },
  { "# a\n\n[pf 01:00.0]\nnumvfs 3\nnumvfs=3\n", 4, "\"numvfs 3\" cannot be understood" },
  { "[pf 01:00.0]\n\n[pool a\nmembers=pf=01:00.0\n", 3, "\"[pool a\" cannot be understood" },
  { "[pf 01:00.0]\n=7\n", 2, "cannot be understood" },
  { "[pf 01:00.0]\nnumvfs=1\n[pool a] # lan\n", 3, "cannot be understood" },
  { "[pf 01:00.0]\rnumvfs=1\r", 1, "before the first group" },
  /* what stands twice */
  { "[pf 01:00.0]\nnumvfs=3\npark=vfio\nnumvfs=4\n", 4, "\"numvfs\"|line 2" },
  { "[pf 01:00.0]\n[pf 02:00.0]\n[pf 01:00.0]\n", 3, "second time|line 1" },
  { "[pf 01:00.0]\n[pf 02:00.0]\n[pf 0000:01:00.0]\n", 3, "0000:01:00.0|second time|:1;" },
  { "[pool a]\nmembers=pf=01:00.0\n[pool a]\nmembers=pf=01:00.0\n", 3, "second time|line 1" },
  { "[pool a]\nmembers=pf=01:00.0\n[pool  a ]\nmembers=pf=01:00.0\n", 3, "second time|:1;" },
  { "[vfpool]\n[vfpool]\n", 2, "second time" },
  /* values */
  { "[pf 01:00.0]\nnumvfs=\n", 2, "numvfs=|0 to 65535" },
  { "[pf 01:00.0]\nnumvfs=-1\n", 2, "numvfs=-1|0 to 65535" },
  { "[pf 01:00.0]\nnumvfs=65536\n", 2, "0 to 65535" },
  { "[pf 01:00.0]\nnumvfs=99999999999999999999\n", 2, "0 to 65535" },
  { "[pf 01:00.0]\nnumvfs=0x7\n", 2, "0 to 65535" },
  { "[pf 01:00.0]\nnumvfs=7 # seven\n", 2, "a comment needs a line of its own" },
  { "[pf 01:00.0]\nnumvfs=all\n", 2, "numvfs=all" },
  { "[pf 01:00.0]\npark=vfoi\n", 2, "\"vfio\"|vfio, host or none" },
  { "[pf 01:00.0]\npark=vfio-pci\n", 2, "\"vfio\"" },
  { "[pf 01:00.0]\npark=\n", 2, "vfio, host or none" },
  { "[pf eth0]\n", 1, "[pf eth0]|no PCI address" },
  { "[pf]\n", 1, "no PCI address" },
  { "[vfpool]\nstart-grace=soon\n", 2, "0 to 86400" },
  { "[vfpool]\nrelease-wait=601\n", 2, "0 to 600" },
  { "[vfpool x]\n", 1, "nothing more" },
  /* pools */
  { "[pool]\nmembers=pf=01:00.0\n", 1, "1 to 32" },
  { "[pool a b]\nmembers=pf=01:00.0\n", 1, "1 to 32" },
  { "[pool ../a]\nmembers=pf=01:00.0\n", 1, "1 to 32" },
  { "[pool \xc3\xa4]\nmembers=pf=01:00.0\n", 1, "1 to 32" },
  { "[pool " NAME33 "]\nmembers=pf=01:00.0\n", 1, "1 to 32" },
  { "\n[pool a]\n", 2, "\"a\" has no members" },
  { "[pool a]\nmembers=\n", 2, "is empty" },
  { "[pool a]\nmembers= ; \n", 2, "empty member" },
  { "[pool a]\nmembers=;\n", 2, "empty member" },
  { "[pool a]\nmembers=pf=01:00.0;;pf=02:00.0\n", 2, "empty member" },
  /* members */
  { "[pool a]\nmembers=01:00.0\n", 2, "pf=0000:01:00.0|address=0000:01:00.0" },
  { "[pool a]\nmembers=pf = 01:00.0\n", 2, "\"pf\" is no KEY=VALUE" },
  { "[pool a]\nmembers=vf=01:00.0\n", 2, "unknown key \"vf\"|\"pf\"" },
  { "[pool a]\nmembers=adress=01:00.0\n", 2, "\"address\"" },
  { "[pool a]\nmembers=pf=01:00\n", 2, "pf=01:00 is no PCI address" },
  { "[pool a]\nmembers=address=01:20.0\n", 2, "no PCI address" },
  { "[pool a]\nmembers=pf=01:00.0 address=01:10.0\n", 2, "both pf= and address=" },
  { "[pool a]\nmembers=pf=01:00.0 pf=02:00.0\n", 2, "twice" },
  { "[pool a]\nmembers=pf=01:00.0 vfs=1 vfs=2\n", 2, "twice" },
  { "[pool a]\nmembers=vfs=1\n", 2, "no pf=" },
  { "[pool a]\nmembers=address=01:10.0 vfs=1\n", 2, "no pf=" },
  { "[pool a]\nmembers=pf=01:00.0 vfs=\n", 2, "vfs= is empty" },
  { "[pool a]\nmembers=pf=01:00.0 vfs=3-1\n", 2, "3-1|no VF number" },
  { "[pool a]\nmembers=pf=01:00.0 vfs=0-65536\n", 2, "0 to 65535" },
  { "[pool a]\nmembers=pf=01:00.0 vfs=0-4294967296\n", 2, "0 to 65535" },
  { "[pool a]\nmembers=pf=01:00.0 vfs=1,,2\n", 2, "no VF number" },
  { "[pool a]\nmembers=pf=01:00.0 vfs=1-\n", 2, "1-|no VF number" },
  { "[pool a]\nmembers=pf=01:00.0\nnuma=near\n", 3, "numa=near|did you mean|required, socket, preferred, ignore" },
  { "[pool a]\nmembers=pf=01:00.0\nplacement=sprad\n", 3, "did you mean \"spread\"" },
  { "[pool a]\nmembers=pf=01:00.0\nanti-affinity=PF\n", 3, "did you mean \"pf\"" },
  { "[pool a]\nmembers=pf=01:00.0\nnuma-nodes=0-\n", 3, "numa-nodes=0-|NUMA nodes" },
  { "[pool a]\nmembers=pf=01:00.0\nsticky=on\n", 3, "sticky=on|yes or no" },
  { "[pool a]\nmembers=pf=01:00.0\nmac=\n", 3, "mac=|generate or keep" },
  { "[pool a]\nmembers=pf=01:00.0\nquota=-1\n", 3, "quota=-1|0 to 4096" },
  { "[pool a]\nmembers=pf=01:00.0\nshared-groups=yes\n", 3, "together or single" },
  { "[pool a]\nmembers=pf=01:00.0\non-attach-failure=retri\n", 3, "did you mean \"retry\"|keep, retry or shutdown" },
  { "[pool a]\nmembers=pf=01:00.0\nreserve=\n", 3, "is empty; expected reservations like" },
  { "[pool a]\nmembers=pf=01:00.0\nreserve=count=2\n", 3, "has no guest=" },
  { "[pool a]\nmembers=pf=01:00.0\nreserve=guest=pve-qemu/101\n", 3, "needs either count= or address=" },
  { "[pool a]\nmembers=pf=01:00.0\nreserve=guest=web count=1\n", 3, "'web' is no guest" },
  { "[pool a]\nmembers=pf=01:00.0\nreserve=guest=pve-qemu/101 count=0\n", 3, "count=0|1 to 4096" },
  { "[pool a]\nmembers=pf=01:00.0\nreserve=guest=pve-qemu/101 number=2\n", 3, "number=2|did you mean" },
  { "[vfpool]\nmac-seed=\n", 2, "mac-seed=|bytes" },
  { "[vfpool]\nremember=9y\n", 2, "remember=9y|36500" },
  { "[pool a]\nmembers=pf=01:00.0 vfs=1-2-3\n", 2, "no VF number" },
  { "[pool a]\nmembers=pf=01:00.0 vfs=-1\n", 2, "no VF number" },
  { "[pool a]\nmembers=pf=01:00.0 vfs=1x\n", 2, "no VF number" },
};

static void
bad_text_names_file_and_line (void **state) {
  const Fixture *f = *state;

  for (size_t i = 0; i < G_N_ELEMENTS (bad_texts); i++) {
    g_autofree char *place = g_strdup_printf ("%s:%d: ", f->file, bad_texts[i].line);
    g_auto (GStrv) parts = g_strsplit (bad_texts[i].says, "|", -1);
    g_autofree char *message = NULL;

    put (f->file, bad_texts[i].text, -1);
    message = refused (f, VFPOOL_ERROR_BAD_CONFIG, (const char *const *)parts);
    if (!g_str_has_prefix (message, place))
      fail_msg ("expected %s in front of: %s", place, message);
  }
}

static void
bad_bytes_name_the_line (void **state) {
  static const struct {
    const char *text;
    gssize length;
    const char *says;
  } rows[] = {
    { "[pool a]\nmembers=\0pf", 20, "vfpool.conf:2: there is a NUL byte" },
    { "[pool a]\n\nmembers=\xff", -1, "vfpool.conf:3: byte 0xff in this line is not UTF-8" },
    { "\xff\xfe[\0p\0", 6, "vfpool.conf:1: there is a NUL byte" },
  };
  const Fixture *f = *state;

  for (size_t i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *message = NULL;
    put (f->file, rows[i].text, rows[i].length);
    message = refused (f, VFPOOL_ERROR_BAD_CONFIG, (const char *[]){ rows[i].says, NULL });
  }
}

/* Whatever is thrown at it must end in an answer; the sanitizers watch. */
static void
survives_noise (void **state) {
  static const char *const words[] = { "[",      "]",       "pool", "pf",  "vfpool", "members",     "=",
                                       "\n",     ";",       "vfs",  "0-3", ",",      " ",           "01:00.0",
                                       "numvfs", "park",    "vfio", "\r",  "\xc3",   "\xa4",        "#",
                                       "\t",     "address", "-",    "9",   "\\",     "\n[pool a]\n" };
  const Fixture *f = *state;
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);

  for (int round = 0; round < 3000; round++) {
    g_autoptr (GString) text = g_string_new (round % 2 ? "[pool a]\nmembers=" : "");
    g_autoptr (VfpoolConfig) config = NULL;
    g_autoptr (GError) error = NULL;

    for (int n = g_rand_int_range (rand, 1, 25); n > 0; n--)
      g_string_append (text, words[g_rand_int_range (rand, 0, G_N_ELEMENTS (words))]);
    put (f->file, text->str, text->len);
    config = vfpool_config_load (f->root, &error);
    assert_true ((config != NULL) != (error != NULL));
  }
}

static void
long_words_are_shortened (void **state) {
  const Fixture *f = *state;
  g_autofree char *word = g_strnfill (100000, 'x');
  const char *forms[] = { "[%s]\n",
                          "[pool a]\n%s=1\n",
                          "[pool %s]\n",
                          "[pool a]\nmembers=%s\n",
                          "[pf 01:00.0]\npark=%s\n",
                          "[pf %s]\n",
                          "[pool a]\nmembers=pf=%s\n",
                          "[pool a]\nmembers=pf=01:00.0 vfs=%s\n",
                          "%s\n" };

  for (size_t i = 0; i < G_N_ELEMENTS (forms); i++) {
    g_auto (GStrv) halves = g_strsplit (forms[i], "%s", 2);
    g_autofree char *text = g_strjoin (word, halves[0], halves[1], NULL);
    g_autofree char *message = NULL;

    put (f->file, text, -1);
    message = refused (f, VFPOOL_ERROR_BAD_CONFIG, NULL);
    assert_true (strlen (message) < 500);
  }
}

/* ---- Bad files ---- */

static void
missing_file_shows_how_to_begin (void **state) {
  const Fixture *f = *state;
  g_autofree char *message =
      refused (f, VFPOOL_ERROR_BAD_CONFIG,
               (const char *[]){ f->file, "does not exist", "[pool NAME]", "members=pf=ADDRESS", NULL });
}

static void
second_file_may_not_repeat (void **state) {
  static const struct {
    const char *first, *second;
    int line;
  } rows[] = {
    { "[pool a]\nmembers=pf=01:00.0\n", "\n[pool a]\nmembers=pf=02:00.0\n", 2 },
    { "[pf 01:00.0]\n", "[pf 0000:01:00.0]\n", 1 },
    { "[vfpool]\nstart-grace=1\n", "[vfpool]\nstart-grace=1\n", 2 },
  };
  const Fixture *f = *state;

  for (size_t i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *place = g_strdup_printf ("%s/b.conf:%d: ", f->folder, rows[i].line);
    g_autofree char *message = NULL;

    put (f->file, rows[i].first, -1);
    put_in_folder (f, "b.conf", rows[i].second);
    message = refused (f, VFPOOL_ERROR_BAD_CONFIG, (const char *[]){ place, "second time", f->file, NULL });
  }
}

static void
size_is_limited (void **state) {
  const Fixture *f = *state;
  g_autofree char *fill = g_strnfill (1024 * 1024 + 1, '#');
  g_autofree char *message = NULL;
  g_autoptr (VfpoolConfig) config = NULL;

  put (f->file, fill, -1);
  message = refused (f, VFPOOL_ERROR_BAD_CONFIG, (const char *[]){ f->file, "1 MiB", NULL });
  put (f->file, fill, 1024 * 1024);
  config = loaded (f);
}

static void
other_things_than_files (void **state) {
  const Fixture *f = *state;
  g_autofree char *dangling = g_build_filename (f->folder, "x.conf", NULL);
  g_autofree char *messages[5] = { NULL };

  assert_int_equal (g_mkdir (f->file, 0755), 0);
  messages[0] = refused (f, VFPOOL_ERROR_BAD_CONFIG, (const char *[]){ f->file, "a directory", NULL });
  g_rmdir (f->file);
  assert_int_equal (mkfifo (f->file, 0644), 0);
  messages[1] = refused (f, VFPOOL_ERROR_BAD_CONFIG, (const char *[]){ f->file, "no regular file", NULL });
  g_remove (f->file);
  put (f->file, "", 0);
  assert_int_equal (symlink ("nowhere", dangling), 0);
  messages[2] = refused (f, VFPOOL_ERROR_BAD_CONFIG, (const char *[]){ dangling, "No such file", NULL });
  g_remove (dangling);
  assert_int_equal (g_mkdir (dangling, 0755), 0);
  messages[3] = refused (f, VFPOOL_ERROR_BAD_CONFIG, (const char *[]){ dangling, "a directory", NULL });
  g_rmdir (dangling);
  g_rmdir (f->folder);
  put (f->folder, "", 0);
  messages[4] = refused (f, VFPOOL_ERROR_BAD_CONFIG, (const char *[]){ f->folder, "cannot list", NULL });
  for (size_t i = 0; i < G_N_ELEMENTS (messages); i++)
    g_free (g_steal_pointer (&messages[i]));
}

/* The file and each folder on the way, made writable or somebody else's: refused in words that say which, and how to mend
 * it; and believed again when it is mended. */
static void
what_others_can_write_is_refused (void **state) {
  static const char *const places[] = { "/etc/vfpool/vfpool.conf", "/etc/vfpool/conf.d/a.conf", "/etc/vfpool/conf.d",
                                        "/etc/vfpool", "/etc" };
  const Fixture *f = *state;

  put (f->file, "", 0);
  put_in_folder (f, "a.conf", "[pool a]\nmembers=pf=01:00.0\n");
  for (size_t i = 0; i < G_N_ELEMENTS (places); i++) {
    g_autofree char *place = g_strconcat (f->root, places[i], NULL), *mend = g_strconcat ("go-w ", place, NULL);
    g_autofree char *owner = g_strconcat ("chown root ", place, NULL), *others = NULL, *group = NULL, *user = NULL;
    g_autoptr (VfpoolConfig) config = NULL;

    assert_int_equal (chmod (place, 0757), 0);
    others = refused (f, VFPOOL_ERROR_BAD_CONFIG, (const char *[]){ "0757", mend, NULL });
    assert_int_equal (chmod (place, 0775), 0);
    group = refused (f, VFPOOL_ERROR_BAD_CONFIG, (const char *[]){ "0775", mend, NULL });
    assert_int_equal (chmod (place, 0755), 0);
    if (geteuid () == 0) {
      assert_int_equal (chown (place, 65534, 0), 0);
      user = refused (f, VFPOOL_ERROR_BAD_CONFIG, (const char *[]){ "user 65534", owner, NULL });
      assert_int_equal (chown (place, 0, 0), 0);
    }
    config = loaded (f);
  }
  remove_tree (f->folder); /* also with nothing in it yet */
  assert_int_equal (g_mkdir (f->folder, 0700), 0);
  assert_int_equal (chmod (f->folder, 0770), 0);
  g_free (refused (f, VFPOOL_ERROR_BAD_CONFIG, (const char *[]){ f->folder, "0770", NULL }));
}

/* A link is as good as the file and the folders that it leads to. */
static void
links_are_followed_to_safe_places (void **state) {
  const Fixture *f = *state;
  g_autofree char *folder = g_build_filename (f->root, "srv", NULL), *file = g_build_filename (folder, "v", NULL);
  g_autofree char *open_folder = NULL, *sticky = NULL, *open_file = NULL;
  g_autoptr (VfpoolConfig) config = NULL;

  assert_int_equal (g_mkdir (folder, 0755), 0);
  put (file, "[pool a]\nmembers=pf=01:00.0\n", -1);
  assert_int_equal (symlink ("../../srv/v", f->file), 0);
  config = loaded (f);
  assert_int_equal (config->pools->len, 1);
  assert_int_equal (chmod (folder, 0777), 0);
  open_folder = refused (f, VFPOOL_ERROR_BAD_CONFIG, (const char *[]){ folder, "0777", NULL });
  assert_int_equal (chmod (folder, 01777), 0);
  sticky = refused (f, VFPOOL_ERROR_BAD_CONFIG, (const char *[]){ folder, "1777", NULL });
  assert_int_equal (chmod (folder, 0755), 0);
  assert_int_equal (chmod (file, 0666), 0);
  open_file = refused (f, VFPOOL_ERROR_BAD_CONFIG, (const char *[]){ f->file, "0666", NULL });
}

/* The same as somebody who may not read it: in a child, because there is no way back. */
static void
unreadable_is_denied (void **state) {
  const Fixture *f = *state;
  pid_t pid;
  int status;

  put (f->file, "", 0);
  assert_int_equal (chmod (f->file, 0), 0);
  pid = fork ();
  if (pid == 0) {
    g_autoptr (GError) error = NULL;
    if (geteuid () == 0 && setuid (65534) != 0)
      _exit (2);
    g_autoptr (VfpoolConfig) config = vfpool_config_load (f->root, &error);
    _exit (!config && g_error_matches (error, VFPOOL_ERROR, VFPOOL_ERROR_DENIED) && strstr (error->message, f->file)
               ? 0
               : 1);
  }
  assert_int_equal (waitpid (pid, &status, 0), pid);
  assert_int_equal (status, 0);
}

/* ---- The sample, and the word finder ---- */

/* The unit tests run in the top folder of the sources. */
static void
sample_is_valid (void **state) {
  static const char *const keys[] = {
    "members", "numa",        "numa-nodes",   "placement",     "anti-affinity",     "sticky",
    "mac",     "quota",       "reserve",      "shared-groups", "on-attach-failure", "numvfs",
    "park",    "start-grace", "release-wait", "remember",      "mac-seed"
  };
  const Fixture *f = *state;
  g_autofree char *sample = NULL;
  g_auto (GStrv) lines = NULL;
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (VfpoolConfig) config = NULL;

  if (!g_file_get_contents ("packaging/vfpool.conf.sample", &sample, NULL, NULL))
    skip ();
  lines = g_strsplit (sample, "\n", -1);
  for (int i = 0; lines[i]; i++) {
    assert_true (!*lines[i] || *lines[i] == '#');
    g_string_append_printf (text, "%s\n", lines[i][0] == '#' && lines[i][1] > ' ' ? lines[i] + 1 : lines[i]);
  }
  put (f->file, text->str, -1);
  config = loaded (f);
  assert_int_equal (config->pools->len, 2);
  assert_int_equal (vfpool_config_find_pf (config, "0000:01:00.0")->numvfs, 7);
  for (gsize i = 0; i < G_N_ELEMENTS (keys); i++) {
    g_autofree char *line = g_strdup_printf ("\n#%s=", keys[i]);

    if (!strstr (sample, line))
      fail_msg ("the sample does not show %s=", keys[i]);
  }
}

static void
nearest_words (void **state) {
  static const char *const known[] = { "numvfs", "park", "members", NULL };
  static const struct {
    const char *word, *nearest;
  } rows[] = {
    { "numvf", "numvfs" }, { "NUMVFS", "numvfs" }, { "prak", "park" }, { "membres", "members" }, { "", "park" }
  };

  (void)state;
  for (size_t i = 0; i < G_N_ELEMENTS (rows); i++)
    assert_string_equal (vfpool_nearest_word (rows[i].word, known), rows[i].nearest);
}

int
main (void) {
#define CASE(f) cmocka_unit_test_setup_teardown (f, setup, teardown)
  const struct CMUnitTest tests[] = {
    CASE (reads_all_keys),
    CASE (reads_windows_files),
    CASE (has_defaults),
    CASE (empty_file_is_fine),
    CASE (reads_folder_in_order),
    CASE (members_match),
    CASE (bad_text_names_file_and_line),
    CASE (bad_bytes_name_the_line),
    CASE (survives_noise),
    CASE (long_words_are_shortened),
    CASE (missing_file_shows_how_to_begin),
    CASE (second_file_may_not_repeat),
    CASE (size_is_limited),
    CASE (other_things_than_files),
    CASE (what_others_can_write_is_refused),
    CASE (links_are_followed_to_safe_places),
    CASE (unreadable_is_denied),
    CASE (sample_is_valid),
    cmocka_unit_test (nearest_words),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
