"""The calls, one file per area of the contract."""
