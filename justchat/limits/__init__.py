"""Who calls, how often they may, and how many connections they may have."""
