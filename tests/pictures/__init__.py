"""Pictures as real people upload them: odd, and valid."""
