"""Files in any encoding are read as the text that was written."""

from collections.abc import Callable

import pytest

from readers.encodings import decode
from synthcare.errors import SynthcareError
from tests.costs import TIMES_LONGER, assert_linear

WESTERN = "Name,Age\nMärta Quist,45\nRené Nuñez,33\n"
ACCENTS = "Name,Age,City\nRenée Dubois,45,Nîmes\nJosé Nuñez,33,Málaga\nJürgen Groß,52,Köln\n"
OTHERS = {
    "cp1251": "Имя,Возраст\nИван Петров,45\nМария Сидорова,33\n",
    "koi8_r": "Имя,Возраст\nИван Петров,45\nМария Сидорова,33\n",
    "cp1253": "Όνομα,Ηλικία\nΓιώργος Παπαδόπουλος,45\n",
    "shift_jis": "名前,年齢,性別\n山田太郎,45,男性\n佐藤花子,33,女性\n",
    "euc_jp": "名前,年齢,性別\n山田太郎,45,男性\n佐藤花子,33,女性\n",
    "gb18030": "姓名,年龄,性别\n王小明,45,男\n李小红,33,女\n",
    "mac_roman": ACCENTS,
    "cp850": ACCENTS,
}
WIDE = ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", *WIDE])
def test_western_text_is_read_in_every_encoding(encoding: str) -> None:
    decoded = decode(WESTERN.encode(encoding))
    assert decoded.text == WESTERN
    assert (decoded.note is None) == encoding.startswith("utf-8")


@pytest.mark.parametrize("encoding", OTHERS)
def test_other_scripts_are_recognised(encoding: str) -> None:
    decoded = decode(OTHERS[encoding].encode(encoding))
    assert (decoded.text, decoded.encoding) == (OTHERS[encoding], encoding)


def test_a_single_accent_is_western() -> None:
    decoded = decode("Name,Age\nMärta Quist,45\n".encode("cp1252"))
    assert decoded.encoding == "cp1252"
    assert "Windows-1252" in decoded.note


def test_lines_in_two_encodings_are_read_each_in_its_own() -> None:
    decoded = decode("Märta\n".encode() + "René\n".encode("cp1252") + "Zoë\n".encode())
    assert decoded.text == "Märta\nRené\nZoë\n"
    assert decoded.note == "It is in UTF-8, but some lines were read as Windows-1252: 1."


def test_a_cut_file_loses_its_last_character_only() -> None:
    decoded = decode("Märta\nZoë".encode()[:-1])
    assert (decoded.text, decoded.note) == ("Märta\nZo\ufffd", "Its last character is cut off.")
    assert decode("\ufeffabc".encode("utf-16-le")[:-1]).text == "ab\ufffd"


def test_an_encoding_that_is_named_is_used() -> None:
    czech = "Tomáš Dvořák"
    assert decode(czech.encode("cp1250"), "windows-1250").text == czech
    assert decode(b"\xef\xbb\xbfName", "utf-8").text == "Name"


@pytest.mark.parametrize(
    ("data", "encoding", "said"),
    [
        (b"PK\x03\x04\x14\x00", None, "rows.csv is no text but a ZIP archive or an Excel workbook"),
        (b"\x89PNG\r\n\x1a\n\0", None, "an image"),
        (b"PAR1\x15\x04", None, "a Parquet file"),
        (bytes(range(256)) * 20, None, "it holds NUL bytes"),
        (b"Name,Age\nA\0b,45\n" + b"Ann,45\n" * 20, None, "it holds NUL bytes"),
        (b"Name", "klingon", "There is no encoding 'klingon'"),
        (b"Name", "base64", "There is no encoding 'base64'"),
        (b"Ren\xe9,45", "utf-8", "rows.csv is not in utf-8"),
    ],
)
def test_what_is_no_text_is_refused_with_a_line_that_helps(
    data: bytes, encoding: str | None, said: str
) -> None:
    with pytest.raises(SynthcareError, match=said):
        decode(data, encoding, name="rows.csv")


@pytest.mark.parametrize(
    "written",
    [
        lambda lines: "Märta Quist,45\n".encode("cp1252") * lines,
        lambda words: "Märta Quist,45 ".encode("cp1252") * words,
        lambda pairs: ("Märta\n".encode() + "René\n".encode("cp1252")) * pairs,
        lambda letters: b"x" * letters + b"\xe9",
    ],
    ids=["lines", "one line", "alternating", "one accent"],
)
def test_a_large_file_is_read_in_linear_time(written: Callable[[int], bytes]) -> None:
    assert_linear(decode, written(20_000), written(20_000 * TIMES_LONGER))
