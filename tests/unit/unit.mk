# SPDX-License-Identifier: GPL-2.0-or-later

.PHONY: check-ledger-storm
check-ledger-storm: $(B)/tests/test-ledger-power ## kill writers of the ledger for minutes (ROUNDS=2000)
	LEDGER_STORM=$(or $(ROUNDS),2000) $<
