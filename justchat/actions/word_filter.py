"""The word filter: what becomes of a text that has a word of the operator's list."""

from attrs import define

from justchat.config.settings import WordAction
from justchat.errors import Rejected
from justchat.model.entry import Hold
from justchat.model.record import record
from justchat.model.word_list import WordList


@record
class Judged:
    """A text as others may see it.

    ``is_rejected``: nobody may. With a ``hold`` its author alone may, until an operator decides.
    """

    text: str
    is_rejected: bool = False
    hold: Hold | None = None

    def check(self) -> None:
        """Raises Rejected."""
        if self.is_rejected:
            raise Rejected


@define
class WordFilter:
    """Judges what users write for others to see. Without ``words`` everything may be seen.

    The words may be replaced while the daemon runs.
    """

    words: WordList | None = None
    action: WordAction = "mask"

    def judge(self, text: str) -> Judged:
        """The text of a message, which can be held. The caller checks the result where it checks rights."""
        if self.words is None or not self.words.find(text):
            return Judged(text)
        if self.action == "mask":
            return Judged(self.words.mask(text))
        return Judged(text, hold=Hold.WAITING) if self.action == "hold" else Judged(text, is_rejected=True)

    def checked(self, text: str) -> str:
        """A text that cannot be held, as others may see it. Raises Rejected."""
        judged = self.judge(text)
        judged.check()
        if judged.hold is not None:
            raise Rejected
        return judged.text
