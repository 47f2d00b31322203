"""`python -m bench.words`: what a word list costs a message of a hundred characters, in microseconds.

Messages are of words whose frequencies are those of a language (Zipf's law), and the list is of ten thousand words.
"""

import random
from collections.abc import Callable, Sequence
from itertools import accumulate
from string import ascii_lowercase
from time import thread_time_ns

from justchat.actions.word_filter import WordFilter
from justchat.model.word_list import Word, WordList, parse_word

LISTED = 10_000
VOCABULARY = 30_000
MESSAGES = 20_000
LENGTH = 100
CYRILLIC = "".join(map(chr, range(0x430, 0x450)))


def some_words(number: int, letters: str, seed: int) -> list[str]:
    """Words of three to ten letters."""
    chance = random.Random(seed)
    return ["".join(chance.choices(letters, k=chance.randint(3, 10))) for _ in range(number)]


def messages(vocabulary: Sequence[str], seed: int) -> list[str]:
    """Messages of LENGTH characters, with capitals and marks."""
    chance = random.Random(seed)
    weights = list(accumulate(1 / (rank + 3) for rank in range(len(vocabulary))))
    found = []
    for _ in range(MESSAGES):
        text = " ".join(chance.choices(vocabulary, cum_weights=weights, k=LENGTH // 5)).capitalize()[: LENGTH - 1]
        found.append(text + chance.choice(".!?"))
    return found


def cost(judge: Callable[[str], object], texts: Sequence[str], rounds: int = 3) -> float:
    """Microseconds a text: the best of some rounds, each over all texts."""
    took = []
    for _ in range(rounds):
        began = thread_time_ns()
        for text in texts:
            judge(text)
        took.append((thread_time_ns() - began) / len(texts) / 1000)
    return min(took)


def listed(letters: str) -> list[Word]:
    """LISTED words, a third of them with any ending. They have twelve letters, as no word of a message."""
    chance = random.Random(3)
    words = ["".join(chance.choices(letters, k=12)) for _ in range(LISTED)]
    return [parse_word(word + "*" * (number % 3 == 0)) for number, word in enumerate(words)]


def main() -> None:
    for script, letters in (("Latin", ascii_lowercase), ("Cyrillic", CYRILLIC)):
        words = WordList(listed(letters))
        texts = messages(some_words(VOCABULARY, letters, 1), 2)
        met = cost(WordFilter(words).judge, texts)
        without = cost(WordFilter().judge, texts)
        unmet = cost(WordFilter(words).judge, messages(some_words(300_000, letters, 4), 5), rounds=1)
        print(f"{script}: {met:.2f} us; {unmet:.1f} where most words are new; {without:.2f} without a list")


if __name__ == "__main__":
    main()
