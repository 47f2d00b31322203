"""The wire: documents, events, ``init``, close codes and the opening handshake."""
