"""The word list of the settings."""

from pathlib import Path

from justchat.actions.word_filter import WordFilter
from justchat.config.settings import Settings
from justchat.config.word_file import read_words
from justchat.errors import BadFile, StartupError
from justchat.model.word_list import WordList


def load_word_list(settings: Settings) -> WordList | None:
    """The operator's words, if there are any. Raises StartupError for what is wrong with their file."""
    file = settings.moderation.words
    if file is None:
        return None
    try:
        return read_words(Path(file))
    except BadFile as error:
        raise StartupError(f"[moderation] words: {error}") from error


def make_word_filter(settings: Settings) -> WordFilter:
    """Raises StartupError as ``load_word_list``."""
    return WordFilter(load_word_list(settings), settings.moderation.action)
