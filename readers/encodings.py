"""Bytes of a file as text, whatever encoding they are in."""

import codecs
import re
from dataclasses import dataclass

from charset_normalizer import from_bytes

from synthcare.errors import SynthcareError

# The mark of UTF-32 begins with that of UTF-16, so it is looked for first.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

# How files begin that are no text, and what a person does about it.
_BINARY = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook. Unpack it, or save the sheet as CSV."),
    (b"\xd0\xcf\x11\xe0", "an old Office file. Save it as CSV."),
    (b"\x1f\x8b", "packed with gzip. Unpack it."),
    (b"BZh", "packed with bzip2. Unpack it."),
    (b"\xfd7zXZ", "packed with xz. Unpack it."),
    (b"7z\xbc\xaf", "a 7z archive. Unpack it."),
    (b"\x28\xb5\x2f\xfd", "packed with zstd. Unpack it."),
    (b"PAR1", "a Parquet file. Name it .parquet, or save it as CSV."),
    (b"%PDF-", "a PDF. Copy its text into a text file."),
    (b"\x89PNG", "an image. Copy its text into a text file."),
    (b"\xff\xd8\xff", "an image. Copy its text into a text file."),
    (b"GIF8", "an image. Copy its text into a text file."),
    (b"SQLite format 3\x00", "a database. Export the table as CSV."),
)

_WINDOWS = "cp1252"
_WESTERN = [_WINDOWS, "cp1250", "cp1254", "mac_roman", "cp850"]
_OTHERS = ["cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "shift_jis", "euc_jp", "gb18030"]
_OTHERS += ["big5", "euc_kr"]

_SAMPLE_BYTES = 65_536
_FEWEST_BYTES = 16  # by which UTF-16 is recognised without its mark
_CLEARLY_BETTER = 0.02  # in disorder, from 0 to 1, before something else than Windows-1252 is taken
_MOSTLY_FOREIGN = 0.3  # of the letters; accents are fewer in every Western language

_NAMES = {
    "cp1252": "Windows-1252",
    "cp1250": "Windows-1250",
    "cp1251": "Windows-1251",
    "cp1253": "Windows-1253",
    "cp1254": "Windows-1254",
    "cp1255": "Windows-1255",
    "cp1256": "Windows-1256",
    "mac_roman": "Mac Roman",
    "cp850": "code page 850",
}


@dataclass(frozen=True)
class Decoded:
    """Text, the encoding it was in, and what to tell where that was not simply UTF-8."""

    text: str
    encoding: str
    note: str | None


def decode(data: bytes, encoding: str | None = None, *, name: str = "The file") -> Decoded:
    """Text of `data`: by `encoding`, else by its mark, else by what it must be.

    Raises SynthcareError, which calls the data `name`, for data that are no text and for an
    encoding that is unknown or does not fit.
    """
    for start, what in _BINARY:
        if data.startswith(start):
            raise SynthcareError(f"{name} is no text but {what}")
    decoded = _as_told(data, encoding, name) if encoding else _recognised(data)
    if "\0" in decoded.text:
        raise SynthcareError(f"{name} is no text: it holds NUL bytes. Save it as text in UTF-8.")
    return decoded


def _as_told(data: bytes, encoding: str, name: str) -> Decoded:
    try:
        text = data.decode(encoding)
    except LookupError as error:
        raise SynthcareError(
            f"There is no encoding '{encoding}'. Names are like utf-8, utf-16, cp1252, shift_jis."
        ) from error
    except (ValueError, TypeError) as error:
        raise SynthcareError(
            f"{name} is not in {encoding}: {error}. Leave the encoding out to have it recognised."
        ) from error
    return Decoded(text.removeprefix("\ufeff"), codecs.lookup(encoding).name, None)


def _recognised(data: bytes) -> Decoded:
    mark, marked = next((m for m in _MARKS if data.startswith(m[0])), (b"", "utf-8"))
    data = data[len(mark) :]
    if marked == "utf-8":
        try:
            # UTF-16 in Latin letters is UTF-8 too, with a NUL for every other character.
            if b"\0" not in data:
                return Decoded(data.decode(), "utf-8", None)
        except UnicodeDecodeError as error:
            return _cut_off(data, error) or _mixed(data) or _guessed(data)
        marked = _wide(data)
    text = data.decode(marked, "replace")
    return Decoded(text, marked, f"It was read as {marked.upper()}.{_damage(text)}")


def _wide(data: bytes) -> str:
    """Which of UTF-16 and UTF-32 data without a mark are in, by where their zeros stand."""
    sample = data[:_SAMPLE_BYTES]
    if len(sample) < _FEWEST_BYTES:
        return "utf-8"
    zeros = [sample[place::4].count(0) / (len(sample) / 4) for place in range(4)]
    first, last = zeros[0] + zeros[2], zeros[1] + zeros[3]
    if sum(zeros) > 2.5:  # noqa: PLR2004 (of 4)
        return "utf-32-be" if zeros[0] > zeros[3] else "utf-32-le"
    # Lines and digits have zeros in every script; a NUL or two elsewhere make no UTF-16.
    if max(first, last) > 0.2 and min(first, last) < max(first, last) / 4:  # noqa: PLR2004
        return "utf-16-be" if first > last else "utf-16-le"
    return "utf-8"


def _cut_off(data: bytes, error: UnicodeDecodeError) -> Decoded | None:
    """UTF-8 whose last character is not whole; None where anything else is wrong with it."""
    if error.reason != "unexpected end of data" or data[: error.start].isascii():
        return None
    return Decoded(data.decode(errors="replace"), "utf-8", "Its last character is cut off.")


def _mixed(data: bytes) -> Decoded | None:
    """Text whose lines are in UTF-8 and in Windows-1252 by turns; None where none is in UTF-8."""
    lines, foreign, is_utf8 = [], 0, False
    for line in data.split(b"\n"):
        try:
            lines.append(line.decode())
            is_utf8 = is_utf8 or not line.isascii()
        except UnicodeDecodeError:
            foreign += 1
            lines.append(line.decode(_WINDOWS, "replace"))
    if not is_utf8:
        return None
    text = "\n".join(lines)
    note = f"It is in UTF-8, but some lines were read as Windows-1252: {foreign:,}."
    return Decoded(text, "utf-8", note + _damage(text))


def _guessed(data: bytes) -> Decoded:
    encoding = _guess(data)
    text = data.decode(encoding, "replace")
    called = _NAMES.get(encoding, encoding)
    note = f"It is not in UTF-8 and was read as {called}. If its accents are wrong, use --encoding."
    return Decoded(text, encoding, note + _damage(text))


def _guess(data: bytes) -> str:
    """The encoding of text that is not in UTF-8, from its lines that show it."""
    sample = b""
    for line in data.split(b"\n"):
        if not line.isascii():
            sample += line[:_SAMPLE_BYTES] + b"\n"
        if len(sample) > _SAMPLE_BYTES:
            break
    foreign = len(re.findall(rb"[\x80-\xff]", sample))
    is_western = foreign < _MOSTLY_FOREIGN * len(re.findall(rb"[A-Za-z\x80-\xff]", sample))
    matches = from_bytes(sample, cp_isolation=_WESTERN if is_western else [*_OTHERS, _WINDOWS])
    best = matches.best()
    if best is None:
        return _WINDOWS
    # Equal texts are one match; a few accents look like Central European as much as like Western.
    windows = [m.chaos for m in matches if _WINDOWS in m.could_be_from_charset]
    if is_western and windows and windows[0] <= best.chaos + _CLEARLY_BETTER:
        return _WINDOWS
    return best.encoding


def _damage(text: str) -> str:
    damaged = text.count("\ufffd")
    return f" {damaged:,} characters could not be read and are \ufffd." if damaged else ""
