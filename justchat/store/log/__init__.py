"""The log: it decides what happens, in what order, and keeps it.

Everything that happens in a room, or is addressed to a user, is one entry of that stream, under a unique index on
(stream, seq). Inserting it is the commit.

- A stream's *head* (its state, and the seq up to which that is true) is held in memory (``heads``). A proposal asks
  the rules of the head and makes the entry ``seq + 1``. Where another daemon took that seq first, the index refuses,
  the head is caught up from the log, and the proposal is asked again.
- Appends are *group-committed* (``batch``): one batch is in flight at a time, and what arrives meanwhile leaves
  together in the next. Within a batch a proposal sees the entries before it, though they are not durable yet. So its
  answer, a refusal too, is given only when they are.
- When the connection breaks, or nothing is answered in time, a batch is *in doubt* (``in_doubt``): it may be stored
  now, later or never. The same entries are sent again until each has one outcome; the unique indexes make that
  harmless. Those whose callers have got a 503 meanwhile become void, so that nothing refused appears later.
- A durable entry is *published* to the subscribers, in the order of seq, once.

``append`` is one append and its deadline, ``reader`` the queries, and ``log`` composes the parts.
"""
