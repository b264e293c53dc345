"""Exceptions that end a request without carrying it out."""


class Refusal(Exception):  # noqa: N818 - public, and named after the reply
    """Raise it in a handler of :meth:`LocalEngine.answer` to refuse the request with this text."""

    __module__ = "pie_client.testing"


class Unanswered(Exception):  # noqa: N818 - as above
    """A request that is neither carried out nor answered."""
