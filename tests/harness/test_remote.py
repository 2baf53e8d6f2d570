"""A rival in another process: whether its times are believed, of a worker that tells what it is told to."""

from typing import Any

import numpy as np
import pytest

from convharness.kernel import Output
from convharness.sampling import Effort, Turn
from convharness.workers.remote import RemoteRival


class Worker:
    """A host with the output that it holds, and both clocks: what a request takes, and what is told of it."""

    name = "a"

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads
        self.now = 0.0
        self.worked = 0.0
        self.waited = 0.0
        self.ours = 0.0
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, list[Any]] = {"sample": [], "warm_up": []}
        self.takes: dict[str, list[float]] = {}
        self.uses = 1.0
        self.late_s = 0.0
        self.waits_s = 0.0
        self.we_wait_s = 0.0

    def ask(self, word: str, kind: object, *, times: int, **details: Any) -> Any:
        """Take the time that the request takes, and use so many processors."""
        self.asked.append((word, details))
        seconds = self.takes[word].pop(0)
        self.now += seconds
        self.worked += self.uses * seconds
        self.waited += self.waits_s
        self.ours += self.we_wait_s
        return self.answers[word].pop(0)

    def cpu_s(self) -> float:
        """Return the worker's processor time."""
        return self.worked

    def waited_s(self) -> float:
        """Return the worker's wait."""
        return self.waited

    def seconds(self) -> float:
        """Return our own wait."""
        return self.ours

    def seen(self, rival: str) -> Output:
        """Return an output of 4000 bytes, for which the worker works."""
        self.worked += self.late_s
        return Output(np.zeros(1000, np.float32))


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    """Return a worker whose requests take as long as they say, and nothing else takes any time."""
    one = Worker()
    monkeypatch.setattr("convharness.workers.remote.perf_counter", lambda: one.now)
    monkeypatch.setattr("convharness.workers.remote.Delays", lambda pid: one)
    return one


def rival_of(worker: Worker) -> RemoteRival:
    """Return the rival that the worker times."""
    return RemoteRival(worker, "a", worker)


def sampled(worker: Worker, *, passed_s: float, told_s: float, beside_s: float = 0.0) -> RemoteRival:
    """Return a rival of which a sample of ten calls has been taken, and what it came to there."""
    worker.takes["sample"] = [passed_s]
    worker.answers["sample"] = [(told_s / 10, beside_s)]
    rival = rival_of(worker)
    rival.sample(10, 3)
    return rival


def test_a_sample_is_what_the_worker_tells_and_how_long_it_waited(worker: Worker) -> None:
    """The worker is told how many calls, and which of them to keep."""
    worker.takes["sample"] = [1.0]
    worker.answers["sample"] = [(0.0625, 0.25)]
    worker.waits_s = 0.125
    turn = rival_of(worker).sample(8, 3)

    assert Turn(0.0625, 0.125) == turn
    assert [("sample", {"name": "a", "number": 8, "seen": 3})] == worker.asked


def test_without_a_sample_nothing_is_doubtful(worker: Worker) -> None:
    """And no processors have been used."""
    rival = rival_of(worker)

    assert (0.0, None) == (rival.processors, rival.suspicion())


@pytest.mark.parametrize(
    ("passed_s", "told_s", "is_doubtful"),
    [
        (1.0, 1.0, False),
        (1.39, 1.0, False),
        (1.41, 1.0, True),  # it slept, or its clock is slow
        (100.0, 1.0, True),
        (1.0, 1.39, False),
        (1.0, 1.41, True),  # its clock is fast
        (3e-4, 1e-6, False),  # a request takes some of that by itself
        (4e-4, 1e-6, True),
    ],
)
def test_clocks_that_disagree_are_doubtful(
    passed_s: float, told_s: float, is_doubtful: bool, worker: Worker
) -> None:
    """By more than two fifths, to either side."""
    found = sampled(worker, passed_s=passed_s, told_s=told_s).suspicion()

    assert is_doubtful == (found is not None)


def test_what_is_doubtful_is_worded(worker: Worker) -> None:
    """With both times; what the request itself takes is taken off."""
    found = sampled(worker, passed_s=2.0, told_s=1.0).suspicion()

    assert "took 2 s while its clock told 1 s" == found


def test_what_is_told_beside_a_sample_is_not_hidden(worker: Worker) -> None:
    """The time beside a sample is in the worker's answer."""
    assert None is sampled(worker, passed_s=4.0, told_s=1.0, beside_s=3.0).suspicion()


@pytest.mark.parametrize("who", ["waits_s", "we_wait_s"])
def test_time_in_which_the_machine_let_somebody_wait_is_not_hidden(who: str, worker: Worker) -> None:
    """The worker, or ourselves."""
    setattr(worker, who, 1.0)

    assert None is sampled(worker, passed_s=2.0, told_s=1.0).suspicion()


def test_all_samples_count_together(worker: Worker) -> None:
    """One of four in which time stood still does: six seconds have passed, and four were told."""
    worker.takes["sample"] = [1.0, 1.0, 1.0, 3.0]
    worker.answers["sample"] = [(1.0, 0.0)] * 4
    rival = rival_of(worker)
    found = []
    for _ in range(4):
        rival.sample(1, 1)
        found.append(rival.suspicion())

    assert [None, None, None] == found[:3]
    assert "took 6 s while its clock told 4 s" == found[3]


@pytest.mark.parametrize(
    ("threads", "uses", "doubt"),
    [
        (1, 1.2, None),
        (1, 1.3, "used 1.3 processors at a time, though it was given 1 thread"),
        (2, 2.2, None),
        (2, 2.5, "used 2.5 processors at a time, though it was given 2 threads"),
    ],
)
def test_more_processors_than_threads_are_doubtful(
    threads: int, uses: float, doubt: str | None, worker: Worker
) -> None:
    """A quarter more may be the clocks', which are not read at once."""
    worker.threads, worker.uses = threads, uses
    rival = sampled(worker, passed_s=1.0, told_s=1.0)

    assert (pytest.approx(uses), doubt) == (rival.processors, rival.suspicion())


@pytest.mark.parametrize(
    ("late_s", "doubt"),
    [
        (0.002, None),
        (0.0020159, None),  # pages are touched for the first time
        (0.0021, "worked for 0.0021 s when its output was asked for"),
    ],
)
def test_work_that_is_done_when_the_output_is_asked_for_is_doubtful(
    late_s: float, doubt: str | None, worker: Worker
) -> None:
    """It belongs into the timed call."""
    rival = sampled(worker, passed_s=1.0, told_s=1.0)
    worker.late_s = late_s

    assert 1000 == rival.seen().y.size
    assert doubt == rival.suspicion()


@pytest.mark.parametrize(
    ("looks_s", "doubt"),
    [
        ([0.25], "worked for 0.25 s when its output was asked for"),
        ([0.25, 0.125, 0.5], "worked for 0.125 s when its output was asked for"),
        ([0.25, 0.125, 0.001], None),
        ([0.001, 0.25], None),
    ],
)
def test_one_output_that_is_there_when_it_is_asked_for_will_do(
    looks_s: list[float], doubt: str | None, worker: Worker
) -> None:
    """What takes a processor away looks like work, but not every time."""
    rival = sampled(worker, passed_s=1.0, told_s=1.0)
    for worker.late_s in looks_s:
        rival.seen()

    assert doubt == rival.suspicion()


def test_the_worker_is_told_the_effort(worker: Worker) -> None:
    """All of it, as words and numbers."""
    worker.takes["warm_up"] = [1.0]
    worker.answers["warm_up"] = [(4.0, 1.0)]
    effort = Effort(budget_s=7.0, precision=0.5, cache="cold", sample_s=0.25, warmup_s=0.125)
    found = rival_of(worker).warm_up(effort)
    ((word, details),) = worker.asked

    assert ("warm_up", effort, (4.0, 1.0)) == (word, Effort(**details["effort"]), found)
