"""Parts that are built from the settings."""
