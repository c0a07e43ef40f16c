/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The choice, by tables: a little host written as text (choice-fixture.h), a request, and what is expected to come out. */
#include "choice-fixture.h"
#include "fixture.h"

#include <string.h>

typedef struct {
  const char *name;
  const char *functions, *facts, *pool, *slots; /* as choice-fixture.h has them */
  const char *expected;                         /* addresses by slot; or NULL: refused */
  const char *complaint;                        /* part of the refusal */
} Case;

/* VFs of the first PF, then of the second, third and fourth. */
#define A "0000:01:10.0"
#define B "0000:01:10.2"
#define C "0000:01:10.4"
#define D "0000:02:10.0"
#define E "0000:02:10.2"
#define F "0000:03:10.0"
#define G "0000:03:10.2"
#define H "0000:04:10.0"
#define PF "0000:01:00.0"
#define PORT "0000:00:02.0"
#define AV(GROUP) " " #GROUP " vfio-pci"

/* Two PFs with two VFs each; and three and four PFs with one VF each. */
#define TWO A " 1 vfio-pci P1;" B " 2 vfio-pci P1;" D " 3 vfio-pci P2;" E " 4 vfio-pci P2"
#define PAIR A " 1 vfio-pci P1;" D " 2 vfio-pci P2"
#define FOUR A " 1 vfio-pci P1;" D " 2 vfio-pci P2;" F " 3 vfio-pci P3;" H " 4 vfio-pci P4"
/* One PF on each of the nodes 0, 1, 2 (another socket) and on none that is known. */
#define NODES A " 1 vfio-pci P1 n0;" D " 2 vfio-pci P2 n1;" F " 3 vfio-pci P3 n2;" H " 4 vfio-pci P4"
/* Two functions of one device, and one of another, none of them a VF. */
#define WHOLE "0000:05:00.0 5 - whole;0000:05:00.1 6 - whole;0000:06:00.0 7 - whole"

static const Case cases[] = {
  /* ---- What must not be ---- */
  { "first free", A AV (1) ";" B AV (2), "", "", "pool", A, NULL },
  { "on its host driver", A " 1 igbvf", "", "", "pool", A, NULL },
  { "without a driver", A " 1 -", "", "", "pool", A, NULL },
  { "held by another", A AV (1) ";" B AV (2), "lease " A " other s active", "", "pool", B, NULL },
  { "reserved by another", A AV (1), "lease " A " other s reserved", "", "pool", NULL,
    A " is held by manual/other, slot s" },
  { "being released", A AV (1), "lease " A " other s releasing", "", "pool", NULL, "is held by manual/other" },
  { "quarantined", A AV (1), "lease " A " other s quarantined", "", "pool", NULL, A " is quarantined" },
  { "quarantined, next", A AV (1) ";" B AV (2), "lease " A " other s quarantined", "", "pool", B, NULL },
  { "quarantined, own", A AV (1), "lease " A " me s quarantined", "", "pool", NULL, A " is quarantined" },
  { "own other slot", A AV (1), "lease " A " me other active", "", "pool", NULL, "is held by manual/me, slot other" },
  { "empty pool", "", "", "", "pool", NULL, "vfpool up" },
  { "two slots", A AV (1) ";" B AV (2), "", "", "pool;pool", A " " B, NULL },
  { "two slots, one VF", A AV (1), "", "", "pool;pool", NULL, "goes to another slot of this guest" },
  { "address first", A AV (1) ";" B AV (2), "", "", "pool;" A, B " " A, NULL },
  { "address held", A AV (1), "lease " A " other s active", "", A, NULL, "cannot be given to manual/me" },
  { "open group", A " 1 vfio-pci open", "", "", "pool", NULL, "held open by process 7" },
  { "open group, next free", A " 1 vfio-pci open;" B AV (2), "", "", "pool", B, NULL },
  { "used by the host", A " 1 igbvf host", "", "", "pool", NULL,
    "is used by the host: its interface carries the default route" },
  { "no group", A " -1 vfio-pci", "", "", "pool", NULL, "has no IOMMU group" },
  { "a PF with VFs", PF " 1 vfio-pci pf", "", "", "pool", NULL, "has 4 VFs of its own" },
  { "a bridge as member", PORT " 1 vfio-pci bridge-member", "", "", "pool", NULL, "is a bridge" },

  /* ---- Shared groups ---- */
  { "shares with its PF", A " 1 vfio-pci;" PF " 1 igb x", "", "", "pool", NULL,
    "shares IOMMU group 1 with " PF " (driver igb)" },
  { "shares with a bridge", A " 1 vfio-pci;" PORT " 1 pcieport bridge", "", "", "pool", A, NULL },
  { "shares with vfio", A " 1 vfio-pci;" B " 1 vfio-pci x", "", "", "pool", A, NULL },
  { "shares with no driver", A " 1 vfio-pci;" B " 1 - x", "", "", "pool", NULL, "(driver none)" },
  { "shares with another's", A " 1 vfio-pci;" B " 1 vfio-pci x", "lease " B " other s active", "", "pool", NULL,
    "shares IOMMU group 1 with " B ", which is held by manual/other" },
  { "shares with own", A " 1 vfio-pci;" B " 1 igbvf x", "lease " B " me t active", "", "pool", A, NULL },
  { "shares with own quarantined", A " 1 vfio-pci;" B " 1 igbvf x", "lease " B " me t quarantined", "", "pool", NULL,
    "is quarantined" },
  { "third of three", A AV (1) ";" B AV (2) ";" C AV (3), "lease " A " x s active;lease " B " y s active", "", "pool",
    C, NULL },
  { "one of a group makes way for the other", A " 1 igbvf;" B AV (1), "", "", "pool;pool", A " " B, NULL },
  { "a group together", A " 1 igbvf;" B " 1 igbvf;" C AV (2), "", "together=yes", "pool", A "+" B, NULL },
  { "two groups together", A " 1 igbvf;" B " 1 igbvf;" C " 2 -", "", "together=yes", "pool;pool", A "+" B " " C, NULL },
  { "a group is not parted", A " 1 igbvf;" B " 1 igbvf", "", "together=yes", "pool;pool", NULL,
    "goes to another slot of this guest" },
  { "a group with another's VF", A " 1 vfio-pci;" B " 1 vfio-pci;" C AV (2), "lease " B " other s active",
    "together=yes", "pool", C, NULL },
  { "a group with another's VF only", A " 1 vfio-pci;" B " 1 vfio-pci", "lease " B " other s active", "together=yes",
    "pool", NULL, A " can only be given together with " B ", which is held by manual/other" },
  { "a group with a stranger", A " 1 igbvf;" B " 1 igbvf;" PF " 1 igb x", "", "together=yes", "pool", NULL,
    "(driver igb)" },
  { "the rest of an own group", A " 1 vfio-pci;" B " 1 vfio-pci", "lease " A " me t active", "together=yes", "pool", B,
    NULL },
  { "an address, and its group", A " 1 igbvf;" B " 1 igbvf", "", "together=yes", B, B "+" A, NULL },

  /* ---- Whole devices ---- */
  { "all functions", WHOLE, "", "", "all", "0000:05:00.0+0000:05:00.1", NULL },
  { "one function", WHOLE, "", "", "pool", "0000:05:00.0", NULL },
  { "whole devices first", WHOLE, "", "", "pool;all", "0000:06:00.0 0000:05:00.0+0000:05:00.1", NULL },
  { "part is held", WHOLE, "lease 0000:05:00.1 other s active", "", "all", "0000:06:00.0", NULL },
  { "a VF is whole", TWO, "", "", "all", A, NULL },
  { "a device in the host's hands", "0000:05:00.0 5 -;0000:05:00.1 6 ahci whole host", "", "", "all", "0000:05:00.0",
    NULL },
  { "a whole device in the host's hands", "0000:05:00.0 5 - whole;0000:05:00.1 6 ahci whole host", "", "", "all", NULL,
    "0000:05:00.0 can only be given together with 0000:05:00.1, which is used by the host" },

  /* ---- NUMA ---- */
  { "no node named", NODES, "", "numa=required", "pool", A, NULL },
  { "required", NODES, "", "numa=required", "pool@1", D, NULL },
  { "required, several nodes", NODES, "", "numa=required", "pool@1-2", D, NULL },
  { "required, none there", NODES, "", "numa=required", "pool@3", NULL,
    A " is on NUMA node 0, and the guest needs node 3 (numa=required)" },
  { "required, unknown is none", H " 4 vfio-pci", "", "numa=required", "pool@0", NULL,
    "is on no known NUMA node, and the guest needs node 0" },
  { "required, held", NODES, "lease " D " other s active", "numa=required", "pool@1", NULL, "is held by manual/other" },
  { "required, by the pool's nodes", NODES, "", "numa=required nodes=2", "pool", F, NULL },
  { "required, the guest's before the pool's", NODES, "", "numa=required nodes=2", "pool@1", D, NULL },
  { "socket", F " 3 vfio-pci P3 n2;" A " 1 vfio-pci P1 n0", "", "numa=socket", "pool@1", A, NULL },
  { "socket, node first", NODES, "", "numa=socket", "pool@1", D, NULL },
  { "socket, none there", F " 3 vfio-pci P3 n2;" H " 4 vfio-pci", "", "numa=socket", "pool@1", NULL,
    F " is on NUMA node 2, and the guest needs the socket of node 1 (numa=socket)" },
  { "socket, unknown is none", H " 4 vfio-pci", "", "numa=socket", "pool@1", NULL, "is on no known NUMA node" },
  { "preferred", NODES, "", "numa=preferred", "pool@2", F, NULL },
  { "preferred, then the socket", NODES, "lease " F " other s active", "", "pool@3", H, NULL },
  { "preferred, socket before unknown", NODES, "", "", "pool@3", F, NULL },
  { "preferred, unknown before elsewhere", A " 1 vfio-pci P1 n0;" H " 4 vfio-pci P4", "", "", "pool@2", H, NULL },
  { "preferred, elsewhere at last", A " 1 vfio-pci P1 n0", "", "", "pool@2", A, NULL },
  { "preferred before spread", A " 1 vfio-pci P1 n0;" B " 2 vfio-pci P1 n0;" D " 3 vfio-pci P2 n1",
    "lease " A " other s active", "", "pool@0", B, NULL },
  { "ignore", NODES, "", "numa=ignore", "pool@2", A, NULL },
  { "one slot for each node", NODES, "", "numa=required", "pool@1;pool@0", D " " A, NULL },
  { "who can give way does", A " 1 vfio-pci P1 n0;" D " 2 vfio-pci P2 n1", "", "numa=required", "pool@0-1;pool@0",
    D " " A, NULL },
  { "who can give way does, in a row", NODES, "", "numa=required", "pool@0-2;pool@0-1;pool@0", F " " D " " A, NULL },
  { "nobody can give way", NODES, "", "numa=required", "pool@0;pool@1;pool@0-1", NULL, "slot s2" },

  /* ---- Spread and pack ---- */
  { "spread", TWO, "lease " A " other s active", "", "pool", D, NULL },
  { "spread, two at once", TWO, "", "", "pool;pool", A " " D, NULL },
  { "spread, three at once", TWO, "", "", "pool;pool;pool", A " " B " " D, NULL },
  { "spread, quarantined weighs nothing", TWO, "lease " A " other s quarantined", "", "pool", B, NULL },
  { "spread, own VFs weigh", TWO, "lease " A " me t active", "", "pool", D, NULL },
  { "pack", TWO, "lease " D " other s active", "placement=pack", "pool", E, NULL },
  { "pack, two at once", TWO, "lease " D " other s active", "placement=pack", "pool;pool", A " " E, NULL },
  { "pack, an empty host", TWO, "", "placement=pack", "pool;pool", A " " B, NULL },
  { "pack, full", TWO, "lease " D " other s active;lease " E " other t active", "placement=pack", "pool", A, NULL },
  { "spread over ports",
    A " 1 vfio-pci P1 R1 C1;" D " 2 vfio-pci P2 R1 C1;" F " 3 vfio-pci P3 R3 C1;" G " 4 vfio-pci P3 R3 C1",
    "lease " A " other s active", "", "pool", F, NULL },
  { "spread over links", A " 1 vfio-pci P1 L1;" D " 2 vfio-pci P2 L1;" F " 3 vfio-pci P3 L3",
    "lease " A " other s active", "", "pool", F, NULL },
  { "pack on a link", A " 1 vfio-pci P1 L1;" D " 2 vfio-pci P2 L2;" F " 3 vfio-pci P3 L1", "lease " A " other s active",
    "placement=pack", "pool", F, NULL },
  { "PF before port",
    A " 1 vfio-pci P1 R1 C1;" B " 2 vfio-pci P1 R1 C1;" D " 3 vfio-pci P2 R2 C1;" F " 4 vfio-pci P3 R2 C1",
    "lease " F " other s active;lease " A " other t active", "", "pool", D, NULL },

  /* ---- Anti-affinity ---- */
  { "apart by PF", TWO, "lease " D " x s active;lease " E " y s active", "anti-affinity=pf", "pool;pool", NULL,
    B " is of the PF 0000:01:00.0, of which this guest has " A " (anti-affinity=pf)" },
  { "apart by PF, served", TWO, "", "anti-affinity=pf placement=pack", "pool;pool", A " " D, NULL },
  { "apart by PF, too few PFs", TWO, "", "anti-affinity=pf", "pool;pool;pool", NULL, "slot s2" },
  { "apart from what it has", TWO, "lease " A " me t active", "anti-affinity=pf placement=pack", "pool", D, NULL },
  { "apart from what it has, refused", A AV (1) ";" B AV (2), "lease " A " me t active", "anti-affinity=pf", "pool",
    NULL, "of which this guest has " A },
  { "not apart from other pools' VFs", A AV (1) ";" B AV (2), "lease " A " me t active san", "anti-affinity=pf", "pool",
    B, NULL },
  { "not apart from other guests'", A AV (1) ";" B AV (2), "lease " A " other t active", "anti-affinity=pf", "pool", B,
    NULL },
  { "apart by card", A " 1 vfio-pci P1 C1;" D " 2 vfio-pci P2 C1;" F " 3 vfio-pci P3 C3", "",
    "anti-affinity=card placement=pack", "pool;pool", A " " F, NULL },
  { "apart by card, one card", A " 1 vfio-pci P1 C1;" D " 2 vfio-pci P2 C1", "", "anti-affinity=card", "pool;pool",
    NULL, "is of the card card1, of which this guest has" },
  { "apart by PF on one card", A " 1 vfio-pci P1 C1;" D " 2 vfio-pci P2 C1", "", "anti-affinity=pf", "pool;pool",
    A " " D, NULL },
  { "preferably apart", TWO, "", "anti-affinity=pf-preferred placement=pack", "pool;pool", A " " D, NULL },
  { "preferably apart, not possible", A AV (1) ";" B AV (2), "", "anti-affinity=pf-preferred", "pool;pool", A " " B,
    NULL },
  { "preferably apart, as far as it goes", TWO, "", "anti-affinity=pf-preferred placement=pack", "pool;pool;pool;pool",
    A " " B " " D " " E, NULL },
  { "preferably apart by card", A " 1 vfio-pci P1 C1;" D " 2 vfio-pci P2 C1;" F " 3 vfio-pci P3 C3", "",
    "anti-affinity=card-preferred placement=pack", "pool;pool", A " " F, NULL },
  { "NUMA before preferably apart", A " 1 vfio-pci P1 n0;" B " 2 vfio-pci P1 n0;" D " 3 vfio-pci P2 n1", "",
    "anti-affinity=pf-preferred", "pool@0;pool@0", A " " B, NULL },
  { "required apart before NUMA", A " 1 vfio-pci P1 n0;" B " 2 vfio-pci P1 n0;" D " 3 vfio-pci P2 n1", "",
    "anti-affinity=pf", "pool@0;pool@0", A " " D, NULL },
  { "both required", A " 1 vfio-pci P1 n0;" B " 2 vfio-pci P1 n0;" D " 3 vfio-pci P2 n1", "",
    "anti-affinity=pf numa=required", "pool@0;pool@0", NULL, "numa=required" },

  /* ---- Stickiness ---- */
  { "sticky", TWO, "had " E " me s0", "", "pool", E, NULL },
  { "sticky, held now", TWO, "had " E " me s0;lease " E " other s active", "", "pool", A, NULL },
  { "sticky, another slot's", TWO, "had " A " me s7", "", "pool", B, NULL },
  { "what another had comes last", A AV (1) ";" B AV (2), "had " A " other s", "", "pool", B, NULL },
  { "what another had is given at last", A AV (1), "had " A " other s", "", "pool", A, NULL },
  { "spread before what another had", TWO, "had " D " other s;lease " A " x s active", "", "pool", E, NULL },
  { "load before what another had", A " 1 vfio-pci P1;" B " 2 vfio-pci P1;" D " 3 vfio-pci P2",
    "had " D " other s;lease " A " x s active", "", "pool", D, NULL },
  { "sticky is switched off", TWO, "had " E " me s0", "sticky=no", "pool", A, NULL },
  { "each slot its own", TWO, "had " E " me s0;had " A " me s1", "", "pool;pool", E " " A, NULL },
  { "not another slot's of the request", TWO, "had " A " me s1", "", "pool;pool", D " " A, NULL },
  { "two slots had the same", TWO, "had " E " me s0;had " E " me s1", "", "pool;pool", E " " A, NULL },
  { "sticky before preferred NUMA", NODES, "had " A " me s0", "", "pool@2", A, NULL },
  { "required NUMA before sticky", NODES, "had " A " me s0", "numa=required", "pool@2", F, NULL },
  { "sticky before spread", TWO, "had " B " me s0;lease " A " other s active", "", "pool", B, NULL },
  { "required apart before sticky", TWO, "had " A " me s0;had " B " me s1", "anti-affinity=pf", "pool;pool", A " " D,
    NULL },
  { "sticky before preferably apart", TWO, "had " A " me s0;had " B " me s1", "anti-affinity=pf-preferred", "pool;pool",
    A " " B, NULL },
  { "sticky, cordoned now", TWO, "had " E " me s0;cordon " E, "", "pool", A, NULL },
  { "sticky, quarantined now", TWO, "had " E " me s0;lease " E " x s quarantined", "", "pool", A, NULL },

  /* ---- Rather one than any other ---- */
  { "rather this one", TWO, "", "", "pool>" E, E, NULL },
  { "rather one that another holds", TWO, "lease " B " other s active", "", "pool>" B, D, NULL },
  { "rather one that is cordoned", TWO, "cordon " A, "", "pool>" A, B, NULL },
  { "rather one that is kept for another", TWO, "", "keep=other:" E, "pool>" E, A, NULL },
  { "rather one, of a number kept", PAIR, "lease " A " other s active", "keep=third:1", "pool>" D, NULL,
    D " is kept: of the pool's free VFs 1 are reserved for manual/third" },
  { "rather one, and enough is left", TWO, "", "keep=other:3", "pool>" E, E, NULL },
  { "rather one, with what goes with it, and enough is left", A " 1 igbvf;" B " 1 igbvf;" D " 2 vfio-pci P2", "",
    "together=yes keep=other:1", "pool>" A, A "+" B, NULL },
  { "rather one that is on the wrong node", NODES, "", "numa=required", "pool@1>" A, D, NULL },
  { "rather one of another pool", TWO, "", "", "pool>" H, A, NULL },
  { "rather before sticky", TWO, "had " A " me s0", "", "pool>" E, E, NULL },
  { "rather one that another slot needs", NODES, "", "numa=required", "pool@0-1>" D ";pool@1", A " " D, NULL },
  { "rather before another slot's any", TWO, "", "", "pool;pool>" A, D " " A, NULL },
  { "an address before rather", TWO, "", "", "pool>" A ";" A, D " " A, NULL },
  { "rather the same for two", TWO, "", "", "pool>" A ";pool>" A, A " " D, NULL },
  { "rather, with all functions", WHOLE, "", "", "all>0000:06:00.0", "0000:06:00.0", NULL },

  /* ---- Cordons ---- */
  { "cordoned", A AV (1) ";" B AV (2), "cordon " A, "", "pool", B, NULL },
  { "cordoned, none left", A AV (1), "cordon " A " cable", "", "pool", NULL, A " is cordoned (cable)" },
  { "PF cordoned", TWO, "cordon 0000:01:00.0", "", "pool", D, NULL },
  { "PF cordoned, none left", A AV (1), "cordon 0000:01:00.0 firmware", "", "pool", NULL,
    "is of the PF 0000:01:00.0, which is cordoned (firmware)" },
  { "cordoned, by address", A AV (1), "cordon " A, "", A, NULL, "cannot be given to manual/me, slot s0: " A },
  { "a cordon elsewhere", A AV (1), "cordon 0000:07:00.0", "", "pool", A, NULL },

  /* ---- Quotas and reservations ---- */
  { "within the quota", TWO, "lease " A " me t active", "quota=2", "pool", D, NULL },
  { "over the quota", TWO, "lease " A " me t active", "quota=1", "pool", NULL,
    "manual/me would have 2 VFs of pool 'lan', whose quota is 1 for each guest" },
  { "over the quota at once", TWO, "", "quota=2", "pool;pool;pool", NULL, "would have 3 VFs" },
  { "other guests' do not count", TWO, "lease " A " other t active", "quota=1", "pool", D, NULL },
  { "other pools' do not count", TWO, "lease " A " me t active san", "quota=1", "pool", D, NULL },
  { "quarantined ones do not count", TWO, "lease " A " me t quarantined", "quota=1", "pool", B, NULL },
  { "over the quota with a group", A " 1 igbvf;" B " 1 igbvf", "", "quota=1 together=yes", "pool", NULL,
    "would have 2 VFs" },
  { "over the quota by address", TWO, "lease " A " me t active", "quota=1", D, NULL, "would have 2 VFs" },
  { "kept for another", A AV (1) ";" B AV (2), "", "keep=other:" A, "pool", B, NULL },
  { "kept for another, none left", A AV (1), "", "keep=other:" A, "pool", NULL, A " is reserved for manual/other" },
  { "kept for another, by address", A AV (1), "", "keep=other:" A, A, NULL, "is reserved for manual/other" },
  { "kept for this guest", TWO, "", "keep=me:" E, "pool", E, NULL },
  { "kept before sticky", TWO, "had " A " me s0", "keep=me:" E, "pool", E, NULL },
  { "a number kept", A AV (1) ";" B AV (2), "", "keep=other:1", "pool", A, NULL },
  { "a number kept, none left", A AV (1) ";" B AV (2), "", "keep=other:2", "pool", NULL,
    "is kept: of the pool's free VFs 2 are reserved for manual/other" },
  { "the same reason once", TWO, "", "keep=other:4", "pool", NULL, A " (and 3 more) is kept: of" },
  { "a number kept, by address", A AV (1) ";" B AV (2), "", "keep=other:2", A, NULL,
    A " is kept: of the pool's free VFs 2 are reserved for manual/other" },
  { "a number kept, by address, enough left", A AV (1) ";" B AV (2), "", "keep=other:1", A, A, NULL },
  { "a number kept, two addresses", A AV (1) ";" B AV (2), "", "keep=other:1", A ";" B, NULL,
    "slot s1: " B " is kept" },
  { "a number kept, an address and the pool", A AV (1) ";" B AV (2), "", "keep=other:1", A ";pool", NULL, "slot s1" },
  { "a number kept, by address, for this guest", A AV (1), "", "keep=me:1", A, A, NULL },
  { "a number kept, this address for this guest", A AV (1) ";" B AV (2), "", "keep=other:1 keep=me:" A, A, A, NULL },
  { "a number kept, at once", A AV (1) ";" B AV (2), "", "keep=other:1", "pool;pool", NULL, "slot s1" },
  { "a number kept, it has them", A AV (1) ";" B AV (2), "lease " A " other s active", "keep=other:1", "pool", B,
    NULL },
  { "a number kept, it has some", A AV (1) ";" B AV (2), "lease " A " other s active", "keep=other:2", "pool", NULL,
    "1 are reserved for manual/other" },
  { "a number kept for this guest", A AV (1), "", "keep=me:1", "pool", A, NULL },
  { "kept for two", A AV (1) ";" B AV (2) ";" C AV (3), "", "keep=x:1 keep=y:1", "pool;pool", NULL, "and others" },

  /* ---- Pools ---- */
  { "two pools", A AV (1) ";" D " 2 vfio-pci P2 san", "", "", "pool;san", A " " D, NULL },
  { "two pools, one empty", A AV (1), "", "", "pool;san", NULL, "pool 'san' has no free VF" },
  { "pools spread each by itself",
    A " 1 vfio-pci P1;" D " 2 vfio-pci P2;" B " 3 vfio-pci P1 san;" E " 4 vfio-pci P2 san", "", "", "pool;san", A " " B,
    NULL },
  { "another pool's lease weighs", A " 1 vfio-pci P1;" D " 2 vfio-pci P2;" B " 3 vfio-pci P1 san",
    "lease " B " other s active san", "", "pool;san", NULL, "pool 'san'" },
};

/* Whether it came out as expected; else that is told. */
static gboolean
is_good (gconstpointer one) {
  const Case *c = one;
  g_autoptr (World) w = world_new (c->functions, c->facts, c->pool, c->slots);
  gboolean ok;
  g_autofree char *got = world_choose (w, &ok);

  if (ok && c->expected && strcmp (got, c->expected) == 0)
    return TRUE;
  if (!ok && !c->expected && strstr (got, c->complaint))
    return TRUE;
  print_error ("%s: %s '%s', expected '%s'\n", c->name, ok ? "chose" : "said", got,
               c->expected ? c->expected : c->complaint);
  return FALSE;
}

static void
test_cases (void **state) {
  (void)state;
  assert_all_good (cases, G_N_ELEMENTS (cases), sizeof *cases, is_good);
}

/* A refusal over a large pool stays a line that fits an error message. */
static void
test_long_refusal (void **state) {
  g_autoptr (GString) functions = g_string_new (NULL), facts = g_string_new (NULL);
  Case c = { "long", NULL, NULL, "", "pool", NULL, "and 56 more" };
  (void)state;

  for (int i = 0; i < 64; i++) {
    g_string_append_printf (functions, "%s0000:01:%02x.%d %d vfio-pci", i ? ";" : "", i / 8, i % 8, i);
    g_string_append_printf (facts, "%slease 0000:01:%02x.%d g%d s active", i ? ";" : "", i / 8, i % 8, i);
  }
  c.functions = functions->str;
  c.facts = facts->str;
  assert_true (is_good (&c));
}

int
main (void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test (test_cases), cmocka_unit_test (test_long_refusal) };

  return cmocka_run_group_tests_name ("choice", tests, NULL, NULL);
}
