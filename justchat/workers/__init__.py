"""Work in processes of their own: ``process`` is the daemon's side of the pipes, ``child`` the other."""
