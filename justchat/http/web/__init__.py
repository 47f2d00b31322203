"""The web client at ``/``: files that ``clients/web`` is built into, and what they may do in a browser."""
