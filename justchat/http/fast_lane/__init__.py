"""A short cut for short calls.

Nearly all requests are calls: a POST with a short body to a declared path. twisted.web spends several times what such
a call itself takes. So httptools reads their heads, and the dispatcher answers them directly. All other requests are
handed to twisted.web and Klein, which serve every call too, from the same declarations.
"""
