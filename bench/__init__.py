"""Benchmarks: `make bench` measures the daemon and prints a table (docs/design.rst describes the measures)."""
