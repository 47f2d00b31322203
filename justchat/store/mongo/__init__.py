"""The client of MongoDB."""
