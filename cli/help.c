/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vfpool help`: every text here is made from the table of verbs, so that it cannot tell anything else than the parser
 * does. */
#include "cli.h"

#include <string.h>

/* Where descriptions begin in a list of names. */
#define NAME_WIDTH 22

static void
append_options (GString *text, const CliOption *options) {
  for (; options && options->name; options++) {
    g_autofree char *name = g_strdup_printf ("--%s%s%s", options->name, options->argument ? " " : "",
                                             options->argument ? options->argument : "");

    g_string_append_printf (text, "  %-*s%s\n", NAME_WIDTH, name, options->description);
  }
}

char *
cli_usage (const CliVerb *verb) {
  g_autoptr (GString) text = g_string_new ("usage: vfpool ");

  if (!verb)
    return g_strdup ("usage: vfpool [--root DIR] [--verbose] [VERB [OPTION]...]; 'vfpool help' lists the verbs");
  g_string_append (text, verb->name);
  for (const CliOption *option = verb->options; option && option->name; option++)
    g_string_append_printf (text, option->is_required ? " --%s%s%s" : " [--%s%s%s]", option->name,
                            option->argument ? " " : "", option->argument ? option->argument : "");
  if (verb->operand)
    g_string_append_printf (text, verb->needs_operand ? " %s" : " [%s]", verb->operand);
  if (verb->second_operand)
    g_string_append_printf (text, " %s", verb->second_operand);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

char *
cli_help_overview (void) {
  g_autoptr (GString) text = g_string_new (NULL);

  g_string_append (text, "vfpool hands SR-IOV virtual functions (VFs) to guests and takes them back.\n\n"
                         "usage: vfpool [--root DIR] [--verbose] [VERB [OPTION]...]\n\n"
                         "verbs:\n");
  for (const CliVerb *verb = cli_verbs; verb->name; verb++)
    g_string_append_printf (text, "  %-*s%s\n", NAME_WIDTH, verb->name, verb->summary);
  g_string_append (text, "\noptions of every verb:\n");
  append_options (text, cli_global_options);
  g_string_append (text, "\nexit status:\n"
                         "  0 done           64 wrong usage      65 a value that cannot be understood\n"
                         "  69 no free VF, in use, or not found  70 internal error or unusable ledger\n"
                         "  71 the kernel refused                74 the output could not be written\n"
                         "  73 /etc/pve is read-only, this node has no quorum\n"
                         "  75 busy, try again                   77 not permitted      78 configuration\n"
                         "\nexample:\n"
                         "  vfpool check && vfpool up\n"
                         "  vfpool acquire --guest manual/dpdk --pool lan\n"
                         "  vfpool status\n"
                         "\n'vfpool help VERB' tells more; so does vfpool(8).\n");
  return g_string_free (g_steal_pointer (&text), FALSE);
}

char *
cli_help_verb (const CliVerb *verb) {
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *usage = cli_usage (verb);
  g_auto (GStrv) lines = g_strsplit (verb->example, "\n", -1);

  g_string_append_printf (text, "vfpool %s: %s\n\n%s\n\n%s", verb->name, verb->summary, usage, verb->details);
  if (verb->options)
    g_string_append (text, "\noptions:\n");
  append_options (text, verb->options);
  g_string_append (text, "\noptions of every verb:\n");
  append_options (text, cli_global_options);
  g_string_append (text, "\nexample:\n");
  for (char **line = lines; *line && **line; line++)
    g_string_append_printf (text, "  %s\n", *line);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

gboolean
cli_help (Vfpool *vfpool G_GNUC_UNUSED, const CliCall *call, GError **error) {
  const CliVerb *verb = call->operand ? cli_find_verb (call->operand) : NULL;
  g_autofree char *text = NULL;

  if (call->operand && !verb) {
    /* The parser has the words for a verb that is none. */
    char *argv[] = { "vfpool", call->operand };
    g_autoptr (CliCall) none = cli_parse (2, argv, error);

    return FALSE;
  }
  text = verb ? cli_help_verb (verb) : cli_help_overview ();
  return cli_print (text, error);
}
