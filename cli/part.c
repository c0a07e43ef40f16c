/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who knows a hypervisor reads its configuration and speaks to it: libvirt's hook reads the domain XML, the hookscript what
 * belongs to Proxmox VE, and one program is a client of libvirt. So a plan is made by the very program that would ask for the
 * guest, and the command needs neither libxml2 nor libvirt, which each start of it would load, nor a second reader.
 *
 * What the programs print is vfpool's own, but read as text with the type given all the same. Their stderr is the command's.
 */
#include "part.h"

#include "folders.h"
#include "vfpool.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const CliPart cli_part_hook = {
  "libvirt-hook", SYSCONFDIR "/libvirt/hooks/qemu.d/vfpool",
  "which reads a libvirt domain: install that part of vfpool, or ask with --guest and --pool"
};
const CliPart cli_part_hookscript = { "pve-hookscript", LIBEXECDIR "/pve-hookscript",
                                      "which reads a Proxmox VE virtual machine's configuration: install that part of "
                                      "vfpool, or ask with --guest and --pool" };
const CliPart cli_part_libvirt = { "vfpool-libvirt", LIBEXECDIR "/vfpool-libvirt",
                                   "which speaks to libvirt: install that part of vfpool" };

char *
cli_part_find (const CliPart *self, char **folder, GError **error) {
  g_autofree char *command = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *beside = command ? g_path_get_dirname (command) : g_strdup (".");
  g_autofree char *built = g_build_filename (beside, self->built, NULL);

  *folder = NULL;
  if (g_file_test (built, G_FILE_TEST_IS_EXECUTABLE)) {
    *folder = g_steal_pointer (&beside);
    return g_steal_pointer (&built);
  }
  if (g_file_test (self->installed, G_FILE_TEST_IS_EXECUTABLE))
    return g_strdup (self->installed);
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND, "%s is not there, %s", self->installed, self->purpose);
  return NULL;
}

/* All that comes out of @fd, which is closed. */
static char *
read_all (int fd, GError **error) {
  g_autoptr (GIOChannel) channel = g_io_channel_unix_new (fd);
  char *text = NULL;

  g_io_channel_set_close_on_unref (channel, TRUE);
  g_io_channel_set_encoding (channel, NULL, NULL);
  return g_io_channel_read_to_end (channel, &text, NULL, error) == G_IO_STATUS_NORMAL ? text : NULL;
}

/* What the program @argv prints; @status is its wait status. NULL: it could not be run. */
static char *
run (char **argv, char **environment, int input, int *status, GError **error) {
  g_autofree char *text = NULL;
  GPid pid;
  int output;

  signal (SIGCHLD, SIG_DFL); /* ignored, which is inherited, nobody could be waited for */
  if (!g_spawn_async_with_pipes_and_fds (NULL, (const char *const *)argv, (const char *const *)environment,
                                         G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, input, -1, -1, NULL, NULL, 0, &pid,
                                         NULL, &output, NULL, error))
    return NULL;
  text = read_all (output, error);
  while (waitpid (pid, status, 0) < 0 && errno == EINTR)
    ;
  g_spawn_close_pid (pid);
  return g_steal_pointer (&text);
}

static char **
environment_for (const char *folder) {
  char **environment = g_get_environ ();

  return folder ? g_environ_setenv (environment, "LD_LIBRARY_PATH", folder, TRUE) : environment;
}

GVariant *
cli_part_run (char **argv, const char *folder, int input, GError **error) {
  g_auto (GStrv) environment = environment_for (folder);
  g_autofree char *text = NULL;
  GVariant *result = NULL;
  int status = 0;

  text = run (argv, environment, input, &status, error);
  if (!text)
    return NULL;
  if (*text && !(result = g_variant_parse (G_VARIANT_TYPE_VARDICT, text, NULL, NULL, error))) {
    g_prefix_error (error, "%s printed something that vfpool does not know: ", argv[0]);
    return NULL;
  }
  if (!g_spawn_check_wait_status (status, error)) {
    g_prefix_error (error, "%s: ", argv[0]);
    return result;
  }
  return result ? result : g_variant_ref_sink (g_variant_new ("a{sv}", NULL));
}

gboolean
cli_part_pass (char **argv, const char *folder, GError **error) {
  g_auto (GStrv) environment = environment_for (folder);
  int status;

  signal (SIGCHLD, SIG_DFL);
  return g_spawn_sync (NULL, argv, environment, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status, error)
         && g_spawn_check_wait_status (status, error);
}

gboolean
cli_part_become (char **argv, const char *folder, GError **error) {
  g_auto (GStrv) environment = environment_for (folder);

  execve (argv[0], argv, environment);
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL, "%s cannot be run: %s", argv[0], g_strerror (errno));
  return FALSE;
}
