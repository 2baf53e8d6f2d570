"""A rival in another process: its samples, and when its times are doubted."""

import numpy as np
import pytest

from convharness.execution.kernel_call import Output
from convharness.measure.stopwatch import Effort, Turn
from convharness.workers.protocol.replies import Sampled, WarmedUp
from convharness.workers.protocol.requests import Sample, WarmUp
from convharness.workers.rival import RemoteRival


class Worker:
    """A host with two clocks: the time that a request takes, and the time that the worker reports."""

    name = "a"

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads
        self.now = 0.0
        self.worked = 0.0
        self.waited = 0.0
        self.ours = 0.0
        self.asked: list[Sample | WarmUp] = []
        self.samples: list[Sampled] = []
        self.takes: list[float] = []
        self.uses = 1.0
        self.late_s = 0.0
        self.waits_s = 0.0
        self.we_wait_s = 0.0
        self.proves_s = (0.0, 1.0)

    def ask(self, request: Sample | WarmUp) -> Sampled | WarmedUp:
        """Advance the clocks by the time of the request, with `uses` CPUs in use.

        Requests beyond those in `takes` need the seconds in `proves_s`: one number per request, one per call.
        """
        self.asked.append(request)
        request_s, call_s = self.proves_s
        number = request.number if isinstance(request, Sample) else 1
        seconds = self.takes.pop(0) if self.takes else request_s + call_s * number
        self.now += seconds
        self.worked += self.uses * seconds
        self.waited += self.waits_s
        self.ours += self.we_wait_s
        if isinstance(request, WarmUp):
            return WarmedUp(4.0, 1.0)
        return self.samples.pop(0) if self.samples else Sampled(1.0, 1.0)

    def cpu_s(self) -> float:
        """Return the worker's CPU time in seconds."""
        return self.worked

    def waited_s(self) -> float:
        """Return the seconds for which the worker has waited for a CPU."""
        return self.waited

    def clock(self) -> float:
        """Return the parent's time in seconds."""
        return self.now

    def delayed(self) -> float:
        """Return the seconds for which the parent has waited for a CPU."""
        return self.ours

    def seen(self, rival: str) -> Output:
        """Return an output of 4000 bytes, for which the worker uses `late_s` seconds of CPU time."""
        self.worked += self.late_s
        return Output(np.zeros(1000, np.float32))


@pytest.fixture
def worker() -> Worker:
    """Return a worker whose clocks move only during requests."""
    return Worker()


def rival_of(worker: Worker) -> RemoteRival:
    """Return the rival that the worker times."""
    return RemoteRival(worker, "a", worker, clock=worker.clock, delayed=worker.delayed)


def sampled(
    worker: Worker, *, passed_s: float, reported_s: float, samples: int = 1, calls: int = 10
) -> RemoteRival:
    """Return a rival after some samples, with the seconds that each took here and the seconds reported."""
    worker.takes = [passed_s] * samples
    worker.samples = [Sampled(reported_s / calls, reported_s)] * samples
    rival = rival_of(worker)
    for _ in range(samples):
        rival.sample(calls, 3)
    return rival


def test_a_sample_is_the_reported_time_with_the_wait_for_a_cpu(worker: Worker) -> None:
    """A turn has the reported time per call and the wait, and the request names the output to keep."""
    worker.takes = [1.0]
    worker.samples = [Sampled(0.0625, 0.75)]
    worker.waits_s = 0.125
    turn = rival_of(worker).sample(8, 3)

    assert Turn(0.0625, 0.125) == turn
    assert [Sample("a", number=8, seen=3)] == worker.asked


def test_without_a_sample_nothing_is_doubtful(worker: Worker) -> None:
    """A rival without samples is not doubted and has used no CPU."""
    rival = rival_of(worker)

    assert (0.0, None) == (rival.processors, rival.suspicion())


@pytest.mark.parametrize(
    ("passed_s", "reported_s", "is_doubtful"),
    [
        (1.0, 1.0, False),
        (1.39, 1.0, False),
        (1.41, 1.0, True),  # the worker slept, or its clock is slow
        (100.0, 1.0, True),
        (1.0, 1.39, False),
        (1.0, 1.41, True),  # the worker's clock is fast
    ],
)
def test_clocks_that_disagree_are_doubtful(
    passed_s: float, reported_s: float, is_doubtful: bool, worker: Worker
) -> None:
    """A rival is doubted if its clock differs by over 40 % in either direction, again in longer samples."""
    worker.proves_s = (0.0, passed_s / 10)
    found = sampled(worker, passed_s=passed_s, reported_s=reported_s).suspicion()

    assert is_doubtful == (found is not None)


@pytest.mark.parametrize(
    ("passed_s", "reported_s", "request_s", "call_s"),
    [
        (0.00197, 0.00124, 0.00073, 0.00124),  # measured, with cold calls
        (0.00219, 0.00147, 0.00072, 0.00147),
        (0.00287, 0.00101, 0.00186, 0.00101),
        (0.00287, 0.00101, 0.00186, 0.0001),  # the same, once the calls are warm
        (0.01, 1e-6, 0.01, 1e-6),
    ],
)
def test_the_time_of_a_request_itself_raises_no_doubt(
    passed_s: float, reported_s: float, request_s: float, call_s: float, worker: Worker
) -> None:
    """The time of a request itself, large beside short samples, is negligible beside longer ones."""
    worker.proves_s = (request_s, call_s)
    rival = sampled(worker, passed_s=passed_s, reported_s=reported_s, samples=4, calls=1)

    assert None is rival.suspicion()


@pytest.mark.parametrize(
    ("call_s", "doubt", "calls"),
    [
        (0.008, "took 0.08 s while its clock told 0.002 s", [10]),
        (0.002, "took 0.08 s while its clock told 0.008 s", [10, 20, 40]),
        (0.0002, None, [10]),  # the request itself took the time
    ],
)
def test_a_doubt_is_examined_with_longer_and_longer_samples(
    call_s: float, doubt: str | None, calls: list[int], worker: Worker
) -> None:
    """A doubt is examined with nine samples of each length, until these last 50 ms by the parent's clock."""
    worker.proves_s = (0.0, call_s)
    rival = sampled(worker, passed_s=0.02, reported_s=0.002, samples=3)

    assert doubt == rival.suspicion()
    asked = [request.number for request in worker.asked[3:]]
    assert [number for number in calls for _ in range(9)] == asked


def test_a_doubt_that_was_confirmed_is_not_examined_again(worker: Worker) -> None:
    """A confirmed doubt is returned again without further samples."""
    worker.proves_s = (0.0, 0.2)
    rival = sampled(worker, passed_s=2.0, reported_s=1.0)

    assert ["took 2 s while its clock told 1 s"] * 2 == [rival.suspicion(), rival.suspicion()]
    assert 1 + 9 == len(worker.asked)


@pytest.mark.parametrize("wait", ["waits_s", "we_wait_s"])
def test_time_spent_waiting_for_a_cpu_raises_no_doubt(wait: str, worker: Worker) -> None:
    """Time for which the worker or the parent waited for a CPU is not counted as hidden."""
    setattr(worker, wait, 1.0)

    assert None is sampled(worker, passed_s=2.0, reported_s=1.0).suspicion()


@pytest.mark.parametrize(
    ("accidents", "honest", "requests"),
    [
        (1, 3, 4),
        (3, 4, 7),  # most samples agree: no further ones are taken
        (4, 3, 7 + 9),  # most samples disagree, and all of the nine further ones agree
    ],
)
def test_single_long_interruptions_raise_no_doubt(
    accidents: int, honest: int, requests: int, worker: Worker
) -> None:
    """A machine that stops for a moment raises no doubt, however long it stops."""
    worker.takes = [100.0] * accidents + [1.0] * honest
    worker.samples = [Sampled(0.1, 1.0)] * (accidents + honest)
    worker.proves_s = (0.0, 0.1)
    rival = rival_of(worker)
    for _ in range(accidents + honest):
        rival.sample(10, 1)

    assert (None, requests) == (rival.suspicion(), len(worker.asked))


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
    """A rival is doubted if it uses over 25 % more CPUs than it has threads."""
    worker.threads, worker.uses = threads, uses
    rival = sampled(worker, passed_s=1.0, reported_s=1.0)

    assert (pytest.approx(uses), doubt) == (rival.processors, rival.suspicion())


@pytest.mark.parametrize(
    ("late_s", "doubt"),
    [
        (0.002, None),
        (0.0020159, None),  # pages are touched for the first time, which takes time
        (0.0021, "worked for 0.0021 s when its output was asked for"),
    ],
)
def test_work_that_is_done_when_the_output_is_asked_for_is_doubtful(
    late_s: float, doubt: str | None, worker: Worker
) -> None:
    """A rival is doubted if it works when its output is asked for, since that work belongs to the call."""
    rival = sampled(worker, passed_s=1.0, reported_s=1.0)
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
def test_one_output_that_is_ready_when_it_is_asked_for_ends_the_doubt(
    looks_s: list[float], doubt: str | None, worker: Worker
) -> None:
    """A rival is not doubted if one of its outputs was ready, since interference looks like work at times."""
    rival = sampled(worker, passed_s=1.0, reported_s=1.0)
    for worker.late_s in looks_s:
        rival.seen()

    assert doubt == rival.suspicion()


def test_the_worker_gets_the_effort(worker: Worker) -> None:
    """Warming up sends the whole effort, and returns the times of the first call and of the fastest."""
    effort = Effort(budget_s=7.0, precision=0.5, cache="cold", sample_s=0.25, warmup_s=0.125)
    found = rival_of(worker).warm_up(effort)

    assert ([WarmUp("a", effort)], (4.0, 1.0)) == (worker.asked, found)
