"""JustChat: one daemon, a Klein API and an Autobahn socket over MongoDB."""

__version__ = "0.3.0"
"""The version of the release. It is raised with every one, and ``CHANGES.rst`` has a section for it."""
