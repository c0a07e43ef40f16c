# SPDX-License-Identifier: GPL-2.0-or-later
#
# The fuzz targets; included by the top Makefile. Only what is made here needs clang; tests/fuzz/README.md tells the rest.

FUZZ_CC ?= clang
# GLib hands functions on as GDestroyNotify and the like, so their types differ by design.
FUZZ_SANITIZE := -fsanitize=address,undefined -fno-sanitize=function -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1 -g
SECONDS ?= 60

FUZZ_SRC := $(wildcard tests/fuzz/fuzz-*.c)
FUZZ_HELPERS := $(filter-out $(FUZZ_SRC),$(wildcard tests/fuzz/*.c)) tests/unit/tree.c
# What of the program that speaks to libvirt reads and writes XML, and needs no libvirt.
FUZZ_PARTS := $(TEST_PARTS) $(addprefix libvirt-command/,devices.c request-xml.c resolve-xml.c)
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,$(B)/fuzz/bin/%,$(FUZZ_SRC))
fuzz_obj = $(patsubst %.c,$(B)/fuzz/obj/%.o,$(1))

.PHONY: fuzz check-fuzz fuzz-tools

fuzz: $(FUZZ_TARGETS) ## fuzz all that vfpool parses, SECONDS=n each (60)
	@tests/fuzz/run fuzz $(SECONDS) $(FUZZ_TARGETS)

check-fuzz: $(FUZZ_TARGETS) ## replay the fuzz corpus, then fuzz for a moment
	@tests/fuzz/run check 3 $(FUZZ_TARGETS)

fuzz-tools:
	@command -v $(FUZZ_CC) > /dev/null || packaging/install-missing packaging/build-packages

$(B)/fuzz/obj/%.o: %.c Makefile tests/fuzz/fuzz.mk | fuzz-tools $(FOLDERS)
	@mkdir -p $(@D)
	$(call say,CLANG)$(FUZZ_CC) $(ALL_CFLAGS) -Wno-format-nonliteral -Wno-unused-variable $(FUZZ_SANITIZE) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

$(B)/fuzz/bin/%: $(B)/fuzz/obj/tests/fuzz/%.o $(call fuzz_obj,$(FUZZ_HELPERS) $(FUZZ_PARTS)) | fuzz-tools
	@mkdir -p $(@D)
	$(call say,LINK)$(FUZZ_CC) $(FUZZ_SANITIZE) -fsanitize=fuzzer -o $@ $^ $(call pc,--libs,$(TEST_PKGS))

-include $(shell find $(B)/fuzz/obj -name '*.d' 2>/dev/null)
