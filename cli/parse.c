/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line: which verb, which options. It knows the verbs only by their table. Values are not looked at here;
 * what they mean is the library's to say.
 */
#include "cli.h"

#include "printable.h"

#include <string.h>
#include <sys/stat.h>

/* One message for whatever is wrong with the command line: what is wrong, then, on a line of its own, how it is right. */
static void
G_GNUC_PRINTF (3, 4) set_usage_error (GError **error, const CliVerb *verb, const char *format, ...) {
  va_list args;
  g_autofree char *what = NULL;
  g_autofree char *shown = NULL;
  g_autofree char *usage = cli_usage (verb);

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  shown = printable_copy (what, 300);
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_USAGE, "%s\n%s", shown, usage);
}

static const CliOption *
find_option (const CliOption *options, const char *name) {
  for (; options && options->name; options++)
    if (strcmp (options->name, name) == 0)
      return options;
  return NULL;
}

static const CliOption *
find_any_option (const CliVerb *verb, const char *name) {
  const CliOption *option = find_option (cli_global_options, name);

  return option ? option : find_option (verb->options, name);
}

/* The verbs that begin with @word and a second one, as text for g_free(); NULL: there are none. */
static char *
list_second_words (const char *word) {
  g_autofree char *prefix = g_strconcat (word, " ", NULL);
  g_autoptr (GString) list = g_string_new (NULL);

  for (const CliVerb *verb = cli_verbs; verb->name; verb++)
    if (g_str_has_prefix (verb->name, prefix))
      g_string_append_printf (list, "%s'%s'", list->len ? ", " : "", verb->name);
  return list->len ? g_string_free (g_steal_pointer (&list), FALSE) : NULL;
}

static void
set_unknown_verb (GError **error, const char *word) {
  g_autofree char *whole = list_second_words (word);
  const char *names[32] = {};
  const char *near;
  int n = 0;

  if (whole) {
    set_usage_error (error, NULL, "'%s' needs a second word: expected one of %s", word, whole);
    return;
  }
  for (const CliVerb *verb = cli_verbs; verb->name; verb++)
    names[n++] = verb->name;
  near = cli_suggest (word, names);
  if (near)
    set_usage_error (error, NULL, "unknown verb '%s': did you mean '%s'?", word, near);
  else
    set_usage_error (error, NULL, "unknown verb '%s'", word);
}

static void
set_unknown_option (GError **error, const CliVerb *verb, const char *name) {
  const char *names[32] = {};
  const char *near;
  int n = 0;

  for (const CliOption *option = verb->options; option && option->name; option++)
    names[n++] = option->name;
  for (const CliOption *option = cli_global_options; option->name; option++)
    names[n++] = option->name;
  near = cli_suggest (name, names);
  if (near)
    set_usage_error (error, verb, "'%s' has no option --%s: did you mean --%s?", verb->name, name, near);
  else
    set_usage_error (error, verb, "'%s' has no option --%s", verb->name, name);
}

/* The index of the verb in @argv: the first word that is no option and not --root's value; or 0. */
static int
find_verb_index (int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    if (strcmp (argv[i], "--root") == 0)
      i++;
    else if (argv[i][0] != '-')
      return i;
  }
  return 0;
}

/* The verb at argv[@index]. A verb of two words has them one after the other. @n_words: (out) */
static const CliVerb *
find_verb (int argc, char **argv, int index, int *n_words) {
  g_autofree char *two = index + 1 < argc ? g_strconcat (argv[index], " ", argv[index + 1], NULL) : NULL;
  const CliVerb *verb = two ? cli_find_verb (two) : NULL;

  *n_words = verb ? 2 : 1;
  return verb ? verb : cli_find_verb (argv[index]);
}

/* Takes the option at argv[*i], and its value from there or from the next word. */
static gboolean
take_option (CliCall *self, int argc, char **argv, int *i, GError **error) {
  const char *text = argv[*i] + 2;
  const char *equals = strchr (text, '=');
  g_autofree char *name = equals ? g_strndup (text, equals - text) : g_strdup (text);
  const CliOption *option = find_any_option (self->verb, name);
  const char *value = equals ? equals + 1 : NULL;

  if (!option) {
    set_unknown_option (error, self->verb, name);
    return FALSE;
  }
  if (!option->argument && value) {
    set_usage_error (error, self->verb, "--%s takes no value, but '%s' was given", name, value);
    return FALSE;
  }
  if (option->argument && !value && *i + 1 < argc && !g_str_has_prefix (argv[*i + 1], "--"))
    value = argv[++*i];
  if (option->argument && (!value || !*value)) {
    set_usage_error (error, self->verb, "--%s needs a value: --%s %s", name, name, option->argument);
    return FALSE;
  }
  /* A flag said twice is the same flag; of two values one would have to be forgotten silently. */
  if (option->argument && g_hash_table_contains (self->values, option->name)) {
    set_usage_error (error, self->verb, "--%s was given twice", name);
    return FALSE;
  }
  g_hash_table_insert (self->values, (gpointer)option->name, g_strdup (value ? value : ""));
  return TRUE;
}

static gboolean
take_operand (CliCall *self, const char *word, GError **error) {
  g_autofree char *before = NULL;

  if (self->verb->operand && !self->operand) {
    self->operand = g_strdup (word);
  } else if (self->verb->second_operand && !self->second) {
    self->second = g_strdup (word);
  } else if (self->verb->joins_operand) {
    before = self->operand;
    self->operand = g_strconcat (before, " ", word, NULL);
  } else {
    set_usage_error (error, self->verb, "'%s' does not know what to do with '%s'", self->verb->name, word);
    return FALSE;
  }
  return TRUE;
}

/* How many of the verb's own options were given, not counting those that every verb has. */
static guint
count_own_options (const CliCall *self) {
  guint n = 0;

  for (const CliOption *option = self->verb->options; option && option->name; option++)
    n += g_hash_table_contains (self->values, option->name);
  return n;
}

static gboolean
check_required (CliCall *self, GError **error) {
  g_autofree char *problem = self->verb->find_problem ? self->verb->find_problem (self) : NULL;

  if (problem) {
    set_usage_error (error, self->verb, "%s", problem);
    return FALSE;
  }
  for (const CliOption *option = self->verb->options; option && option->name; option++) {
    if (!option->is_required || g_hash_table_contains (self->values, option->name))
      continue;
    set_usage_error (error, self->verb, "'%s' needs --%s %s", self->verb->name, option->name, option->argument);
    return FALSE;
  }
  if (self->verb->needs_one_option && count_own_options (self) != 1) {
    set_usage_error (error, self->verb, "'%s' needs exactly one of its options", self->verb->name);
    return FALSE;
  }
  if (self->verb->takes_one_option && count_own_options (self) > 1) {
    set_usage_error (error, self->verb, "'%s' takes one of its options, not several", self->verb->name);
    return FALSE;
  }
  if (self->verb->needs_operand && (!self->operand || (self->verb->second_operand && !self->second))) {
    set_usage_error (error, self->verb, "'%s' needs %s", self->verb->name,
                     self->operand ? self->verb->second_operand : self->verb->operand);
    return FALSE;
  }
  return TRUE;
}

static gboolean
parse_words (CliCall *self, int argc, char **argv, int verb_index, int n_words, GError **error) {
  for (int i = 1; i < argc; i++) {
    if (i >= verb_index && i < verb_index + n_words)
      continue;
    if (strcmp (argv[i], "-h") == 0)
      self->help = TRUE;
    else if (g_str_has_prefix (argv[i], "--") && argv[i][2]) {
      if (!take_option (self, argc, argv, &i, error))
        return FALSE;
    } else if (argv[i][0] == '-') {
      set_usage_error (error, self->verb, "'%s' has no option %s: options are written out, as --help", self->verb->name,
                       argv[i]);
      return FALSE;
    } else if (!take_operand (self, argv[i], error))
      return FALSE;
  }
  return TRUE;
}

CliCall *
cli_parse (int argc, char **argv, GError **error) {
  g_autoptr (CliCall) self = g_new0 (CliCall, 1);
  int verb_index = find_verb_index (argc, argv), n_words = 0;

  self->values = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  self->verb = verb_index ? find_verb (argc, argv, verb_index, &n_words) : &cli_verbs[0];
  if (!self->verb) {
    set_unknown_verb (error, argv[verb_index]);
    return NULL;
  }
  if (!parse_words (self, argc, argv, verb_index, n_words, error))
    return NULL;
  self->root = g_strdup (cli_call_value (self, "root"));
  self->verbose = cli_call_value (self, "verbose") != NULL;
  self->version = cli_call_value (self, "version") != NULL;
  if (cli_call_value (self, "help"))
    self->help = TRUE;
  /* `vfpool --help` is about the program, `vfpool status --help` about the verb. */
  if (self->help && !verb_index)
    self->verb = cli_find_verb ("help");
  if (!self->help && !self->version && !check_required (self, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
cli_call_free (CliCall *self) {
  if (!self)
    return;
  g_free (self->root);
  g_free (self->operand);
  g_free (self->second);
  g_clear_pointer (&self->values, g_hash_table_unref);
  g_free (self);
}

const char *
cli_call_value (const CliCall *self, const char *name) {
  return g_hash_table_lookup (self->values, name);
}

/* Whether @root is this host's own root folder, however it is written. */
static gboolean
is_own_root (const char *root) {
  struct stat given, own;

  return !root
         || (stat (root, &given) == 0 && stat ("/", &own) == 0 && given.st_dev == own.st_dev
             && given.st_ino == own.st_ino);
}

gboolean
cli_call_is_refused (const CliCall *call, unsigned euid) {
  return call->verb->needs_root && euid != 0 && is_own_root (call->root);
}
