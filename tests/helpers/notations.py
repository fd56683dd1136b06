"""How those who receive a text quote it: each notation as a function of the text."""

import base64
import html
import html.entities
import json
import re
from collections.abc import Callable, Mapping
from urllib.parse import quote

Notation = Callable[[str], str]

_C = dict(zip("\a\b\f\n\r\t\v", "abfnrtv", strict=True))
_CONTROL = {*range(0x20), 0x7F}


def each(write: Callable[[int], str]) -> Notation:
    """Write each byte of UTF-8 with `write`."""
    return lambda text: "".join(map(write, text.encode()))


def some(write: Callable[[str], str], letters: Mapping[str, str], *, also: str = "") -> Notation:
    """Write a backslash and a letter for those of `letters`, and with `write` what is not printable ASCII or `also`."""

    def write_one(char: str) -> str:
        if char in letters:
            return "\\" + letters[char]
        return char if " " <= char <= "~" and char not in also else write(char)

    return lambda text: "".join(map(write_one, text))


def write_utf16(form: str) -> Notation:
    """Write each unit of UTF-16, so that some characters are a pair of surrogates."""

    def write(text: str) -> str:
        data = text.encode("utf-16-be")
        return "".join(form.format(int.from_bytes(data[place : place + 2])) for place in range(0, len(data), 2))

    return write


def write_caret(byte: int) -> str:
    """Write a byte as `cat -v` shows it."""
    if byte >= 0x80:
        return "M-" + write_caret(byte - 0x80)
    return f"^{chr(byte ^ 0x40)}" if byte in _CONTROL else chr(byte)


def write_picture(char: str) -> str:
    return "\u2421" if char == "\x7f" else chr(0x2400 + ord(char)) if char < " " else char


def write_named(char: str) -> str:
    name = html.entities.codepoint2name.get(ord(char))
    return f"&{name};" if name else char


def by_character(write: Callable[[str], str]) -> Notation:
    return lambda text: "".join(map(write, text))


def write_javascript(char: str) -> str:
    """Write a character as JavaScript's escape() does."""
    if char.isascii() and char.isalnum():
        return char
    return f"%{ord(char):02X}" if ord(char) < 0x100 else write_utf16("%u{:04X}")(char)


def write_code(form: str) -> Notation:
    return by_character(lambda char: form.format(ord(char)))


_in_octal = some(each("\\{:03o}".format), _C)

# Each character for itself, whatever stands beside it.
BY_CHARACTER: dict[str, Notation] = {
    "plain": str,
    "upper case": lambda text: text.encode().upper().decode(),  # of ASCII
    "percent": lambda text: quote(text, safe=""),
    "percent, lower case": lambda text: re.sub("%..", lambda found: found[0].lower(), quote(text, safe="")),
    "percent, all of it": each("%{:02x}".format),
    "a form's": lambda text: quote(text, safe="").replace("%20", "+"),
    "JavaScript's escape": by_character(write_javascript),
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON, not ASCII": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "JSON, slashes too": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "JSON, all of it": write_utf16("\\u{:04X}"),
    "Python": by_character(lambda char: repr(char + "\"'")[1:-4]),
    "Python, ASCII": by_character(lambda char: ascii(char + "\"'")[1:-4]),
    "Python's bytes": lambda text: repr(text.encode() + b"\"'")[2:-4],
    "Python, all of it": write_code("\\U{:08x}"),
    "C": some(each("\\{:03o}".format), _C | {'"': '"', "\\": "\\"}),
    "C, all of it": each("\\{:03o}".format),
    "hexadecimal, all of it": each("\\x{:02x}".format),
    "Go": some(write_code("\\U{:08x}"), _C | {'"': '"', "\\": "\\"}),
    "Ruby": some(write_code("\\u{{{:X}}}"), _C | {"\x1b": "e", "#": "#", '"': '"', "\\": "\\"}),
    "PHP": some(each("\\{:03o}".format), _C | {"'": "'", '"': '"', "\\": "\\", "\0": "000"}),
    "Java": some(write_utf16("\\u{:04x}"), {"\n": "n", "\t": "t", ":": ":", "=": "=", "#": "#", "\\": "\\"}),
    "Perl": some(write_code("\\x{{{:x}}}"), _C | {"\x1b": "e", "$": "$", "@": "@", '"': '"', "\\": "\\"}),
    "a shell's": some(each("\\{:03o}".format), _C | {"\x1b": "E", "'": "'", "\\": "\\"}),
    "logfmt": lambda text: text.replace("\\", "\\\\").replace('"', '\\"'),
    "HTML": html.escape,
    "HTML, names": by_character(write_named),
    "HTML, all of it": write_code("&#{};"),
    "HTML, padded": write_code("&#{:06d};"),
    "HTML, hexadecimal": write_code("&#x{:X};"),
}


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


# As a whole: what a character becomes depends on its place.
AS_A_WHOLE: dict[str, Notation] = {
    "base64": in_base64,
    "base64 for URLs": lambda text: in_base64(text).translate({ord("+"): "-", ord("/"): "_", ord("="): ""}),
    "base64, at another place": lambda text: in_base64(f"x{text}y"),
    "base64, at a third place": lambda text: in_base64(f"xx{text}yy"),
    "Basic": lambda text: in_base64(f"user:{text}"),
    "base64, in lines": lambda text: base64.encodebytes(b"x" * 50 + text.encode()).decode(),
    "bytes in hexadecimal": lambda text: text.encode().hex(),
    "bytes in hexadecimal, divided": lambda text: f"({text.encode().hex(':').upper()})",
    "Node's buffers": lambda text: f"<Buffer {text.encode().hex(' ')}>",
    "bytes in C": lambda text: f"{{{', '.join(map('0x{:02x}'.format, text.encode()))}}}",
}
# All letters and digits of ASCII, in order, and nothing that is sure to be left of the rest.
LOOSELY: dict[str, Notation] = {
    "in lines": lambda text: "\n    ".join(text[place : place + 5] for place in range(0, len(text), 5)),
    "printf": lambda text: text.replace("%", "%%"),
    "CSV": lambda text: text.replace('"', '""'),
    "SQL": lambda text: text.replace("'", "''"),
    "a shell's, quoted": lambda text: text.replace("'", "'\\''"),
    "JSON, four times": lambda text: text.replace("\\", "\\" * 16).replace('"', "\\" * 15 + '"'),
    "UTF-16": by_character(lambda char: f"{char}\0"),
    "pictures": by_character(write_picture),
    "without the rest": lambda text: re.sub("[^!-~]", "", text),
    "dots for the rest": lambda text: re.sub("[^!-~]", ".", text),
}
NOTATIONS = BY_CHARACTER | AS_A_WHOLE
