/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The functions of libvirt that vfpool's client calls, by their own prototypes. Parameters that are not looked at have no say here. */
#include "fake-libvirt.h"

#include <libvirt/virterror.h>
#include <string.h>

#pragma GCC diagnostic ignored "-Wunused-parameter"

#define EVENTS 32

struct _virConnect {
  int unused;
};
struct _virDomain {
  int unused;
};

FakeLibvirt fake_libvirt;
static struct _virConnect connection;
static struct _virDomain guest;
static virError failure;
static char *failure_message;
static struct {
  virConnectDomainEventGenericCallback callback;
  void *data;
} listeners[EVENTS];
static virConnectCloseFunc close_callback;
static void *close_data;
static virEventTimeoutCallback timeout_callback;
static void *timeout_data;
static char *asked_alias;
static gboolean is_second_run;

static int
fail (int code, const char *message) {
  g_free (failure_message);
  failure_message = g_strdup (message);
  failure = (virError){ .code = code, .domain = VIR_FROM_QEMU, .message = failure_message };
  return -1;
}

static void
note (const char *call, const char *word) {
  g_string_append_printf (fake_libvirt.log, "%s%s%s; ", call, word ? " " : "", word ? word : "");
}

void
fake_libvirt_begin (const char *name, const char *uuid) {
  memset (listeners, 0, sizeof listeners);
  timeout_callback = NULL;
  close_callback = NULL;
  fake_libvirt = (FakeLibvirt){ .name = name,
                                .uuid = uuid,
                                .state = VIR_DOMAIN_SHUTOFF,
                                .is_persistent = TRUE,
                                .metadata = g_strdup (""),
                                .devices = g_ptr_array_new_with_free_func (g_free),
                                .log = g_string_new (NULL),
                                .attaches_left = -1 };
}

void
fake_libvirt_end (void) {
  g_free (fake_libvirt.inactive);
  g_free (fake_libvirt.metadata);
  g_ptr_array_unref (fake_libvirt.devices);
  g_free (fake_libvirt.set);
  g_string_free (fake_libvirt.log, TRUE);
  g_clear_pointer (&failure_message, g_free);
  g_clear_pointer (&asked_alias, g_free);
}

/* ---- Errors ---- */

virErrorPtr
virGetLastError (void) {
  return &failure;
}

const char *
virGetLastErrorMessage (void) {
  return failure.message ? failure.message : "no error";
}

int
virGetLastErrorCode (void) {
  return failure.code;
}

/* ---- Connection and guest ---- */

virConnectPtr
virConnectOpen (const char *name) {
  if (!fake_libvirt.is_down)
    return &connection;
  fail (VIR_ERR_SYSTEM_ERROR, "Failed to connect socket");
  failure.domain = VIR_FROM_RPC;
  return NULL;
}

int
virConnectClose (virConnectPtr conn) {
  return 0;
}

static virDomainPtr
look_up (gboolean is_it) {
  if (is_it)
    return &guest;
  fail (VIR_ERR_NO_DOMAIN, "Domain not found");
  return NULL;
}

virDomainPtr
virDomainLookupByUUIDString (virConnectPtr conn, const char *uuid) {
  return look_up (g_ascii_strcasecmp (uuid, fake_libvirt.uuid) == 0);
}

virDomainPtr
virDomainLookupByName (virConnectPtr conn, const char *name) {
  return look_up (strcmp (name, fake_libvirt.name) == 0);
}

int
virDomainFree (virDomainPtr domain) {
  return 0;
}

int
virDomainGetUUIDString (virDomainPtr domain, char *buf) {
  strcpy (buf, fake_libvirt.uuid);
  return 0;
}

const char *
virDomainGetName (virDomainPtr domain) {
  return fake_libvirt.name;
}

int
virDomainGetState (virDomainPtr domain, int *state, int *reason, unsigned int flags) {
  *state = fake_libvirt.state;
  *reason = fake_libvirt.reason;
  return 0;
}

int
virDomainIsActive (virDomainPtr domain) {
  return fake_libvirt.state != VIR_DOMAIN_SHUTOFF;
}

int
virDomainIsPersistent (virDomainPtr domain) {
  return fake_libvirt.is_persistent;
}

char *
virDomainGetXMLDesc (virDomainPtr domain, unsigned int flags) {
  g_autoptr (GString) text = g_string_new (NULL);

  if ((flags & VIR_DOMAIN_XML_INACTIVE) && fake_libvirt.inactive)
    return strdup (fake_libvirt.inactive);
  g_string_append_printf (text, "<domain type='kvm'><name>%s</name><uuid>%s</uuid><metadata>%s</metadata><devices>",
                          fake_libvirt.name, fake_libvirt.uuid, fake_libvirt.metadata);
  for (guint i = 0; i < fake_libvirt.devices->len; i++)
    g_string_append (text, g_ptr_array_index (fake_libvirt.devices, i));
  g_string_append (text, "</devices></domain>");
  return strdup (text->str);
}

int
virDomainSetMetadata (virDomainPtr domain, int type, const char *metadata, const char *key, const char *uri,
                      unsigned int flags) {
  g_free (fake_libvirt.set);
  fake_libvirt.set = g_strdup (metadata);
  if (!fake_libvirt.is_overwritten) {
    g_free (fake_libvirt.metadata);
    fake_libvirt.metadata =
        metadata ? g_strdup_printf ("<request xmlns='%s'%s", uri, metadata + strlen ("<request")) : g_strdup ("");
  }
  g_string_append_printf (fake_libvirt.log, "set %s %s %s; ", key, uri,
                          type == VIR_DOMAIN_METADATA_ELEMENT && flags == VIR_DOMAIN_AFFECT_CONFIG ? "config" : "?");
  return 0;
}

/* ---- Life ---- */

int
virDomainCreateWithFlags (virDomainPtr domain, unsigned int flags) {
  note ("create", flags == VIR_DOMAIN_START_PAUSED ? "paused" : "?");
  if (fake_libvirt.on_create && !fake_libvirt.on_create (fake_libvirt.data))
    return fail (VIR_ERR_HOOK_SCRIPT_FAILED, fake_libvirt.refusal);
  fake_libvirt.state = VIR_DOMAIN_PAUSED;
  fake_libvirt.reason = VIR_DOMAIN_PAUSED_USER;
  return 0;
}

int
virDomainResume (virDomainPtr domain) {
  if (fake_libvirt.cannot_resume)
    return fail (VIR_ERR_OPERATION_FAILED, "it will not");
  note ("resume", NULL);
  fake_libvirt.state = VIR_DOMAIN_RUNNING;
  return 0;
}

static void
stop (void) {
  fake_libvirt.state = VIR_DOMAIN_SHUTOFF;
  g_ptr_array_set_size (fake_libvirt.devices, 0);
  if (fake_libvirt.on_destroy)
    fake_libvirt.on_destroy (fake_libvirt.data);
}

int
virDomainDestroy (virDomainPtr domain) {
  note ("destroy", NULL);
  stop ();
  return 0;
}

/* ---- Devices ---- */

/* What stands between name=' and the next quote in @xml, for g_free(). */
static char *
alias_in (const char *xml) {
  const char *begin = strstr (xml, "<alias name='");

  return begin ? g_strndup (begin + 13, strcspn (begin + 13, "'")) : g_strdup ("");
}

int
virDomainAttachDeviceFlags (virDomainPtr domain, const char *xml, unsigned int flags) {
  g_autofree char *alias = alias_in (xml);

  if (fake_libvirt.agent_first) {
    g_ptr_array_add (fake_libvirt.devices, g_strdup (xml));
    return fail (VIR_ERR_XML_ERROR, "non unique alias detected");
  }
  if (fake_libvirt.attaches_left == 0)
    return fail (VIR_ERR_INTERNAL_ERROR, "No more available PCI slots");
  fake_libvirt.attaches_left--;
  note ("attach", alias);
  g_ptr_array_add (fake_libvirt.devices, g_strdup (xml));
  return 0;
}

static void
remove_device (const char *alias) {
  for (guint i = fake_libvirt.devices->len; i > 0; i--) {
    g_autofree char *found = alias_in (g_ptr_array_index (fake_libvirt.devices, i - 1));

    if (strcmp (found, alias) == 0)
      g_ptr_array_remove_index (fake_libvirt.devices, i - 1);
  }
}

int
virDomainDetachDeviceAlias (virDomainPtr domain, const char *alias, unsigned int flags) {
  note ("detach", alias);
  g_free (asked_alias);
  asked_alias = g_strdup (alias);
  if (fake_libvirt.removal == FAKE_IS_MISSING)
    return fail (VIR_ERR_DEVICE_MISSING, "no device found with alias");
  if (fake_libvirt.removal == FAKE_IS_ASKED)
    return fail (VIR_ERR_INTERNAL_ERROR, "Device x is already in the process of unplug");
  return 0;
}

/* ---- Events ---- */

int
virConnectDomainEventRegisterAny (virConnectPtr conn, virDomainPtr dom, int eventID,
                                  virConnectDomainEventGenericCallback cb, void *opaque, virFreeCallback freecb) {
  listeners[eventID].callback = cb;
  listeners[eventID].data = opaque;
  return eventID;
}

int
virConnectDomainEventDeregisterAny (virConnectPtr conn, int callbackID) {
  listeners[callbackID].callback = NULL;
  return 0;
}

int
virConnectRegisterCloseCallback (virConnectPtr conn, virConnectCloseFunc cb, void *opaque, virFreeCallback freecb) {
  close_callback = cb;
  close_data = opaque;
  return 0;
}

int
virConnectUnregisterCloseCallback (virConnectPtr conn, virConnectCloseFunc cb) {
  close_callback = NULL;
  return 0;
}

int
virEventAddTimeout (int timeout, virEventTimeoutCallback cb, void *opaque, virFreeCallback ff) {
  timeout_callback = cb;
  is_second_run = FALSE;
  timeout_data = opaque;
  return 1;
}

int
virEventRemoveTimeout (int timer) {
  timeout_callback = NULL;
  return 0;
}

static void
tell_alias (int id, const char *alias) {
  if (listeners[id].callback)
    ((virConnectDomainEventDeviceRemovedCallback)(void (*) (void))listeners[id].callback) (&connection, &guest, alias,
                                                                                           listeners[id].data);
}

static void
tell_stopped (void) {
  if (listeners[VIR_DOMAIN_EVENT_ID_LIFECYCLE].callback)
    ((virConnectDomainEventCallback)(void (*) (void))listeners[VIR_DOMAIN_EVENT_ID_LIFECYCLE].callback) (
        &connection, &guest, VIR_DOMAIN_EVENT_STOPPED, 0, listeners[VIR_DOMAIN_EVENT_ID_LIFECYCLE].data);
}

/* An event about another device comes first. Time is up where nothing else is told, or what was told was not taken for an end. */
int
virEventRunDefaultImpl (void) {
  gboolean is_told;

  tell_alias (VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, "ua-another");
  tell_alias (VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED, "ua-another");
  switch (fake_libvirt.removal) {
  case FAKE_LETS_GO:
  case FAKE_IS_ASKED:
    remove_device (asked_alias);
    tell_alias (VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, asked_alias);
    break;
  case FAKE_KEEPS_SILENT:
    remove_device (asked_alias);
    break;
  case FAKE_REFUSES:
    tell_alias (VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED, asked_alias);
    break;
  case FAKE_STOPS:
    stop ();
    tell_stopped ();
    break;
  case FAKE_GOES_AWAY:
    close_callback (&connection, VIR_CONNECT_CLOSE_REASON_EOF, close_data);
    break;
  case FAKE_KEEPS:
  case FAKE_IS_MISSING:
    break;
  }
  is_told = fake_libvirt.removal != FAKE_KEEPS && fake_libvirt.removal != FAKE_KEEPS_SILENT && !is_second_run;
  is_second_run = TRUE;
  if (!is_told && timeout_callback) {
    note ("time is up", NULL);
    timeout_callback (1, timeout_data);
  }
  return 0;
}
