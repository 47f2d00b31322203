"""Socket.IO: the clients of the original, connected to the one registry."""
