# SPDX-License-Identifier: GPL-2.0-or-later
#
# How long the choice takes; included by the top Makefile. A measurement, not a test: no limit makes it fail.

BENCH_CHOICE_SRC := $(wildcard tests/bench-choice/*.c) tests/unit/choice-fixture.c

$(B)/bench-choice: $(call obj,$(BENCH_CHOICE_SRC) $(LIB_SRC))
	$(call say,LINK)$(CC) -pie -o $@ $(filter %.o,$^) $(LDFLAGS) $(call pc,--libs,$(LIB_PKGS) cmocka)

.PHONY: bench-choice
bench-choice: $(B)/bench-choice ## measure the choice by the number of VFs (ROUNDS=200)
	@$< $(ROUNDS)

.PHONY: clean-bench-choice
clean: clean-bench-choice
clean-bench-choice:
	rm -f $(B)/bench-choice
