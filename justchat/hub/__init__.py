"""Who hears it: sessions, users, connections, and delivery to them."""
