"""Connections that receive events, by raw WebSocket and by Socket.IO, and their binding to sessions."""
