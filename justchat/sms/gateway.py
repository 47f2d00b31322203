"""Any SMS gateway that speaks HTTP: URL, headers and body are templates from the configuration.

``{phone}`` and ``{text}`` are filled in, quoted for where they stand: as JSON strings in a JSON body, by percent
in a URL or a form. Success is told by the status and, where ``success_path`` is set, by a value in a JSON answer.
"""

from zope.interface import implementer

from justchat.config import Sms
from justchat.interfaces import ISmsSender
from justchat.model.phone import Phone


@implementer(ISmsSender)
class Gateway:
    def __init__(self, settings: Sms, reactor: object) -> None:
        self._settings = settings

    async def send(self, phone: Phone, text: str) -> None:
        raise NotImplementedError
