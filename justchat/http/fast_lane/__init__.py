"""A short cut for plain calls, which ``[http] fast_lane = false`` turns off.

Why: nearly all requests are calls, a POST with a short body to a declared path. twisted.web and Klein spend several
times what such a call itself takes (docs/design.rst has the numbers).

How: a connection starts here. httptools reads the heads of plain calls, and the dispatcher answers them. Every other
request is handed to the Site together with its connection, which comes back after the answer. A request is not plain
if it has another method, path or version, a body that is long, chunked or announced with Expect, a field that needs
care, or a malformed head. So only the Site judges what is odd, and a call has the same answer on either path.

It uses these private names of Twisted: ``transport.protocol`` and ``transport.wrappedProtocol``, to give a connection
another protocol.
"""
