"""Anthropic's wire format as pure functions: no Flask, no Redis, no clock."""
