/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libvirt tells of guests that start and stop, and of devices that come and go, while somebody is connected; of what happened
 * before it tells nothing. So on each connection the events are registered first, then the running guests are listed and the
 * ledger is reconciled: what falls in between is seen twice, and everything that is done for a guest may be done twice.
 *
 * libvirt's callbacks arrive in the main loop and do no more than push a task; the connection itself belongs to the
 * worker's thread.
 *
 * Nothing is asked for while nothing happens. A daemon that ends closes the connection; one that comes makes a socket, which is
 * watched for (watch.h). That a daemon hangs matters only to who waits for it: so keep-alive messages are sent only while a task
 * is being done. (The daemon sends some of its own, if it is not told otherwise: keepalive_interval in its configuration.)
 */
#include "connection.h"

#include "again.h"
#include "guests.h"
#include "journal.h"
#include "printable.h"
#include "watch.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <systemd/sd-daemon.h>

#define URI "qemu:///system" /* libvirtd's or virtqemud's socket, whichever there is */

/* Should the watching have missed something. */
#define RETRY_MAX_S 300

/* A daemon that hangs is given up after 5 + 3 * 5 s. */
#define KEEPALIVE_INTERVAL_S 5
#define KEEPALIVE_COUNT 3

/* A guest that had just acquired when libvirt's daemon died is spared by the first reconcile, since it may be about to
 * start: 120 s, if not configured otherwise. After that time nobody else would look again. */
#define SECOND_LOOK_S 180

enum {
  LIFECYCLE,
  DEVICE_ADDED,
  DEVICE_REMOVED,
  N_CALLBACKS,
};

struct _Connection {
  Worker *worker;
  virConnectPtr libvirt; /* NULL: not connected */
  int callbacks[N_CALLBACKS];
  Watch *watch;
  GSource *retry; /* NULL: nothing is planned */
  guint retry_s;
  gboolean complained;
};

static const JournalSubject about_connection = { "connect", NULL, NULL, 0 };

static void try_to_connect (gpointer data);

static void
info (const char *message) {
  journal_say (VFPOOL_MESSAGE_INFO, &about_connection, "%s", message);
}

void
connection_expect (virConnectPtr libvirt) {
  virConnectSetKeepAlive (libvirt, KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT);
}

void
connection_rest (virConnectPtr libvirt) {
  virConnectSetKeepAlive (libvirt, 0, 0);
}

/* ---- Events, in the main loop ---- */

typedef struct {
  virDomainPtr domain;
  void (*func) (virDomainPtr domain);
} DomainTask;

static void
domain_task (gpointer data) {
  const DomainTask *task = data;
  virConnectPtr libvirt = virDomainGetConnect (task->domain);

  connection_expect (libvirt);
  task->func (task->domain);
  connection_rest (libvirt);
}

static void
domain_task_free (gpointer data) {
  DomainTask *task = data;

  virDomainFree (task->domain);
  g_free (task);
}

static void
push_domain (Connection *self, virDomainPtr domain, void (*func) (virDomainPtr domain)) {
  DomainTask *task = g_new (DomainTask, 1);

  virDomainRef (domain);
  *task = (DomainTask){ domain, func };
  worker_push (self->worker, domain_task, task, domain_task_free);
}

/* A guest that comes by migration is reported as started when its memory is still on the way; it can be given a device
 * when it resumes. */
static void
on_lifecycle (virConnectPtr libvirt G_GNUC_UNUSED, virDomainPtr domain, int event, int detail, void *data) {
  if (event == VIR_DOMAIN_EVENT_STARTED
      || (event == VIR_DOMAIN_EVENT_RESUMED && detail == VIR_DOMAIN_EVENT_RESUMED_MIGRATED))
    push_domain (data, domain, guests_attach);
  else if (event == VIR_DOMAIN_EVENT_STOPPED || event == VIR_DOMAIN_EVENT_CRASHED)
    push_domain (data, domain, guests_release);
}

/* Host devices are called hostdevN by libvirt, also those of an <interface>, or ua-NAME by who plugged them in. */
static void
on_device (virConnectPtr libvirt G_GNUC_UNUSED, virDomainPtr domain, const char *alias, void *data) {
  if (g_str_has_prefix (alias, "hostdev") || g_str_has_prefix (alias, "ua-"))
    push_domain (data, domain, guests_follow);
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

static void
retry_from_start (gpointer data) {
  Connection *self = data;

  self->retry_s = 0;
  try_to_connect (self);
}

static void
on_socket (gpointer data) {
  Connection *self = data;

  worker_push (self->worker, retry_from_start, self, NULL);
}

/* ---- Connecting, in the worker's thread ---- */

/* Reconciled before anything is attached: a lease of an earlier boot may be another guest's VF by now. */
static void
survey (Connection *self) {
  virDomainPtr *domains = NULL;
  int n = virConnectListAllDomains (self->libvirt, &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);

  guests_reconcile ();
  for (int i = 0; i < n; i++) {
    push_domain (self, domains[i], guests_catch_up);
    virDomainFree (domains[i]);
  }
  free (domains);
  g_timeout_add_seconds (SECOND_LOOK_S, on_second_look, self);
}

static gboolean
register_events (Connection *self) {
  static const struct {
    int event;
    virConnectDomainEventGenericCallback func;
  } events[N_CALLBACKS] = {
    [LIFECYCLE] = { VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK (on_lifecycle) },
    [DEVICE_ADDED] = { VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, VIR_DOMAIN_EVENT_CALLBACK (on_device) },
    [DEVICE_REMOVED] = { VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, VIR_DOMAIN_EVENT_CALLBACK (on_device) },
  };
  gboolean ok = TRUE;

  for (int i = 0; i < N_CALLBACKS; i++) {
    self->callbacks[i] =
        ok ? virConnectDomainEventRegisterAny (self->libvirt, NULL, events[i].event, events[i].func, self, NULL) : -1;
    ok = self->callbacks[i] >= 0;
  }
  return ok;
}

static gboolean
open_connection (Connection *self) {
  for (int i = 0; i < N_CALLBACKS; i++)
    self->callbacks[i] = -1;
  self->libvirt = virConnectOpen (URI);
  if (!self->libvirt)
    return FALSE;
  connection_expect (self->libvirt);
  return virConnectRegisterCloseCallback (self->libvirt, on_close, self, NULL) == 0 && register_events (self);
}

static void
plan_retry (Connection *self) {
  self->retry_s = again_next_pause (self->retry_s, RETRY_MAX_S);
  self->retry = g_timeout_source_new_seconds (self->retry_s);
  g_source_set_callback (self->retry, on_retry, self, NULL);
  g_source_attach (self->retry, NULL);
}

static void
forget_retry (Connection *self) {
  if (!self->retry)
    return;
  g_source_destroy (self->retry);
  g_clear_pointer (&self->retry, g_source_unref);
}

static void
retry_later (Connection *self) {
  g_autofree char *message = g_strdup_printf (
      "no connection to libvirt (" URI "): %s; connecting when its socket appears", virGetLastErrorMessage ());
  g_autofree char *status =
      printable_copy (message, G_MAXSIZE); /* a line feed would end the field, and begin another */

  if (!self->complained)
    journal_say (VFPOOL_MESSAGE_WARNING, &about_connection, "%s", message);
  self->complained = TRUE;
  sd_notifyf (0, "STATUS=%s", status);
  connection_end (self);
  plan_retry (self);
}

static void
try_to_connect (gpointer data) {
  Connection *self = data;

  if (self->libvirt)
    return;
  forget_retry (self);
  if (!open_connection (self)) {
    retry_later (self);
    return;
  }
  self->retry_s = 0;
  self->complained = FALSE;
  info ("connected to libvirt (" URI ")");
  sd_notify (0, "STATUS=Connected to libvirt (" URI ")");
  survey (self);
  connection_rest (self->libvirt);
}

/* A registered callback holds a reference to the connection; deregistering drops it even when the daemon is gone. */
void
connection_end (gpointer connection) {
  Connection *self = connection;

  if (!self->libvirt)
    return;
  guests_forget ();
  for (int i = 0; i < N_CALLBACKS; i++)
    if (self->callbacks[i] >= 0)
      virConnectDomainEventDeregisterAny (self->libvirt, self->callbacks[i]);
  virConnectUnregisterCloseCallback (self->libvirt, on_close);
  virConnectClose (self->libvirt);
  self->libvirt = NULL;
}

static virConnectPtr
get_libvirt (gpointer data) {
  return ((Connection *)data)->libvirt;
}

Connection *
connection_start (Worker *worker) {
  Connection *self = g_new0 (Connection, 1);

  self->worker = worker;
  self->watch = watch_start ("", on_socket, self);
  if (!self->watch)
    journal_say (
        VFPOOL_MESSAGE_WARNING, &about_connection,
        "the sockets of libvirt's daemon cannot be watched for (/proc/sys/fs/inotify has the limits): when it comes "
        "back, it may take %d s until that is noticed",
        RETRY_MAX_S);
  guests_begin (worker, get_libvirt, self);
  worker_push (worker, try_to_connect, self, NULL);
  return self;
}
