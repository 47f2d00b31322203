"""Client addresses, rate limits, and limits on connections."""
