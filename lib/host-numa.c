/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's NUMA nodes, the CPUs on them that are online, and the sockets that they are part of. One socket may have
 * several nodes (sub-NUMA clustering, or a processor made of several dies), and a node may have no CPU at all (memory on
 * CXL): such a node is nobody's neighbour.
 *
 * A kernel that was built without NUMA shows no nodes. To it, everything is on node 0, which is how it numbers them for
 * programs, too (get_mempolicy(2), `numactl`).
 */
#include "host-private.h"
#include "sysfs.h"

#include <string.h>

#define NODE "node" /* names of folders, followed by the number */

typedef struct {
  guint number;
  VfpoolNumbers *cpus; /* those online; NULL: none */
  int socket;          /* the kernel's number of it; -1: a socket of its own */
} Node;

static void
node_clear (gpointer data) {
  vfpool_numbers_free (((Node *)data)->cpus);
}

/* Takes @list, which is for g_free(), from a file of the kernel. */
static void
add_node (VfpoolHost *self, guint number, char *list) {
  g_autofree char *text = list, *wrong = NULL;
  Node node = { number, text ? vfpool_numbers_parse (text, &wrong) : NULL, -1 };

  if (node.cpus)
    node.socket =
        (int)vfpool_sysfs_read_int (self->root, -1, "/sys/devices/system/cpu/cpu%u/topology/physical_package_id",
                                    g_array_index (node.cpus, guint, 0));
  g_array_append_val (self->nodes, node);
}

static const GArray *
load_nodes (VfpoolHost *self) {
  g_auto (GStrv) names = NULL;

  if (self->nodes)
    return self->nodes;
  self->nodes = g_array_new (FALSE, FALSE, sizeof (Node));
  g_array_set_clear_func (self->nodes, node_clear);
  names = vfpool_sysfs_list (self->root, "/sys/devices/system/node");
  for (char **name = names; *name; name++) {
    guint64 number;
    if (g_str_has_prefix (*name, NODE)
        && g_ascii_string_to_unsigned (*name + strlen (NODE), 10, 0, VFPOOL_NUMBERS_MAX, &number, NULL))
      add_node (self, (guint)number, vfpool_sysfs_read (self->root, "/sys/devices/system/node/%s/cpulist", *name));
  }
  if (self->nodes->len == 0)
    add_node (self, 0, vfpool_sysfs_read (self->root, "/sys/devices/system/cpu/online"));
  return self->nodes;
}

/* NULL in place of a set without numbers. */
static VfpoolNumbers *
or_null (VfpoolNumbers *numbers) {
  if (numbers->len > 0)
    return numbers;
  vfpool_numbers_free (numbers);
  return NULL;
}

VfpoolNumbers *
vfpool_host_nodes_of_cpus (VfpoolHost *self, const VfpoolNumbers *cpus) {
  const GArray *nodes = load_nodes (self);
  VfpoolNumbers *found = vfpool_numbers_new ();

  for (guint i = 0; i < nodes->len; i++) {
    const Node *node = &g_array_index (nodes, Node, i);
    if (node->cpus && vfpool_numbers_meet (node->cpus, cpus))
      vfpool_numbers_add (found, node->number, node->number);
  }
  return or_null (found);
}

static gboolean
has_any_on_socket (const GArray *nodes, const VfpoolNumbers *wanted, int socket) {
  for (guint i = 0; socket >= 0 && i < nodes->len; i++) {
    const Node *node = &g_array_index (nodes, Node, i);
    if (node->socket == socket && vfpool_numbers_contain (wanted, node->number))
      return TRUE;
  }
  return FALSE;
}

VfpoolNumbers *
vfpool_host_socket_of_nodes (VfpoolHost *self, const VfpoolNumbers *nodes) {
  const GArray *all = load_nodes (self);
  VfpoolNumbers *found = vfpool_numbers_new ();

  for (guint i = 0; i < all->len; i++) {
    const Node *node = &g_array_index (all, Node, i);
    if (vfpool_numbers_contain (nodes, node->number) || has_any_on_socket (all, nodes, node->socket))
      vfpool_numbers_add (found, node->number, node->number);
  }
  return or_null (found);
}

int
vfpool_host_only_node (VfpoolHost *self) {
  const GArray *nodes = load_nodes (self);

  return nodes->len == 1 ? (int)g_array_index (nodes, Node, 0).number : -1;
}
