"""SMS senders: a gateway that speaks HTTP, or a file."""
