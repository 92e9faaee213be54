"""The subcommands of `pensieve`, one a file; each reads its settings, calls the part that does it, and prints."""
