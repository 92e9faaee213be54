"""`python -m tests.perf.load`: what the service does under load and hostile clients, scenario by scenario."""
