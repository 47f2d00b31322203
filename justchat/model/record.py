"""``record``: the decorator of models that are created often.

For mypy they are frozen, as all models are. At run time they are not, so creating one is three times as fast:
``attrs.frozen`` bypasses its own guard for every field.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attrs import frozen as record
else:
    from functools import partial

    from attrs import define

    record = partial(define, unsafe_hash=True)

__all__ = ["record"]
