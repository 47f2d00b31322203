"""Who a token of an issuer speaks of."""

from attrs import frozen

LONGEST_SUBJECT = 255
"""Characters (OpenID Connect Core 1.0, section 2)."""


@frozen
class Identity:
    """A user of an issuer: the claims ``iss`` and ``sub`` of a token, which together name nobody else."""

    issuer: str
    subject: str
