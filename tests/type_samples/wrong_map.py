"""Errors in calls of ``client.map`` that checkers must report. The marks at line ends name the mypy code and the pyright rules."""

from pie_client import PieClient, inferlet


@inferlet
async def shout(text: str) -> list[str]:
    """A function of a string."""
    return [text.upper()]


@inferlet
async def join(text: str, separator: str) -> str:
    """A function of two strings."""
    return text + separator


async def plain(text: str) -> str:
    return text


async def wrong(client: PieClient) -> None:
    client.map(shout, [1])  # wrong: misc, reportCallIssue+reportArgumentType
    client.map(join, ["a"])  # wrong: arg-type, reportCallIssue+reportArgumentType
    client.map(plain, ["a"])  # wrong: call-overload, reportCallIssue+reportArgumentType
    client.map("a", 5)  # wrong: call-overload, reportCallIssue+reportArgumentType
    client.map("a", [], on_error="no")  # wrong: call-overload, reportCallIssue+reportArgumentType
    client.map("a", [], timeout="5")  # wrong: call-overload, reportCallIssue+reportArgumentType
    async for result in client.map(shout, ["a"]):
        _: int = result.value  # wrong: assignment, reportAssignmentType
    list(client.map(shout, ["a"]))  # wrong: call-overload, reportArgumentType
