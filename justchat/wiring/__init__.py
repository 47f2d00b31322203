"""Builds the parts from the settings: all for the daemon, fewer for justchat-admin. Nothing is started here."""
