/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The library is opened anew for each thing that is done: a configuration that was changed, or has only now been
 * written, holds from the next guest on, and one that is broken stops nothing but what needs it. It is complained about
 * once, until the complaint changes.
 *
 * A VF that cannot be attached: what is wrong stands in its lease, for `vfpool status`, and the guest runs on without it, until
 * somebody has mended it; or it is tried again; or the guest is asked to shut down, as its pool says (on-attach-failure). A guest
 * that has just started may not listen yet, so it is asked again and again, for a while.
 */
#include "guests.h"

#include "again.h"
#include "attach.h"
#include "connection.h"
#include "domain-request.h"
#include "journal.h"
#include "live-xml.h"

#include <libvirt/virterror.h>
#include <string.h>

/* For how long a guest is asked to shut down. */
#define SHUTDOWN_MAX_S 300

static Again *again;
static virConnectPtr (*get_connection) (gpointer data);
static gpointer connection_data;

/* One thing that is done for a guest. */
typedef struct {
  virDomainPtr domain;
  char uuid[VIR_UUID_STRING_BUFLEN];
  char guest[VIR_UUID_STRING_BUFLEN + 16]; /* libvirt/UUID */
  const char *name;
  JournalSubject about; /* no lease in particular */
  Vfpool *vfpool;
  GPtrArray *leases; /* of the guest, as they were when it began */
} Task;

static Vfpool *
open_library (const JournalSubject *about) {
  static char *last_complaint;
  g_autoptr (GError) error = NULL;
  Vfpool *vfpool = vfpool_open (NULL, journal_message, (gpointer)about, &error);

  if (vfpool) {
    g_clear_pointer (&last_complaint, g_free);
    return vfpool;
  }
  if (g_strcmp0 (last_complaint, error->message) != 0)
    journal_say (VFPOOL_MESSAGE_WARNING, about, "%s; until then no VF is attached or released by the agent",
                 error->message);
  g_free (last_complaint);
  last_complaint = g_strdup (error->message);
  return NULL;
}

static GPtrArray *
read_leases (const Task *task) {
  g_autoptr (GError) error = NULL;
  GPtrArray *leases = vfpool_guest_leases (task->vfpool, VFPOOL_GUEST_LIBVIRT, task->uuid, &error);

  if (!leases)
    journal_say (VFPOOL_MESSAGE_WARNING, &task->about, "guest %s: its leases cannot be read: %s", task->name,
                 error->message);
  return leases;
}

/* Returns: FALSE when nothing can be done, which was logged. To be cleared in any case. */
static gboolean
task_begin (Task *task, virDomainPtr domain, const char *action) {
  task->domain = domain;
  task->name = virDomainGetName (domain);
  if (virDomainGetUUIDString (domain, task->uuid) < 0)
    return FALSE;
  g_snprintf (task->guest, sizeof task->guest, "libvirt/%s", task->uuid);
  task->about = (JournalSubject){ action, task->guest, NULL, g_get_monotonic_time () };
  task->vfpool = open_library (&task->about);
  task->leases = task->vfpool ? read_leases (task) : NULL;
  return task->leases != NULL;
}

static void
task_clear (Task *task) {
  g_clear_pointer (&task->leases, g_ptr_array_unref);
  g_clear_pointer (&task->vfpool, vfpool_close);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Task, task_clear)

/* What is said of @lease: from @began on. */
static JournalSubject
about_lease (const Task *task, const VfpoolLease *lease, gint64 began) {
  return (JournalSubject){ task->about.action, task->guest, lease, began };
}

/* ---- Started ---- */

static const char *
outcome_of (VfpoolAttachFailure outcome) {
  switch (outcome) {
  case VFPOOL_ATTACH_FAILURE_RETRY:
    return "it is tried again until it works or the guest stops";
  case VFPOOL_ATTACH_FAILURE_SHUTDOWN:
    return "the guest is asked to shut down";
  case VFPOOL_ATTACH_FAILURE_KEEP:
    break;
  }
  return "when the reason is mended, restart the guest, or vfpool-agent.service, which tries again";
}

/* What was told and still stands is not told again. */
static void
note_problem (const Task *task, const VfpoolLease *lease, VfpoolAttachFailure outcome, const char *reason,
              gint64 began) {
  g_autofree char *problem = g_strdup_printf ("it could not be attached: %s; %s", reason, outcome_of (outcome));
  const JournalSubject about = about_lease (task, lease, began);
  g_autoptr (GError) error = NULL;

  if (g_strcmp0 (vfpool_lease_get_reason (lease), problem) == 0)
    return;
  journal_say (VFPOOL_MESSAGE_WARNING, &about,
               "guest %s runs without VF %s of its slot '%s', which cannot be attached: %s; %s", task->name,
               vfpool_lease_get_address (lease), vfpool_lease_get_slot (lease), reason, outcome_of (outcome));
  if (!vfpool_set_problem (task->vfpool, lease, problem, &error))
    journal_say (VFPOOL_MESSAGE_WARNING, &about, "guest %s: `vfpool status` will not show it: %s", task->name,
                 error->message);
}

static void
clear_problem (const Task *task, const VfpoolLease *lease) {
  g_autoptr (GError) error = NULL;

  if (vfpool_lease_get_reason (lease) && !vfpool_set_problem (task->vfpool, lease, NULL, &error))
    journal_say (VFPOOL_MESSAGE_WARNING, &task->about, "guest %s: `vfpool status` shows what is mended: %s", task->name,
                 error->message);
}

/* Returns: what has to become of the guest; to keep, also when all is well. */
static VfpoolAttachFailure
attach_one (const Task *task, const VfpoolLease *lease) {
  gint64 began = g_get_monotonic_time ();
  const JournalSubject about = about_lease (task, lease, began);
  VfpoolAttachFailure outcome;
  g_autoptr (GError) error = NULL;
  gboolean attached;

  if (attach_lease (task->domain, lease, &attached, &error)) {
    if (attached)
      journal_say (VFPOOL_MESSAGE_INFO, &about, "guest %s: attached VF %s as slot '%s'", task->name,
                   vfpool_lease_get_address (lease), vfpool_lease_get_slot (lease));
    clear_problem (task, lease);
    return VFPOOL_ATTACH_FAILURE_KEEP;
  }
  /* A guest that has stopped meanwhile needs no device. */
  if (virDomainIsActive (task->domain) != 1)
    return VFPOOL_ATTACH_FAILURE_KEEP;
  outcome = vfpool_pool_on_attach_failure (task->vfpool, vfpool_lease_get_pool (lease));
  note_problem (task, lease, outcome, error->message, began);
  return outcome;
}

/* The gravest outcome of all that is missing. What was once seen in the guest is none of that, also when it is gone. */
static VfpoolAttachFailure
attach_missing (const Task *task) {
  VfpoolAttachFailure worst = VFPOOL_ATTACH_FAILURE_KEEP;

  for (guint i = 0; i < task->leases->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (task->leases, i);
    VfpoolAttachFailure outcome;

    if (!vfpool_lease_is_by_pool (lease) || vfpool_lease_get_state (lease) != VFPOOL_LEASE_ACTIVE
        || vfpool_lease_is_attached (lease))
      continue;
    outcome = attach_one (task, lease);
    worst = MAX (worst, outcome);
  }
  return worst;
}

static void
ask_to_shut_down (const Task *task) {
  const JournalSubject about = { "shutdown", task->guest, NULL, 0 };

  if (again_later (again, task->uuid) >= SHUTDOWN_MAX_S) {
    again_forget (again, task->uuid);
    journal_say (VFPOOL_MESSAGE_WARNING, &about,
                 "guest %s was asked to shut down for %d s and has not: stop it by hand, it runs without its VF",
                 task->name, SHUTDOWN_MAX_S);
  } else if (virDomainShutdown (task->domain) < 0) {
    journal_say (VFPOOL_MESSAGE_WARNING, &about, "guest %s cannot be asked to shut down: %s", task->name,
                 virGetLastErrorMessage ());
  } else {
    journal_say (VFPOOL_MESSAGE_INFO, &about, "guest %s was asked to shut down", task->name);
  }
}

static void
attach (const Task *task) {
  switch (attach_missing (task)) {
  case VFPOOL_ATTACH_FAILURE_KEEP:
    again_forget (again, task->uuid);
    break;
  case VFPOOL_ATTACH_FAILURE_RETRY:
    again_later (again, task->uuid);
    break;
  case VFPOOL_ATTACH_FAILURE_SHUTDOWN:
    ask_to_shut_down (task);
    break;
  }
}

static void
try_to_attach (virDomainPtr domain) {
  g_auto (Task) task = { 0 };

  if (task_begin (&task, domain, "attach"))
    attach (&task);
}

/* What was put off for it was for an earlier run. */
void
guests_attach (virDomainPtr domain) {
  char uuid[VIR_UUID_STRING_BUFLEN];

  if (virDomainGetUUIDString (domain, uuid) < 0)
    return;
  again_forget (again, uuid);
  try_to_attach (domain);
}

/* What could not be attached may fit now; else it is as before. */
static void
attach_again (const char *uuid, gpointer data G_GNUC_UNUSED) {
  virConnectPtr connection = get_connection (connection_data);
  virDomainPtr domain;

  if (!connection) {
    again_forget (again, uuid);
    return;
  }
  connection_expect (connection);
  domain = virDomainLookupByUUIDString (connection, uuid);
  if (domain && virDomainIsActive (domain) == 1)
    try_to_attach (domain);
  else
    again_forget (again, uuid);
  if (domain)
    virDomainFree (domain);
  connection_rest (connection);
}

/* ---- Plugged in and pulled out ---- */

static gboolean
is_in (const GPtrArray *leases, const VfpoolLease *lease) {
  for (guint i = 0; i < leases->len; i++) {
    const VfpoolLease *other = g_ptr_array_index (leases, i);
    if (strcmp (vfpool_lease_get_address (other), vfpool_lease_get_address (lease)) == 0
        && strcmp (vfpool_lease_get_slot (other), vfpool_lease_get_slot (lease)) == 0)
      return TRUE;
  }
  return FALSE;
}

/* Says @what of the leases in @some that are not in @others. */
static void
say_difference (const Task *task, const GPtrArray *some, const GPtrArray *others, const char *what) {
  for (guint i = 0; i < some->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (some, i);
    const JournalSubject about = about_lease (task, lease, task->about.began);

    if (!is_in (others, lease))
      journal_say (VFPOOL_MESSAGE_INFO, &about, "guest %s: VF %s was %s (slot '%s')", task->name,
                   vfpool_lease_get_address (lease), what, vfpool_lease_get_slot (lease));
  }
}

/* What is said of a guest that has stopped meanwhile would be wrong; its leases are released for another reason. */
static void
say_differences (const Task *task, const GPtrArray *after) {
  if (virDomainIsActive (task->domain) != 1)
    return;
  say_difference (task, after, task->leases, "plugged in while it ran, and is leased to it");
  say_difference (task, task->leases, after, "unplugged while it ran, and is released");
}

/* Afterwards the task's leases are as they are then. */
static void
follow (Task *task) {
  g_autoptr (GError) error = NULL;
  g_autoptr (DomainXml) xml = attach_live_xml (task->domain, &error);
  g_autoptr (VfpoolRequest) has = xml ? domain_request_new_of_devices (xml, &error) : NULL;
  GPtrArray *after;

  if (has && live_xml_is_running (xml))
    vfpool_follow (task->vfpool, has, task->leases, FALSE, &error);
  /* A guest that has stopped meanwhile has nothing to follow. */
  if (error && virDomainIsActive (task->domain) == 1)
    journal_say (VFPOOL_MESSAGE_WARNING, &task->about, "guest %s: its devices cannot all be followed: %s", task->name,
                 error->message);
  after = read_leases (task);
  if (!after)
    return;
  say_differences (task, after);
  g_ptr_array_unref (task->leases);
  task->leases = after;
}

void
guests_follow (virDomainPtr domain) {
  g_auto (Task) task = { 0 };

  if (task_begin (&task, domain, "follow"))
    follow (&task);
}

void
guests_catch_up (virDomainPtr domain) {
  g_auto (Task) task = { 0 };

  if (!task_begin (&task, domain, "follow"))
    return;
  follow (&task);
  task.about.action = "attach";
  attach (&task);
}

/* ---- Stopped ---- */

/* Asked of libvirt now; a guest that it does not know (a transient one that has ended) does not run. When libvirt
 * cannot answer, the guest is taken to run: what is not released now is found by the next reconcile. */
static gboolean
runs (virDomainPtr domain) {
  virDomainPtr found = NULL;
  unsigned char uuid[VIR_UUID_BUFLEN];
  int active;

  if (virDomainGetUUID (domain, uuid) < 0)
    return TRUE;
  found = virDomainLookupByUUID (virDomainGetConnect (domain), uuid);
  if (!found)
    return virGetLastErrorCode () != VIR_ERR_NO_DOMAIN;
  active = virDomainIsActive (found);
  if (active < 0)
    active = virGetLastErrorCode () != VIR_ERR_NO_DOMAIN;
  virDomainFree (found);
  return active != 0;
}

static void
release_one (const Task *task, const VfpoolLease *lease) {
  const JournalSubject about = about_lease (task, lease, task->about.began);
  g_autoptr (GError) error = NULL;

  if (vfpool_release_lease (task->vfpool, lease, &error))
    return;
  /* The hook of the same stop may be at it right now. */
  if (g_error_matches (error, VFPOOL_ERROR, VFPOOL_ERROR_BUSY))
    journal_say (VFPOOL_MESSAGE_INFO, &about, "guest %s: %s", task->name, error->message);
  else
    journal_say (VFPOOL_MESSAGE_WARNING, &about, "guest %s has stopped, but its VF %s cannot be released: %s",
                 task->name, vfpool_lease_get_address (lease), error->message);
}

/* The order matters. The leases are read first, then libvirt is asked: if the guest has started again in between, the
 * hook has acquired its leases anew, and vfpool_release_lease() leaves alone what is not the lease that was read. */
void
guests_release (virDomainPtr domain) {
  g_auto (Task) task = { 0 };

  if (!task_begin (&task, domain, "release") || task.leases->len == 0 || runs (domain))
    return;
  again_forget (again, task.uuid);
  for (guint i = 0; i < task.leases->len; i++)
    release_one (&task, g_ptr_array_index (task.leases, i));
}

/* ---- All ---- */

void
guests_reconcile (void) {
  const JournalSubject about = { "reconcile", NULL, NULL, g_get_monotonic_time () };
  g_autoptr (Vfpool) vfpool = open_library (&about);
  g_autoptr (GError) error = NULL;

  if (vfpool && !vfpool_reconcile (vfpool, &error))
    journal_say (VFPOOL_MESSAGE_WARNING, &about, "not everything could be reconciled: %s", error->message);
}

void
guests_forget (void) {
  again_forget_all (again);
}

void
guests_begin (Worker *worker, virConnectPtr (*connection) (gpointer data), gpointer data) {
  again = again_new (worker, attach_again, NULL);
  get_connection = connection;
  connection_data = data;
}
