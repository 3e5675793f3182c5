"""Takes out of a text what a person does not see."""

import re
import unicodedata

# Codes that a terminal obeys: cursor, colours, window titles.
_TERMINAL = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_SPINNERS = re.compile(r"[\u2800-\u28ff]")  # what a terminal shows while it waits
_ODD = re.compile(r"[^\x00-\x7f]")
_INVISIBLE = {0xFEFF, 0x200B, 0x2060}  # joiners (200C, 200D) shape letters, and stay
_LINE_ENDS = re.compile(r"\r\n?|[\u2028\u2029\x85]")
_BOXES = str.maketrans("│┃║┆┊", "|||||")


def clean(text: str) -> str:
    """Plain line ends and spaces, without byte order marks, invisible and terminal codes."""
    text = _LINE_ENDS.sub("\n", text)
    if "\x1b" in text:
        text = _SPINNERS.sub("", _TERMINAL.sub("", text))
    if text.isascii():
        return text
    odd = {ord(character) for character in set(_ODD.findall(text))}
    table = {code: None for code in odd & _INVISIBLE}
    table |= {code: " " for code in odd if unicodedata.category(chr(code)) == "Zs"}
    return text.translate(table).translate(_BOXES)


def is_escaped(text: str) -> bool:
    r"""Whether line ends are written as `\n`, as in a log."""
    is_line = "\\n" in text and "\n" not in text.strip()
    return is_line or (
        re.search(r'[{\[,]\s*\\"', text) is not None and not re.search(r'[{\[,]\s*"', text)
    )


def unescaped(text: str) -> str:
    r"""The text with `\n`, `\t` and `\"` as what they mean."""
    signs = {"n": "\n", "t": "\t", "r": "", '"': '"', "\\": "\\"}
    return re.sub(r'\\([ntr"\\])', lambda found: signs[found[1]], text.strip())


def letters(text: str) -> int:
    """How many letters and digits a text has."""
    return len(re.sub(r"[\W_]+", "", text))
