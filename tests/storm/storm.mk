# SPDX-License-Identifier: GPL-2.0-or-later
#
# The storm's targets; included by the top Makefile. tests/storm/README.md tells the rest.

comma := ,
STORM_SRC := $(filter-out tests/storm/fixture-host.c,$(wildcard tests/storm/*.c))
# What is measured is put around the library's own functions by the linker; the library is the one that is installed.
STORM_WRAP := vfpool_ledger_begin sqlite3_exec sqlite3_wal_checkpoint_v2

$(B)/storm: $(call obj,$(STORM_SRC) $(LIB_SRC))
	$(call say,LINK)$(CC) -pie -o $@ $(filter %.o,$^) $(addprefix -Wl$(comma)--wrap=,$(STORM_WRAP)) $(LDFLAGS) \
	  $(call pc,--libs,$(LIB_PKGS))

$(B)/storm-fixture-host: $(call obj,tests/storm/fixture-host.c tests/unit/fixture.c tests/unit/tree.c $(LIB_SRC))
	$(call say,LINK)$(CC) -pie -o $@ $(filter %.o,$^) $(LDFLAGS) $(call pc,--libs,$(LIB_PKGS) cmocka)

.PHONY: storm
storm: all bench-image $(B)/storm $(B)/storm-fixture-host ## many guests at once, and sudden death; takes hours (ROUNDS=, LIBVIRT_ROUNDS=, GUESTS=, SEED=)
	@ROUNDS='$(ROUNDS)' LIBVIRT_ROUNDS='$(LIBVIRT_ROUNDS)' GUESTS='$(GUESTS)' SEED='$(SEED)' tests/storm/run

# One of the bench's cases runs the storm's driver.
check-bench: $(B)/storm

.PHONY: clean-storm
clean: clean-storm
clean-storm:
	rm -f $(B)/storm $(B)/storm-fixture-host
