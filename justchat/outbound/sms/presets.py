"""The presets of ``[sms] sender``: each is the settings of one HTTP request, as its provider documents it.

Codes of failures are those of the providers' documentation. The providers' own hosts are in ``_HOSTS``; ``url`` names
another one. ``docs/sms.rst`` has a table of the presets.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from justchat.config.secrets import Secret
from justchat.config.sms import SenderKind, SmsSender

_HOSTS: Mapping[SenderKind, str] = {
    "twilio": "https://api.twilio.com",
    "twilio-verify": "https://verify.twilio.com",
    "vonage": "https://rest.nexmo.com",
    "messagebird": "https://rest.messagebird.com",
    "bird": "https://api.bird.com",
    "smsru": "https://sms.ru",
    "smsc": "https://smsc.ru",
    "telegram": "https://gatewayapi.telegram.org",
    "whatsapp": "https://graph.facebook.com",
}
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}

Made = dict[str, Any]
"""Settings of SmsSender."""


def as_http(sender: SmsSender, report: str | None = None) -> SmsSender:
    """A preset as the settings of an HTTP request; any other sender unchanged.

    ``report`` is the address for delivery reports, for the providers whose requests have it.
    """
    make = _PRESETS.get(sender.sender)
    if make is None:
        return sender
    host = (sender.url or _HOSTS[sender.sender]).rstrip("/")
    made = make(sender, report)
    made["url"] = host + made.pop("path")
    return sender.model_copy(update={"sender": "http", **made})


def _basic(sender: SmsSender) -> dict[str, str]:
    pair = f"{sender.account}:{sender.secret}".encode()
    return {"Authorization": Secret(f"Basic {b64encode(pair).decode()}")}


def _form(fields: Mapping[str, str | None], **places: str) -> Secret:
    """A form. ``places`` are fields with placeholders, which stay as they are."""
    fixed = urlencode({name: value for name, value in fields.items() if value is not None})
    return Secret("&".join([*([fixed] if fixed else []), *(f"{name}={place}" for name, place in places.items())]))


def _part(value: str | None) -> str:
    return quote(value or "", safe="")


def _twilio(sender: SmsSender, report: str | None) -> Made:
    assert sender.sender_id is not None
    # A messaging service chooses the number itself.
    source = "MessagingServiceSid" if sender.sender_id.startswith("MG") else "From"
    return {
        "path": f"/2010-04-01/Accounts/{_part(sender.account)}/Messages.json",
        "headers": {**_basic(sender), **_FORM},
        "body": _form({source: sender.sender_id, "StatusCallback": report}, To="%2B{phone}", Body="{text}"),
        "success_status": (201,),
        "success_path": "sid",
        "failure_path": "code",
        "failures": {
            "bad-number": (21211, 21217, 21610, 21614, 21635),
            "retry": (20429, 21611, 63038),
            "no-funds": (10001, 20005, 30002),
            "misconfigured": (20003, 20404, 21212, 21408, 21603, 21606, 21612, 21617, 21659, 21701, 21703),
        },
    }


def _twilio_verify(sender: SmsSender, report: str | None) -> Made:
    # With a key of our own (CustomCode), so that it is stored, checked and limited as every other key.
    return {
        "path": f"/v2/Services/{_part(sender.service)}/Verifications",
        "headers": {**_basic(sender), **_FORM},
        "body": _form({"Channel": "sms"}, To="%2B{phone}", CustomCode="{key}"),
        "success_status": (201,),
        "success_path": "status",
        "success_value": "pending",
        "failure_path": "code",
        "failures": {
            "bad-number": (21211, 21614, 60205, 60410),
            "retry": (20429, 60203, 60207),
            "no-funds": (10001, 20005),
            "misconfigured": (20003, 20404, 60200, 60204, 60223, 60605),
        },
    }


def _vonage(sender: SmsSender, report: str | None) -> Made:
    return {
        "path": "/sms/json",
        "headers": {**_basic(sender), **_FORM},
        "body": _form({"from": sender.sender_id, "type": "unicode", "callback": report}, to="{phone}", text="{text}"),
        "success_path": "messages.0.status",
        "success_value": "0",
        "failure_path": "messages.0.status",
        "failures": {
            "retry": ("1",),
            "misconfigured": ("2", "3", "4", "6", "8", "14", "15", "22", "23", "29"),
            "bad-number": ("7", "33"),
            "no-funds": ("9",),
        },
    }


def _messagebird(sender: SmsSender, report: str | None) -> Made:
    return {
        "path": "/messages",
        "headers": {"Authorization": Secret(f"AccessKey {sender.secret}"), "Accept": "application/json", **_FORM},
        "body": _form(
            {"originator": sender.sender_id, "datacoding": "auto", "reportUrl": report},
            recipients="{phone}",
            body="{text}",
        ),
        "success_status": (201,),
        "success_path": "id",
        "failure_path": "errors.0.code",
        "failures": {"misconfigured": (2, 9, 10, 20, 98), "no-funds": (25,)},
    }


def _bird(sender: SmsSender, report: str | None) -> Made:
    return {
        "path": f"/workspaces/{_part(sender.account)}/channels/{_part(sender.service)}/messages",
        "headers": {"Authorization": Secret(f"AccessKey {sender.secret}"), "Content-Type": "application/json"},
        "body": '{"receiver": {"contacts": [{"identifierValue": "+{phone}", "identifierKey": "phonenumber"}]}, '
        '"body": {"type": "text", "text": {"text": "{text}"}}}',
        "success_status": (200, 202),
        "success_path": "id",
        "failure_path": "code",
        "failures": {"misconfigured": (422,)},
    }


def _smsru(sender: SmsSender, report: str | None) -> Made:
    return {
        "path": "/sms/send",
        "headers": _FORM,
        "body": _form({"api_id": sender.secret, "json": "1", "from": sender.sender_id}, to="{phone}", msg="{text}"),
        "success_path": "sms.{phone}.status_code",
        "success_value": 100,
        # The status of the phone where there is one; that of the request where that failed as a whole.
        "failure_path": ("sms.{phone}.status_code", "status_code"),
        "failures": {
            "misconfigured": (200, 203, 204, 205, 208, 210, 211, 212, 221, 300, 301, 302, 303, 304, 305, 901, 902),
            "no-funds": (201, 206),
            "bad-number": (202, 207, 209, 213, 214),
            "retry": (220, 230, 231, 232, 233),
        },
    }


def _smsc(sender: SmsSender, report: str | None) -> Made:
    return {
        "path": "/sys/send.php",
        "headers": _FORM,
        "body": _form(
            {
                "login": sender.account,
                "psw": sender.secret,
                "fmt": "3",
                "charset": "utf-8",
                "sender": sender.sender_id,
            },
            phones="{phone}",
            mes="{text}",
        ),
        # An error may have an "id", too.
        "success_path": "cnt",
        "failure_path": "error_code",
        "failures": {"misconfigured": (1, 2, 5, 6), "no-funds": (3,), "retry": (4, 9), "bad-number": (7, 8)},
    }


def _telegram(sender: SmsSender, report: str | None) -> Made:
    fields = {"phone_number": "+{phone}", "code": "{key}"}
    if sender.sender_id is not None:
        fields["sender_username"] = sender.sender_id
    if report is not None:
        fields["callback_url"] = report
    return {
        "path": "/sendVerificationMessage",
        "headers": {"Authorization": Secret(f"Bearer {sender.secret}"), "Content-Type": "application/json"},
        "body": json.dumps(fields),
        "success_path": "ok",
        "success_value": True,
        "failure_path": "error",
        "failures": {
            "misconfigured": ("ACCESS_TOKEN_INVALID", "ACCESS_TOKEN_REQUIRED", "SENDER_NOT_VERIFIED", "CODE_INVALID"),
            "no-funds": ("BALANCE_NOT_ENOUGH",),
            "bad-number": ("PHONE_NUMBER_INVALID", "PHONE_NUMBER_NOT_FOUND", "PHONE_NUMBER_NOT_AVAILABLE"),
        },
    }


def _whatsapp(sender: SmsSender, report: str | None) -> Made:
    key = [{"type": "text", "text": "{key}"}]
    return {
        "path": f"/v23.0/{_part(sender.service)}/messages",
        "headers": {"Authorization": Secret(f"Bearer {sender.secret}"), "Content-Type": "application/json"},
        "body": json.dumps(
            {
                "messaging_product": "whatsapp",
                "recipient_type": "individual",
                "to": "{phone}",
                "type": "template",
                "template": {
                    "name": sender.template,
                    "language": {"code": sender.language},
                    "components": [
                        {"type": "body", "parameters": key},
                        {"type": "button", "sub_type": "url", "index": "0", "parameters": key},
                    ],
                },
            }
        ),
        "success_path": "messages.0.id",
        "failure_path": "error.code",
        "failures": {
            "misconfigured": (0, 3, 10, 33, 100, 190, 200, 131005, 131008, 131009, 132000, 132001, 132015, 133010),
            "no-funds": (131042,),
            "bad-number": (131021, 131026, 131030),
            "retry": (4, 80007, 130429, 131048, 131056),
        },
    }


_PRESETS: Mapping[SenderKind, Callable[[SmsSender, str | None], Made]] = {
    "twilio": _twilio,
    "twilio-verify": _twilio_verify,
    "vonage": _vonage,
    "messagebird": _messagebird,
    "bird": _bird,
    "smsru": _smsru,
    "smsc": _smsc,
    "telegram": _telegram,
    "whatsapp": _whatsapp,
}
