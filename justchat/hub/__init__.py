"""Delivery of events: the registry of connections, broadcast, publishing, replay, notices to absent users."""
