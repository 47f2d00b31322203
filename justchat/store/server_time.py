"""Times by the database's clock, for work that one daemon begins and another completes after a crash.

Daemons' clocks differ. By its own, a daemon that is half a minute ahead would take the present work of others for that
of dead daemons. So the time of the beginning is written as ``$$NOW``, and compared with it.
"""

from datetime import timedelta
from typing import Any

AHEAD = timedelta(hours=1)
"""What began later than this from now began before the database's clock was set back."""


def outlasted(field: str, takes: timedelta) -> dict[str, Any]:
    """The query for documents whose work, begun at the time in ``field``, takes longer than it ever does.

    MongoDB reads no index for it. Together with ``$exists`` it reads a sparse one, which has the unfinished work alone.
    """
    earliest = {"$subtract": ["$$NOW", _milliseconds(takes)]}
    latest = {"$add": ["$$NOW", _milliseconds(AHEAD)]}
    return {"$expr": {"$or": [{"$lte": [f"${field}", earliest]}, {"$gt": [f"${field}", latest]}]}}


def _milliseconds(length: timedelta) -> int:
    return int(length.total_seconds() * 1000)
