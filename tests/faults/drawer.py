"""Hostile kernels: each crashes, hangs, cheats or leaves something behind, in a way of its own.

This is a plugin file like any other; `test_faults` lists the status and the reason expected for each kernel.
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


# Kernels that end their process


@implementation
def segmentation_fault(x, weight):
    """Read address 0."""
    ctypes.string_at(0)


@implementation
def abort(x, weight):
    """Abort, as an assertion in C does."""
    os.abort()


@implementation
def illegal_instruction(x, weight):
    """Raise the signal of an instruction that the CPU does not have."""
    os.kill(os.getpid(), signal.SIGILL)


@implementation
def floating_point_exception(x, weight):
    """Raise the signal of an integer division by zero in C."""
    os.kill(os.getpid(), signal.SIGFPE)


@implementation
def exit_at_once(x, weight):
    """End the process with exit code 0."""
    os._exit(0)


@implementation
def exit_politely(x, weight):
    """Raise SystemExit."""
    sys.exit(0)


@implementation
def exit_later(x, weight):
    """Return the right output, and end the process from a thread 20 ms later."""
    threading.Timer(0.02, os._exit, [0]).start()
    return right(x, weight)


@implementation
def deep_recursion_in_c(x, weight):
    """Overflow the stack in C code."""
    sys.setrecursionlimit(10**9)

    @ctypes.CFUNCTYPE(None)
    def again():
        again()

    again()


@implementation
def alarm(x, weight):
    """Set a timer whose signal ends the process."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    time.sleep(1)


@implementation
def kills_itself(x, weight):
    """End the process with SIGKILL, as the kernel's out-of-memory killer does."""
    os.kill(os.getpid(), signal.SIGKILL)


# Kernels that hang


@implementation
def sleeps(x, weight):
    """Never return."""
    time.sleep(3600)


@implementation
def spins(x, weight):
    """Loop for ever, with full use of one CPU."""
    while True:
        pass


@implementation
def hangs_in_c(x, weight):
    """Wait in C, with all signals blocked that can be blocked."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    ctypes.PyDLL(None).sleep(3600)


@implementation
def stops_itself(x, weight):
    """Stop the process, as Ctrl-Z does."""
    os.kill(os.getpid(), signal.SIGSTOP)


@implementation
def dead_lock(x, weight):
    """Wait for a lock that this thread holds."""
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


# Kernels that take too much


@implementation
def memory_of_arrays(x, weight):
    """Allocate all memory, in large arrays."""
    return np.concatenate([np.ones(2**28) for _ in range(2**10)])


@implementation
def memory_in_small_pieces(x, weight):
    """Allocate all memory, in small pieces."""
    kept = []
    while True:
        kept.append(bytearray(2**24))


@implementation
def huge_output(x, weight):
    """Return an array larger than the memory of any machine, which takes no memory itself."""
    return np.broadcast_to(np.float32(0), (2**20, 2**20, 2**10, 2))


@implementation
def flood(x, weight):
    """Print without end."""
    line = "x" * 10**6
    while True:
        print(line)  # noqa: T201 printing is the attack


@implementation
def flood_of_bytes(x, weight):
    """Write bytes that are not UTF-8 to the file descriptor of stderr, without end."""
    while True:
        os.write(2, b"\xff\xfe" * 2**15)


@implementation
def many_processes(x, weight):
    """Start a million processes, one after the other."""
    for _ in range(10**6):
        subprocess.Popen(["sleep", "60"])
        time.sleep(0.001)


# Kernels that leave something behind


LEFT_BEHIND = []
"""What a kernel has left behind: a process that is left with every call would soon be one too many."""


@implementation
def leaves_a_child(x, weight):
    """Leave a child process behind, with the first call."""
    if not LEFT_BEHIND:
        LEFT_BEHIND.append(subprocess.Popen(["sleep", "3600"]))
    return right(x, weight)


@implementation
def leaves_a_daemon(x, weight):
    """Leave a process behind in a session of its own, whose parent has ended."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execvp("sleep", ["sleep", "3600"])
        os._exit(0)
    os.wait()
    return right(x, weight)


@implementation
def returns_twice(x, weight):
    """Fork the process with the first call, and return in both."""
    if not LEFT_BEHIND:
        LEFT_BEHIND.append(os.getpid())
        os.fork()
    return right(x, weight)


@implementation
def goes_on_in_a_thread(x, weight):
    """Return an output, and write it from a thread afterwards."""
    y = np.zeros(shape_of(x, weight), x.dtype)

    def work():
        time.sleep(0.005)
        y[...] = right(x, weight)

    threading.Thread(target=work).start()
    return y


@implementation
def leaves_a_child_without_marks(x, weight):
    """Leave a child process behind in a session of its own, with an empty environment."""
    if not LEFT_BEHIND:
        LEFT_BEHIND.append(subprocess.Popen(["/bin/sleep", "3600"], env={}, start_new_session=True))
    return right(x, weight)


@implementation
def is_traced(x, weight):
    """Have a child in another session trace this process, so that it cannot be reaped."""
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
    """Raise an exception whose text cannot be encoded as UTF-8."""
    raise ValueError("lone \ud800")


@implementation
def raises_a_novel(x, weight):
    """Raise an exception with ten million characters of text."""
    raise ValueError("x" * 10**7)


@implementation
def closes_stdout_for_good(x, weight):
    """Remove the standard streams of Python."""
    sys.stdout = sys.stderr = None
    return right(x, weight)


# Kernels that attack the harness's code in their own process


@implementation
def closes_everything(x, weight):
    """Close all file descriptors, the harness's channel among them."""
    os.closerange(0, 256)
    return right(x, weight)


@implementation
def closes_everything_and_waits(x, weight):
    """Close all file descriptors, and never return."""
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
"""A reply to the request for which the first call is made."""


def _channels():
    for number in range(3, 64):
        try:
            yield socket.socket(fileno=os.dup(number))
        except OSError:
            continue


@implementation
def writes_into_the_channel(x, weight):
    """Write nonsense into the harness's channel."""
    for channel in _channels():
        channel.sendall(b"nonsense" * 100)
    return np.zeros(shape_of(x, weight), x.dtype)


@implementation
def forges_answers(x, weight):
    """Find the request in the frames of the callers, and answer it before the harness does."""
    for frame in inspect.getouterframes(inspect.currentframe()):
        nonce = getattr(frame.frame.f_locals.get("question"), "nonce", None)
        if nonce is not None:
            body = json.dumps({"nonce": nonce, "reply": AS_IF_CALLED}).encode()
            for channel in _channels():
                channel.sendall(struct.pack("<I", len(body)) + body)
    return np.zeros(shape_of(x, weight), x.dtype)


@implementation
def announces_a_huge_message(x, weight):
    """Announce an answer of four gigabytes."""
    for channel in _channels():
        channel.sendall(struct.pack("<I", 2**32 - 1))
    return np.zeros(shape_of(x, weight), x.dtype)


def _answers_with(reply):
    """Replace the harness's function that sends answers by one that always sends this reply."""
    server = sys.modules["convharness.workers.server"]
    framed = server.framed
    server.framed = lambda answer: framed({"nonce": answer.nonce, "reply": reply})


@implementation
def says_that_it_passed(x, weight):
    """Make each later answer say that the kernel passed."""
    _answers_with({"type": "Raised", "status": "passed", "reason": "all is well"})
    return right(x, weight)


@implementation
def answers_nonsense(x, weight):
    """Make each later answer the number five."""
    _answers_with(5)
    return right(x, weight)


@implementation
def answers_as_if(x, weight):
    """Make each later answer the facts of a first call that never happened."""
    _answers_with(AS_IF_CALLED)
    return right(x, weight)


def _replies_to_calls_with(**facts):
    """Replace the harness's calls of the kernel by a reply with these facts of an output."""
    handlers, replies, requests = (
        sys.modules[f"convharness.workers.{name}"]
        for name in ("request_handlers", "protocol.replies", "protocol.requests")
    )
    if "misfit" in facts:
        facts["misfit"] = replies.Misfit(**facts["misfit"])
    reply = replies.Returned(replies.OutputFacts(**facts))
    handlers.ANSWERS |= dict.fromkeys((requests.Call, requests.BindAndCall), lambda *_: reply)


@implementation
def replies_as_if_it_had_called(x, weight):
    """Reply to each later request for an output without making one."""
    _replies_to_calls_with()
    return right(x, weight)


@implementation
def replies_with_a_type_that_is_none(x, weight):
    """Report a data type for each later output that NumPy would parse as an expression."""
    _replies_to_calls_with(misfit={"shape": (1,), "dtype": "(1,f4"})
    return right(x, weight)


@implementation
def prints_a_verdict(x, weight):
    """Print a verdict that passed, and return zeros."""
    print(json.dumps({"status": "passed", "error_u": 0}))  # noqa: T201 printing is the attack
    return np.zeros(shape_of(x, weight), x.dtype)


@implementation
def patches_comparisons(x, weight):
    """Replace NumPy's comparisons by functions that always agree."""
    np.array_equal = np.allclose = np.testing.assert_allclose = lambda *_, **__: True
    return np.zeros(shape_of(x, weight), x.dtype)


@implementation
def patches_numpy(x, weight):
    """Replace functions and types of NumPy by None."""
    np.ndarray = np.copyto = np.prod = np.ascontiguousarray = None
    return np.zeros(shape_of(x, weight), x.dtype)


@implementation
def patches_the_harness(x, weight):
    """Replace each function of the harness that is loaded here by one that does nothing."""
    for name, module in list(sys.modules.items()):
        if name.startswith("convharness."):
            for key, value in list(vars(module).items()):
                if inspect.isfunction(value):
                    setattr(module, key, lambda *_, **__: None)
    return np.zeros(shape_of(x, weight), x.dtype)


@implementation
def looks_for_the_answer(x, weight):
    """Return the first array in this process that has the shape of the output."""
    shape = shape_of(x, weight)
    frames = [frame.frame for frame in inspect.getouterframes(inspect.currentframe())]
    places = [*gc.get_objects(), *(value for frame in frames for value in frame.f_locals.values())]
    for place in places:
        if isinstance(place, np.ndarray) and place.shape == shape:
            return place.astype(x.dtype)
    return np.zeros(shape, x.dtype)


@implementation
def reads_beside_its_input(x, weight):
    """Return the memory behind the input, which is shared with the harness."""
    whole = x
    while isinstance(whole.base, np.ndarray):
        whole = whole.base
    size = int(np.prod(shape_of(x, weight)))
    start = (x.nbytes + weight.nbytes + 127) // 64 * 64
    return whole[start : start + size * x.itemsize].copy().view(x.dtype).reshape(shape_of(x, weight))


# Kernels that write to their inputs, or could


def changed_and_restored(array):
    """Change a bit of an array's memory, as C code may that knows no flags, and change it back."""
    first = ctypes.cast(array.ctypes.data, ctypes.POINTER(ctypes.c_uint8))
    before = first[0]
    first[0] = before ^ 1
    first[0] = before


@implementation
def restores_its_input(x, weight):
    """Write to the input and leave it as it was."""
    if x.size:
        changed_and_restored(x)
    return right(x, weight)


@implementation
def restores_its_weight_in_a_thread(x, weight):
    """Let another thread write to the weights."""
    writing = threading.Thread(target=changed_and_restored, args=(weight,))
    writing.start()
    writing.join()
    return right(x, weight)


@implementation
def restores_an_input_with_a_nan(x, weight):
    """Write to the input where it holds a NaN."""
    if np.isnan(x).any():
        changed_and_restored(x)
    return right(x, weight)


@implementation
def asks_for_writable_inputs(x, weight):
    """Read only, from arrays whose flags allow writing, as code without `const` asks for them."""
    if not (x.flags.writeable and weight.flags.writeable):
        raise ValueError("buffer source array is read-only")
    return right(x, weight)


# Kernels that cheat


class Lazy(np.ndarray):
    """An array that is equal to everything."""

    def __eq__(self, other):
        return np.ones(self.shape, bool)

    __hash__ = None


@implementation
def lazy(x, weight):
    """Return an array whose comparisons always agree."""
    return np.zeros(shape_of(x, weight), x.dtype).view(Lazy)


_OF_REMEMBERS_BY_ADDRESS = {}


@implementation
def remembers_by_address(x, weight):
    """Return the earlier output for an input at the same address."""
    key = (x.ctypes.data, weight.ctypes.data, x.shape, weight.shape, x.dtype)
    if key not in _OF_REMEMBERS_BY_ADDRESS:
        _OF_REMEMBERS_BY_ADDRESS[key] = right(x, weight)
    return _OF_REMEMBERS_BY_ADDRESS[key].copy()


_OF_STALE_PACKED_WEIGHTS = {}


@implementation
def stale_packed_weights(x, weight):
    """Pack the weights once for each address."""
    key = (weight.ctypes.data, weight.shape, weight.dtype)
    return right(x, _OF_STALE_PACKED_WEIGHTS.setdefault(key, weight.copy()))


_OF_GARBAGE_AFTER_A_WHILE = [0]


@implementation
def garbage_after_a_while(x, weight):
    """Return right outputs for thirty calls, and wrong ones afterwards."""
    _OF_GARBAGE_AFTER_A_WHILE[0] += 1
    return right(x, weight) * (1 if _OF_GARBAGE_AFTER_A_WHILE[0] <= 30 else 2)


@implementation
def raises_in_one_layer(x, weight):
    """Raise an exception for input that is not finite."""
    if not np.isfinite(x).all():
        raise ValueError("not finite")
    return right(x, weight)


class _SilentError(BaseException):
    def __str__(self):
        raise RuntimeError("no text")


@implementation
def raises_what_cannot_be_told(x, weight):
    """Raise an exception whose text raises another one."""
    raise _SilentError


@implementation
def returns_objects(x, weight):
    """Return an array of Python objects."""
    return np.zeros(shape_of(x, weight), object)


@implementation
def returns_records(x, weight):
    """Return a structured array."""
    return np.zeros(shape_of(x, weight), [("a", "f4"), ("b", "f4")])


@implementation
def changes_the_process(x, weight):
    """Change the environment of the process."""
    os.environ["OMP_NUM_THREADS"] = "64"
    return right(x, weight)


# Kernels that are right when they are judged and cheat when they are timed: only the stopwatch can see it


_OF_REMEMBERS_BY_CONTENT = {}


@implementation
def remembers_by_content(x, weight):
    """Compute the output once for each input."""
    key = (hash(x.tobytes()), hash(weight.tobytes()), x.shape, weight.shape)
    if key not in _OF_REMEMBERS_BY_CONTENT:
        time.sleep(0.002)
        _OF_REMEMBERS_BY_CONTENT[key] = right(x, weight)
    return _OF_REMEMBERS_BY_CONTENT[key].copy()


_OF_LAZY_WHEN_WARM = [0]


@implementation
def lazy_when_warm(x, weight):
    """Return zeros after more calls than judging makes."""
    _OF_LAZY_WHEN_WARM[0] += 1
    return right(x, weight) if _OF_LAZY_WHEN_WARM[0] < 400 else np.zeros(shape_of(x, weight), x.dtype)


_OF_SLOWS_THE_CLOCK = []


@implementation
def slows_the_clock(x, weight):
    """Replace the stopwatch's clock by one that runs 100 times slower."""
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
    """Return at once, and compute the output in a thread later."""
    _OF_WORKS_BEHIND_THE_CLOCK[0] += 1
    if _OF_WORKS_BEHIND_THE_CLOCK[0] < 400:
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
    """Recognise an input by its address and its corners, and compute only for its first twelve calls."""
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
    """Have one thread fill the output that was returned last."""
    _OF_FILLS_THE_NEWEST[0] += 1
    if _OF_FILLS_THE_NEWEST[0] < 400:
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
    """Slow the clock down, and sleep instead of working, which takes no CPU time."""
    for one in _stopwatches():
        one._clock = lambda: time.perf_counter() / 1000
    time.sleep(0.003)
    return right(x, weight)


_OF_HIDES_IN_SHORT_SAMPLES = []


@implementation
def hides_in_short_samples(x, weight):
    """Be slow once, so that one call fills a sample; then sleep for less time than a request takes."""
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
    """Make the clock stand almost still, so that a sample would need endless calls."""
    for one in _stopwatches():
        one._clock = _almost_still
    time.sleep(0.001)
    return right(x, weight)


def _leave_to_the_look(work):
    """Make the stopwatch do the work when it is asked for an output; return whether there is a stopwatch."""
    for one in _stopwatches():
        if not hasattr(one, "_honest_look"):
            one._honest_look = one._look
            one._look = lambda _, one=one: one._honest_look(work())
        return True
    return False


def _toil():
    """Use one CPU for 20 ms."""
    end = time.process_time() + 0.02
    while time.process_time() < end:
        pass


@implementation
def works_when_it_is_looked_at(x, weight):
    """Make the stopwatch do the work when it is asked for the output."""

    def work():
        _toil()
        return right(x, weight)

    return None if _leave_to_the_look(work) else right(x, weight)


_OF_WORKS_WHEN_NEW_INPUT_IS_LOOKED_AT = {}


@implementation
def works_when_new_input_is_looked_at(x, weight):
    """Do the work when the output is asked for, and remember the output by the input."""

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
    """Raise an exception after 100 calls on one input, which judging never makes."""
    calls, before = _OF_RAISES_AFTER_A_WHILE
    calls = calls + 1 if before == x.ctypes.data else 1
    _OF_RAISES_AFTER_A_WHILE[:] = calls, x.ctypes.data
    if calls > 100:
        raise RuntimeError("tired")
    return right(x, weight)
