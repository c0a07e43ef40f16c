/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's nodes stand in <numatune>, for all of the guest's memory or for each of its own nodes:
 *
 *   <numatune>
 *     <memory mode='strict' nodeset='0-1'/>
 *     <memnode cellid='0' mode='strict' nodeset='1'/>
 *   </numatune>
 *
 * and its CPUs in <vcpu> and <cputune>, where a pin replaces what <vcpu> says for that one virtual CPU:
 *
 *   <vcpu cpuset='0-7'>2</vcpu>
 *   <cputune><vcpupin vcpu='0' cpuset='4'/></cputune>
 *
 * All of this is libvirt's, which has checked it: what cannot be read here (a later libvirt may have other ways to write
 * it) is passed over, because nothing but the choice among free VFs hangs on it.
 */
#include "domain-numa.h"

#include "numbers.h"

#include <string.h>

/* How much text of different lists is read: some ten times what the largest guest needs that has each virtual CPU pinned to
 * a CPU of its own. It bounds what XML can cost. */
#define TEXT_MAX 65536

typedef struct {
  VfpoolNumbers *all;
  GHashTable *seen; /* the lists that were read: many pins are alike */
  gsize left;       /* of TEXT_MAX */
} Lists;

static void
lists_init (Lists *self) {
  self->all = vfpool_numbers_new ();
  self->seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->left = TEXT_MAX;
}

static void
lists_clear (Lists *self) {
  vfpool_numbers_free (self->all);
  g_hash_table_unref (self->seen);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Lists, lists_clear)

/* Takes in the list that the attribute @name of @node is, if it has one. */
static void
lists_add (Lists *self, const xmlNode *node, const char *name) {
  g_autofree char *text = domain_xml_attribute (node, name), *wrong = NULL;
  g_autoptr (VfpoolNumbers) numbers = NULL;
  gsize length = text ? strlen (text) : 0;

  if (length == 0 || length > self->left || g_hash_table_contains (self->seen, text))
    return;
  self->left -= length;
  numbers = vfpool_numbers_parse (text, &wrong);
  if (numbers)
    vfpool_numbers_add_all (self->all, numbers);
  g_hash_table_add (self->seen, g_steal_pointer (&text));
}

/* @set: one of the setters of a request. Returns: FALSE when there was nothing to tell. */
static gboolean
lists_tell (const Lists *self, VfpoolRequest *request,
            gboolean (*set) (VfpoolRequest *request, const char *list, GError **error)) {
  g_autofree char *text = vfpool_numbers_to_string (self->all);

  return *text && set (request, text, NULL);
}

static gboolean
read_nodes (VfpoolRequest *request, const xmlNode *domain) {
  const xmlNode *tune = domain_xml_child (domain, "numatune"), *memory = domain_xml_child (tune, "memory");
  g_auto (Lists) nodes;

  lists_init (&nodes);
  /* With "auto", libvirt asks numad for the nodes, after the hook has run. */
  if (!domain_xml_attribute_is (memory, "placement", "auto"))
    lists_add (&nodes, memory, "nodeset");
  for (const xmlNode *n = domain_xml_child (tune, "memnode"); n; n = domain_xml_next (n, "memnode"))
    lists_add (&nodes, n, "nodeset");
  return lists_tell (&nodes, request, vfpool_request_set_nodes);
}

/* How many virtual CPUs the guest starts with; when that cannot be read, more than can be pinned. */
static guint64
count_vcpus (const xmlNode *vcpu) {
  g_autofree char *current = domain_xml_attribute (vcpu, "current");
  g_autofree char *most = current ? NULL : domain_xml_content (vcpu);
  guint64 count;

  return g_ascii_string_to_unsigned (current ? current
                                     : most  ? most
                                             : "",
                                     10, 1, G_MAXUINT, &count, NULL)
             ? count
             : G_MAXUINT64;
}

/* Whether @pin is for one of the first @vcpus virtual CPUs. */
static gboolean
is_pin_of (const xmlNode *pin, guint64 vcpus) {
  g_autofree char *number = domain_xml_attribute (pin, "vcpu");
  guint64 vcpu;

  return number && g_ascii_string_to_unsigned (number, 10, 0, vcpus - 1, &vcpu, NULL);
}

static void
read_cpus (VfpoolRequest *request, const xmlNode *domain) {
  const xmlNode *vcpu = domain_xml_child (domain, "vcpu"), *tune = domain_xml_child (domain, "cputune");
  guint64 vcpus = count_vcpus (vcpu), pinned = 0;
  g_auto (Lists) cpus;

  lists_init (&cpus);
  for (const xmlNode *pin = domain_xml_child (tune, "vcpupin"); pin; pin = domain_xml_next (pin, "vcpupin")) {
    if (!is_pin_of (pin, vcpus))
      continue;
    lists_add (&cpus, pin, "cpuset");
    pinned++;
  }
  if (pinned < vcpus && !domain_xml_attribute_is (vcpu, "placement", "auto"))
    lists_add (&cpus, vcpu, "cpuset");
  lists_tell (&cpus, request, vfpool_request_set_cpus);
}

void
domain_numa_read (VfpoolRequest *request, const xmlNode *domain) {
  if (!read_nodes (request, domain))
    read_cpus (request, domain);
}
