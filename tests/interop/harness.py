"""Runs scenarios in the environment of a published client and prints one line of JSON for each.

It uses the standard library only, because nothing else is installed there.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

DEADLINE = 15.0
"""Seconds for one scenario."""
HANG_TIMEOUT = 2.0
"""Seconds after which a call that a client is known to hang in counts as hung."""


@dataclass(frozen=True)
class Settings:
    """The settings that the test passes to the scenarios, by name."""

    values: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.values[name]


Scenario = Callable[[Settings], Awaitable[None]]


def check(actual: object, expected: object) -> None:
    """Raise AssertionError unless both are equal."""
    if actual != expected:
        raise AssertionError(f"{str(actual)[:300]} instead of {str(expected)[:300]}")


async def refused(attempt: Awaitable[object], text: str) -> None:
    """Raise AssertionError unless an attempt raises an error whose text contains ``text``."""
    try:
        await asyncio.wait_for(attempt, DEADLINE)
    except TimeoutError:
        raise
    except Exception as error:
        if text not in str(error):
            raise AssertionError(f"refused with {str(error)[:300]} instead of {text}") from error
    else:
        raise AssertionError(f"not refused with {text}")


def _report(name: str, failure: str | None, seconds: float) -> None:
    line = {"scenario": name, "failure": failure, "seconds": round(seconds, 2)}
    print(json.dumps(line), flush=True)


async def _run(settings: Settings, scenarios: list[Scenario]) -> None:
    for scenario in scenarios:
        begin, failure = time.monotonic(), None
        try:
            await asyncio.wait_for(scenario(settings), DEADLINE)
        except TimeoutError:
            failure = "timed out"
        except Exception as error:  # noqa: BLE001 - every failure is reported
            failure = f"{type(error).__name__}: {error}"[:500]
        _report(scenario.__name__, failure, time.monotonic() - begin)


def main(scenarios: list[Scenario]) -> None:
    """Run the scenarios; the first command line argument is the settings as JSON."""
    asyncio.run(_run(Settings(json.loads(sys.argv[1])), scenarios))
    os._exit(0)  # some clients leave tasks that never finish
