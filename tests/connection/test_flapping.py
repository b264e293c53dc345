"""A client that reconnects loses nothing on a server that keeps its processes, and repeats nothing on any."""

from collections import Counter
from collections.abc import Callable

import pytest

from pie_client import Family
from tests.connection.flapping import Report, flap
from tests.support.figures import FIGURES


def check_kept(report: Report, drops: int, processes: int) -> None:
    assert report.out_of_order == []
    assert report.outcomes == Counter(returned=processes)
    assert report.events > processes
    assert report.started == Counter({str(number): 1 for number in range(processes)})
    assert len(report.possible_gaps) == processes
    assert all(0 < gaps < drops for gaps in report.possible_gaps), (
        "about half of the losses have a close frame"
    )


def check_not_kept(report: Report, processes: int) -> None:
    assert report.out_of_order == []
    assert report.outcomes["lost"] == processes
    assert report.outcomes["launched"] > 0
    assert set(report.outcomes) <= {
        *("lost", "launched", "launch with sent=True"),
        *("ProcessNotFoundError", "ConnectionLostError"),
    }, "requests that were not sent wait for the connection"
    assert set(report.started.values()) == {1}


async def test_every_event_arrives_once_over_a_flapping_link_if_the_server_keeps_processes(
    family: Family,
) -> None:
    check_kept(await flap(family, drops=50, processes=10, keep=True), 50, 10)


async def test_handles_end_with_the_right_error_and_nothing_runs_twice_on_default_servers(
    family: Family,
) -> None:
    check_not_kept(await flap(family, drops=50, processes=10, keep=False), 10)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("keep", [True, False], ids=["kept", "not kept"])
async def test_a_thousand_drops_over_a_session_of_a_hundred_processes(
    family: Family, keep: bool, record_property: Callable[[str, object], None]
) -> None:
    report = await flap(family, drops=1000, processes=100, keep=keep)
    record_property(
        FIGURES,
        f"{report.drops} drops, {report.events} events, {dict(report.outcomes)}, "
        f"{max(report.possible_gaps)} possible gaps of a process",
    )
    if keep:
        check_kept(report, 1000, 100)
    else:
        check_not_kept(report, 100)
