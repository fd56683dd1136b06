r"""Escapes text from strangers, so that it is safe to show on a terminal and on one line.

`str.isprintable` is false for control characters (C0 and C1), for format characters, which reorder or join text
(U+202E, U+200B, U+200F, U+061C, U+FEFF), for line separators, spaces other than " ", lone surrogates and unassigned
code points. It is true for some letters and marks that are invisible. These are listed here.
"""

import re

# Printable to Python, and Default_Ignorable_Code_Point to Unicode; U+2800 is a blank of Braille. This is text: `re`
# compiles it when it is first used.
_SHAPELESS = r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"


def escape(text: str, *, keep: str = "") -> str:
    r"""Return `text` with all characters escaped that could mislead a terminal or reader: ESC as \x1b, a newline as \n.

    The characters in `keep` stay as they are.
    """
    if text.isascii():
        if text.isprintable():
            return text
    elif text.isprintable() and not re.search(_SHAPELESS, text):
        return text
    return "".join(char if char in keep or _is_safe(char) else _write_out(char) for char in text)


def _is_safe(char: str) -> bool:
    return char.isprintable() and not re.match(_SHAPELESS, char)


def _write_out(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
