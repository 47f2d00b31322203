"""Records: models of which many are made.

For mypy they are frozen, as all models are. When they run nobody checks that, and they are made three times as fast:
``attrs.frozen`` sets each field past a guard of its own.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attrs import frozen as record
else:
    from functools import partial

    from attrs import define

    record = partial(define, unsafe_hash=True)

__all__ = ["record"]
