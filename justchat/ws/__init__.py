"""The socket: frames and the WebSocket protocol."""
