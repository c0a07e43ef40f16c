/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The libvirt qemu hook, installed into /etc/libvirt/hooks/qemu.d/. libvirt runs it as
 *
 *   HOOK NAME OPERATION SUB-OPERATION EXTRA < domain.xml
 *
 * at each step of a guest's life, holding the guest's lock: calling libvirt from here would deadlock. Two steps are
 * ours. `prepare begin` leases and prepares the VFs before libvirt looks at the host's devices; failing it aborts the
 * start, and what it wrote to stderr is shown to whoever started the guest. `release end` gives them back when QEMU is
 * gone; libvirt runs it also after a `prepare` that failed, and no status of it can change anything, so it always exits
 * 0. What it cannot give back, the agent and `vfpool reconcile` do.
 *
 * For every other operation the hook does nothing: a non-zero exit at `reconnect` would kill a running guest, and what
 * `migrate` and `restore` print would replace the guest's XML.
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
#include "domain-request.h"
#include "print-plan.h"
#include "process.h"
#include "report.h"

#include <string.h>
#include <unistd.h>

static DomainXml *
read_domain (GError **error) {
  gsize length;
  g_autofree char *text = domain_xml_read (STDIN_FILENO, &length, error);

  return text ? domain_xml_parse (text, length, error) : NULL;
}

static gboolean
acquire (Vfpool *vfpool, const VfpoolRequest *request, GError **error) {
  g_autoptr (GPtrArray) leases = vfpool_acquire (vfpool, request, error);

  return leases != NULL;
}

static gboolean
plan (Vfpool *vfpool, const VfpoolRequest *request, GError **error) {
  g_autoptr (GVariant) result = vfpool_plan (vfpool, request, error);

  return result && print_plan (result, error);
}

/* Does @serve with what the domain on standard input asks for; nothing when that is nothing. */
static gboolean
serve_domain (gboolean (*serve) (Vfpool *vfpool, const VfpoolRequest *request, GError **error), GError **error) {
  gboolean has_configuration = vfpool_has_configuration (NULL);
  g_autoptr (DomainXml) xml = read_domain (error);
  g_autoptr (VfpoolRequest) request = xml ? domain_request_new (xml, has_configuration, error) : NULL;
  g_autoptr (Vfpool) vfpool = NULL;

  if (!request)
    return FALSE;
  if (vfpool_request_is_empty (request))
    return TRUE;
  vfpool = vfpool_open (NULL, report_message, NULL, error);
  return vfpool && serve (vfpool, request, error);
}

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
  if (strcmp (argv[2], "prepare") == 0 && strcmp (argv[3], "begin") == 0)
    return serve_domain (acquire, &error) ? 0 : report_error (error);
  if (strcmp (argv[2], "release") == 0 && strcmp (argv[3], "end") == 0 && !release (&error))
    report_error (error);
  return 0;
}
