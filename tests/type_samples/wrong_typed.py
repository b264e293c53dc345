"""Errors in typed launches that checkers must report. The marks at line ends name the mypy code and the pyright rules."""

import text_completion

from pie_client import PieClient


async def launches(client: PieClient) -> None:
    await text_completion.launch(client)  # wrong: call-arg, reportCallIssue
    await text_completion.launch(client, prompt=3)  # wrong: arg-type, reportArgumentType
    await text_completion.launch(client, prompt=None)  # wrong: arg-type, reportArgumentType
    await text_completion.launch(client, prompt="", max_tokens="64")  # wrong: arg-type, reportArgumentType
    await text_completion.launch(client, prompt="", tokens=64)  # wrong: call-arg, reportCallIssue
    await text_completion.launch(client, "Hello")  # wrong: call-arg, reportCallIssue
    await text_completion.launch(None, prompt="")  # wrong: arg-type, reportArgumentType


async def results(client: PieClient) -> None:
    await text_completion.run(client, prompt=3)  # wrong: call-overload, reportArgumentType
    _count: int = await text_completion.run(client, str, prompt="")  # wrong: arg-type, reportAssignmentType


def inputs() -> None:
    text_completion.Input()  # wrong: call-arg, reportCallIssue
    text_completion.Input(prompt="", max_tokens="64")  # wrong: arg-type, reportArgumentType
    text_completion.Input(prompt="", tokens=64)  # wrong: call-arg, reportCallIssue
