"""Work outside the reactor thread, in threads and child processes.

A child process answers requests over pipes: ``process`` is the daemon's side, ``child`` the other.
"""
