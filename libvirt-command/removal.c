/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest lets go of a PCI device when its operating system (or, at a reset, the machine) says so; libvirt can only ask, and
 * tells by an event. The events are registered before it is asked, and what comes of it is looked at once more when time is up, so
 * that none is missed.
 *
 * A second request while one stands is refused by QEMU; it is waited for all the same. Who asks for it that quickly wants the
 * same thing.
 */
#include "removal.h"

#include "devices.h"
#include "failure.h"

#include <libvirt/virterror.h>
#include <string.h>

#define MS_PER_S 1000

typedef enum { WAITING, REMOVED, REFUSED, TIMED_OUT, LOST } State;

typedef struct {
  const char *alias;
  State state;
  int callbacks[3];
} Removal;

/* ---- Events ---- */

static void
settle (Removal *self, State state) {
  if (self->state == WAITING)
    self->state = state;
}

static void
on_removed (virConnectPtr libvirt G_GNUC_UNUSED, virDomainPtr domain G_GNUC_UNUSED, const char *alias, void *data) {
  Removal *self = data;

  if (strcmp (alias, self->alias) == 0)
    settle (self, REMOVED);
}

static void
on_removal_failed (virConnectPtr libvirt G_GNUC_UNUSED, virDomainPtr domain G_GNUC_UNUSED, const char *alias,
                   void *data) {
  Removal *self = data;

  if (strcmp (alias, self->alias) == 0)
    settle (self, REFUSED);
}

static void
on_lifecycle (virConnectPtr libvirt G_GNUC_UNUSED, virDomainPtr domain G_GNUC_UNUSED, int event,
              int detail G_GNUC_UNUSED, void *data) {
  if (event == VIR_DOMAIN_EVENT_STOPPED)
    settle (data, REMOVED);
}

static void
on_close (virConnectPtr libvirt G_GNUC_UNUSED, int reason G_GNUC_UNUSED, void *data) {
  settle (data, LOST);
}

static void
on_timeout (int timer G_GNUC_UNUSED, void *data) {
  settle (data, TIMED_OUT);
}

static gboolean
listen (Removal *self, const Guest *guest, GError **error) {
  const struct {
    int id;
    virConnectDomainEventGenericCallback callback;
  } wanted[G_N_ELEMENTS (self->callbacks)] = {
    { VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, VIR_DOMAIN_EVENT_CALLBACK (on_removed) },
    { VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED, VIR_DOMAIN_EVENT_CALLBACK (on_removal_failed) },
    { VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK (on_lifecycle) },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (wanted); i++) {
    self->callbacks[i] =
        virConnectDomainEventRegisterAny (guest->libvirt, guest->domain, wanted[i].id, wanted[i].callback, self, NULL);
    if (self->callbacks[i] < 0)
      return failure_set (error, "libvirt will not tell when guest %s lets go of a device", guest->name);
  }
  virConnectRegisterCloseCallback (guest->libvirt, on_close, self, NULL);
  return TRUE;
}

static void
stop_listening (Removal *self, const Guest *guest) {
  for (gsize i = 0; i < G_N_ELEMENTS (self->callbacks); i++)
    if (self->callbacks[i] >= 0)
      virConnectDomainEventDeregisterAny (guest->libvirt, self->callbacks[i]);
  virConnectUnregisterCloseCallback (guest->libvirt, on_close);
}

/* ---- Asking and waiting ---- */

/* QEMU's word for a request that stands; libvirt has no code of its own for it. */
static gboolean
is_asked_already (void) {
  return strstr (virGetLastErrorMessage (), "in the process of unplug") != NULL;
}

static gboolean
ask (Removal *self, const Guest *guest, GError **error) {
  if (virDomainDetachDeviceAlias (guest->domain, self->alias, VIR_DOMAIN_AFFECT_LIVE) == 0 || is_asked_already ())
    return TRUE;
  if (virGetLastErrorCode () == VIR_ERR_DEVICE_MISSING) {
    settle (self, REMOVED);
    return TRUE;
  }
  return failure_set (error, "guest %s cannot be asked to let go of device %s", guest->name, self->alias);
}

static gboolean
wait_for_event (Removal *self, const Guest *guest, int seconds, GError **error) {
  int timer = virEventAddTimeout (seconds * MS_PER_S, on_timeout, self, NULL);
  gboolean ok = timer >= 0;

  while (ok && self->state == WAITING)
    ok = virEventRunDefaultImpl () == 0;
  if (timer >= 0)
    virEventRemoveTimeout (timer);
  return ok || failure_set (error, "guest %s cannot be waited for", guest->name);
}

/* Whether the guest has no such device, now that time is up. */
static gboolean
is_gone (const Removal *self, const Guest *guest) {
  g_autoptr (DomainXml) xml = guest_get_xml (guest, 0, NULL);
  const xmlNode *devices = xml ? domain_xml_child (domain_xml_root (xml), "devices") : NULL;

  for (const xmlNode *device = devices ? devices->children : NULL; device; device = device->next) {
    g_autofree char *alias = device->type == XML_ELEMENT_NODE ? devices_get_alias (device) : NULL;

    if (g_strcmp0 (alias, self->alias) == 0)
      return FALSE;
  }
  return devices != NULL;
}

static gboolean
tell (const Removal *self, const Guest *guest, int seconds, GError **error) {
  if (self->state == REMOVED || (self->state == TIMED_OUT && is_gone (self, guest)))
    return TRUE;
  if (self->state == REFUSED)
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_IN_USE, "guest %s refuses to let go of device %s: it keeps it",
                 guest->name, self->alias);
  else if (self->state == LOST)
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND,
                 "libvirt went away before guest %s let go of device %s: try again when its daemon is back",
                 guest->name, self->alias);
  else
    g_set_error (
        error, VFPOOL_ERROR, VFPOOL_ERROR_IN_USE,
        "guest %s has not let go of device %s within %d s and keeps it: does its operating system run, and take PCI "
        "hot-plug? The request stands; a reset of the guest fulfils it, too",
        guest->name, self->alias, seconds);
  return FALSE;
}

gboolean
removal_wait (const Guest *guest, const char *alias, int seconds, GError **error) {
  Removal self = { alias, WAITING, { -1, -1, -1 } };
  gboolean ok = listen (&self, guest, error) && ask (&self, guest, error)
                && wait_for_event (&self, guest, seconds, error) && tell (&self, guest, seconds, error);

  stop_listening (&self, guest);
  return ok;
}
