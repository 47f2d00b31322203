"""Settings, their types, secrets, and the files that operators write."""
