"""Every fault under load, against the whole service, with a ledger outside of it; `make chaos` runs it."""
