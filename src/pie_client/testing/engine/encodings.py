"""What real servers say about a text that is not base64."""

import string

from pie_client._generated import texts

ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
QUANTUM = 4
"""Symbols that go together, the last ones filled up."""
BITS = 6


def encoding_problem(text: str) -> str | None:
    """Say what is wrong with a text in the standard alphabet, which has to be filled up; None where it is right."""
    data = text.encode()
    symbols = data.rstrip(b"=")
    for offset, symbol in enumerate(symbols):
        if chr(symbol) not in ALPHABET:
            return texts.base64_invalid_symbol(symbol=symbol, offset=offset)
    used = len(symbols) % QUANTUM
    if used == 1:
        return texts.base64_invalid_length(length=len(symbols))
    if len(data) - len(symbols) != (-used) % QUANTUM:
        return texts.BASE64_INVALID_PADDING
    unused = BITS * used % 8
    if used and ALPHABET.index(chr(symbols[-1])) & ((1 << unused) - 1):
        return texts.base64_invalid_last_symbol(symbol=symbols[-1], offset=len(symbols) - 1)
    return None
