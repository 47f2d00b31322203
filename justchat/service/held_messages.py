"""Carries out what operators decide on held messages."""

from typing import Any

from justchat.actions.held_messages import HeldActions
from justchat.errors import ApiError
from justchat.service.lifecycle import PeriodicService

DECISIONS_EVERY = 0.5
"""Seconds between looks for decisions, each a query of a collection that is nearly always empty."""


class HeldMessageDecisions(PeriodicService):
    """Looks for decisions. Of several daemons each does: a decision is carried out once, by whoever comes first."""

    def __init__(self, held: HeldActions, reactor: Any) -> None:
        super().__init__("decisions on held messages", DECISIONS_EVERY, self._carry_out, reactor)
        self._held = held

    async def _carry_out(self) -> None:
        try:
            await self._held.carry_out()
        except ApiError:  # the database is away, which others log; the next look finds the same decisions
            return
