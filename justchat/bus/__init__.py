"""The bus: joins several daemons on one database (contract, section 9)."""
