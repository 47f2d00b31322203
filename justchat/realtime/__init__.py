"""Connections that receive events: the raw WebSocket and Socket.IO."""
