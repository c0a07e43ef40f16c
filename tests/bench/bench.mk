# SPDX-License-Identifier: GPL-2.0-or-later
#
# The bench's targets; included by the top Makefile. tests/bench/README.md tells the rest.

# How many of the cases run side by side; each is a machine of two emulated processors, mostly busy with one.
BENCH_JOBS ?= $(shell nproc)

.PHONY: bench-image bench-run check-bench crash

bench-image: ## build the image of the bench's virtual host, unless it is there
	@$(CURDIR)/tests/bench/image >&2

bench-run: bench-image ## run SCRIPT=FILE in the bench (TOPOLOGY=, MEM=, TIMEOUT=, ARGS=)
	@test -n "$(SCRIPT)" || { echo "make bench-run needs SCRIPT=FILE" >&2; exit 2; }
	@$(if $(TOPOLOGY),TOPOLOGY='$(TOPOLOGY)') $(if $(MEM),MEM='$(MEM)') $(if $(TIMEOUT),TIMEOUT='$(TIMEOUT)') \
		$(CURDIR)/tests/bench/run '$(SCRIPT)' $(ARGS)

check-bench: all bench-image ## test the bench itself, and vfpool in it (CASES= for some of tests/bench/cases)
	@$(if $(CASES),:,$(CURDIR)/tests/bench/selftest)
	@$(CURDIR)/tests/bench/check -j $(BENCH_JOBS) $(CASES)

crash: all bench-image ## kill and refuse vfpool at every system call that changes anything (hours; CRASH= options of tests/bench/crash)
	@$(CURDIR)/tests/bench/crash $(CRASH)
