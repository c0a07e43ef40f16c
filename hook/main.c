/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The libvirt qemu hook, installed into /etc/libvirt/hooks/qemu.d/. libvirt runs it as
 *
 *   HOOK NAME OPERATION SUB-OPERATION EXTRA < domain.xml
 *
 * at each step of a guest's life, holding the guest's lock: calling libvirt from here would deadlock. Four steps are
 * ours.
 *
 * `prepare begin` leases and prepares the VFs before libvirt looks at the host's devices; failing it aborts the
 * start, and what it wrote to stderr is shown to whoever started the guest. What was asked for by pool is plugged in when the
 * guest runs, by somebody else; so it is refused first of all when there is nobody to do so, or nothing to plug into.
 *
 * `migrate begin` (on the host that a guest comes to) and `restore begin` come before that. What is printed there takes the
 * place of the guest's XML: its host devices get the addresses of VFs that are leased for it here. `prepare` finds these
 * leases again.
 *
 * `release end` gives all back when QEMU is gone; libvirt runs it also after a `prepare` that failed, and no status of it can
 * change anything, so it always exits 0. What it cannot give back, the agent and `vfpool reconcile` do.
 *
 * For every other operation the hook does nothing: a non-zero exit at `reconnect` would kill a running guest.
 *
 * A guest that asks vfpool for nothing is let through before any of vfpool's own files is opened: whatever state those
 * are in, it starts.
 *
 * `vfpool plan --domain` runs it, too, as
 *
 *   HOOK plan < domain.xml
 *
 * which prints what `prepare begin` would lease now (print-plan.h), or nothing for a guest that asks for nothing. libvirt never
 * calls a hook with one argument.
 */
#include "attacher.h"
#include "domain-devices.h"
#include "domain-ports.h"
#include "domain-request.h"
#include "print-plan.h"
#include "process.h"
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Seconds that an agent that is being restarted may be away. */
#define ATTACHER_WAIT 10

typedef gboolean (*Serve) (Vfpool *vfpool, const DomainXml *xml, const VfpoolRequest *request, GError **error);

static DomainXml *
read_domain (GError **error) {
  gsize length;
  g_autofree char *text = domain_xml_read (STDIN_FILENO, &length, error);

  return text ? domain_xml_parse (text, length, error) : NULL;
}

/* Whether what is asked for by pool can be plugged in once the guest runs. */
static gboolean
can_be_attached (const DomainXml *xml, const VfpoolRequest *request, GError **error) {
  guint n = vfpool_request_count_pool_slots (request);
  g_autofree char *uuid = domain_xml_get_uuid (xml, NULL);

  if (n == 0)
    return TRUE;
  if (!domain_ports_check (xml, n, error))
    return FALSE;
  if (attacher_wait_for (NULL, uuid, ATTACHER_WAIT))
    return TRUE;
  g_set_error_literal (
      error, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND,
      "the guest asks for a VF by pool, and nobody would plug it in: vfpool-agent.service does not run; start "
      "it (systemctl enable --now vfpool-agent.service), or start the guest by `vfpool start`");
  return FALSE;
}

static gboolean
acquire (Vfpool *vfpool, const DomainXml *xml, const VfpoolRequest *request, GError **error) {
  g_autoptr (GPtrArray) leases = can_be_attached (xml, request, error) ? vfpool_acquire (vfpool, request, error) : NULL;

  return leases != NULL;
}

static gboolean
plan (Vfpool *vfpool, const DomainXml *xml G_GNUC_UNUSED, const VfpoolRequest *request, GError **error) {
  g_autoptr (GVariant) result = vfpool_plan (vfpool, request, error);

  return result && print_plan (result, error);
}

/* Does @serve with what the domain on standard input asks for; nothing when that is nothing. */
static gboolean
serve_domain (Serve serve, GError **error) {
  gboolean has_configuration = vfpool_has_configuration (NULL);
  g_autoptr (DomainXml) xml = read_domain (error);
  g_autoptr (VfpoolRequest) request = xml ? domain_request_new (xml, has_configuration, error) : NULL;
  g_autoptr (Vfpool) vfpool = NULL;

  if (!request)
    return FALSE;
  if (vfpool_request_is_empty (request))
    return TRUE;
  vfpool = vfpool_open (NULL, report_message, NULL, error);
  return vfpool && serve (vfpool, xml, request, error);
}

/* ---- A guest that comes from another host, or from a file ---- */

static const char *
pool_of (gpointer vfpool, const char *bdf) {
  return vfpool_pool_of_address (vfpool, bdf);
}

static gboolean
print_domain (const DomainXml *xml, GError **error) {
  g_autofree char *text = domain_xml_to_string (xml);

  if (fputs (text, stdout) >= 0 && fflush (stdout) == 0)
    return TRUE;
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL, "the domain's XML could not be written to standard output: %s",
               g_strerror (errno));
  return FALSE;
}

/* libvirt runs no `release` when this step fails. */
static void
give_back (Vfpool *vfpool, GPtrArray *leases) {
  for (guint i = 0; i < leases->len; i++) {
    g_autoptr (GError) error = NULL;

    if (!vfpool_release_lease (vfpool, g_ptr_array_index (leases, i), &error))
      report_error (error);
  }
}

static gboolean
lease_for_devices (Vfpool *vfpool, DomainXml *xml, GError **error) {
  g_autoptr (VfpoolRequest) request = domain_request_new_incoming (xml, pool_of, vfpool, error);
  g_autoptr (GPtrArray) leases = NULL;
  gboolean changed;

  if (!request || vfpool_request_is_empty (request))
    return request != NULL;
  leases = vfpool_acquire (vfpool, request, error);
  if (!leases)
    return FALSE;
  if (domain_devices_rewrite (xml, leases, &changed, error) && (!changed || print_domain (xml, error)))
    return TRUE;
  give_back (vfpool, leases);
  return FALSE;
}

/* Only devices in the XML are dealt with here. What is asked for by pool and has none is leased by the `prepare` that follows. */
static gboolean
receive (GError **error) {
  g_autoptr (DomainXml) xml = read_domain (error);
  g_autoptr (GPtrArray) devices = NULL;
  g_autoptr (Vfpool) vfpool = NULL;

  if (!xml || !vfpool_has_configuration (NULL))
    return xml != NULL;
  devices = domain_devices_read (xml, error);
  if (!devices || devices->len == 0)
    return devices != NULL;
  vfpool = vfpool_open (NULL, report_message, NULL, error);
  return vfpool && lease_for_devices (vfpool, xml, error);
}

/* ---- The end ---- */

/* By the UUID alone: the metadata may have been changed, also for the worse, while the guest ran. */
static gboolean
release (GError **error) {
  g_autoptr (DomainXml) xml = NULL;
  g_autofree char *uuid = NULL;
  g_autoptr (Vfpool) vfpool = NULL;

  if (!vfpool_has_configuration (NULL))
    return TRUE;
  xml = read_domain (error);
  uuid = xml ? domain_xml_get_uuid (xml, error) : NULL;
  vfpool = uuid ? vfpool_open (NULL, report_message, NULL, error) : NULL;
  return vfpool && vfpool_release (vfpool, VFPOOL_GUEST_LIBVIRT, uuid, error);
}

static gboolean
is_step (char **argv, const char *operation, const char *sub_operation) {
  return strcmp (argv[2], operation) == 0 && strcmp (argv[3], sub_operation) == 0;
}

int
main (int argc, char **argv) {
  g_autoptr (GError) error = NULL;

  process_begin_as_hook ();
  if (argc == 2 && strcmp (argv[1], "plan") == 0)
    return serve_domain (plan, &error) ? 0 : report_error (error);
  if (argc < 4) {
    g_set_error_literal (&error, VFPOOL_ERROR, VFPOOL_ERROR_USAGE,
                         "this is libvirt's hook, not a command: libvirt runs it as NAME OPERATION SUB-OPERATION EXTRA "
                         "with the domain XML on standard input; for people there is `vfpool`");
    return report_error (error);
  }
  if (is_step (argv, "prepare", "begin"))
    return serve_domain (acquire, &error) ? 0 : report_error (error);
  if (is_step (argv, "migrate", "begin") || is_step (argv, "restore", "begin"))
    return receive (&error) ? 0 : report_error (error);
  if (is_step (argv, "release", "end") && !release (&error))
    report_error (error);
  return 0;
}
