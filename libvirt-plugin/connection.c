/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libvirt tells of guests that start and stop while somebody is connected; of what happened before it tells nothing. So
 * on each connection the events are registered first, then the running guests are listed and the ledger is reconciled:
 * what falls in between is seen twice, and everything that is done for a guest may be done twice.
 *
 * libvirt's callbacks arrive in the main loop and do no more than push a task; the connection itself belongs to the
 * worker's thread.
 */
#include "connection.h"

#include "guests.h"
#include "printable.h"
#include "report.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <systemd/sd-daemon.h>

#define URI "qemu:///system" /* libvirtd's or virtqemud's socket, whichever there is */

#define RETRY_FIRST_S 1
#define RETRY_MAX_S 10

/* A daemon that hangs is given up after 5 + 3 * 5 s. */
#define KEEPALIVE_INTERVAL_S 5
#define KEEPALIVE_COUNT 3

/* A guest that had just acquired when libvirt's daemon died is spared by the first reconcile, since it may be about to
 * start: 120 s, if not configured otherwise. After that time nobody else would look again. */
#define SECOND_LOOK_S 180

struct _Connection {
  Worker *worker;
  virConnectPtr libvirt; /* NULL: not connected */
  int callback;          /* of the lifecycle events */
  guint retry_s;
  gboolean complained;
};

static void try_to_connect (gpointer data);

static void
info (const char *message) {
  report_message (VFPOOL_MESSAGE_INFO, message, GINT_TO_POINTER (TRUE));
}

/* ---- Events, in the main loop ---- */

static void
attach_task (gpointer domain) {
  guests_attach (domain);
}

static void
release_task (gpointer domain) {
  guests_release (domain);
}

static void
free_domain (gpointer domain) {
  virDomainFree (domain);
}

/* A guest that comes by migration is reported as started when its memory is still on the way; it can be given a device
 * when it resumes. */
static void
on_lifecycle (virConnectPtr libvirt G_GNUC_UNUSED, virDomainPtr domain, int event, int detail, void *data) {
  Connection *self = data;
  WorkerFunc task = NULL;

  if (event == VIR_DOMAIN_EVENT_STARTED
      || (event == VIR_DOMAIN_EVENT_RESUMED && detail == VIR_DOMAIN_EVENT_RESUMED_MIGRATED))
    task = attach_task;
  else if (event == VIR_DOMAIN_EVENT_STOPPED || event == VIR_DOMAIN_EVENT_CRASHED)
    task = release_task;
  if (!task)
    return;
  virDomainRef (domain);
  worker_push (self->worker, task, domain, free_domain);
}

typedef struct {
  Connection *self;
  virConnectPtr libvirt;
} Loss;

static void
loss_free (gpointer data) {
  Loss *loss = data;

  virConnectClose (loss->libvirt);
  g_free (loss);
}

static void
loss_task (gpointer data) {
  Loss *loss = data;

  if (loss->self->libvirt != loss->libvirt)
    return;
  info ("the connection to libvirt was lost; running guests are not touched, connecting again");
  connection_end (loss->self);
  try_to_connect (loss->self);
}

/* The reference keeps the address from being that of the next connection. */
static void
on_close (virConnectPtr libvirt, int reason G_GNUC_UNUSED, void *data) {
  Loss *loss = g_new0 (Loss, 1);

  virConnectRef (libvirt);
  loss->self = data;
  loss->libvirt = libvirt;
  worker_push (loss->self->worker, loss_task, loss, loss_free);
}

static void
reconcile_task (gpointer data G_GNUC_UNUSED) {
  guests_reconcile ();
}

static gboolean
on_second_look (gpointer data) {
  Connection *self = data;

  worker_push (self->worker, reconcile_task, NULL, NULL);
  return G_SOURCE_REMOVE;
}

static gboolean
on_retry (gpointer data) {
  Connection *self = data;

  worker_push (self->worker, try_to_connect, self, NULL);
  return G_SOURCE_REMOVE;
}

/* ---- Connecting, in the worker's thread ---- */

/* Reconciled before anything is attached: a lease of an earlier boot may be another guest's VF by now. */
static void
survey (Connection *self) {
  virDomainPtr *domains = NULL;
  int n = virConnectListAllDomains (self->libvirt, &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);

  guests_reconcile ();
  for (int i = 0; i < n; i++) {
    guests_attach (domains[i]);
    virDomainFree (domains[i]);
  }
  free (domains);
  g_timeout_add_seconds (SECOND_LOOK_S, on_second_look, self);
}

static gboolean
open_connection (Connection *self) {
  self->callback = -1;
  self->libvirt = virConnectOpen (URI);
  if (!self->libvirt || virConnectSetKeepAlive (self->libvirt, KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT) < 0
      || virConnectRegisterCloseCallback (self->libvirt, on_close, self, NULL) < 0)
    return FALSE;
  self->callback = virConnectDomainEventRegisterAny (self->libvirt, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                                     VIR_DOMAIN_EVENT_CALLBACK (on_lifecycle), self, NULL);
  return self->callback >= 0;
}

static void
retry_later (Connection *self) {
  g_autofree char *message =
      g_strdup_printf ("no connection to libvirt (" URI "): %s; trying again every %d s at the latest",
                       virGetLastErrorMessage (), RETRY_MAX_S);
  g_autofree char *status = printable_copy (message, G_MAXSIZE); /* a line feed would end the field, and begin another */

  if (!self->complained)
    report_message (VFPOOL_MESSAGE_WARNING, message, NULL);
  self->complained = TRUE;
  sd_notifyf (0, "STATUS=%s", status);
  connection_end (self);
  g_timeout_add_seconds (self->retry_s, on_retry, self);
  self->retry_s = MIN (self->retry_s * 2, RETRY_MAX_S);
}

static void
try_to_connect (gpointer data) {
  Connection *self = data;

  if (self->libvirt)
    return;
  if (!open_connection (self)) {
    retry_later (self);
    return;
  }
  self->retry_s = RETRY_FIRST_S;
  self->complained = FALSE;
  info ("connected to libvirt (" URI ")");
  sd_notify (0, "STATUS=Connected to libvirt (" URI ")");
  survey (self);
}

/* A registered callback holds a reference to the connection; deregistering drops it even when the daemon is gone. */
void
connection_end (gpointer connection) {
  Connection *self = connection;

  if (!self->libvirt)
    return;
  if (self->callback >= 0)
    virConnectDomainEventDeregisterAny (self->libvirt, self->callback);
  virConnectUnregisterCloseCallback (self->libvirt, on_close);
  virConnectClose (self->libvirt);
  self->libvirt = NULL;
}

Connection *
connection_start (Worker *worker) {
  Connection *self = g_new0 (Connection, 1);

  self->worker = worker;
  self->retry_s = RETRY_FIRST_S;
  worker_push (worker, try_to_connect, self, NULL);
  return self;
}
