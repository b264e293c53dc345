"""The names and signatures of the published clients, one by one, and the differences that are meant."""

import copy
import tomllib

import pytest

from tests.published.comparing import FOLDER, RELEASES, differences, recorded


def reasons() -> dict[str, str]:
    """Return the reason of each difference."""
    rows = tomllib.loads((FOLDER / "differences.toml").read_text("utf-8"))["difference"]
    lines = [line for row in rows for line in row["lines"]]
    assert len(lines) == len(set(lines))
    return {line: row["reason"] for row in rows for line in row["lines"]}


def test_every_difference_from_a_published_client_is_meant_and_none_is_listed_in_vain() -> None:
    found = {line for release in RELEASES for line in differences(recorded(release))}
    assert sorted(found) == sorted(reasons())


@pytest.mark.parametrize("release", RELEASES)
def test_anything_that_a_script_could_notice_is_a_difference(release: str) -> None:
    expected = set(differences(recorded(release)))
    record = copy.deepcopy(recorded(release))
    methods = record["names"]["PieClient"]["methods"]
    methods["ping"] |= {
        "async": False,
        "returns": "float",
        "parameters": [{"name": "count", "kind": "keyword_only"}],
    }
    methods["pong"] = methods["ping"]
    launch = methods["launch_process"]["parameters"]
    launch[:2] = [{"name": "capture_outputs", "kind": "positional_or_keyword"}, {**launch[0], "default": "1"}]
    record["names"]["Event"]["members"] = {}
    record["modules"] |= {"pie_client": ["Session"], "pie_client.absent": []}
    assert set(differences(record)) - expected == {
        "Event has other members",
        "PieClient.launch_process(capture_outputs) is at another place",
        "PieClient.launch_process(inferlet) is at another place",
        "PieClient.launch_process(inferlet) is not 1 by default",
        "PieClient.ping is async in one of them only",
        "PieClient.ping returns no float",
        "PieClient.ping(count) is missing",
        "PieClient.pong is missing",
        "module pie_client.absent is missing",
        "pie_client.Session is missing",
    }
