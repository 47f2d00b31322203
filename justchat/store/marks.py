"""Marks: what is stored, and webhooks are to be told of, carries a mark until it is among their deliveries.

Invariant: the mark is written with the deed, in the same insert or update. So there is no deed without its mark, and no
mark without its deed, whatever crashes. ``marked_events.py`` finds marks by an index.
"""

from collections.abc import Callable, Collection

from justchat.model.entry import Entry
from justchat.model.webhook import TYPE_OF_KIND, WebhookType, is_told
from justchat.store.mongo.client import Document

MARK = "hook"
"""In the log, rooms, complaints and the ledger ``true``, in users a list of types."""


class Marks:
    """Says what is marked: what the types are about that a webhook wants."""

    def __init__(self, types: Collection[WebhookType] = ()) -> None:
        self.on_mark: Callable[[], None] = lambda: None
        """Is called whenever something is about to be stored with a mark."""
        self.change(types)

    def change(self, types: Collection[WebhookType]) -> None:
        """Mark what these types are about from now on."""
        self._types = frozenset(types)
        self.kinds = frozenset(kind for kind, type in TYPE_OF_KIND.items() if type in self._types)
        """The kinds of entries that may be marked. Empty where nobody asks for any."""

    def mark_entry(self, entry: Entry, document: Document) -> None:
        """Mark the document of an entry of one of the ``kinds``, if webhooks are told of it."""
        if is_told(entry):
            document[MARK] = True
            self.on_mark()

    def of(self, type: WebhookType) -> Document:
        """The fields with the mark of a deed of this type."""
        if type not in self._types:
            return {}
        self.on_mark()
        return {MARK: True}

    def of_user(self, type: WebhookType) -> Document:
        """The same for a user."""
        return {MARK: [type.value]} if self.of(type) else {}
