"""Output in encodings that lack characters, such as ASCII: similar ones replace them."""

import codecs
import sys
import unicodedata

ERRORS = "vae_keras.readable"  # the name under which `replace_unknown` is registered
SIMILAR = {
    "−": "-",
    "–": "-",
    "×": "x",
    "±": "+-",
    "≤": "<=",
    "≥": ">=",
    "→": "->",
    "…": "...",
    "“": '"',
    "”": '"',
    "’": "'",
    "ß": "ss",
}


def replace_unknown(error: UnicodeError) -> tuple[str, int]:
    """Error handler that replaces characters that an encoding lacks with similar ones or escapes.

    Reference:
        https://docs.python.org/3/library/codecs.html#codecs.register_error
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(map(_similar, text)), error.end


def _similar(character: str) -> str:
    text = SIMILAR.get(character) or unicodedata.normalize("NFKD", character)
    ascii_text = text.encode("ascii", "ignore").decode()
    if ascii_text:  # a letter without its accent
        return ascii_text
    return character.encode("ascii", "backslashreplace").decode()


def make_streams_tolerant() -> None:
    """Let stdout and stderr write any text in any encoding."""
    codecs.register_error(ERRORS, replace_unknown)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a test may have replaced it
            stream.reconfigure(errors=ERRORS)
