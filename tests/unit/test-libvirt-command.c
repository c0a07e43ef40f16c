/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verbs that speak to libvirt, over a tree of files and a libvirt that does what it is told: what is leased, plugged in and undone, in
 * which order, and what is said. */
#include "fake-libvirt.h"
#include "fixture.h"

#include "domain-request.h"
#include "libvirt-command/call.h"
#include "libvirt-command/failure.h"

#include <fcntl.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define UUID "2b2f4d1e-0d5c-4f6a-9d0e-5b1f6c7a8e90"
#define NS "xmlns:v='urn:vfpool:domain:1'"
#define REQUEST(slots) "<v:request " NS ">" slots "</v:request>"
#define TWO_SLOTS REQUEST ("<v:slot name='net0' pool='lan'/><v:slot name='net1' pool='lan'/>")
#define CONFIG "[pf 0000:01:00.0]\npark=vfio\n[pool lan]\nmembers=pf=0000:01:00.0\nmac=keep\n[vfpool]\nrelease-wait=0\n"
#define HOSTDEV                                                                                                        \
  "<hostdev mode='subsystem' type='pci'><source><address domain='0x0000' bus='0x01' slot='0x10' function='0x2'/>"      \
  "</source><alias name='hostdev0'/></hostdev>"

typedef struct {
  Fixture *fx;
  Call call;
  GError *error;
} Test;

static int
setup (void **state) {
  Test *t = g_new0 (Test, 1);

  t->fx = fixture_new ();
  fixture_add_pf (t->fx, "0000:01", 3, "vfio-pci", 10);
  fixture_config (t->fx, CONFIG);
  t->call = (Call){ .root = t->fx->root, .guest = "web", .pool = (char *)"lan" };
  fake_libvirt_begin ("web", UUID);
  fake_libvirt.data = t;
  *state = t;
  return 0;
}

static int
teardown (void **state) {
  Test *t = *state;

  fake_libvirt_end ();
  g_clear_error (&t->error);
  fixture_free (t->fx);
  g_free (t);
  return 0;
}

/* ---- The guest and its hook ---- */

static void
set_metadata (const char *text) {
  g_free (fake_libvirt.metadata);
  fake_libvirt.metadata = g_strdup (text);
}

static gboolean
hook_acquires (gpointer data) {
  Test *t = data;
  char *text = virDomainGetXMLDesc (NULL, 0);
  g_autoptr (DomainXml) xml = domain_xml_parse (text, strlen (text), NULL);
  g_autoptr (VfpoolRequest) request = domain_request_new (xml, TRUE, NULL);
  g_autoptr (Vfpool) vfpool = vfpool_open (t->fx->root, NULL, NULL, NULL);
  g_autoptr (GPtrArray) leases = vfpool_acquire (vfpool, request, NULL);

  free (text);
  return leases != NULL;
}

static void
hook_releases (gpointer data) {
  Test *t = data;
  g_autoptr (Vfpool) vfpool = vfpool_open (t->fx->root, NULL, NULL, NULL);

  assert_true (vfpool_release (vfpool, VFPOOL_GUEST_LIBVIRT, UUID, NULL));
}

/* Leases @slot to the guest as the library would: by pool, or by address. */
static void
lease (Test *t, const char *slot, const char *address) {
  g_autoptr (Vfpool) vfpool = vfpool_open (t->fx->root, NULL, NULL, NULL);
  g_autoptr (VfpoolRequest) request = vfpool_request_new (VFPOOL_GUEST_LIBVIRT, UUID, "web", NULL);
  g_autoptr (GPtrArray) leases = NULL;

  assert_true (address ? vfpool_request_add_address (request, slot, address, NULL, -1, NULL)
                       : vfpool_request_add_pool (request, slot, "lan", NULL, -1, NULL));
  leases = vfpool_acquire (vfpool, request, NULL);
  assert_non_null (leases);
}

/* "SLOT ADDRESS; " of each lease, by address. */
static void
assert_leases (Test *t, const char *expected) {
  g_autoptr (Vfpool) vfpool = vfpool_open (t->fx->root, NULL, NULL, NULL);
  g_autoptr (GPtrArray) leases = vfpool_leases (vfpool, NULL);
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < leases->len; i++)
    g_string_append_printf (text, "%s %s; ", vfpool_lease_get_slot (leases->pdata[i]),
                            vfpool_lease_get_address (leases->pdata[i]));
  assert_string_equal (text->str, expected);
}

/* What @verb does with stdin from @input and stdout into a file; the output for g_free(). */
static char *
run (Test *t, gboolean (*verb) (const Call *call, GError **error), const char *input, gboolean *ok) {
  g_autofree char *out = g_build_filename (t->fx->root, "out", NULL), *in = g_build_filename (t->fx->root, "in", NULL);
  int saved_in = dup (STDIN_FILENO), saved_out = dup (STDOUT_FILENO), fd;
  char *text = NULL;

  g_file_set_contents (in, input ? input : "", -1, NULL);
  fflush (stdout);
  dup2 ((fd = open (in, O_RDONLY)), STDIN_FILENO);
  close (fd);
  dup2 ((fd = open (out, O_WRONLY | O_CREAT | O_TRUNC, 0600)), STDOUT_FILENO);
  close (fd);
  g_clear_error (&t->error);
  fixture_remove (t->fx, "/var/lib/vfpool/attacher.lock"); /* which a process holds to its end */
  *ok = verb (&t->call, &t->error);
  fflush (stdout);
  dup2 (saved_in, STDIN_FILENO);
  dup2 (saved_out, STDOUT_FILENO);
  close (saved_in);
  close (saved_out);
  assert_true (*ok == (t->error == NULL));
  assert_true (g_file_get_contents (out, &text, NULL, NULL));
  return text;
}

static void
assert_does (Test *t, gboolean (*verb) (const Call *call, GError **error), const char *output) {
  gboolean ok;
  g_autofree char *text = run (t, verb, NULL, &ok);

  if (!ok)
    fail_msg ("%s", t->error->message);
  assert_string_equal (text, output);
}

static void
assert_fails (Test *t, gboolean (*verb) (const Call *call, GError **error), int code, const char *part) {
  gboolean ok;
  g_autofree char *text = run (t, verb, NULL, &ok);

  assert_false (ok);
  assert_string_equal (text, "");
  assert_vfpool_error (&t->error, code, part);
}

/* ---- start ---- */

static void
make_startable (const char *metadata) {
  set_metadata (metadata);
  fake_libvirt.on_create = hook_acquires;
  fake_libvirt.on_destroy = hook_releases;
}

static void
test_start (void **state) {
  Test *t = *state;

  make_startable (TWO_SLOTS);
  assert_does (t, verb_start, "");
  assert_string_equal (fake_libvirt.log->str, "create paused; attach ua-vfpool-net0; attach ua-vfpool-net1; resume; ");
  assert_leases (t, "net0 0000:01:10.0; net1 0000:01:10.2; ");
}

static void
test_start_without_request (void **state) {
  make_startable ("");
  assert_does (*state, verb_start, "");
  assert_string_equal (fake_libvirt.log->str, "create paused; resume; ");
}

/* The guest is named by its UUID, and has a device by address, which libvirt plugs in itself. */
static void
test_start_by_address (void **state) {
  Test *t = *state;

  t->call.guest = "2B2F4D1E-0d5c-4f6a-9d0e-5b1f6c7a8e90";
  make_startable ("");
  g_ptr_array_add (fake_libvirt.devices, g_strdup (HOSTDEV));
  assert_does (t, verb_start, "");
  assert_string_equal (fake_libvirt.log->str, "create paused; resume; ");
}

static void
test_start_beside_agent (void **state) {
  make_startable (TWO_SLOTS);
  fake_libvirt.agent_first = TRUE;
  assert_does (*state, verb_start, "");
  assert_string_equal (fake_libvirt.log->str, "create paused; resume; ");
  assert_int_equal (fake_libvirt.devices->len, 2);
}

static void
test_start_undone (void **state) {
  Test *t = *state;

  make_startable (TWO_SLOTS);
  fake_libvirt.attaches_left = 1;
  assert_fails (t, verb_start, VFPOOL_ERROR_KERNEL, "guest web was not started: VF 0000:01:10.2 of its slot 'net1'");
  assert_string_equal (fake_libvirt.log->str, "create paused; attach ua-vfpool-net0; destroy; ");
  assert_leases (t, "");

  /* No hook gives back. */
  g_string_truncate (fake_libvirt.log, 0);
  fake_libvirt.on_destroy = NULL;
  fake_libvirt.attaches_left = -1;
  fake_libvirt.cannot_resume = TRUE;
  assert_fails (t, verb_start, VFPOOL_ERROR_KERNEL, "it cannot be resumed: libvirt says: it will not");
  assert_true (g_str_has_suffix (fake_libvirt.log->str, "destroy; "));
  assert_leases (t, "");
}

static void
test_start_without_hook (void **state) {
  set_metadata (TWO_SLOTS);
  assert_fails (*state, verb_start, VFPOOL_ERROR_NOT_FOUND, "libvirt has not run vfpool's hook");
  assert_string_equal (fake_libvirt.log->str, "create paused; destroy; ");
}

static void
test_start_refused (void **state) {
  Test *t = *state;

  make_startable (REQUEST ("<v:slot name='a' pool='lan'/><v:slot name='b' pool='lan'/><v:slot name='c' pool='lan'/>"
                           "<v:slot name='d' pool='lan'/>"));
  fake_libvirt.refusal =
      "Hook script execution failed: internal error: Child process (LC_ALL=C /etc/libvirt/hooks/qemu.d/"
      "vfpool web prepare begin -) unexpected exit status 69: vfpool: no VF is free\n";
  assert_fails (t, verb_start, VFPOOL_ERROR_NO_FREE_VF, "guest web was not started: no VF is free");
  assert_string_equal (fake_libvirt.log->str, "create paused; ");

  t->call.guest = "nobody";
  assert_fails (t, verb_start, VFPOOL_ERROR_NOT_FOUND, "no guest 'nobody'");
  fake_libvirt.is_down = TRUE;
  assert_fails (t, verb_start, VFPOOL_ERROR_NOT_FOUND, "libvirt cannot be reached");
}

/* A start that was killed is gone on with; a guest that is paused for another reason, or runs, is left alone. */
static void
test_start_again (void **state) {
  Test *t = *state;

  make_startable (TWO_SLOTS);
  fake_libvirt.state = VIR_DOMAIN_PAUSED;
  fake_libvirt.reason = VIR_DOMAIN_PAUSED_IOERROR;
  assert_fails (t, verb_start, VFPOOL_ERROR_IN_USE, "guest web is paused, but neither by");
  fake_libvirt.reason = VIR_DOMAIN_PAUSED_USER;
  hook_acquires (t);
  fake_libvirt.attaches_left = 1;
  assert_fails (t, verb_start, VFPOOL_ERROR_KERNEL, "guest web stays paused: VF 0000:01:10.2");
  assert_leases (t, "net0 0000:01:10.0; net1 0000:01:10.2; ");
  fake_libvirt.attaches_left = -1;
  assert_does (t, verb_start, "");
  assert_string_equal (fake_libvirt.log->str, "attach ua-vfpool-net0; attach ua-vfpool-net1; resume; ");
  assert_fails (t, verb_start, VFPOOL_ERROR_IN_USE, "guest web runs already");
}

/* ---- attach ---- */

static void
test_attach (void **state) {
  Test *t = *state;

  assert_fails (t, verb_attach, VFPOOL_ERROR_NOT_FOUND, "guest web does not run: `vfpool request add`");
  fake_libvirt.state = VIR_DOMAIN_RUNNING;
  lease (t, "slot0", NULL);
  assert_does (t, verb_attach, "0000:01:10.2\n");
  assert_string_equal (fake_libvirt.log->str, "attach ua-vfpool-slot1; ");
  assert_leases (t, "slot0 0000:01:10.0; slot1 0000:01:10.2; ");

  t->call.slot_option = (char *)"slot1";
  assert_fails (t, verb_attach, VFPOOL_ERROR_IN_USE, "has a device in slot 'slot1' already (VF 0000:01:10.2)");
  t->call.slot_option = (char *)"slot0"; /* leased, and not plugged in */
  assert_does (t, verb_attach, "0000:01:10.0\n");
  t->call.slot_option = (char *)"a b";
  assert_fails (t, verb_attach, VFPOOL_ERROR_BAD_INPUT, "'a b' is no name for a slot");
  t->call.slot_option = NULL;
  t->call.vlan = (char *)"4095";
  assert_fails (t, verb_attach, VFPOOL_ERROR_BAD_INPUT, "--vlan '4095' is no VLAN");
  t->call.vlan = NULL;
  t->call.pool = (char *)"no";
  assert_fails (t, verb_attach, VFPOOL_ERROR_BAD_INPUT, "guest web: slot slot2 asks for pool 'no'");
  assert_leases (t, "slot0 0000:01:10.0; slot1 0000:01:10.2; ");
}

static void
test_attach_undone (void **state) {
  Test *t = *state;

  fake_libvirt.state = VIR_DOMAIN_RUNNING;
  fake_libvirt.attaches_left = 0;
  assert_fails (t, verb_attach, VFPOOL_ERROR_KERNEL, "guest web was not given VF 0000:01:10.0: libvirt says: No more");
  assert_leases (t, "");
  assert_string_equal (fake_libvirt.log->str, "");
}

/* ---- detach ---- */

/* A guest that runs and has been given slot0. */
static void
give_slot0 (Test *t) {
  fake_libvirt.state = VIR_DOMAIN_RUNNING;
  assert_does (t, verb_attach, "0000:01:10.0\n");
  g_string_truncate (fake_libvirt.log, 0);
  t->call.slot = "slot0";
}

static void
test_detach (void **state) {
  static const FakeRemoval ways[] = { FAKE_LETS_GO, FAKE_IS_ASKED, FAKE_IS_MISSING, FAKE_KEEPS_SILENT };
  Test *t = *state;

  t->call.slot = "slot0";
  assert_fails (t, verb_detach, VFPOOL_ERROR_NOT_FOUND, "guest web does not run");
  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++) {
    give_slot0 (t);
    fake_libvirt.removal = ways[i];
    assert_does (t, verb_detach, "");
    assert_string_equal (fake_libvirt.log->str, ways[i] == FAKE_KEEPS_SILENT ? "detach ua-vfpool-slot0; time is up; "
                                                                             : "detach ua-vfpool-slot0; ");
    assert_leases (t, "");
    g_ptr_array_set_size (fake_libvirt.devices, 0);
  }
  give_slot0 (t);
  fake_libvirt.removal = FAKE_STOPS;
  fake_libvirt.on_destroy = hook_releases;
  assert_does (t, verb_detach, "");
  assert_string_equal (fake_libvirt.log->str, "detach ua-vfpool-slot0; ");
  assert_leases (t, "");
}

static void
test_detach_refused (void **state) {
  static const struct {
    FakeRemoval way;
    int code;
    const char *said;
  } cases[] = {
    { FAKE_KEEPS, VFPOOL_ERROR_IN_USE, "guest web has not let go of device ua-vfpool-slot0 within 7 s" },
    { FAKE_REFUSES, VFPOOL_ERROR_IN_USE, "guest web refuses to let go of device ua-vfpool-slot0" },
    { FAKE_GOES_AWAY, VFPOOL_ERROR_NOT_FOUND, "libvirt went away before guest web let go" },
  };
  Test *t = *state;

  give_slot0 (t);
  t->call.wait = (char *)"7";
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    fake_libvirt.removal = cases[i].way;
    assert_fails (t, verb_detach, cases[i].code, cases[i].said);
    assert_leases (t, "slot0 0000:01:10.0; ");
  }
  t->call.slot = "net0";
  assert_fails (t, verb_detach, VFPOOL_ERROR_NOT_FOUND, "guest web has no VF in slot 'net0', but in 'slot0'");
  t->call.wait = (char *)"0";
  assert_fails (t, verb_detach, VFPOOL_ERROR_BAD_INPUT, "--wait '0' is no number of seconds");
}

/* A device by address has another alias; and a lease that no device is left of just ends. */
static void
test_detach_others (void **state) {
  Test *t = *state;

  fake_libvirt.state = VIR_DOMAIN_RUNNING;
  lease (t, "hostdev-0000-01-10-2", "0000:01:10.2");
  lease (t, "gone", NULL);
  g_ptr_array_add (fake_libvirt.devices,
                   g_strdup ("<hostdev type='usb'><source><address bus='1' device='16' slot='16' function='2'/>"
                             "</source><alias name='usb'/></hostdev>"));
  g_ptr_array_add (fake_libvirt.devices, g_strdup (HOSTDEV));
  t->call.slot = "hostdev-0000-01-10-2";
  assert_does (t, verb_detach, "");
  t->call.slot = "gone";
  assert_does (t, verb_detach, "");
  assert_string_equal (fake_libvirt.log->str, "detach hostdev0; ");
  assert_leases (t, "");
  assert_fails (t, verb_detach, VFPOOL_ERROR_NOT_FOUND, "guest web has no VF that vfpool leased to it");
}

/* ---- resolve ---- */

static char *
resolve (Test *t, const char *xml) {
  gboolean ok;
  char *text = run (t, verb_resolve, xml, &ok);

  if (!ok)
    fail_msg ("%s", t->error->message);
  return text;
}

static void
test_resolve (void **state) {
  static const char xml[] = "<domain>\n  <name>web</name>\n  <uuid>" UUID "</uuid>\n  <metadata>" TWO_SLOTS
                            "</metadata>\n  <devices>\n    <memballoon/>" HOSTDEV "</devices>\n</domain>\n";
  Test *t = *state;
  g_autofree char *text = resolve (t, xml);
  g_autoptr (DomainXml) parsed = domain_xml_parse (text, strlen (text), NULL);
  const char *slot0 = strstr (text, "<alias name=\"ua-vfpool-net0\"/>"), *slot1 = strstr (text, "ua-vfpool-net1");
  g_auto (GStrv) devices = g_strsplit (text, "<hostdev ", -1);

  assert_int_equal (g_strv_length (devices) - 1, 3);
  assert_non_null (parsed);
  assert_non_null (strstr (text, "<v:slot name=\"net0\" pool=\"lan\"/>"));
  assert_non_null (slot0);
  assert_non_null (slot1);
  assert_non_null (strstr (text,
                           "<hostdev mode=\"subsystem\" type=\"pci\" managed=\"no\"><source><address domain=\"0x0000\" "
                           "bus=\"0x01\" slot=\"0x10\" function=\"0x0\"/></source><alias name=\"ua-vfpool-net0\"/>"));
  /* The address that is asked for by address is given to no slot. */
  assert_non_null (strstr (text, "slot=\"0x10\" function=\"0x4\"/></source><alias name=\"ua-vfpool-net1\"/>"));
  assert_leases (t, "net0 0000:01:10.0; hostdev-0000-01-10-2 0000:01:10.2; net1 0000:01:10.4; ");
}

static void
test_resolve_uuid (void **state) {
  static const char *const texts[] = {
    "<domain>\n  <name>web</name>\n  <metadata>" REQUEST ("<v:slot pool='lan'/>") "</metadata>\n</domain>\n",
    "<domain><metadata>" REQUEST ("<v:slot pool='lan'/>") "</metadata></domain>",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autofree char *text = resolve (*state, texts[i]), *uuid = NULL;
    g_autoptr (DomainXml) xml = domain_xml_parse (text, strlen (text), NULL);

    assert_non_null (strstr (text, "<devices><hostdev "));
    uuid = domain_xml_get_uuid (xml, NULL);
    assert_true (g_uuid_string_is_valid (uuid));
    assert_true (i > 0 || strstr (text, "</name>\n  <uuid>"));
  }
}

static void
test_resolve_nothing (void **state) {
  static const char *const texts[] = {
    "<?xml version='1.0'?><!-- a -->\n<domain  ><name>x</name></domain>",
    "<domain><uuid>" UUID "</uuid><devices>" HOSTDEV "</devices></domain>",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autofree char *text = resolve (*state, texts[i]);

    assert_string_equal (text, texts[i]);
    assert_leases (*state, "");
  }
}

static void
test_resolve_refused (void **state) {
  static const struct {
    const char *xml;
    int code;
    const char *said;
  } cases[] = {
    { "", VFPOOL_ERROR_BAD_INPUT, "empty" },
    { "<network/>", VFPOOL_ERROR_BAD_INPUT, "<network>" },
    { "<domain><uuid>x</uuid></domain>", VFPOOL_ERROR_BAD_INPUT, "UUID" },
    { "<domain><metadata>" REQUEST ("<v:slot pool='no'/>") "</metadata></domain>", VFPOOL_ERROR_BAD_INPUT, "'no'" },
    { "<domain><metadata>" REQUEST ("<v:slot pool='lan'/><v:slot pool='lan'/><v:slot pool='lan'/><v:slot "
                                    "pool='lan'/>") "</metadata></domain>",
      VFPOOL_ERROR_NO_FREE_VF, "lan" },
  };
  Test *t = *state;

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    gboolean ok;
    g_autofree char *text = run (t, verb_resolve, cases[i].xml, &ok);

    assert_false (ok);
    assert_string_equal (text, "");
    assert_vfpool_error (&t->error, cases[i].code, cases[i].said);
    assert_leases (t, "");
  }
}

/* When nobody could be told of the addresses, nothing stays leased. */
static void
test_resolve_unread (void **state) {
  Test *t = *state;
  g_autofree char *in = g_build_filename (t->fx->root, "in", NULL);
  int saved_in = dup (STDIN_FILENO), saved_out = dup (STDOUT_FILENO);
  gboolean ok;

  g_file_set_contents (in, "<domain><metadata>" REQUEST ("<v:slot pool='lan'/>") "</metadata></domain>", -1, NULL);
  fflush (stdout);
  dup2 (open (in, O_RDONLY), STDIN_FILENO);
  dup2 (open ("/dev/full", O_WRONLY), STDOUT_FILENO);
  ok = verb_resolve (&t->call, &t->error);
  dup2 (saved_in, STDIN_FILENO);
  dup2 (saved_out, STDOUT_FILENO);
  assert_false (ok);
  assert_non_null (strstr (t->error->message, "could not be written"));
  assert_leases (t, "");
}

/* ---- request ---- */

static void
test_request_add (void **state) {
  Test *t = *state;

  t->call.mac = (char *)"52:54:00:00:00:01";
  t->call.vlan = (char *)"5";
  assert_does (t, verb_request_add, "");
  assert_string_equal (fake_libvirt.set,
                       "<request><slot name=\"slot0\" pool=\"lan\" mac=\"52:54:00:00:00:01\" vlan=\"5\"/>"
                       "</request>");
  assert_string_equal (fake_libvirt.log->str, "set vfpool urn:vfpool:domain:1 config; ");

  /* What else stands there stays. */
  t->call.mac = t->call.vlan = NULL;
  t->call.functions = (char *)"all";
  set_metadata ("<o:x xmlns:o='urn:o'/><v:request " NS " numa='required'><v:slot pool='lan'/><!-- c --></v:request>");
  assert_does (t, verb_request_add, "");
  assert_string_equal (fake_libvirt.set, "<request numa=\"required\"><slot pool=\"lan\"/><!-- c -->"
                                         "<slot name=\"slot1\" pool=\"lan\" functions=\"all\"/></request>");
}

static void
test_request_add_refused (void **state) {
  Test *t = *state;

  set_metadata (REQUEST ("<v:slot name='net0' pool='lan'/>"));
  t->call.slot_option = (char *)"net0";
  assert_fails (t, verb_request_add, VFPOOL_ERROR_BAD_INPUT, "guest web: ");
  t->call.slot_option = (char *)"a b";
  assert_fails (t, verb_request_add, VFPOOL_ERROR_BAD_INPUT, "'a b'");
  t->call.slot_option = (char *)"\xff";
  assert_fails (t, verb_request_add, VFPOOL_ERROR_BAD_INPUT, "not valid UTF-8");
  t->call.slot_option = NULL;
  t->call.vlan = (char *)"4095";
  assert_fails (t, verb_request_add, VFPOOL_ERROR_BAD_INPUT, "4094");
  t->call.vlan = NULL;
  t->call.functions = (char *)"2";
  assert_fails (t, verb_request_add, VFPOOL_ERROR_BAD_INPUT, "functions='2'");
  t->call.functions = NULL;
  t->call.pool = (char *)"no";
  assert_fails (t, verb_request_add, VFPOOL_ERROR_BAD_INPUT, "pool 'no' is not configured");
  t->call.pool = (char *)"lan";
  fake_libvirt.is_persistent = FALSE;
  assert_fails (t, verb_request_add, VFPOOL_ERROR_NOT_FOUND, "guest web is transient");
  assert_string_equal (fake_libvirt.log->str, "");
}

/* What is said on stderr meanwhile, for g_free(). */
static char *
said_by (Test *t, gboolean (*verb) (const Call *call, GError **error)) {
  g_autofree char *file = g_build_filename (t->fx->root, "err", NULL);
  int saved = dup (STDERR_FILENO), fd = open (file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  char *text = NULL;

  dup2 (fd, STDERR_FILENO);
  close (fd);
  assert_does (t, verb, "");
  fflush (stderr);
  dup2 (saved, STDERR_FILENO);
  close (saved);
  assert_true (g_file_get_contents (file, &text, NULL, NULL));
  return text;
}

/* It is told of as soon as the guest asks for more than it has places for; and it may run. */
static void
test_request_add_told (void **state) {
  static const char port[] =
      "<controller type='pci' model='pcie-root'/><controller type='pci' index='1' model='pcie-root-port'/>";
  Test *t = *state;
  g_autofree char *enough = NULL, *running = NULL, *too_few = NULL;

  g_ptr_array_add (fake_libvirt.devices, g_strdup (port));
  enough = said_by (t, verb_request_add);
  assert_string_equal (enough, "");
  fake_libvirt.state = VIR_DOMAIN_RUNNING;
  set_metadata ("");
  running = said_by (t, verb_request_add);
  assert_true (g_str_has_prefix (running, "vfpool: guest web runs and has this VF from its next start on"));
  fake_libvirt.state = VIR_DOMAIN_SHUTOFF;
  too_few = said_by (t, verb_request_add);
  assert_true (
      g_str_has_prefix (too_few, "vfpool: warning: guest 'web' has 1 free PCI Express ports for the 2 devices"));
  assert_non_null (strstr (too_few, "<controller type='pci' model='pcie-root-port'/>"));
}

/* Slots that were named by their position keep their names. */
static void
test_request_remove (void **state) {
  Test *t = *state;

  set_metadata (REQUEST ("<v:slot pool='lan'/><v:slot pool='lan' vlan='7'/><v:slot name='x' pool='lan'/>"));
  t->call.slot = "slot0";
  assert_does (t, verb_request_remove, "");
  assert_string_equal (fake_libvirt.set, "<request><slot pool=\"lan\" vlan=\"7\" name=\"slot1\"/>"
                                         "<slot name=\"x\" pool=\"lan\"/></request>");
  set_metadata (REQUEST ("<v:slot pool='lan'/>"));
  assert_does (t, verb_request_remove, "");
  assert_null (fake_libvirt.set);
  set_metadata ("<v:request " NS " numa='required'><v:slot pool='lan'/></v:request>");
  assert_does (t, verb_request_remove, "");
  assert_string_equal (fake_libvirt.set, "<request numa=\"required\"/>");
  t->call.slot = "x";
  assert_fails (t, verb_request_remove, VFPOOL_ERROR_NOT_FOUND, "guest web: it asks for no slot 'x'");
  set_metadata ("");
  assert_fails (t, verb_request_remove, VFPOOL_ERROR_NOT_FOUND, "guest web: it asks for no slot 'x'");
  /* One that could not be started can be mended. */
  set_metadata (REQUEST ("<v:slot name='x' pool='lan' vlna='7'/>"));
  assert_does (t, verb_request_remove, "");
  /* What is somebody else's in it stays his; what was called ours by a prefix is so without. */
  set_metadata ("<v:request " NS " xmlns:o='urn:o' o:a='1'><v:slot name='x' pool='lan'/>"
                "<v:slot name='y' v:pool='lan'/><o:b/></v:request>");
  assert_does (t, verb_request_remove, "");
  assert_string_equal (fake_libvirt.set, "<request xmlns:o=\"urn:o\" o:a=\"1\">"
                                         "<slot name=\"y\" pool=\"lan\"/><o:b/></request>");
}

/* libvirt takes what comes last. */
static void
test_request_overwritten (void **state) {
  Test *t = *state;

  fake_libvirt.is_overwritten = TRUE;
  assert_fails (t, verb_request_add, VFPOOL_ERROR_BUSY, "guest web: what it asks for was changed by somebody else");
  set_metadata (REQUEST ("<v:slot name='x' pool='lan'/>"));
  t->call.slot = "x";
  assert_fails (t, verb_request_remove, VFPOOL_ERROR_BUSY, "guest web: what it asks for was changed by somebody else");
}

static void
test_request_list (void **state) {
  Test *t = *state;

  fake_libvirt.inactive = g_strdup ("<domain><name>web</name><uuid>" UUID "</uuid><metadata>" REQUEST (
      "<v:slot pool='lan' mac='52:54:00:00:00:01' vlan='0'/><v:slot name='gpu' "
      "pool='lan' functions='all'/>") "</metadata></domain>");
  assert_does (t, verb_request_list,
               "{'guest': <{'kind': <'libvirt'>, 'id': <'" UUID "'>, 'name': <@ms 'web'>}>, 'slots': <["
               "{'slot': <'slot0'>, 'pool': <'lan'>, 'mac': <@ms '52:54:00:00:00:01'>, 'vlan': <@mi 0>, "
               "'functions': <@ms nothing>, 'teaming': <@ms nothing>}, "
               "{'slot': <'gpu'>, 'pool': <'lan'>, 'mac': <@ms nothing>, 'vlan': <@mi nothing>, 'functions': <@ms "
               "'all'>, 'teaming': <@ms nothing>}]>}\n");
  g_clear_pointer (&fake_libvirt.inactive, g_free);
  set_metadata (REQUEST ("<v:slot vlna='1'/>"));
  assert_fails (t, verb_request_list, VFPOOL_ERROR_BAD_INPUT, "guest web: ");
}

/* ---- The command line, and libvirt's words ---- */

static void
test_call (void **state G_GNUC_UNUSED) {
  char *good[] = { "detach", "--verbose", "--wait=5", "--", "--web", "net\xff", NULL };
  char *bad[] = { "start", "--nonsense", NULL };
  g_auto (Call) call = { 0 }, wrong = { 0 };
  g_autoptr (GError) error = NULL;

  assert_true (call_parse (&call, 6, good, NULL));
  assert_true (call.verbose);
  assert_string_equal (call.wait, "5");
  assert_string_equal (call.guest, "--web");
  assert_string_equal (call.slot, "net\xff");
  assert_null (call.pool);
  assert_false (call_parse (&wrong, 2, bad, &error));
  assert_true (g_error_matches (error, VFPOOL_ERROR, VFPOOL_ERROR_USAGE));
}

static void
test_hook_words (void **state G_GNUC_UNUSED) {
#define CHILD                                                                                                          \
  "internal error: Child process (LC_ALL=C /etc/libvirt/hooks/qemu.d/vfpool web prepare begin -) unexpected "
  static const struct {
    const char *message, *words;
    int code;
  } cases[] = {
    { CHILD "exit status 69: vfpool: no VF\n", "no VF", VFPOOL_ERROR_NO_FREE_VF },
    { CHILD "exit status 65: vfpool: warning: w\nvfpool: the domain's <metadata>: x", "the domain's <metadata>: x",
      VFPOOL_ERROR_BAD_INPUT },
    { CHILD "exit status 78: vfpool: c", "c", VFPOOL_ERROR_BAD_CONFIG },
    { CHILD "exit status 77: vfpool: d", "d", VFPOOL_ERROR_DENIED },
    { CHILD "exit status 75: vfpool: b", "b", VFPOOL_ERROR_BUSY },
    { CHILD "exit status 71: vfpool: k", "k", VFPOOL_ERROR_KERNEL },
    { CHILD "exit status 1: another hook: no", NULL, 0 },
    { CHILD "exit status 1: another hook: vfpool: no", NULL, 0 },
    { CHILD "fatal signal 9", NULL, 0 },
    { "vfpool: x", NULL, 0 },
    { "unexpected exit status ", NULL, 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    VfpoolError code = VFPOOL_ERROR_USAGE;
    g_autofree char *words = failure_of_hook (cases[i].message, &code);

    if (g_strcmp0 (words, cases[i].words) != 0 || (words && (int)code != cases[i].code))
      fail_msg ("%s: %s, %d", cases[i].message, words, (int)code);
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int
main (void) {
  const struct CMUnitTest tests[] = {
    TEST (test_start),
    TEST (test_start_without_request),
    TEST (test_start_by_address),
    TEST (test_start_beside_agent),
    TEST (test_start_undone),
    TEST (test_start_without_hook),
    TEST (test_start_refused),
    TEST (test_start_again),
    TEST (test_attach),
    TEST (test_attach_undone),
    TEST (test_detach),
    TEST (test_detach_refused),
    TEST (test_detach_others),
    TEST (test_resolve),
    TEST (test_resolve_uuid),
    TEST (test_resolve_nothing),
    TEST (test_resolve_refused),
    TEST (test_resolve_unread),
    TEST (test_request_add),
    TEST (test_request_add_refused),
    TEST (test_request_add_told),
    TEST (test_request_remove),
    TEST (test_request_overwritten),
    TEST (test_request_list),
    cmocka_unit_test (test_call),
    cmocka_unit_test (test_hook_words),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
