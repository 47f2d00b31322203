"""Counts of SMS, by day, sender and outcome."""

from attrs import frozen

from justchat.model.moment import Moment

ACCEPTED = "accepted"
"""The gateway took the SMS. Other outcomes of a request are the values of SmsFailure."""
DELIVERED, UNDELIVERED = "delivered", "undelivered"
"""What delivery reports say."""


@frozen
class SmsCount:
    """How many SMS of a sender had an outcome on a day (UTC)."""

    day: Moment
    sender: str
    outcome: str
    count: int
