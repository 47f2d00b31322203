"""Calls to other servers: the HTTP client, captchas, SMS."""
