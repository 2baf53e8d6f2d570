"""The state that a call shares with the rest of the process: its changes are seen, and undone."""

import builtins
import decimal
import gc
import math
import os
import random
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any, Self

import numpy as np

_WATCHED = (
    "numpy",
    "numpy.linalg",
    "numpy.testing",
    "numpy.fft",
    "torch",
    "torch.testing",
    "torch.nn.functional",
)

_FILTERS = "the warnings filters"

_Facet = tuple[str, Any, Callable[[Any], Any]]


class ProcessState:
    """The state of the process around some calls; leaving the context restores it."""

    def __enter__(self) -> Self:
        import_module("numpy.testing")  # so that it can be watched; not needed when only timing
        # A state that no code sets by chance, so that setting any shows.
        np.seterr(divide="ignore", over="warn", under="ignore", invalid="warn")
        self._imported = len(sys.modules)
        self._facets = list(_facets())
        self._modules = [(module, dict(vars(module))) for module in _modules()]
        return self

    def changed(self, *, but_random: bool = False) -> str | None:
        """Return which part of the state has changed, or None; `but_random` leaves out random generators."""
        imported = len(sys.modules) > self._imported
        for name, before, now, _ in self._differences():
            # Libraries set filters of their own when they load, for which a call is not to blame.
            pardoned = (imported and name == _FILTERS) or (but_random and name.endswith("random generator"))
            if before != now and not pardoned:
                return name
        for module, names in self._modules:
            current = vars(module)
            for attribute, value in names.items():
                if current.get(attribute) is not value:
                    return f"{module.__name__}.{attribute}"
        return None

    def __exit__(self, *error: object) -> None:
        for _, before, now, restore in self._differences():
            if before != now:
                restore(before)
        for module, names in self._modules:
            if any(vars(module).get(key) is not value for key, value in names.items()):
                vars(module).update(names)

    def _differences(self) -> Iterator[tuple[str, Any, Any, Callable[[Any], Any]]]:
        now = {name: value for name, value, _ in _facets()}
        for name, before, restore in self._facets:
            yield name, before, now[name], restore


def _facets() -> Iterator[_Facet]:
    """Yield the name of a part of the state, its value, and the function that restores it."""
    yield "numpy's error handling", np.geterr(), lambda value: np.seterr(**value)
    # This generator matters because legacy code shares it.
    yield "numpy's random generator", _numpy_random(), _restore_numpy_random
    yield "Python's random generator", random.getstate(), random.setstate
    yield "the working folder", os.getcwd(), os.chdir  # noqa: PTH109 a path is slow
    yield "the environment", dict(os.environ), _restore_environment
    yield "the garbage collector", gc.isenabled(), lambda on: gc.enable() if on else gc.disable()
    yield "the recursion limit", sys.getrecursionlimit(), sys.setrecursionlimit
    yield "the switching of threads", sys.getswitchinterval(), sys.setswitchinterval
    yield _FILTERS, list(warnings.filters), _restore_filters
    yield "numpy's way to print", np.get_printoptions(), lambda value: np.set_printoptions(**value)
    yield "numpy's buffer size", np.getbufsize(), np.setbufsize
    yield "the context of decimal", decimal.getcontext().copy().__repr__(), lambda _: None
    yield "the rounding of floating point", _rounding(), lambda _: _restore_rounding()
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_rng_state"):
        yield "torch's random generator", torch.get_rng_state().numpy().tobytes(), _restore_torch_random
        yield "torch's default type", torch.get_default_dtype(), torch.set_default_dtype
        yield "torch's number of threads", torch.get_num_threads(), torch.set_num_threads
        if hasattr(torch.backends.mkldnn, "is_available"):
            enabled = torch._C._get_mkldnn_enabled()  # noqa: SLF001 its public name loads a library
            yield "torch's use of oneDNN", enabled, torch._C._set_mkldnn_enabled  # noqa: SLF001
        precision = torch.get_float32_matmul_precision()
        yield "torch's precision of products", precision, torch.set_float32_matmul_precision


def _modules() -> Iterator[ModuleType]:
    """Yield the modules whose functions other code uses, and a call might replace."""
    yield from (builtins, math, time)
    for name in _WATCHED:
        if (module := sys.modules.get(name)) is not None:
            yield module


def _rounding() -> tuple[float, ...]:
    """Return results that differ under any mode but rounding to nearest with gradual underflow."""
    one, small, least = 1.0, 2.0**-53, sys.float_info.min
    return (one + small, one + 1.5 * small, -one - 1.5 * small, least / 2, (least / 2) * 1.0)


def _numpy_random() -> Any:
    state: Any = np.random.get_state(legacy=False)  # noqa: NPY002 watched, not used
    inner = state["state"]
    return (inner["key"].tobytes(), inner["pos"], state["has_gauss"], state["gauss"])


def _restore_numpy_random(value: Any) -> None:
    key, pos, has_gauss, gauss = value
    words = np.frombuffer(key, np.uint32)
    np.random.set_state(("MT19937", words, pos, has_gauss, gauss))  # noqa: NPY002 restored, not used


def _restore_environment(value: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(value)


def _restore_filters(value: list[Any]) -> None:
    warnings.filters[:] = value  # type: ignore[index]


def _restore_rounding() -> None:
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_flush_denormal(False)


def _restore_torch_random(value: bytes) -> None:
    torch: Any = sys.modules["torch"]
    torch.set_rng_state(torch.frombuffer(bytearray(value), dtype=torch.uint8))
