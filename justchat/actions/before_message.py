"""The question to an app's own server before a text is stored."""

from justchat.interfaces.hooks import IBeforeMessage
from justchat.interfaces.pictures import IPictureRecords
from justchat.model.draft import Draft
from justchat.model.pictures import FOLDER, pictures_in


async def ask_before(hook: IBeforeMessage, pictures: IPictureRecords, draft: Draft) -> str:
    """The text to store. Raises Rejected."""
    text = await hook.ask(draft)
    if text != draft.text and FOLDER in text:
        await pictures.refer(pictures_in(text))
    return text
