# SPDX-License-Identifier: GPL-2.0-or-later
#
# The randomized test against a model; included by the top Makefile. tests/model/README.md tells the rest.

# The library's ways to the outside, which tests/model/wrap.c stands in for.
MODEL_WRAP := vfpool_sysfs_write vfpool_vfnet_sees vfpool_vfnet_read vfpool_vfnet_set vfpool_kmodule_load \
              vfpool_kmodule_load_for_alias vfpool_ledger_begin vfpool_ledger_commit rename g_usleep g_get_real_time \
              clock_gettime gettid

MODEL_SRC := $(wildcard tests/model/*.c)
MODEL_HELPERS := tests/unit/fixture.c tests/unit/tree.c

$(B)/tests/model: $(call san,$(MODEL_SRC) $(MODEL_HELPERS) $(LIB_SRC)) tests/model/model.mk
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) $(SANITIZE) -o $@ $(filter %.o,$^) $(addprefix -Wl$(comma)--wrap=,$(MODEL_WRAP)) \
	  $(call pc,--libs,$(LIB_PKGS) cmocka)

comma := ,

.PHONY: model check-model

model: $(B)/tests/model ## random operations against a model (OPERATIONS=20000, SEED= to replay)
	@tests/model/run $(if $(OPERATIONS),-n '$(OPERATIONS)') $(if $(SEED),-s '$(SEED)')

check-model: $(B)/tests/model ## the same, short, with one seed that is fixed and others that are new
	@tests/model/check
