"""A rival in another process: whether its times are believed, of a worker that tells what it is told to."""

import numpy as np
import pytest

from convharness.execution.kernel_call import Output
from convharness.measure.stopwatch import Effort, Turn
from convharness.workers.protocol.replies import Sampled, WarmedUp
from convharness.workers.protocol.requests import Sample, WarmUp
from convharness.workers.rival import RemoteRival


class Worker:
    """A host with the output that it holds, and both clocks: what a request takes, and what is told of it."""

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
        """Take the time that the request takes, and use so many processors.

        Samples beyond those that were planned take what `proves_s` says: for a request, and for a call.
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
        """Return the worker's processor time."""
        return self.worked

    def waited_s(self) -> float:
        """Return the worker's wait."""
        return self.waited

    def clock(self) -> float:
        """Return the parent's time."""
        return self.now

    def delayed(self) -> float:
        """Return our own wait."""
        return self.ours

    def seen(self, rival: str) -> Output:
        """Return an output of 4000 bytes, for which the worker works."""
        self.worked += self.late_s
        return Output(np.zeros(1000, np.float32))


@pytest.fixture
def worker() -> Worker:
    """Return a worker whose requests take as long as they say, and nothing else takes any time."""
    return Worker()


def rival_of(worker: Worker) -> RemoteRival:
    """Return the rival that the worker times."""
    return RemoteRival(worker, "a", worker, clock=worker.clock, delayed=worker.delayed)


def sampled(
    worker: Worker, *, passed_s: float, told_s: float, samples: int = 1, calls: int = 10
) -> RemoteRival:
    """Return a rival of which samples of some calls have been taken, and what each came to there and here."""
    worker.takes = [passed_s] * samples
    worker.samples = [Sampled(told_s / calls, told_s)] * samples
    rival = rival_of(worker)
    for _ in range(samples):
        rival.sample(calls, 3)
    return rival


def test_a_sample_is_what_the_worker_tells_and_how_long_it_waited(worker: Worker) -> None:
    """The worker is told how many calls, and which of them to keep."""
    worker.takes = [1.0]
    worker.samples = [Sampled(0.0625, 0.75)]
    worker.waits_s = 0.125
    turn = rival_of(worker).sample(8, 3)

    assert Turn(0.0625, 0.125) == turn
    assert [Sample("a", number=8, seen=3)] == worker.asked


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
    ],
)
def test_clocks_that_disagree_are_doubtful(
    passed_s: float, told_s: float, is_doubtful: bool, worker: Worker
) -> None:
    """By more than two fifths, to either side, and again when it is proved."""
    worker.proves_s = (0.0, passed_s / 10)
    found = sampled(worker, passed_s=passed_s, told_s=told_s).suspicion()

    assert is_doubtful == (found is not None)


@pytest.mark.parametrize(
    ("passed_s", "told_s", "request_s", "call_s"),
    [
        (0.00197, 0.00124, 0.00073, 0.00124),  # as seen, of calls that were not warm
        (0.00219, 0.00147, 0.00072, 0.00147),
        (0.00287, 0.00101, 0.00186, 0.00101),
        (0.00287, 0.00101, 0.00186, 0.0001),  # and have become so
        (0.01, 1e-6, 0.01, 1e-6),
    ],
)
def test_what_a_request_takes_by_itself_is_no_matter(
    passed_s: float, told_s: float, request_s: float, call_s: float, worker: Worker
) -> None:
    """In samples that last long enough it has no weight, however much it is beside short ones."""
    worker.proves_s = (request_s, call_s)
    rival = sampled(worker, passed_s=passed_s, told_s=told_s, samples=4, calls=1)

    assert None is rival.suspicion()


@pytest.mark.parametrize(
    ("call_s", "doubt", "calls"),
    [
        (0.008, "took 0.08 s while its clock told 0.002 s", [10]),
        (0.002, "took 0.08 s while its clock told 0.008 s", [10, 20, 40]),
        (0.0002, None, [10]),  # it was the request that took so long
    ],
)
def test_what_is_doubtful_is_proved_with_longer_and_longer_samples(
    call_s: float, doubt: str | None, calls: list[int], worker: Worker
) -> None:
    """Nine of each length, until they last 50 ms here; what the worker tells of these is not looked at."""
    worker.proves_s = (0.0, call_s)
    rival = sampled(worker, passed_s=0.02, told_s=0.002, samples=3)

    assert doubt == rival.suspicion()
    asked = [request.number for request in worker.asked[3:]]
    assert [number for number in calls for _ in range(9)] == asked


def test_what_has_been_proved_is_not_proved_again(worker: Worker) -> None:
    """Whoever asks twice is told the same."""
    worker.proves_s = (0.0, 0.2)
    rival = sampled(worker, passed_s=2.0, told_s=1.0)

    assert ["took 2 s while its clock told 1 s"] * 2 == [rival.suspicion(), rival.suspicion()]
    assert 1 + 9 == len(worker.asked)


@pytest.mark.parametrize("who", ["waits_s", "we_wait_s"])
def test_time_in_which_the_machine_let_somebody_wait_is_not_hidden(who: str, worker: Worker) -> None:
    """The worker, or ourselves."""
    setattr(worker, who, 1.0)

    assert None is sampled(worker, passed_s=2.0, told_s=1.0).suspicion()


@pytest.mark.parametrize(
    ("accidents", "honest", "requests"),
    [
        (1, 3, 4),
        (3, 4, 7),  # most samples are as told: nothing is asked
        (4, 3, 7 + 9),  # most are not, but no accident comes nine times more
    ],
)
def test_accidents_do_not_accuse(accidents: int, honest: int, requests: int, worker: Worker) -> None:
    """A machine that stops for a moment is no breach, however long it stops."""
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
    """All of it; what comes back is how long the first call and the fastest took."""
    effort = Effort(budget_s=7.0, precision=0.5, cache="cold", sample_s=0.25, warmup_s=0.125)
    found = rival_of(worker).warm_up(effort)

    assert ([WarmUp("a", effort)], (4.0, 1.0)) == (worker.asked, found)
