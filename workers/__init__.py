"""The pinned worker: one process, one device, one model, one thread that steps."""
