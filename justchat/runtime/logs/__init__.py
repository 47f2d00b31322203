"""The log: one line for an event, for people, for journald or for machines, and without secrets."""
