"""Senders of SMS."""
