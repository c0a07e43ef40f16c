/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "choice-fixture.h"

#include "fixture.h"

#include <stdlib.h>
#include <string.h>

static void
function_free (gpointer data) {
  VfpoolFunction *f = data;

  g_free (f->address);
  g_free (f->pf);
  g_free (f->driver);
  g_ptr_array_unref (f->mates);
  g_free (f->held_by);
  g_free (f->host_use);
  g_free (f);
}

static void
assignment_free (gpointer data) {
  VfpoolAssignment *a = data;

  g_free (a->guest_id);
  g_free (a->slot);
  g_free (a->pool);
  g_free (a->address);
  g_free (a);
}

static void
cordon_free (gpointer data) {
  VfpoolCordon *cordon = data;

  g_free (cordon->address);
  g_free (cordon->reason);
  g_free (cordon);
}

static void
reservation_free (gpointer data) {
  VfpoolReservation *reservation = data;

  g_free (reservation->guest_id);
  g_free (reservation->address);
  g_free (reservation);
}

static void
place_free (gpointer data) {
  VfpoolPlace *place = data;

  g_free (place->pf);
  g_free (place->port);
  g_free (place->card);
  g_free (place->link);
  g_free (place);
}

/* ---- Functions ---- */

static VfpoolPlace *
find_place (World *self, const char *pf, int port, int card, int link) {
  g_autofree char *port_name = g_strdup_printf ("port%d", port), *card_name = g_strdup_printf ("card%d", card),
                  *link_name = g_strdup_printf ("link%d", link);
  VfpoolPlace *place;

  for (guint i = 0; i < self->places->len; i++) {
    place = g_ptr_array_index (self->places, i);
    if (strcmp (place->pf, pf) == 0 && strcmp (place->port, port_name) == 0 && strcmp (place->card, card_name) == 0
        && strcmp (place->link, link_name) == 0)
      return place;
  }
  place = g_new0 (VfpoolPlace, 1);
  place->pf = g_strdup (pf);
  place->port = g_steal_pointer (&port_name);
  place->card = g_steal_pointer (&card_name);
  place->link = g_steal_pointer (&link_name);
  g_ptr_array_add (self->places, place);
  return place;
}

VfpoolFunction *
world_add_function (World *self, const char *address, int group, const char *driver, const char *words) {
  g_auto (GStrv) word = g_strsplit (words, " ", -1);
  VfpoolFunction *f = g_new0 (VfpoolFunction, 1);
  int pf = 1, port = -1, card = -1, link = -1;
  gboolean is_member = TRUE, is_vf = TRUE;
  GPtrArray *pool = self->lan;

  f->address = g_strdup (address);
  f->iommu_group = group;
  f->driver = strcmp (driver, "-") == 0 ? NULL : g_strdup (driver);
  f->is_on_vfio = g_strcmp0 (f->driver, "vfio-pci") == 0;
  f->numa_node = -1;
  f->numvfs = -1;
  f->mates = g_ptr_array_new ();
  for (char **w = word; *w; w++) {
    if (g_str_has_prefix (*w, "bridge"))
      f->is_bridge = TRUE;
    if (strcmp (*w, "x") == 0 || strcmp (*w, "bridge") == 0)
      is_member = FALSE;
    else if (strcmp (*w, "pf") == 0)
      f->numvfs = 4;
    else if (strcmp (*w, "open") == 0)
      f->held_by = g_strdup ("process 7 (qemu)");
    else if (strcmp (*w, "host") == 0)
      f->host_use = g_strdup ("its interface carries the default route");
    else if (strcmp (*w, "san") == 0)
      pool = self->san;
    else if (strcmp (*w, "whole") == 0)
      is_vf = FALSE;
    else if ((*w)[0] == 'n')
      f->numa_node = atoi (*w + 1);
    else if ((*w)[0] == 'P')
      pf = atoi (*w + 1);
    else if ((*w)[0] == 'R')
      port = atoi (*w + 1);
    else if ((*w)[0] == 'C')
      card = atoi (*w + 1);
    else if ((*w)[0] == 'L')
      link = atoi (*w + 1);
  }
  card = card < 0 ? pf : card;
  f->pf = is_vf ? g_strdup_printf ("0000:%02x:00.0", (guint)pf) : NULL;
  f->place = find_place (self, is_vf ? f->pf : address, port < 0 ? pf : port, card, link < 0 ? card : link);
  g_ptr_array_add (self->functions, f);
  if (is_member)
    g_ptr_array_add (pool, f);
  return f;
}

static void
add_function (World *self, const char *text) {
  g_auto (GStrv) part = g_strsplit (text, " ", 4);

  world_add_function (self, part[0], atoi (part[1]), part[2], part[3] ? part[3] : "");
}

/* ---- Facts ---- */

static void
add_lease (World *self, char **word) {
  VfpoolLease *lease = vfpool_lease_new ();

  lease->address = g_strdup (word[1]);
  lease->guest_kind = VFPOOL_GUEST_MANUAL;
  lease->guest_id = g_strdup (word[2]);
  lease->slot = g_strdup (word[3]);
  lease->pool = g_strdup (word[5] ? word[5] : "lan");
  for (int i = VFPOOL_LEASE_RESERVED; i <= VFPOOL_LEASE_QUARANTINED; i++)
    if (strcmp (vfpool_lease_state_to_string ((VfpoolLeaseState)i), word[4]) == 0)
      lease->state = (VfpoolLeaseState)i;
  g_ptr_array_add (self->leases, lease);
}

static void
add_assignment (World *self, char **word) {
  VfpoolAssignment *a = g_new0 (VfpoolAssignment, 1);

  a->guest_kind = VFPOOL_GUEST_MANUAL;
  a->address = g_strdup (word[1]);
  a->guest_id = g_strdup (word[2]);
  a->slot = g_strdup (word[3]);
  a->pool = g_strdup ("lan");
  a->seen = word[4] ? atoi (word[4]) : 0;
  g_ptr_array_add (self->assignments, a);
}

void
world_add_fact (World *self, const char *fact) {
  g_auto (GStrv) word = g_strsplit (fact, " ", 6);

  if (strcmp (word[0], "lease") == 0) {
    add_lease (self, word);
  } else if (strcmp (word[0], "had") == 0) {
    add_assignment (self, word);
  } else {
    VfpoolCordon *cordon = g_new0 (VfpoolCordon, 1);
    assert_string_equal (word[0], "cordon");
    cordon->address = g_strdup (word[1]);
    cordon->reason = g_strdup (word[2]);
    g_ptr_array_add (self->cordons, cordon);
  }
}

/* ---- Pools and slots ---- */

static void
add_reservation (VfpoolPool *pool, const char *value) {
  g_auto (GStrv) part = g_strsplit (value, ":", 2);
  VfpoolReservation *reservation = g_new0 (VfpoolReservation, 1);

  reservation->guest_kind = VFPOOL_GUEST_MANUAL;
  reservation->guest_id = g_strdup (part[0]);
  if (strchr (part[1], ':'))
    reservation->address = g_strdup (part[1]);
  else
    reservation->count = (guint)atoi (part[1]);
  g_ptr_array_add (pool->reservations, reservation);
}

static void
set_pool (VfpoolPool *pool, const char *text) {
  g_auto (GStrv) keys = g_strsplit (text, " ", -1);

  for (char **key = keys; *key; key++) {
    char *value = strchr (*key, '=') + 1;
    g_autofree char *problem = NULL, *wrong = NULL;

    value[-1] = '\0';
    if (strcmp (*key, "nodes") == 0)
      assert_non_null (pool->numa_nodes = vfpool_numbers_parse (value, &wrong));
    else if (strcmp (*key, "quota") == 0)
      pool->quota = (guint)atoi (value);
    else if (strcmp (*key, "sticky") == 0)
      pool->is_sticky = FALSE;
    else if (strcmp (*key, "together") == 0)
      pool->groups_together = TRUE;
    else if (strcmp (*key, "keep") == 0)
      add_reservation (pool, value);
    else
      assert_true (vfpool_policy_set (&pool->policy, *key, value, &problem));
  }
}

static void
init_pool (VfpoolPool *pool, const char *name, const char *text) {
  *pool = (VfpoolPool){ .name = (char *)name,
                        .policy = vfpool_policy_default,
                        .is_sticky = TRUE,
                        .file = (char *)"vfpool.conf",
                        .members = g_ptr_array_new (),
                        .reservations = g_ptr_array_new_with_free_func (reservation_free) };
  set_pool (pool, text);
}

/* Nodes 2n and 2n+1 share a socket. */
static VfpoolNumbers *
sockets_of (const VfpoolNumbers *nodes) {
  VfpoolNumbers *sockets = vfpool_numbers_new ();

  for (guint node = 0; node < 64; node++)
    if (vfpool_numbers_contain (nodes, node))
      vfpool_numbers_add (sockets, node & ~1u, node | 1u);
  return sockets;
}

static gboolean
keeps_number (const VfpoolPool *pool) {
  gboolean keeps = FALSE;

  for (guint i = 0; i < pool->reservations->len; i++)
    keeps |= ((const VfpoolReservation *)pool->reservations->pdata[i])->address == NULL;
  return keeps;
}

/* Whether @f is a candidate for a slot that asks for @address. */
static gboolean
is_asked (World *self, const VfpoolFunction *f, const char *address) {
  const VfpoolFunction *asked = NULL;

  for (guint i = 0; i < self->functions->len; i++)
    if (strcmp (((VfpoolFunction *)self->functions->pdata[i])->address, address) == 0)
      asked = self->functions->pdata[i];
  return f == asked
         || (self->pools[0].groups_together && asked && f->iommu_group == asked->iommu_group
             && g_ptr_array_find (self->lan, f, NULL));
}

void
world_add_slot (World *self, const char *text) {
  g_auto (GStrv) wish = g_strsplit (text, ">", 2), part = g_strsplit (wish[0], "@", 2);
  g_autofree char *slot = g_strdup_printf ("s%u", self->choices->len);
  gboolean is_san = strcmp (part[0], "san") == 0, is_whole = strcmp (part[0], "all") == 0,
           by_pool = is_san || is_whole || strcmp (part[0], "pool") == 0;
  VfpoolChoice choice = { .pool = &self->pools[is_san], .only_node = -1 };

  assert_true (by_pool ? vfpool_request_add_pool (self->request, slot, choice.pool->name, NULL, -1, NULL)
                       : vfpool_request_add_address (self->request, slot, part[0], NULL, -1, NULL));
  if (is_whole)
    assert_true (vfpool_request_set_all_functions (self->request, slot, NULL));
  if (wish[1])
    assert_true (vfpool_request_set_preferred (self->request, slot, wish[1], NULL));
  choice.slot = self->request->slots->pdata[self->choices->len];
  choice.policy = choice.pool->policy;
  choice.nodes = choice.pool->numa_nodes;
  if (part[1]) {
    g_autofree char *wrong = NULL;
    VfpoolNumbers *nodes = vfpool_numbers_parse (part[1], &wrong);
    g_ptr_array_add (self->sets, nodes);
    choice.nodes = nodes;
  }
  if (choice.nodes) {
    choice.sockets = sockets_of (choice.nodes);
    g_ptr_array_add (self->sets, (gpointer)choice.sockets);
  }
  choice.candidates = by_pool ? g_ptr_array_ref (is_san ? self->san : self->lan) : g_ptr_array_new ();
  for (guint i = 0; !by_pool && i < self->functions->len; i++)
    if (is_asked (self, self->functions->pdata[i], part[0]))
      g_ptr_array_add (choice.candidates, self->functions->pdata[i]);
  if (!by_pool && keeps_number (choice.pool))
    choice.members = g_ptr_array_ref (is_san ? self->san : self->lan);
  g_array_append_val (self->choices, choice);
}

static void
clear_choice (gpointer choice) {
  g_ptr_array_unref (((VfpoolChoice *)choice)->candidates);
  g_clear_pointer (&((VfpoolChoice *)choice)->members, g_ptr_array_unref);
  vfpool_choice_clear (choice);
}

static void
for_each_part (World *self, const char *text, void (*add) (World *, const char *)) {
  g_auto (GStrv) parts = g_strsplit (text, ";", -1);

  for (char **part = parts; *text && *part; part++)
    add (self, *part);
}

World *
world_new (const char *functions, const char *facts, const char *pool, const char *slots) {
  World *self = g_new0 (World, 1);

  self->functions = g_ptr_array_new_with_free_func (function_free);
  self->lan = g_ptr_array_new ();
  self->san = g_ptr_array_new ();
  self->leases = g_ptr_array_new_with_free_func ((GDestroyNotify)vfpool_lease_unref);
  self->assignments = g_ptr_array_new_with_free_func (assignment_free);
  self->cordons = g_ptr_array_new_with_free_func (cordon_free);
  self->places = g_ptr_array_new_with_free_func (place_free);
  self->sets = g_ptr_array_new_with_free_func ((GDestroyNotify)vfpool_numbers_free);
  self->choices = g_array_new (FALSE, TRUE, sizeof (VfpoolChoice));
  g_array_set_clear_func (self->choices, clear_choice);
  init_pool (&self->pools[0], "lan", pool);
  init_pool (&self->pools[1], "san", pool);
  self->request = vfpool_request_new (VFPOOL_GUEST_MANUAL, "me", NULL, NULL);
  for_each_part (self, functions, add_function);
  for_each_part (self, facts, world_add_fact);
  for_each_part (self, slots, world_add_slot);
  world_finish (self);
  return self;
}

void
world_finish (World *self) {
  g_autoptr (GHashTable) groups =
      g_hash_table_new_full (g_direct_hash, g_direct_equal, NULL, (GDestroyNotify)g_ptr_array_unref);

  for (guint i = 0; i < self->functions->len; i++) {
    VfpoolFunction *f = self->functions->pdata[i];
    GPtrArray *group = g_hash_table_lookup (groups, GINT_TO_POINTER (f->iommu_group));

    if (!group) {
      group = g_ptr_array_new ();
      g_hash_table_insert (groups, GINT_TO_POINTER (f->iommu_group), group);
    }
    g_ptr_array_add (group, f);
  }
  for (guint i = 0; i < self->functions->len; i++) {
    VfpoolFunction *f = self->functions->pdata[i];
    const GPtrArray *group = g_hash_table_lookup (groups, GINT_TO_POINTER (f->iommu_group));

    g_ptr_array_set_size (f->mates, 0);
    for (guint k = 0; f->iommu_group >= 0 && k < group->len; k++)
      if (group->pdata[k] != f)
        g_ptr_array_add (f->mates, group->pdata[k]);
  }
  g_clear_pointer (&self->by_address, g_hash_table_unref);
  self->by_address = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; i < self->functions->len; i++) {
    VfpoolFunction *f = self->functions->pdata[i];
    if (f->pf)
      g_hash_table_insert (self->by_address, f->address, (gpointer)f->place);
  }
  self->situation =
      (VfpoolSituation){ self->request, self->leases, self->assignments, self->cordons, self->by_address };
}

void
world_free (World *self) {
  if (!self)
    return;
  for (int i = 0; i < 2; i++) {
    g_ptr_array_unref (self->pools[i].members);
    g_ptr_array_unref (self->pools[i].reservations);
    vfpool_numbers_free (self->pools[i].numa_nodes);
  }
  g_hash_table_unref (self->by_address);
  g_array_unref (self->choices);
  g_ptr_array_unref (self->lan);
  g_ptr_array_unref (self->san);
  g_ptr_array_unref (self->functions);
  g_ptr_array_unref (self->leases);
  g_ptr_array_unref (self->assignments);
  g_ptr_array_unref (self->cordons);
  g_ptr_array_unref (self->places);
  g_ptr_array_unref (self->sets);
  vfpool_request_free (self->request);
  g_free (self);
}

char *
world_choose (World *self, gboolean *ok) {
  g_autoptr (GError) error = NULL;
  GString *got;

  *ok = vfpool_choose (&self->situation, self->choices, &error);
  if (!*ok)
    return g_strdup (error->message);
  got = g_string_new (NULL);
  for (guint i = 0; i < self->choices->len; i++) {
    const VfpoolChoice *choice = &g_array_index (self->choices, VfpoolChoice, i);
    g_string_append_printf (got, "%s%s", i ? " " : "", choice->chosen->address);
    for (guint k = 0; choice->with && k < choice->with->len; k++)
      g_string_append_printf (got, "+%s", ((VfpoolFunction *)choice->with->pdata[k])->address);
  }
  return g_string_free (got, FALSE);
}

void
assert_all_good (gconstpointer table, guint n, gsize size, gboolean (*is_good) (gconstpointer one)) {
  guint bad = 0;

  for (guint i = 0; i < n; i++)
    bad += !is_good ((const char *)table + i * size);
  assert_int_equal (bad, 0);
}
