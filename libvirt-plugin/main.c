/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vfpool-agent, a systemd service: does what libvirt's hook cannot. A hook must not call libvirt; so the agent, a
 * client of libvirt like any other, attaches the VFs that a guest asked for by pool when the guest has started, has the ledger
 * follow what is plugged in and pulled out while it runs, releases what the hook did not when it has stopped, and reconciles
 * ledger and kernel whenever it (re)connects.
 *
 * It is ready when its main loop runs, with or without libvirt there. It owns nothing: killed at any point, the next
 * one finds in the ledger and in libvirt all that it needs. Its log is the journal, or stderr.
 */
#include "connection.h"
#include "journal.h"
#include "process.h"
#include "report.h"
#include "worker.h"

#include <glib-unix.h>
#include <libvirt-glib/libvirt-glib-event.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <signal.h>
#include <systemd/sd-daemon.h>

typedef struct {
  GMainLoop *loop;
  Worker *worker;
  Connection *connection;
} Agent;

static gboolean
on_ready (gpointer data G_GNUC_UNUSED) {
  sd_notify (0, "READY=1");
  return G_SOURCE_REMOVE;
}

static gboolean
on_stopped (gpointer data) {
  Agent *agent = data;

  g_main_loop_quit (agent->loop);
  return G_SOURCE_REMOVE;
}

static gboolean
on_terminate (gpointer data) {
  Agent *agent = data;

  sd_notify (0, "STOPPING=1");
  worker_stop (agent->worker, connection_end, agent->connection, on_stopped, agent);
  return G_SOURCE_CONTINUE;
}

/* libvirt would print every error to stderr; those that matter are reported where they are met. */
static void
drop_libvirt_error (void *data G_GNUC_UNUSED, virErrorPtr error G_GNUC_UNUSED) {
}

int
main (int argc, char **argv G_GNUC_UNUSED) {
  static const char *const kept_variables[] = { "NOTIFY_SOCKET", "JOURNAL_STREAM", NULL };
  Agent agent = { 0 };

  process_clean_environment (kept_variables);
  journal_begin ();
  if (argc > 1) {
    g_autoptr (GError) error = g_error_new_literal (VFPOOL_ERROR, VFPOOL_ERROR_USAGE,
                                                    "vfpool-agent takes no arguments: start vfpool-agent.service");
    return report_error (error);
  }
  signal (SIGPIPE, SIG_IGN);
  signal (SIGHUP, SIG_IGN); /* there is nothing to reload: the configuration is read for each thing that is done */
  virSetErrorFunc (NULL, drop_libvirt_error);
  gvir_event_register ();
  agent.loop = g_main_loop_new (NULL, FALSE);
  agent.worker = worker_start ();
  agent.connection = connection_start (agent.worker);
  g_unix_signal_add (SIGTERM, on_terminate, &agent);
  g_unix_signal_add (SIGINT, on_terminate, &agent);
  g_idle_add (on_ready, NULL);
  g_main_loop_run (agent.loop);
  return 0;
}
