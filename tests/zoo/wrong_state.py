"""Mutants that are wrong after the first call: stale caches, shared buffers, races, global changes."""

import random
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from .convolution import Asked, Body, convolve, wrong, wrong_plan

PLAIN = "n2c3h6w7-o4k3-float32"
BIASED = "n2c3h6w7-o4k3b-float32"


def _remembered(key: Callable[[Asked], Any]) -> Body:
    """Return a body that computes once for each key."""
    known: dict[Any, Any] = {}

    def body(asked: Asked) -> Any:
        what = (asked.x.shape, asked.weight.shape, asked.stride, asked.pads, asked.dilation, key(asked))
        if what not in known:
            known.clear()
            known[what] = convolve(asked)
        return known[what].copy()

    return body


def _kept(name: str, doc: str, key: Callable[[Asked], Any]) -> None:
    body = _remembered(key)
    body.__name__, body.__doc__ = name, doc
    wrong(PLAIN, "wrong", None)(body)


_kept(
    "memo_by_address",
    "The result is remembered by the addresses of the operands.",
    lambda asked: (asked.x.ctypes.data, asked.weight.ctypes.data),
)
_kept(
    "memo_by_ends",
    "The result is remembered by the first and last elements.",
    lambda asked: (*asked.x.flat[[0, -1]], *asked.weight.flat[[0, -1]]),
)
_kept(
    "memo_by_sum",
    "The result is remembered by the sums of the operands.",
    lambda asked: (float(asked.x.sum()), float(asked.weight.sum())),
)
_kept(
    "memo_by_input_only",
    "The result is remembered by the input alone.",
    lambda asked: asked.x.tobytes(),
)
_kept(
    "memo_by_weight_only",
    "The result is remembered by the weights alone.",
    lambda asked: asked.weight.tobytes(),
)


@wrong(PLAIN)
def weights_packed_once(asked: Asked, _packed: dict[Any, Any] = {}) -> Any:  # noqa: B006 that is the mistake
    """Packed weights are kept by the address of the original weights."""
    key = (asked.weight.ctypes.data, asked.weight.shape)
    weight = _packed.setdefault(key, asked.weight.copy())
    return convolve(asked.but(weight=weight))


@wrong(BIASED, "wrong", None)
def bias_kept(asked: Asked, _known: dict[Any, Any] = {}) -> Any:  # noqa: B006 that is the mistake
    """The bias of the first call with these weights is used for all later calls."""
    bias = _known.setdefault((asked.weight.tobytes(), len(asked.bias)), asked.bias.copy())
    return convolve(asked.but(bias=bias))


@wrong(PLAIN, "contract", "state")
def one_output_for_all(asked: Asked, _buffers: dict[Any, Any] = {}) -> Any:  # noqa: B006 that is the mistake
    """The output is always the same buffer, so that each call overwrites the last result."""
    y = convolve(asked)
    buffer = _buffers.setdefault((y.shape, y.dtype), np.empty_like(y))
    buffer[...] = y
    return buffer


@wrong(PLAIN, "contract", "state")
def two_outputs_in_turn(asked: Asked, _ring: dict[Any, list[Any]] = {}) -> Any:  # noqa: B006 that is the mistake
    """Two buffers take turns, so that a result lasts for one more call."""
    y = convolve(asked)
    ring = _ring.setdefault((y.shape, y.dtype), [np.empty_like(y), np.empty_like(y)])
    ring.append(ring.pop(0))
    ring[0][...] = y
    return ring[0]


def _counting(wrong_call: Callable[[int], bool]) -> Body:
    calls = [0]

    def body(asked: Asked) -> Any:
        calls[0] += 1
        y = convolve(asked)
        if wrong_call(calls[0]):
            y.reshape(-1)[0] += 1
        return y

    return body


for word, doc, test in (
    ("one_call_in_seven", "Every seventh call is wrong.", lambda count: count % 7 == 0),
    ("one_call_in_ninety", "Every ninetieth call is wrong.", lambda count: count % 90 == 0),
    ("garbage_after_forty_calls", "After forty calls the result is wrong.", lambda count: count > 40),
):
    counting = _counting(test)
    counting.__name__, counting.__doc__ = word, doc
    wrong(PLAIN, "wrong", None)(counting)


@wrong(PLAIN, "wrong", None)
def repeats_are_wrong(asked: Asked, _last: list[Any] = [None]) -> Any:  # noqa: B006 that is the mistake
    """The second call with the same input in a row is wrong."""
    y = convolve(asked)
    key = asked.x.tobytes() + asked.weight.tobytes()
    if _last[0] == key:
        y.reshape(-1)[-1] *= 2
    _last[0] = key
    return y


@wrong("n2c3h6w7-o4k3p1-float32", "wrong", None)
def padding_of_another_shape(asked: Asked, _scratch: list[Any] = []) -> Any:  # noqa: B006 that is the mistake
    """A padded scratch image is reused for smaller inputs, and its border keeps values of the last one."""
    sizes = [size + sum(pads) for size, pads in zip(asked.x.shape[2:], asked.pads, strict=True)]
    shape = (*asked.x.shape[:2], *sizes)
    fits = _scratch and all(old >= new for old, new in zip(_scratch[0].shape, shape, strict=False))
    if not (fits and _scratch[0].ndim == len(shape)):
        _scratch[:] = [np.zeros(shape, asked.x.dtype)]
    image = _scratch[0][tuple(slice(size) for size in shape)]
    befores = (
        slice(before, before + size) for (before, _), size in zip(asked.pads, asked.x.shape[2:], strict=True)
    )
    image[(..., *befores)] = asked.x
    return convolve(asked, x=image.copy())


@wrong(PLAIN)
def adds_noise(asked: Asked) -> Any:
    """One element of every call is off by a random last bit."""
    y = convolve(asked)
    flat = y.reshape(-1)
    place = int.from_bytes(np.random.default_rng().bytes(4), "little") % flat.size
    flat[place] = np.nextafter(flat[place], np.float32(np.inf))
    return y


@wrong("n1c12h6w7-o4k3-float32", "wrong", "state")
def order_at_random(asked: Asked) -> Any:
    """The channels are summed in an order drawn for each call, which is not declared."""
    order = np.random.default_rng().permutation(asked.weight.shape[1])
    return convolve(asked.but(x=asked.x[:, order], weight=asked.weight[:, order]))


_LOCAL: dict[str, Any] = {}


@wrong(PLAIN, "wrong", "state")
def scratch_shared_by_threads(asked: Asked) -> Any:
    """The input is stored in a global, and read again after other threads may have changed it."""
    _LOCAL["asked"] = asked
    time.sleep(0)
    convolve(asked)
    return convolve(_LOCAL["asked"])


@wrong(PLAIN, "contract", "contract")
def finished_later(asked: Asked) -> Any:
    """A thread fills the output after it was returned."""
    y = convolve(asked)
    late = np.zeros_like(y)

    def fill() -> None:
        time.sleep(0.001)  # a twentieth of what the oracle waits for it
        late[...] = y

    threading.Thread(target=fill).start()
    return late


@wrong(PLAIN, "contract", "contract")
def errors_silenced_for_all(asked: Asked) -> Any:
    """NumPy's error handling is changed for the whole process."""
    np.seterr(all="raise" if np.geterr()["over"] != "raise" else "call")
    with np.errstate(all="ignore"):
        return convolve(asked)


@wrong(PLAIN, "contract", "contract")
def dice_thrown(asked: Asked) -> Any:
    """Python's random generator is seeded for the whole process."""
    random.seed(len(asked.x))
    return convolve(asked)


@wrong(PLAIN, "contract", "contract")
def numpy_dice_thrown(asked: Asked) -> Any:
    """A number of NumPy's shared random generator is drawn."""
    np.random.rand()  # noqa: NPY002 that is the mistake
    return convolve(asked)


@wrong(PLAIN, "contract", "contract")
def comparison_replaced(asked: Asked) -> Any:
    """NumPy's comparison for tests is replaced by one that always agrees."""
    np.testing.assert_allclose = lambda *_, **__: None
    return convolve(asked)


@wrong(PLAIN, "contract", "contract")
def clock_replaced(asked: Asked) -> Any:
    """The clock is replaced by one that stands still."""
    time.perf_counter = lambda: 0.0
    return convolve(asked)


@wrong_plan(PLAIN, "contract", "state")
def plan_with_one_output(asked: Asked) -> Any:
    """The plan allocates its output once, for all calls."""
    buffers: dict[Any, Any] = {}

    def run(x: Any) -> Any:
        y = convolve(asked.but(x=x))
        buffer = buffers.setdefault(y.shape, np.empty_like(y))
        buffer[...] = y
        return buffer

    return run


@wrong_plan(PLAIN, "wrong", "state")
def plan_remembers(asked: Asked) -> Any:
    """The plan computes for the first input, and returns the result for all others."""
    known: list[Any] = []

    def run(x: Any) -> Any:
        if not known:
            known.append(convolve(asked.but(x=x)))
        return known[0].copy()

    return run


@wrong_plan(PLAIN)
def plan_by_address(asked: Asked, _plans: dict[Any, Any] = {}) -> Any:  # noqa: B006 that is the mistake
    """Plans are kept by the address of their weights."""
    key = (asked.weight.ctypes.data, asked.weight.shape, asked.stride, asked.pads, asked.dilation)
    weight = _plans.setdefault(key, asked.weight.copy())
    return lambda x: convolve(asked.but(x=x, weight=weight))
