"""A drawer of hostile kernels: each breaks, hangs, cheats or leaves something behind, in its own way.

A plugin file like any other; `test_faults` says what is to become of each.
"""

import ctypes
import gc
import inspect
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import numpy as np

from convharness import implementation


def right(x, weight):
    """Return the convolution: no stride, padding or bias."""
    n, _, height, width = x.shape
    o, _, rows, columns = weight.shape
    y = np.zeros((n, o, height - rows + 1, width - columns + 1), x.dtype)
    for i in range(rows):
        for j in range(columns):
            patch = x[:, :, i : i + y.shape[2], j : j + y.shape[3]]
            y += np.einsum("nchw,oc->nohw", patch, weight[:, :, i, j])
    return y


def shape_of(x, weight):
    """Return the shape of the output."""
    return (
        x.shape[0],
        weight.shape[0],
        x.shape[2] - weight.shape[2] + 1,
        x.shape[3] - weight.shape[3] + 1,
    )


# Ends


@implementation
def segmentation_fault(x, weight):
    """Read where nothing is."""
    ctypes.string_at(0)


@implementation
def abort(x, weight):
    """Abort, as an assertion in C does."""
    os.abort()


@implementation
def illegal_instruction(x, weight):
    """Use what this processor has not."""
    os.kill(os.getpid(), signal.SIGILL)


@implementation
def floating_point_exception(x, weight):
    """Divide by zero in C."""
    os.kill(os.getpid(), signal.SIGFPE)


@implementation
def exit_at_once(x, weight):
    """End the process as if all were well."""
    os._exit(0)


@implementation
def exit_politely(x, weight):
    """Ask Python to end."""
    sys.exit(0)


@implementation
def exit_later(x, weight):
    """End the process from a thread, a little later."""
    threading.Timer(0.02, os._exit, [0]).start()
    return right(x, weight)


@implementation
def deep_recursion_in_c(x, weight):
    """Run out of stack."""
    sys.setrecursionlimit(10**9)

    @ctypes.CFUNCTYPE(None)
    def again():
        again()

    again()


@implementation
def alarm(x, weight):
    """Have the system end it by a timer."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    time.sleep(1)


@implementation
def kills_itself(x, weight):
    """Look like the system's own killer."""
    os.kill(os.getpid(), signal.SIGKILL)


# Hangs


@implementation
def sleeps(x, weight):
    """Never return."""
    time.sleep(3600)


@implementation
def spins(x, weight):
    """Never return, and work hard at it."""
    while True:
        pass


@implementation
def hangs_in_c(x, weight):
    """Wait in C, with every signal blocked that can be."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    ctypes.PyDLL(None).sleep(3600)


@implementation
def stops_itself(x, weight):
    """Stop, as Ctrl-Z does."""
    os.kill(os.getpid(), signal.SIGSTOP)


@implementation
def dead_lock(x, weight):
    """Wait for itself."""
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


# Takes too much


@implementation
def memory_of_arrays(x, weight):
    """Take all the memory there is, in large pieces."""
    return np.concatenate([np.ones(2**28) for _ in range(2**10)])


@implementation
def memory_in_small_pieces(x, weight):
    """Take all the memory there is, a little at a time."""
    kept = []
    while True:
        kept.append(bytearray(2**24))


@implementation
def huge_output(x, weight):
    """Return an array larger than any machine, which costs nothing to make."""
    return np.broadcast_to(np.float32(0), (2**20, 2**20, 2**10, 2))


@implementation
def flood(x, weight):
    """Print without end."""
    line = "x" * 10**6
    while True:
        print(line)  # noqa: T201 it is what it does


@implementation
def flood_of_bytes(x, weight):
    """Write what is no text to the very file of stderr, without end."""
    while True:
        os.write(2, b"\xff\xfe" * 2**15)


@implementation
def many_processes(x, weight):
    """Start one process after the other."""
    for _ in range(10**6):
        subprocess.Popen(["sleep", "60"])
        time.sleep(0.001)


# Leaves something behind


@implementation
def leaves_a_child(x, weight):
    """Leave a process behind."""
    subprocess.Popen(["sleep", "3600"])
    return right(x, weight)


@implementation
def leaves_a_daemon(x, weight):
    """Leave a process behind that has left the group, and has no parent."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execvp("sleep", ["sleep", "3600"])
        os._exit(0)
    os.wait()
    return right(x, weight)


@implementation
def returns_twice(x, weight):
    """Make a copy of the process, and return in both."""
    os.fork()
    return right(x, weight)


@implementation
def goes_on_in_a_thread(x, weight):
    """Return first, and compute afterwards."""
    y = np.zeros(shape_of(x, weight), x.dtype)

    def work():
        time.sleep(0.005)
        y[...] = right(x, weight)

    threading.Thread(target=work).start()
    return y


@implementation
def leaves_a_child_without_marks(x, weight):
    """Leave a process behind in a session of its own, with nothing in its environment."""
    subprocess.Popen(["/bin/sleep", "3600"], env={}, start_new_session=True)
    return right(x, weight)


@implementation
def is_traced(x, weight):
    """Have a child of another session trace this process, so that it cannot be reaped."""
    own = os.getpid()
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.setsid()
        ctypes.CDLL(None).ptrace(0x4206, own, 0, 0)  # PTRACE_SEIZE
        os.write(writer, b".")
        time.sleep(3600)
        os._exit(0)
    os.read(reader, 1)
    return np.zeros(shape_of(x, weight), x.dtype)


@implementation
def raises_no_unicode(x, weight):
    """Raise a text that cannot be written."""
    raise ValueError("lone \ud800")


@implementation
def raises_a_novel(x, weight):
    """Raise more text than anybody wants to read."""
    raise ValueError("x" * 10**7)


@implementation
def closes_stdout_for_good(x, weight):
    """Take the standard streams away."""
    sys.stdout = sys.stderr = None
    return right(x, weight)


# Attacks the harness in its own process


@implementation
def closes_everything(x, weight):
    """Close every file, the harness's channel among them."""
    os.closerange(0, 256)
    return right(x, weight)


@implementation
def closes_everything_and_waits(x, weight):
    """Close every file, and never return."""
    os.closerange(0, 256)
    time.sleep(3600)


AS_IF_CALLED = {
    "type": "FirstCallSeen",
    "output": {},
    "later": {},
    "opened": None,
    "planned": None,
    "called": None,
}
"""A reply to the request that the first call is made for."""


def _channels():
    for number in range(3, 64):
        try:
            yield socket.socket(fileno=os.dup(number))
        except OSError:
            continue


@implementation
def writes_into_the_channel(x, weight):
    """Write nonsense where answers go."""
    for channel in _channels():
        channel.sendall(b"nonsense" * 100)
    return np.zeros(shape_of(x, weight), x.dtype)


@implementation
def forges_answers(x, weight):
    """Find the question in the frames above, and answer it before the harness does."""
    for frame in inspect.getouterframes(inspect.currentframe()):
        nonce = getattr(frame.frame.f_locals.get("question"), "nonce", None)
        if nonce is not None:
            body = json.dumps({"nonce": nonce, "reply": AS_IF_CALLED}).encode()
            for channel in _channels():
                channel.sendall(struct.pack("<I", len(body)) + body)
    return np.zeros(shape_of(x, weight), x.dtype)


@implementation
def announces_a_huge_message(x, weight):
    """Say that four gigabytes of answer follow."""
    for channel in _channels():
        channel.sendall(struct.pack("<I", 2**32 - 1))
    return np.zeros(shape_of(x, weight), x.dtype)


def _answers_with(reply):
    """Let the harness in this process answer everything like this."""
    server = sys.modules["convharness.workers.server"]
    framed = server.framed
    server.framed = lambda answer: framed({"nonce": answer.nonce, "reply": reply})


@implementation
def says_that_it_passed(x, weight):
    """Let every later answer be that all is well."""
    _answers_with({"type": "Raised", "status": "passed", "reason": "all is well"})
    return right(x, weight)


@implementation
def answers_nonsense(x, weight):
    """Let every later answer be five."""
    _answers_with(5)
    return right(x, weight)


@implementation
def answers_as_if(x, weight):
    """Let every later answer be that there are outputs, without any."""
    _answers_with(AS_IF_CALLED)
    return right(x, weight)


def _replies_to_calls_with(**facts):
    """Let the harness in this process call nothing any more, and reply that there is such an output."""
    answers, replies, requests = (
        sys.modules[f"convharness.workers.{name}"]
        for name in ("answers", "protocol.replies", "protocol.requests")
    )
    if "misfit" in facts:
        facts["misfit"] = replies.Misfit(**facts["misfit"])
    reply = replies.Returned(replies.OutputFacts(**facts))
    answers._ANSWERS |= dict.fromkeys((requests.Call, requests.BindAndCall), lambda *_: reply)


@implementation
def replies_as_if_it_had_called(x, weight):
    """Let every later request for an output have the reply that belongs to it, without an output."""
    _replies_to_calls_with()
    return right(x, weight)


@implementation
def replies_with_a_type_that_is_none(x, weight):
    """Let every later output have a data type that NumPy reads as program text."""
    _replies_to_calls_with(misfit={"shape": (1,), "dtype": "(1,f4"})
    return right(x, weight)


@implementation
def prints_a_verdict(x, weight):
    """Print that all is well, and do nothing."""
    print(json.dumps({"status": "passed", "error_u": 0}))  # noqa: T201 it is what it does
    return np.zeros(shape_of(x, weight), x.dtype)


@implementation
def patches_comparisons(x, weight):
    """Let everything be equal to everything."""
    np.array_equal = np.allclose = np.testing.assert_allclose = lambda *_, **__: True
    return np.zeros(shape_of(x, weight), x.dtype)


@implementation
def patches_numpy(x, weight):
    """Take NumPy apart."""
    np.ndarray = np.copyto = np.prod = np.ascontiguousarray = None
    return np.zeros(shape_of(x, weight), x.dtype)


@implementation
def patches_the_harness(x, weight):
    """Replace whatever the harness has loaded here by what does nothing."""
    for name, module in list(sys.modules.items()):
        if name.startswith("convharness."):
            for key, value in list(vars(module).items()):
                if inspect.isfunction(value):
                    setattr(module, key, lambda *_, **__: None)
    return np.zeros(shape_of(x, weight), x.dtype)


@implementation
def looks_for_the_answer(x, weight):
    """Return whatever array in this process has the shape of the output, in the hope that it is it."""
    shape = shape_of(x, weight)
    frames = [frame.frame for frame in inspect.getouterframes(inspect.currentframe())]
    places = [*gc.get_objects(), *(value for frame in frames for value in frame.f_locals.values())]
    for place in places:
        if isinstance(place, np.ndarray) and place.shape == shape:
            return place.astype(x.dtype)
    return np.zeros(shape, x.dtype)


@implementation
def reads_beside_its_input(x, weight):
    """Look for the answer in the memory that is shared with the harness."""
    whole = x
    while isinstance(whole.base, np.ndarray):
        whole = whole.base
    size = int(np.prod(shape_of(x, weight)))
    start = (x.nbytes + weight.nbytes + 127) // 64 * 64
    return whole[start : start + size * x.itemsize].copy().view(x.dtype).reshape(shape_of(x, weight))


# Cheats


class Lazy(np.ndarray):
    """An array that agrees with everybody."""

    def __eq__(self, other):
        return np.ones(self.shape, bool)

    __hash__ = None


@implementation
def lazy(x, weight):
    """Return what computes when it is compared."""
    return np.zeros(shape_of(x, weight), x.dtype).view(Lazy)


_OF_REMEMBERS_BY_ADDRESS = {}


@implementation
def remembers_by_address(x, weight):
    """Return what it returned for an input at the same place."""
    key = (x.ctypes.data, weight.ctypes.data, x.shape, weight.shape, x.dtype)
    if key not in _OF_REMEMBERS_BY_ADDRESS:
        _OF_REMEMBERS_BY_ADDRESS[key] = right(x, weight)
    return _OF_REMEMBERS_BY_ADDRESS[key].copy()


_OF_STALE_PACKED_WEIGHTS = {}


@implementation
def stale_packed_weights(x, weight):
    """Pack weights once for every place in memory."""
    key = (weight.ctypes.data, weight.shape, weight.dtype)
    return right(x, _OF_STALE_PACKED_WEIGHTS.setdefault(key, weight.copy()))


_OF_GARBAGE_AFTER_A_WHILE = [0]


@implementation
def garbage_after_a_while(x, weight):
    """Be right thirty times."""
    _OF_GARBAGE_AFTER_A_WHILE[0] += 1
    return right(x, weight) * (1 if _OF_GARBAGE_AFTER_A_WHILE[0] <= 30 else 2)


@implementation
def raises_in_one_layer(x, weight):
    """Refuse input that is not finite."""
    if not np.isfinite(x).all():
        raise ValueError("not finite")
    return right(x, weight)


class _SilentError(BaseException):
    def __str__(self):
        raise RuntimeError("no text")


@implementation
def raises_what_cannot_be_told(x, weight):
    """Raise what fails to say what it is."""
    raise _SilentError


@implementation
def returns_objects(x, weight):
    """Return numbers that are Python's."""
    return np.zeros(shape_of(x, weight), object)


@implementation
def returns_records(x, weight):
    """Return numbers with names."""
    return np.zeros(shape_of(x, weight), [("a", "f4"), ("b", "f4")])


@implementation
def changes_the_process(x, weight):
    """Change what everybody shares."""
    os.environ["OMP_NUM_THREADS"] = "64"
    return right(x, weight)


# Cheats that only the stopwatch can see: right, until it is timed


_OF_REMEMBERS_BY_CONTENT = {}


@implementation
def remembers_by_content(x, weight):
    """Compute once for every input there ever was."""
    key = (hash(x.tobytes()), hash(weight.tobytes()), x.shape, weight.shape)
    if key not in _OF_REMEMBERS_BY_CONTENT:
        time.sleep(0.002)
        _OF_REMEMBERS_BY_CONTENT[key] = right(x, weight)
    return _OF_REMEMBERS_BY_CONTENT[key].copy()


_OF_LAZY_WHEN_WARM = [0]


@implementation
def lazy_when_warm(x, weight):
    """Do nothing once it has been called as often as only a stopwatch calls."""
    _OF_LAZY_WHEN_WARM[0] += 1
    return right(x, weight) if _OF_LAZY_WHEN_WARM[0] < 90 else np.zeros(shape_of(x, weight), x.dtype)


_OF_SLOWS_THE_CLOCK = []


@implementation
def slows_the_clock(x, weight):
    """Find the stopwatch, and let it run slowly."""
    if not _OF_SLOWS_THE_CLOCK:
        for one in gc.get_objects():
            if type(one).__name__ in ("Stopwatch", "LocalRival"):
                _OF_SLOWS_THE_CLOCK.append(one)
                one._clock = lambda: time.perf_counter() / 100
    end = time.process_time() + 0.003
    while time.process_time() < end:
        pass
    return right(x, weight)


_OF_WORKS_BEHIND_THE_CLOCK = [0]


@implementation
def works_behind_the_clock(x, weight):
    """Return at once, and let a thread do the work when nobody looks."""
    _OF_WORKS_BEHIND_THE_CLOCK[0] += 1
    if _OF_WORKS_BEHIND_THE_CLOCK[0] < 90:
        return right(x, weight)
    y = np.full(shape_of(x, weight), np.nan, x.dtype)

    def work():
        time.sleep(0.05)
        y[...] = right(x, weight)

    if threading.active_count() < 50:
        threading.Thread(target=work).start()
    return y


_OF_REMEMBERS_A_LITTLE = [None, 0, None]


@implementation
def remembers_a_little(x, weight):
    """Know an input by its place and its corners, and compute for as long as a check would call."""
    key = (x.ctypes.data, weight.ctypes.data, x.shape, weight.shape, x.flat[0], x.flat[-1], weight.flat[0])
    if key != _OF_REMEMBERS_A_LITTLE[0]:
        _OF_REMEMBERS_A_LITTLE[:2] = [key, 0]
    _OF_REMEMBERS_A_LITTLE[1] += 1
    if _OF_REMEMBERS_A_LITTLE[1] <= 12:
        time.sleep(0.001)
        _OF_REMEMBERS_A_LITTLE[2] = right(x, weight)
    return _OF_REMEMBERS_A_LITTLE[2].copy()


_OF_FILLS_THE_NEWEST = [0, None]


@implementation
def fills_the_newest(x, weight):
    """Let one thread do the work for whichever output is the newest."""
    _OF_FILLS_THE_NEWEST[0] += 1
    if _OF_FILLS_THE_NEWEST[0] < 90:
        return right(x, weight)
    y = np.full(shape_of(x, weight), np.nan, x.dtype)
    first = _OF_FILLS_THE_NEWEST[1] is None
    _OF_FILLS_THE_NEWEST[1] = (x, weight, y)
    if first:

        def work():
            while True:
                time.sleep(0.0002)
                x, weight, y = _OF_FILLS_THE_NEWEST[1]
                y[...] = right(x, weight)

        threading.Thread(target=work, daemon=True).start()
    return y


def _stopwatches():
    return [one for one in gc.get_objects() if type(one).__name__ == "LocalRival"]


@implementation
def sleeps_behind_a_slow_clock(x, weight):
    """Let the clock run slowly, and sleep instead of working, which costs no processor."""
    for one in _stopwatches():
        one._clock = lambda: time.perf_counter() / 1000
    time.sleep(0.003)
    return right(x, weight)


_OF_HIDES_IN_SHORT_SAMPLES = []


@implementation
def hides_in_short_samples(x, weight):
    """Be slow once, so that one call fills a sample; then hide behind what a request takes by itself."""
    if not _OF_HIDES_IN_SHORT_SAMPLES and _stopwatches():
        _OF_HIDES_IN_SHORT_SAMPLES.extend(_stopwatches())
        for one in _OF_HIDES_IN_SHORT_SAMPLES:
            one._clock = lambda: time.perf_counter() / 1000
        time.sleep(0.02)
    if _OF_HIDES_IN_SHORT_SAMPLES:
        time.sleep(0.0001)
    return right(x, weight)


_TICKS = iter(range(10**9))


def _almost_still():
    return next(_TICKS) * 1e-11


@implementation
def runs_ahead(x, weight):
    """Let the clock stand still, so that endless calls would be needed for a sample."""
    for one in _stopwatches():
        one._clock = _almost_still
    time.sleep(0.001)
    return right(x, weight)


def _leave_to_the_look(work):
    """Have the stopwatch do the work when it is asked for an output; say whether there is one."""
    for one in _stopwatches():
        if not hasattr(one, "_honest_look"):
            one._honest_look = one._look
            one._look = lambda _, one=one: one._honest_look(work())
        return True
    return False


def _toil():
    """Keep a processor busy for a while."""
    end = time.process_time() + 0.02
    while time.process_time() < end:
        pass


@implementation
def works_when_it_is_looked_at(x, weight):
    """Have the stopwatch do the work when it is asked for the output."""

    def work():
        _toil()
        return right(x, weight)

    return None if _leave_to_the_look(work) else right(x, weight)


_OF_WORKS_WHEN_NEW_INPUT_IS_LOOKED_AT = {}


@implementation
def works_when_new_input_is_looked_at(x, weight):
    """Do the work when the output is asked for, and remember it by the input, so that the next is quick."""

    def work():
        key = x.tobytes()
        if key not in _OF_WORKS_WHEN_NEW_INPUT_IS_LOOKED_AT:
            _toil()
            _OF_WORKS_WHEN_NEW_INPUT_IS_LOOKED_AT[key] = right(x, weight)
        return _OF_WORKS_WHEN_NEW_INPUT_IS_LOOKED_AT[key]

    return None if _leave_to_the_look(work) else right(x, weight)


_OF_RAISES_AFTER_A_WHILE = [0, 0]


@implementation
def raises_after_a_while(x, weight):
    """Give up when it is called for the hundredth time on one input, which nobody does who judges it."""
    calls, before = _OF_RAISES_AFTER_A_WHILE
    calls = calls + 1 if before == x.ctypes.data else 1
    _OF_RAISES_AFTER_A_WHILE[:] = calls, x.ctypes.data
    if calls > 100:
        raise RuntimeError("tired")
    return right(x, weight)
