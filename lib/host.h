/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host snapshot: what the kernel says the PCI functions are, at the moment they are first asked for. It is taken
 * without any lock, so it may be old by the time it is used: what it says of a device is looked at again when the
 * device is prepared, and who holds a VF is the ledger's and the kernel's word, not the snapshot's.
 */
#pragma once

#include "config.h"

/* Where a function hangs: each is an address (or begins with one) that others of the same have, too. What is farther out follows
 * from what is farther in. */
typedef struct {
  char *pf;            /* its PF, or itself */
  char *port;          /* the physical port, where the PF's driver tells it (several PFs may have one); else the PF */
  char *card;          /* the device that the PF is a function of, "DDDD:BB:DD" */
  char *link;          /* the root port by which the card reaches the processor; the PF's card when there is none */
  gboolean is_network; /* the PF has a network interface, by which MAC and VLAN of its VFs are set */
} VfpoolPlace;

/* One PCI function. Owned by the snapshot. */
typedef struct {
  char *address;
  char *pf;     /* the PF it is a VF of, or NULL */
  int index;    /* its number on that PF, from 0; -1: it is no VF */
  char *driver; /* or NULL */
  gboolean is_on_vfio;
  gboolean is_bridge;
  int iommu_group;          /* -1: none */
  int numa_node;            /* -1: unknown */
  const VfpoolPlace *place; /* where it hangs; filled by vfpool_host_load_place(); the VFs of a PF share the PF's */
  guint vendor, device;
  int numvfs;       /* of a PF: how many VFs it has now; -1: it cannot have any */
  int totalvfs;     /* of a PF: how many it may have; -1 */
  GPtrArray *mates; /* of VfpoolFunction: the others in its IOMMU group; filled by vfpool_host_load_group() */
  char *host_use; /* what the host itself does with it, as the end of a sentence, or NULL; by vfpool_host_load_use() */
  char *held_by;  /* who has its IOMMU group open, likewise, or NULL; filled by who found out (holder.h) */
} VfpoolFunction;

typedef struct _VfpoolHost VfpoolHost;

/* An empty snapshot; functions are read as they are asked for. @root: folder in place of "/", "" for the real one. */
VfpoolHost *vfpool_host_new (const char *root);
void vfpool_host_free (VfpoolHost *self);
const char *vfpool_host_root (const VfpoolHost *self);

/* The function at @bdf, or NULL when there is none. */
VfpoolFunction *vfpool_host_function (VfpoolHost *self, const char *bdf);
/* Reads the other functions of @function's IOMMU group. */
void vfpool_host_load_group (VfpoolHost *self, VfpoolFunction *function);
/* Finds out whether the host itself uses @function: see hostuse.c. */
void vfpool_host_load_use (VfpoolHost *self, VfpoolFunction *function);

/* Finds out where @function hangs. */
void vfpool_host_load_place (VfpoolHost *self, VfpoolFunction *function);

/* The host's NUMA nodes that the CPUs @cpus belong to; NULL when none of them exists. For vfpool_numbers_free(). */
VfpoolNumbers *vfpool_host_nodes_of_cpus (VfpoolHost *self, const VfpoolNumbers *cpus);
/* All nodes of the sockets (processor packages) that @nodes lie on; a node without a processor is a socket of its own. As above. */
VfpoolNumbers *vfpool_host_socket_of_nodes (VfpoolHost *self, const VfpoolNumbers *nodes);
/* The node of everything, on a host that has only one; -1: it has several. */
int vfpool_host_only_node (VfpoolHost *self);

/* BDFs of all functions of the host, sorted, NULL-terminated, for g_strfreev(). */
char **vfpool_host_addresses (VfpoolHost *self);
/* BDFs of the VFs of @pf by index, NULL-terminated, for g_strfreev(): what the PF's links say, nothing of the VFs is read. */
char **vfpool_host_vf_addresses (VfpoolHost *self, const char *pf);
/* The VFs of @pf by index, as VfpoolFunction (not owned), for g_ptr_array_unref(); empty when it has none. */
GPtrArray *vfpool_host_vfs_of (VfpoolHost *self, const char *pf);
/* Whether @pf of @config exists, can have so many VFs, and is not itself what is handed out; BAD_CONFIG names file and line. */
gboolean vfpool_host_check_pf (VfpoolHost *self, const VfpoolConfig *config, const VfpoolPfConfig *pf, GError **error);
/* The members of @pool that exist now, in the order of the configuration, each once: as above. */
GPtrArray *vfpool_host_members (VfpoolHost *self, const VfpoolPool *pool);
/* The network interface of the function at @bdf (the first by name when there are several), or NULL; for g_free(). */
char *vfpool_host_netdev (const char *root, const char *bdf);
/* Whether @function is a member of @pool. */
gboolean vfpool_host_pool_has (const VfpoolPool *pool, const VfpoolFunction *function);
/* The name of the pool of @config that @function lies in, or NULL. */
const char *vfpool_host_pool_of (const VfpoolConfig *config, const VfpoolFunction *function);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VfpoolHost, vfpool_host_free)
