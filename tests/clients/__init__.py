"""Client libraries of the project, beside a daemon."""
