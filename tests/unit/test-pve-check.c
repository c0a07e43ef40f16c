/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `vfpool check` says of guests whose hookscript will not be run: which ask, which storages count, and what is advised. */
#include "pve-fixture.h"

#include <glib/gstdio.h>
#include <string.h>

#include "pve-hookscript/guest-check.h"
#include "pve-hookscript/section-file.h"
#include "pve-hookscript/snippet.h"

#define A "0000:01:10.0"
#define VM "/etc/pve/qemu-server/101.conf"
#define CT "/etc/pve/lxc/102.conf"
#define STORAGES "/etc/pve/storage.cfg"
#define SNIPPET "/var/lib/vz/snippets/vfpool"
#define HOOK "hookscript: local:snippets/vfpool\n"

typedef PveFixture Test;

/* Executable or not. */
static void
add_script (Test *t, const char *path, int mode, const char *text) {
  g_autofree char *full = g_strconcat (t->fx->root, path, NULL);

  fixture_write (t->fx, path, "%s", text);
  assert_int_equal (g_chmod (full, mode), 0);
}

static int
setup (void **state) {
  Test *t = pve_fixture_new ();

  fixture_add_pf (t->fx, "0000:01", 2, "vfio-pci", 10);
  fixture_add_pf (t->fx, "0000:02", 1, "vfio-pci", 20);
  fixture_config (t->fx, "[pool lan]\nmembers=pf=0000:01:00.0\n");
  add_script (t, SNIPPET, 0755, "#!/bin/sh\nexec /usr/libexec/vfpool/pve-hookscript \"$@\"\n");
  *state = t;
  return 0;
}

static int
teardown (void **state) {
  pve_fixture_free (*state);
  return 0;
}

/* ---- Storages ---- */

/* What is wrong with a hookscript, by what storage.cfg says. */
static void
test_storages (void **state) {
  static const struct {
    const char *storages, *volume, *problem; /* problem NULL: none */
  } cases[] = {
    { "", "local:snippets/vfpool", NULL },
    { "dir: local\n\tpath /var/lib/vz\n\tcontent iso\n", "local:snippets/vfpool", NULL }, /* the file is there */
    { "dir: local\n\tnodes pve2\n\tcontent iso\n", "local:snippets/vfpool", NULL },       /* always for all nodes */
    { "dir: local\n\tpath /srv\n", "local:snippets/vfpool", NULL },                       /* and always this folder */
    { "lvm: local\n\tvgname x\n", "local:snippets/vfpool", NULL },
    { "dir: local\n\tdisable\n", "local:snippets/vfpool",
      "the storage local is disabled: enable it (\"pvesm set local --disable 0\")" },
    { "dir: local\n\tdisable 0\n", "local:snippets/vfpool", NULL },
    { "", "local:snippets/other", "there is no /var/lib/vz/snippets/other: is the storage up" },
    { "dir: local\n\tcontent iso,backup\n", "local:snippets/other",
      "the storage local has not the content type snippets, and there is no /var/lib/vz/snippets/other: add that type "
      "(\"pvesm set local --content iso,backup,snippets\") and the file" },
    { "dir: xy\n\tpath /srv\n", "xy:snippets/other", "there is no /srv/snippets/other: add that type and the file" },
    { "", "local:iso/vfpool", "local:iso/vfpool is no volume as in local:snippets/vfpool" },
    { "", "vfpool", "vfpool is no volume" },
    { "", "local:snippets/", "is no volume" },
    { "", "local:snippets/../../passwd", "is no volume" },
    { "", "local:snippets/text",
      "/var/lib/vz/snippets/text is not executable: \"chmod 755 /var/lib/vz/snippets/text\"" },
    { "", "local:snippets/folder", "/var/lib/vz/snippets/folder is no file" },
    { "", "nas:snippets/vfpool", "there is no storage nas in " },
    { "nfs: nas\n\texport /x\n\tserver s\n", "nas:snippets/vfpool", NULL }, /* below /mnt/pve */
    { "NFS:nas\n", "nas:snippets/vfpool", NULL },
    { "nfs: nas\n\tpath /srv/nas\n\tcontent snippets\n", "nas:snippets/vfpool",
      "there is no /srv/nas/snippets/vfpool: is the storage up (\"pvesm status\")?" },
    { "nfs: nas\n\tdisable 1\n", "nas:snippets/vfpool", "the storage nas is disabled" },
    { "nfs: nas\n\tnodes pve2, pve3\n", "nas:snippets/vfpool",
      "the storage nas is not for node pve1: add it (\"pvesm set nas --nodes pve2,pve3,pve1\")" },
    { "nfs: nas\n\tnodes pve2,pve1\n", "nas:snippets/vfpool", NULL },
    { "cifs: nas\n\tcontent-dirs iso=i,snippets=hooks/all\n", "nas:snippets/hook", NULL },
    { "zfspool: tank\n\tpool tank\n", "tank:snippets/vfpool", "the storage tank holds no files" },
    { "nfs: nas\n\tdisable\nnfs: other\n", "nas:snippets/vfpool", "disabled" }, /* no empty line between: no section */
    { "nfs: nas\n\tdisable\n\nnfs: nas\n", "nas:snippets/vfpool", NULL },       /* the last counts */
    { "nfs: nas\n\tdisable 0\n\tdisable 1\n", "nas:snippets/vfpool", NULL },    /* the first counts */
    { "# nfs: nas\n", "nas:snippets/vfpool", "no storage nas" },
    { "nfs nas\n", "nas:snippets/vfpool", "no storage nas" },
    { "nfs: n!\n\npve: nas-\n", "nas-:snippets/vfpool", "no storage nas-" },
    { "", "nas\x1b[1m:snippets/x", "there is no storage nas?[1m in " },
  };
  Test *t = *state;

  add_script (t, "/mnt/pve/nas/snippets/vfpool", 0755, "pve-hookscript");
  add_script (t, "/mnt/pve/nas/hooks/all/hook", 0755, "pve-hookscript");
  add_script (t, "/var/lib/vz/snippets/text", 0644, "pve-hookscript");
  fixture_write (t->fx, "/var/lib/vz/snippets/folder/x", "%s", "");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *problem = NULL, *file = NULL;

    fixture_write (t->fx, STORAGES, "%s", cases[i].storages);
    file = pve_snippet_find (t->paths, cases[i].volume, &problem);
    if (!problem != !cases[i].problem || (problem && !strstr (problem, cases[i].problem)) || (!file && !problem))
      fail_msg ("case %u, %s: %s", i, cases[i].volume, problem ? problem : "no problem");
  }
  fixture_remove (t->fx, STORAGES);
  {
    g_autofree char *problem = NULL, *file = pve_snippet_find (t->paths, "local:snippets/vfpool", &problem);

    assert_non_null (file);
    assert_null (problem);
  }
}

/* ---- Guests ---- */

static void
look (Test *t, gpointer data G_GNUC_UNUSED) {
  g_autoptr (GError) error = NULL;

  if (!pve_guest_check (t->paths, &error))
    fail_msg ("%s", error->message);
}

static void
assert_said (Test *t, const char *config, const char *part) {
  g_autofree char *said = pve_fixture_said (t, look, NULL);

  if (part ? !strstr (said, part) || strchr (said, '\n') != strrchr (said, '\n') : *said != '\0')
    fail_msg ("%s: %s", config, said);
}

static void
test_vms (void **state) {
  static const struct {
    const char *config, *part; /* part NULL: nothing is said */
  } cases[] = {
    { "hostpci0: mapping=lan\n", "vfpool: warning: VM 101 asks for pooled VFs, but has no hookscript, so Proxmox VE "
                                 "will not start it: \"qm set 101 "
                                 "--hookscript local:snippets/vfpool\"\n" },
    { "hostpci0: mapping=lan\n" HOOK, NULL },
    { "hostpci3: " A ",pcie=1\n", "VM 101 asks" },
    { "hostpci3: 01:10\n", "VM 101 asks" },
    { "hostpci3: 0000:02:10.0\n", NULL }, /* in no pool */
    { "hostpci0: mapping=gpu\n", NULL },  /* no pool */
    { "hostpci0: mapping=lan,mdev=x\n", NULL },
    { "memory: 64\n", NULL },
    { "#vfpool%3A numa=required\n", "VM 101 asks" },
    { "#vfpool: hostpci0 vlan=7\nhostpci0: mapping=gpu\n", "VM 101 asks" },
    { "hostpci0: mapping=lan\ntemplate: 1\n", NULL },
    { "memory: 64\n[snapshot]\nhostpci0: mapping=lan\n", NULL },
    { "hostpci0: mapping=lan\n[snapshot]\n" HOOK, "has no hookscript" },
    { "#vfpool: hostpci0 vlna=7\nhostpci0: mapping=lan\n" HOOK,
      "VM 101 asks for pooled VFs, but will not start: line 1 of its notes: unknown key" },
    { "#vfpool: hostpci0 vlna=7\nhostpci0: mapping=lan\n", "has no hookscript" },
    { "hostpci0: mapping=lan\nhookscript: nas:snippets/vfpool\n",
      "its hookscript nas:snippets/vfpool cannot be relied on: there is no storage nas in " },
    { "hostpci0: mapping=lan\nhookscript: local:snippets/gone\n",
      "or \"qm set 101 --hookscript local:snippets/vfpool\"\n" },
    { "hostpci0: mapping=lan\nhookscript: local:snippets/other\n",
      "its hookscript local:snippets/other is another than vfpool's: have it run /" },
    { "hostpci0: mapping=lan\nhookscript: local:snippets/large\n", NULL },
  };
  Test *t = *state;
  g_autofree char *large = g_strnfill (PVE_FILE_MAX, 'x');

  add_script (t, "/var/lib/vz/snippets/other", 0755, "#!/bin/sh\n");
  add_script (t, "/var/lib/vz/snippets/large", 0755, large);
  {
    g_autofree char *path = g_strconcat (t->fx->root, "/var/lib/vz/snippets/large", NULL);
    FILE *file = fopen (path, "a");

    fputs ("xx", file);
    fclose (file);
  }
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    fixture_write (t->fx, VM, "%s", cases[i].config);
    assert_said (t, cases[i].config, cases[i].part);
  }
}

static void
test_containers (void **state) {
  static const struct {
    const char *config, *part;
  } cases[] = {
    { "hostname: x\n", NULL },
    { "#vfpool: net1 pool=lan\n" HOOK, NULL },
    { "#vfpool%3A net1 pool=lan\n", "vfpool: warning: container 102 asks for pooled VFs, but has no hookscript, so it "
                                    "starts without them: \"pct set 102 "
                                    "--hookscript local:snippets/vfpool\"\n" },
    { "#vfpool: net1 pool=lan\nhookscript: nas:snippets/vfpool\n", "or \"pct set 102 --hookscript" },
    { "#vfpool: net1 pol=lan\n" HOOK, "will not start: " },
    { "#vfpool: net1 pol=lan\n", "has no hookscript" },
    { "#vfpool: net1 pool=lan\n[snapshot]\n" HOOK, "has no hookscript" },
  };
  Test *t = *state;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    fixture_write (t->fx, CT, "%s", cases[i].config);
    assert_said (t, cases[i].config, cases[i].part);
  }
}

/* Other nodes' guests, other files, and a host without Proxmox VE. */
static void
test_others (void **state) {
  Test *t = *state;

  fixture_write (t->fx, "/etc/pve/nodes/pve2/qemu-server/103.conf", "%s", "hostpci0: mapping=lan\n");
  fixture_write (t->fx, "/etc/pve/qemu-server/104.conf.tmp", "%s", "hostpci0: mapping=lan\n");
  fixture_write (t->fx, "/etc/pve/qemu-server/x.conf", "%s", "hostpci0: mapping=lan\n");
  fixture_write (t->fx, "/etc/pve/qemu-server/105.conf/x", "%s", "");
  assert_said (t, "others'", NULL);
  fixture_remove (t->fx, "/etc/pve");
  fixture_remove (t->fx, "/etc/vfpool/vfpool.conf");
  assert_said (t, "no Proxmox VE", NULL);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown (test_storages, setup, teardown),
    cmocka_unit_test_setup_teardown (test_vms, setup, teardown),
    cmocka_unit_test_setup_teardown (test_containers, setup, teardown),
    cmocka_unit_test_setup_teardown (test_others, setup, teardown),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
