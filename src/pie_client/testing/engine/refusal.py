"""Exceptions that refuse a request."""


class Refusal(Exception):  # noqa: N818 - public, and named after the reply
    """Raise it in a handler of :meth:`LocalEngine.answer` to refuse the request with this text."""

    __module__ = "pie_client.testing"


class NoReply(Exception):  # noqa: N818 - as above
    """A request that is refused without a reply."""
