"""Replace the names of arguments and methods in error texts of the library by those of the command's options."""

from pie_client.errors import InvalidArgumentError, ProcessError, UnsupportedError

WORDS = {
    "capture_outputs=False": "--detach",
    "call authenticate() again": "run the command again",
    "force_overwrite=True": "--force",
    "install_program": "pie-client install",
    "list_processes": "pie-client list",
    "terminate_process()": "pie-client terminate",
    "token_budget": "--token-budget",
    "raise timeout=": "raise --timeout",
    "registry_url": "the registry's URL",
    "server_uri": "the URI",
    "identity= or headers=": "--identity",
    "pass ssl= with a context that trusts it": "set SSL_CERT_FILE to the file of its certificate authority",
    "pass ssl= with": "in Python, pass ssl= with",
    ", or pass ssl=": "",
    " in ssl=": "",
    ", or pass path=": "",
    ", or raise open_timeout": "",
    ", or use transfer_file": "",
    "pass proxy=False": "set no_proxy",
    "pass proxy=": "correct them",
}
"""What the library writes, and what the command writes in its place."""


def said(error: Exception) -> str:
    """Return the text of an error with the names of the command. Texts of servers and programs stay unchanged."""
    text = str(error)
    if isinstance(error, ProcessError) and not error.advice:
        return text
    what, separator, advice = text.rpartition("; ")
    if isinstance(error, (InvalidArgumentError, UnsupportedError)):
        what, separator, advice = "", "", text
    for word, own in WORDS.items():
        advice = advice.replace(word, own)
    return f"{what}{separator}{advice}"
