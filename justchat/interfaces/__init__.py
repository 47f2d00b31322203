"""What actions and adapters ask of each other, as zope interfaces: one file per subject."""
