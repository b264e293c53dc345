"""Runs scenarios in a foreign environment, with nothing but the standard library, and prints one line for each."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

DEADLINE = 15.0
"""Seconds for one scenario."""
MOMENT = 2.0
"""Seconds for one answer, where the scenario is about whether there is one."""


@dataclass(frozen=True)
class Place:
    """What the test tells the scenarios: all of it text, by name."""

    settings: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.settings[name]


Scenario = Callable[[Place], Awaitable[None]]


def check(actual: object, expected: object) -> None:
    """Fail unless they are equal."""
    if actual != expected:
        raise AssertionError(f"{str(actual)[:300]} instead of {str(expected)[:300]}")


async def refused(attempt: Awaitable[object], text: str) -> None:
    """Fail unless an attempt fails with an error that says the text."""
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


async def _run(place: Place, scenarios: list[Scenario]) -> None:
    for scenario in scenarios:
        begin, failure = time.monotonic(), None
        try:
            await asyncio.wait_for(scenario(place), DEADLINE)
        except TimeoutError:
            failure = "nothing came in time"
        except Exception as error:  # noqa: BLE001 - whatever it is, it is reported
            failure = f"{type(error).__name__}: {error}"[:500]
        _report(scenario.__name__, failure, time.monotonic() - begin)


def main(scenarios: list[Scenario]) -> None:
    """Run the scenarios with the settings that are the first argument, as JSON."""
    asyncio.run(_run(Place(json.loads(sys.argv[1])), scenarios))
    os._exit(0)  # some clients leave tasks behind that would be waited for
