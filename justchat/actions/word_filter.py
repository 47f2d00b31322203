"""The word filter: what becomes of a text that has a word of the operator's list."""

from attrs import define, frozen

from justchat.config.settings import WordAction
from justchat.errors import Rejected
from justchat.model.word_list import WordList


@frozen
class Judged:
    """A text as others may see it. ``is_rejected``: nobody may."""

    text: str
    is_rejected: bool = False

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
        """A text of a call that has more to check. The caller checks the result where it checks rights."""
        if self.words is None or not self.words.find(text):
            return Judged(text)
        if self.action == "mask":
            return Judged(self.words.mask(text))
        return Judged(text, is_rejected=True)

    def checked(self, text: str) -> str:
        """A text as others may see it. Raises Rejected."""
        judged = self.judge(text)
        judged.check()
        return judged.text
