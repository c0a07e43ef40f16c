/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The `vfpool` command: a table of verbs, a file a verb. Each verb is a thin caller of libvfpool: it turns its options
 * into a request and the answer into text. What a verb is called, takes and is good for stands in its CliVerb alone;
 * the parser, the help texts and the suggestions ("did you mean") are all made from that.
 *
 * Results go to stdout, one write at the end, checked; everything else goes to stderr.
 */
#pragma once

#include "vfpool.h"

typedef struct _CliVerb CliVerb;
typedef struct _CliCall CliCall;

/* An option: --NAME, or --NAME ARGUMENT when @argument is set. */
typedef struct {
  const char *name;
  const char *argument; /* nullable: a flag */
  const char *description;
  gboolean is_required;
} CliOption;

/*
 * @vfpool: an open library, or NULL for a verb that does not need one
 * Returns: FALSE with the error that ends the program.
 */
typedef gboolean (*CliVerbFunc) (Vfpool *vfpool, const CliCall *call, GError **error);

struct _CliVerb {
  const char *name; /* one word, or two with a blank between them */
  CliVerbFunc function;
  const char *summary;        /* one line, for the list of verbs */
  const char *details;        /* paragraphs for `vfpool help VERB`, each line ending in a line feed */
  const char *example;        /* lines to type, each ending in a line feed */
  const CliOption *options;   /* nullable; ends with a NULL name */
  const char *operand;        /* nullable: what the one word after the verb is; it may be left out */
  const char *second_operand; /* nullable: the same of one more word */
  gboolean needs_operand;     /* they may not */
  gboolean joins_operand;     /* all further words belong to it */
  gboolean needs_one_option;  /* exactly one of its options has to be given */
  gboolean takes_one_option;  /* one of its options may be given, and no more */
  /* (nullable): what is wrong with the options of @call taken together, in a sentence for g_free(); NULL: nothing */
  char *(*find_problem) (const CliCall *call);
  gboolean needs_library;
  gboolean needs_root; /* it changes devices or the ledger */
};

/* A command line, understood. */
struct _CliCall {
  const CliVerb *verb;
  char *root;         /* nullable */
  char *operand;      /* nullable */
  char *second;       /* nullable: the second operand */
  GHashTable *values; /* option name -> value ("" for a flag) */
  gboolean verbose;
  gboolean help;
  gboolean version;
};

/* The table, in the order in which help shows it; ends with a NULL name. The first is what no verb at all means. */
extern const CliVerb cli_verbs[];
extern const CliOption cli_global_options[];

const CliVerb *cli_find_verb (const char *name);

/**
 * cli_run: all of the program but main().
 *
 * Returns: the exit status after sysexits(3).
 */
int cli_run (int argc, char **argv);

/**
 * cli_parse:
 * @argv: the command line; argv[0] is passed over
 *
 * Options may stand before or after the verb, as `--name value` or `--name=value`. @error's message may have a second
 * line: the right usage.
 *
 * Returns: (transfer full): for cli_call_free(), or NULL: VFPOOL_ERROR_USAGE.
 */
CliCall *cli_parse (int argc, char **argv, GError **error);
void cli_call_free (CliCall *self);

/* The value of --@name, "" for a flag that was given, or NULL. */
const char *cli_call_value (const CliCall *self, const char *name);

/* Whether @call needs root and the user @euid is not: with another root folder nothing of this host is touched. */
gboolean cli_call_is_refused (const CliCall *call, unsigned euid);

/* An open library for @call, whose messages go to stderr; NULL: as vfpool_open(). */
Vfpool *cli_open (const CliCall *call, GError **error);

/* Help, as text for g_free(): of the program, of a verb, and a verb's usage in one line without a line feed. */
char *cli_help_overview (void);
char *cli_help_verb (const CliVerb *verb);
char *cli_usage (const CliVerb *verb);

/* Returns: (nullable) (transfer none): which of @candidates (ends with NULL) @text was probably meant to be. */
const char *cli_suggest (const char *text, const char *const *candidates);

/* The error domain of the command itself; its one code ends the program with EX_IOERR. */
#define CLI_OUTPUT_ERROR (cli_output_error_quark ())
GQuark cli_output_error_quark (void);

/* Writes all of @text to @fd. Returns: FALSE with CLI_OUTPUT_ERROR when not all of it could be written. */
gboolean cli_write (int fd, const char *text, GError **error);
/* The same to stdout. */
gboolean cli_print (const char *text, GError **error);

/* The exit status for @error (nullable). One in G_SPAWN_EXIT_ERROR is of a program that has told already what is wrong. */
int cli_exit_status (const GError *error);

/* The verbs, a file each. */
gboolean cli_status (Vfpool *vfpool, const CliCall *call, GError **error);
gboolean cli_plan (Vfpool *vfpool, const CliCall *call, GError **error);
gboolean cli_acquire (Vfpool *vfpool, const CliCall *call, GError **error);
gboolean cli_release (Vfpool *vfpool, const CliCall *call, GError **error);
gboolean cli_reconcile (Vfpool *vfpool, const CliCall *call, GError **error);
gboolean cli_cordon (Vfpool *vfpool, const CliCall *call, GError **error);
gboolean cli_uncordon (Vfpool *vfpool, const CliCall *call, GError **error);
gboolean cli_forget (Vfpool *vfpool, const CliCall *call, GError **error);
gboolean cli_check (Vfpool *vfpool, const CliCall *call, GError **error);
gboolean cli_up (Vfpool *vfpool, const CliCall *call, GError **error);
gboolean cli_pve_mapping (Vfpool *vfpool, const CliCall *call, GError **error);
gboolean cli_help (Vfpool *vfpool, const CliCall *call, GError **error);
/* Those that are done by the program that speaks to libvirt, and one that shows what that program tells. */
gboolean cli_libvirt (Vfpool *vfpool, const CliCall *call, GError **error);
gboolean cli_request_list (Vfpool *vfpool, const CliCall *call, GError **error);

extern const CliOption cli_status_options[], cli_release_options[], cli_cordon_options[], cli_forget_options[],
    cli_pve_mapping_options[];

/* The options of a verb that asks for VFs. */
extern const CliOption cli_request_options[], cli_plan_options[];

extern const CliOption cli_attach_options[], cli_detach_options[], cli_request_add_options[],
    cli_request_list_options[];

char *cli_plan_find_problem (const CliCall *call);
char *cli_libvirt_find_problem (const CliCall *call);

/**
 * cli_request_new: what the options of @call ask for.
 * @call: of a verb that has the CLI_REQUEST_OPTIONS, with --guest and --pool given
 *
 * Returns: (transfer full): for vfpool_request_free(), or NULL: VFPOOL_ERROR_BAD_INPUT.
 */
VfpoolRequest *cli_request_new (const CliCall *call, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliCall, cli_call_free)
