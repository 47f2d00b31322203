"""``justchat-admin sms``: counts of SMS, the addresses for delivery reports, a test."""

from argparse import Namespace
from collections import Counter

from justchat.actions.accounts import new_key
from justchat.admin.context import AdminContext
from justchat.admin.output import Outcome, table
from justchat.errors import BadFile, SmsFailed
from justchat.model.audit import Deed
from justchat.model.phone import parse_phone
from justchat.outbound.sms.reports import report_path


async def status(context: AdminContext, arguments: Namespace) -> Outcome:
    """Count the SMS of the last days by sender and outcome: what gateways answered, and what they reported later."""
    counted: Counter[tuple[str, str]] = Counter()
    for each in await context.sms_counts.latest(arguments.days):
        counted[each.sender, each.outcome] += each.count
    rows = [(sender, outcome, str(count)) for (sender, outcome), count in sorted(counted.items())]
    counts = [{"sender": sender, "outcome": outcome, "count": int(count)} for sender, outcome, count in rows]
    return Outcome(table(("SENDER", "OUTCOME", "SMS"), rows, "No SMS yet."), {"counts": counts})


async def addresses(context: AdminContext, _arguments: Namespace) -> Outcome:
    """List the addresses to which providers send delivery reports. They are secret."""
    sms = context.settings_with_secrets().sms
    if sms.report_secret is None:
        raise BadFile("[sms] report_secret is not set: delivery reports are not taken in")
    host = sms.report_url or ""
    found = {each.called: host + report_path(sms.report_secret, each.called) for each in sms.senders}
    return Outcome(table(("SENDER", "ADDRESS"), list(found.items()), ""), {"addresses": found})


async def test(context: AdminContext, arguments: Namespace) -> Outcome:
    """Send a phone an SMS with a key that opens nothing, by the senders of the settings."""
    settings = context.settings_with_secrets()
    try:
        phone = parse_phone(arguments.phone, settings.sms.region)
    except ValueError as error:
        raise BadFile(f"{arguments.phone}: {error}") from error
    await context.operating.record(Deed.TEST_SMS, None, f"to a phone that ends with {phone[-2:]}")
    key = new_key(settings.sms.key_digits)
    try:
        await context.sms_sender(settings).send(phone, settings.sms.text.replace("{key}", key), key)
    except SmsFailed as error:
        raise BadFile(f"no SMS was sent ({error.failure.value}): {error.details}") from error
    return Outcome(f"An SMS with {key} is on its way.", {"key": key})
