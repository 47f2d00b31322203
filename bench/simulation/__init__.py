"""A simulation of many daemons that counts their subscriptions and packets. `python -m bench.simulation`.

The daemons' buses are fakes in one process that count packets instead of sending them. What a daemon follows, and which
node owns a stream, is decided by the daemon's own code.
"""
