"""The HTTP API: endpoints are declared once, all else follows from that."""
