/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One member of a pool: what it means can be written again, and ranges stay ranges however large their numbers. */
#include "config-parse.h"
#include "fuzz.h"
#include "write-config.h"

static void
check_ranges (const VfpoolMember *member) {
  for (guint i = 0; i + 1 < member->indexes->len; i += 2) {
    int first = (int)g_array_index (member->indexes, guint, i);
    int last = (int)g_array_index (member->indexes, guint, i + 1);

    g_assert_true (first >= 0 && first <= last && last <= 65535);
    g_assert_true (vfpool_member_matches (member, "0000:01:10.0", member->pf, first));
    g_assert_true (vfpool_member_matches (member, "0000:01:10.0", member->pf, last));
  }
  g_assert_false (vfpool_member_matches (member, "0000:01:10.0", member->pf, -1));
  g_assert_false (vfpool_member_matches (member, "0000:01:10.0", member->pf, 65536));
}

static void
check_again (const VfpoolMember *member) {
  g_autofree char *text = write_member (member), *second_text = NULL;
  VfpoolMember *again = vfpool_member_parse (text, NULL);

  g_assert_nonnull (again);
  second_text = write_member (again);
  g_assert_cmpstr (text, ==, second_text);
  vfpool_member_free (again);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  FuzzInput input = { data, size };
  g_autofree char *text = fuzz_take_text (&input, "\n");
  g_autoptr (GError) error = NULL;
  VfpoolMember *member;

  /* What a configuration file holds is known to be UTF-8 when its members are looked at. */
  if (!g_utf8_validate (text, -1, NULL))
    return 0;
  fuzz_memory_begin ();
  member = vfpool_member_parse (text, &error);
  fuzz_memory_end (8192 + 64 * size);
  fuzz_assert_answer (member != NULL, &error);
  if (!member)
    return 0;
  g_assert_true (!member->pf != !member->address);
  if (member->indexes)
    check_ranges (member);
  check_again (member);
  vfpool_member_free (member);
  return 0;
}
