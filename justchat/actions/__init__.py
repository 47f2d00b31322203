"""What users and operators can do: one function per action. Actions know stores and adapters by their interfaces."""
