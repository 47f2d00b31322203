"""What is on the wire: documents, events, close codes, the opening handshake."""
