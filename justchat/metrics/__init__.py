"""Metrics: what a process counts of itself. Any part may count; ``declarations.py`` declares every metric."""
