"""Many clients at once in one event loop, while links fail and engines are killed. ``nox -s soak`` does so for ten minutes."""

from tests.faults.engine_process import EngineProcess
from tests.faults.soaking import soak


def test_many_clients_at_once_lose_nothing_hang_nothing_and_leak_nothing(engines: EngineProcess) -> None:
    done = soak(3.0, engines, print, patience=60)
    assert not done.problems, "\n\n".join(done.problems)
    assert done.runs
    assert done.kinds
