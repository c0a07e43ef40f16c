# SPDX-License-Identifier: GPL-2.0-or-later
#
# vfpool: build, test, show, install. `make help` lists the targets.
#
# Sources are found by folder: every folder below is one part (see README.md), its main.c is the program, the rest of its
# files can be tested. Everything made lies under build/.

PREFIX ?= /usr/local
DESTDIR ?=
MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)
ifeq ($(PREFIX),/usr)
LIBDIR ?= $(PREFIX)/lib$(if $(MULTIARCH),/$(MULTIARCH))
else
LIBDIR ?= $(PREFIX)/lib
endif
BINDIR ?= $(PREFIX)/sbin
LIBEXECDIR ?= $(PREFIX)/libexec/vfpool
UNITDIR ?= $(PREFIX)/lib/systemd/system
DATADIR ?= $(PREFIX)/share
SYSCONFDIR ?= /etc

VERSION := 0.1.0
SONAME := libvfpool.so.0

B := build
# Commands are shown short; V=1 shows them whole.
ifeq ($(V),)
say = @echo '  $(1)	$@';
endif
CC ?= cc
CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wno-missing-field-initializers
# What is kept from an attacker, and from a mistake of our own; tests/unit/test-hardening.c looks at the result. What not
# every compiler or processor has is asked for, each by itself.
HARDEN = -fstack-protector-strong -U_FORTIFY_SOURCE $(HARDEN_PROBED)
HARDEN_LD := -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,-z,separate-code
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1 -g

# One pkg-config call per set, and only when something is really built.
pc = $(shell pkg-config $(1) $(2))
LIB_PKGS := glib-2.0 sqlite3 libnl-3.0 libnl-route-3.0
HOOK_PKGS := glib-2.0 libxml-2.0
COMMAND_PKGS := glib-2.0 libxml-2.0 libvirt
AGENT_PKGS := glib-2.0 libxml-2.0 libvirt libvirt-glib-1.0 libsystemd
PVE_PKGS := glib-2.0 json-glib-1.0
CLI_PKGS := glib-2.0 json-glib-1.0 libpci
TEST_PKGS := $(sort $(LIB_PKGS) $(HOOK_PKGS) $(CLI_PKGS) libsystemd cmocka)
ALL_PKGS := $(sort $(LIB_PKGS) $(AGENT_PKGS) $(PVE_PKGS) $(CLI_PKGS) libkmod)

GOALS_WITHOUT_BUILD := help clean distclean deps format uninstall
ifneq ($(filter-out $(GOALS_WITHOUT_BUILD),$(or $(MAKECMDGOALS),all)),)
ifneq ($(shell pkg-config --exists $(ALL_PKGS) cmocka 2>/dev/null && echo yes),yes)
$(shell packaging/install-missing packaging/build-packages 1>&2)
endif
PKG_CFLAGS := $(call pc,--cflags,$(ALL_PKGS))
probe = $(shell echo 'int i;' | $(CC) -O2 -Werror -include stdlib.h $(1) -x c -c -o /dev/null - 2>/dev/null && echo '$(1)')
HARDEN_PROBED := $(foreach flag,-fstack-clash-protection -fcf-protection -mbranch-protection=standard \
  -ftrivial-auto-var-init=zero,$(call probe,$(flag))) \
  $(or $(call probe,-D_FORTIFY_SOURCE=3),-D_FORTIFY_SOURCE=2)
endif
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE $(CFLAGS) $(WARN) -Ilib -Icommon -Ihook -Ilibvirt-plugin -Itests/unit -I. -I$(dir $(FOLDERS)) $(PKG_CFLAGS) -DVFPOOL_VERSION='"$(VERSION)"'

# The library quotes in messages, reads lists of numbers and guesses what was meant as the programs do.
LIB_SRC := $(wildcard lib/*.c) common/nearest.c common/numbers.c common/printable.c
COMMON_SRC := $(wildcard common/*.c)
HOOK_SRC := $(wildcard hook/*.c)
# What plugs devices into a libvirt guest reads its XML as the hook does.
AGENT_SRC := $(wildcard libvirt-plugin/*.c) $(filter-out %/main.c,$(HOOK_SRC))
COMMAND_SRC := $(wildcard libvirt-command/*.c)
PVE_SRC := $(wildcard pve-hookscript/*.c)
CLI_SRC := $(wildcard cli/*.c)
TEST_SRC := $(wildcard tests/unit/test-*.c)

# What the program that speaks to libvirt shares with others: the domain's XML, the attaching, and the output.
COMMAND_PARTS := $(filter-out %/main.c,$(HOOK_SRC)) libvirt-plugin/attach.c libvirt-plugin/live-xml.c cli/output.c

# Where things will lie, for those who have to know; written anew only when it changed, because PREFIX may be another one now.
FOLDERS := $(B)/include/folders.h

obj = $(patsubst %.c,$(B)/obj/%.o,$(1))
san = $(patsubst %.c,$(B)/san/%.o,$(1))

PROGRAMS := $(if $(CLI_SRC),$(B)/vfpool) $(if $(HOOK_SRC),$(B)/libvirt-hook) \
            $(if $(AGENT_SRC),$(B)/vfpool-agent) $(if $(COMMAND_SRC),$(B)/vfpool-libvirt) \
            $(if $(PVE_SRC),$(B)/pve-hookscript)
TESTS := $(patsubst tests/unit/%.c,$(B)/tests/%,$(TEST_SRC))

FORCE:
.PHONY: FORCE all help deps install uninstall clean distclean check check-unit format
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

all: $(B)/libvfpool.so $(B)/libvfpool.pc $(PROGRAMS) ## build everything

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

deps: ## install the Debian packages that building and testing need (root)
	packaging/install-missing packaging/build-packages tests/bench/host-packages

# ---- library and programs ----

$(FOLDERS): FORCE
	@mkdir -p $(@D)
	@printf '#define %s "%s"\n' LIBEXECDIR '$(LIBEXECDIR)' SYSCONFDIR '$(SYSCONFDIR)' > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

$(B)/obj/%.o: %.c Makefile | $(FOLDERS)
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) $(HARDEN) -fPIC -MMD -MP -c -o $@ $<

$(B)/san/%.o: %.c Makefile | $(FOLDERS)
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) $(SANITIZE) -fPIC -MMD -MP -c -o $@ $<

$(B)/$(SONAME): $(call obj,$(LIB_SRC)) lib/vfpool.map
	$(call say,LINK)$(CC) -shared -o $@ $(filter %.o,$^) -Wl,-soname,$(SONAME) -Wl,--version-script=lib/vfpool.map -Wl,-z,defs \
	  -Wl,--as-needed $(HARDEN_LD) $(LDFLAGS) $(call pc,--libs,$(LIB_PKGS))

$(B)/libvfpool.so: $(B)/$(SONAME)
	ln -sf $(SONAME) $@

# Made anew each time: PREFIX may be another one now.
$(B)/libvfpool.pc: lib/libvfpool.pc.in FORCE
	@mkdir -p $(@D)
	@sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@VERSION@|$(VERSION)|' $< > $@

# link PROGRAM, its packages: every program stands on the shared library alone
link = $(call say,LINK)$(CC) -pie -o $@ $(filter %.o,$^) -L$(B) -lvfpool -Wl,-rpath-link,$(B) -Wl,--as-needed $(HARDEN_LD) $(LDFLAGS) \
       $(call pc,--libs,$(1))

$(B)/vfpool: $(call obj,$(CLI_SRC) $(COMMON_SRC)) | $(B)/libvfpool.so
	$(call link,$(CLI_PKGS))
$(B)/libvirt-hook: $(call obj,$(HOOK_SRC) $(COMMON_SRC)) | $(B)/libvfpool.so
	$(call link,$(HOOK_PKGS))
$(B)/vfpool-agent: $(call obj,$(AGENT_SRC) $(COMMON_SRC)) | $(B)/libvfpool.so
	$(call link,$(AGENT_PKGS))
$(B)/vfpool-libvirt: $(call obj,$(COMMAND_SRC) $(COMMAND_PARTS) $(COMMON_SRC)) | $(B)/libvfpool.so
	$(call link,$(COMMAND_PKGS))
$(B)/pve-hookscript: $(call obj,$(PVE_SRC) $(COMMON_SRC)) | $(B)/libvfpool.so
	$(call link,$(PVE_PKGS))

# ---- tests ----

# What a unit test is linked with: the library and all testable parts of the programs (most of the agent needs a daemon to test).
AGENT_PARTS := $(addprefix libvirt-plugin/,again.c journal.c live-xml.c trim.c watch.c worker.c)
TEST_PARTS := $(LIB_SRC) $(COMMON_SRC) $(AGENT_PARTS) $(filter-out %/main.c,$(HOOK_SRC) $(PVE_SRC) $(CLI_SRC))

TEST_HELPERS := $(filter-out $(TEST_SRC),$(wildcard tests/unit/*.c))

# Linked once, for all of them.
$(B)/tests/parts.so: $(call san,$(TEST_HELPERS) $(TEST_PARTS))
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) $(SANITIZE) -shared -o $@ $^ $(call pc,--libs,$(TEST_PKGS))

link_test = $(call say,LINK)$(CC) $(SANITIZE) -o $@ $^ -Wl,-rpath,'$$ORIGIN' $(call pc,--libs,$(TEST_PKGS))

$(B)/tests/%: $(B)/san/tests/unit/%.o $(B)/tests/parts.so
	$(link_test)

# A client of libvirt is tested with a libvirt of the tests' own (tests/unit/fake-libvirt.c), not with the library.
LIBVIRT_TEST_PARTS := $(filter-out %/main.c,$(COMMAND_SRC)) libvirt-plugin/attach.c

$(B)/tests/test-libvirt-%: $(B)/san/tests/unit/test-libvirt-%.o $(call san,$(LIBVIRT_TEST_PARTS)) $(B)/tests/parts.so
	$(link_test)

.SECONDARY:

check-unit: all $(TESTS) ## unit tests under ASan and UBSan (seconds)
	@tests/unit/run $(TESTS)

check: ## all tests: unit, then bench; the last line sums them up
	+@tests/check

# The fields whose tests run alone: by the words that their unit tests and the bench's cases have in their names.
.PHONY: check-libvirt check-pve
check-libvirt: ## the tests of all that libvirt guests need, unit and bench
	+@tests/check libvirt domain attacher agent follow live-xml

check-pve: ## the tests of all that Proxmox VE needs, unit and bench
	+@tests/check pve

# Each suite brings its own targets.
include $(wildcard tests/*/*.mk)

.PHONY: demo
demo: all bench-image ## show the main job on the bench: guests start and stop, VFs come and go
	@tests/bench/run --copy tests/bench/pve-model:/root/pve-model demo/demo.sh

# ---- measurements: ratios against floors and peers, taken side by side in one run ----

$(B)/process-time: tests/perf/process-time.c
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) -std=gnu11 -D_GNU_SOURCE -O2 $(WARN) -static -o $@ $<

.PHONY: bench
bench: all bench-image $(B)/process-time ## measure vfpool beside its floors and peers, on the bench
	@tests/bench/run --copy $(B)/process-time:/root/process-time tests/perf/acquire.sh

# ---- installation ----

INSTALL_ARGUMENTS = '$(B)' '$(DESTDIR)' BINDIR='$(BINDIR)' LIBDIR='$(LIBDIR)' LIBEXECDIR='$(LIBEXECDIR)' \
  UNITDIR='$(UNITDIR)' DATADIR='$(DATADIR)' SYSCONFDIR='$(SYSCONFDIR)' INCLUDEDIR='$(PREFIX)/include' SONAME='$(SONAME)'

install: all ## install (DESTDIR=, PREFIX=/usr/local)
	@packaging/install-files $(INSTALL_ARGUMENTS)

uninstall: ## take away what install put there, by the same PREFIX; configuration and ledger stay
	@packaging/install-files --remove $(INSTALL_ARGUMENTS)

# ---- upkeep ----

format: ## lay the sources out with clang-format
	clang-format -i $(wildcard */*.c lib/*.h common/*.h hook/*.h libvirt-plugin/*.h libvirt-command/*.h pve-hookscript/*.h cli/*.h tests/*/*.c tests/*/*.h)

clean: ## remove what was built; the bench image stays
	rm -rf $(B)/obj $(B)/san $(B)/include $(B)/fuzz/obj $(B)/fuzz/bin $(B)/tests $(B)/results $(B)/lib* $(PROGRAMS)

distclean: ## remove all of build/, the bench image too
	rm -rf $(B)

-include $(shell find $(B)/obj $(B)/san -name '*.d' 2>/dev/null)
