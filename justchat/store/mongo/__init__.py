"""The client of MongoDB: commands, connections, the URI, errors."""
