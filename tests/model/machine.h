/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the machine of this test is made of: its functions, groups and guests as fixed tables, and their state as plain
 * data. The stand-in kernel keeps one such state and lets the library change it; the model keeps another and foretells
 * it. Plain data of fixed size can be copied, compared, and shared with a child process that is killed half-way.
 *
 * The tables are small on purpose: the less there is, the more often the operations meet. They hold one of each sort
 * that the library treats differently: VFs in groups of their own, two VFs in one group, VFs of a device without a
 * network interface, and a function that is no VF.
 */
#pragma once

#include "vfnet.h"

#define N_PFS 3
#define N_FUNCTIONS 14 /* those that can lie in a pool */
#define N_GROUPS 13
#define N_GUESTS 8
#define NO_PF (-1)
#define FIRST_GROUP 10 /* the number of the first group, as the tree has it */

#define VFIO "vfio-pci"
#define NAME_SIZE 40

typedef struct {
  const char *address;
  const char *netdev; /* NULL: no network card */
  int totalvfs;
  gboolean has_knobs; /* its driver knows trust and link state */
  gboolean takes_mac; /* of a host's driver that makes one up because the PF has set none */
} PfPlace;

typedef struct {
  const char *address;
  int pf, index; /* NO_PF: no VF */
  int group;
  const char *host_driver;
  const char
      *reset_method; /* as sysfs shows it; "": not at all, as old kernels; NULL: and there is no `reset` either */
  gboolean has_flr;  /* it can be reset by itself */
} FunctionPlace;

typedef struct {
  VfpoolGuestKind kind;
  const char *id, *name;
} GuestPlace;

extern const PfPlace pf_places[N_PFS];
extern const FunctionPlace function_places[N_FUNCTIONS];
extern const GuestPlace guest_places[N_GUESTS];

typedef struct {
  gboolean exists;
  gboolean host_use; /* its interface belongs to a bridge of the host */
  char driver[16];   /* "": none */
  char override[16];
  VfpoolVfnet net;
  int resets; /* since it was made */
  int traces; /* of which guest something may be left in it: its number and 1; 0: of none */
} Device;

/* Who has a group open. */
typedef struct {
  gboolean is_open;
  int pid;          /* of the process that shows it in /proc; 0: nobody who can be seen */
  gint64 closes_at; /* by the machine's clock; 0: not by itself */
} Group;

typedef struct {
  int numvfs;
  gboolean autoprobe;
} Pf;

typedef struct {
  Device devices[N_FUNCTIONS];
  Group groups[N_GROUPS];
  Pf pfs[N_PFS];
  gint64 now; /* microseconds since boot */
} Machine;

/* The attributes of a VF, as they are set: one after the other. */
typedef enum {
  NET_MAC,
  NET_VLAN,
  NET_TRUST,
  NET_SPOOF_CHECK,
  NET_RATE,
  NET_LINK_STATE,
  N_NET,
} NetAttribute;

void new_net (int function, VfpoolVfnet *net); /* what a new VF is like */
/* Whether @a and @b say the same of @which, both may leave it open; a VF without VLAN has no priority and protocol. */
gboolean same_attribute (const VfpoolVfnet *a, const VfpoolVfnet *b, NetAttribute which);
/* Whether @wish has @which at all. */
gboolean is_wished (const VfpoolVfnet *wish, NetAttribute which);
void set_attribute (VfpoolVfnet *net, const VfpoolVfnet *wish, NetAttribute which);
gboolean same_net (const VfpoolVfnet *a, const VfpoolVfnet *b);
void set_net (VfpoolVfnet *net, const VfpoolVfnet *wish); /* all that is wished for */
char *describe_net (const VfpoolVfnet *net);
/* The MAC that the host's driver of @function makes up. */
void make_up_mac (int function, VfpoolVfnet *net);
gboolean is_made_up_mac (int function, const char *mac);
gboolean has_netdev (int function);

/* Closes the groups whose time has come. */
void machine_pass_time (Machine *machine, gint64 us);
gboolean machine_is_open (const Machine *machine, int function);
gboolean device_is_on_vfio (const Device *device);
/* Puts it on @driver ("": none), and does what comes with that. */
void device_bind (Device *device, int function, const char *driver);
/* Resets it, alone; not every one can do that. */
void device_reset (Device *device, int function);
int find_function (const char *address); /* -1: none of this machine's */
