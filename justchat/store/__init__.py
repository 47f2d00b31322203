"""MongoDB behind interfaces. Dicts from the database do not leave this room."""
