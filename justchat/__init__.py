"""JustChat: one daemon, a Klein API and an Autobahn socket over MongoDB."""
