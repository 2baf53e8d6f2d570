"""The array types that implementations are handed and return, each behind one adapter.

The only place of the engine that touches an array library other than NumPy, and it imports that
library when an array is handed over, not before.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache, cached_property, partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class ForeignOutputError(Exception):
    """An output that is not a dense array of the library; the message says what it is."""


ALIGNMENT = 64
"""Bytes: one cache line. Kernels differ by 10 to 20 % between buffers aligned to 16 and to 64."""


LAYOUTS = ("contiguous", "channels_last")
"""How an image of shape (N, C, *size) is stored: in the order of its axes, or as (N, *size, C)."""


class Subclass(np.ndarray[Any, Any]):
    """A subclass of NumPy's array: implementations may be handed one, and may then return one."""


class Adapter(Protocol):
    """How the engine hands arrays to an implementation and takes its output back."""

    type_name: str

    def hand_over(self, array: Array) -> Any:
        """Return the implementation's own array over the memory of `array`."""

    def read_only(self, own: Any) -> Any:
        """Return an array that was handed over as one whose flags forbid writing, if the library has such."""

    def takes(self, array: Array) -> bool:
        """Say whether the library has arrays of this one's strides and type."""

    def fill(self, own: Any, given: Array, content: Array) -> None:
        """Write other numbers into an array that was handed over, by the library's own means."""

    def fresh(self, array: Array) -> Any:
        """Return a copy in memory of the library's own."""

    def take_back(self, y: Any) -> Array:
        """Return `y` as a NumPy array over the same memory.

        Only the library's own type is accepted: a subclass may give any answer when it is compared.
        Raises `ForeignOutputError` for anything else.
        """

    def limit_threads(self, threads: int) -> None:
        """Tell the library how many threads it may use."""

    def running(self) -> AbstractContextManager[Any]:
        """Return the context in which the library's code runs."""

    def product(self, dtype: str, size: int) -> Callable[[], object] | None:
        """Return a product of two square matrices, to be timed; None for a dtype without a fast one."""

    def copying(self, size: int) -> Callable[[], object]:
        """Return a copy of `size` bytes, to be timed."""


class NumpyArrays:
    """NumPy: arrays as they are."""

    type_name = "numpy.ndarray"

    def hand_over(self, array: Array) -> Array:
        return array.view()

    def read_only(self, own: Array) -> Array:
        own.flags.writeable = False
        return own

    def takes(self, array: Array) -> bool:  # noqa: ARG002 all of them
        return True

    def fill(self, own: Array, given: Array, content: Array) -> None:  # noqa: ARG002 it may be read-only
        given[...] = content

    def fresh(self, array: Array) -> Array:
        return array.copy()

    def take_back(self, y: Any) -> Array:
        if type(y) is Subclass:
            return y.view(np.ndarray)
        if type(y) is not np.ndarray:
            raise ForeignOutputError(f"{kind_of(y)}, want {self.type_name}")
        return y

    def limit_threads(self, threads: int) -> None:
        """Do nothing here: its BLAS is limited for the whole process, by `environment`."""

    def running(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def product(self, dtype: str, size: int) -> Callable[[], object] | None:
        if dtype not in ("float32", "float64"):
            return None  # the others run in loops, not in BLAS
        a = aligned_copy(np.ones((size, size), dtype))
        b, c = aligned_copy(a), aligned_copy(a)
        return partial(np.matmul, a, b, out=c)

    def copying(self, size: int) -> Callable[[], object]:
        source = aligned_copy(np.zeros(size // 8))
        return partial(np.copyto, aligned_copy(source), source)


class TorchArrays:
    """PyTorch: tensors that share the NumPy array's memory, without gradients."""

    type_name = "torch.Tensor"

    @cached_property
    def _torch(self) -> Any:
        import torch

        return torch

    def hand_over(self, array: Array) -> Any:
        if array.dtype == dtype_of("bfloat16"):
            return self._torch.from_numpy(array.view(np.int16)).view(self._torch.bfloat16)
        whole = array.base
        if isinstance(whole, np.ndarray) and whole.dtype == array.dtype and whole.flags.c_contiguous:
            # A piece of a larger tensor knows where it begins in its storage.
            start = (array.ctypes.data - whole.ctypes.data) // array.itemsize
            steps = [stride // array.itemsize for stride in array.strides]
            return self._torch.from_numpy(whole.reshape(-1)).as_strided(array.shape, steps, start)
        return self._torch.from_numpy(array)

    def read_only(self, own: Any) -> Any:
        return own

    def takes(self, array: Array) -> bool:
        in_steps = all(stride >= 0 and stride % array.itemsize == 0 for stride in array.strides)
        return in_steps and array.flags.aligned and array.flags.writeable

    def fill(self, own: Any, given: Array, content: Array) -> None:  # noqa: ARG002 it is the same memory
        with self._torch.no_grad():
            own.copy_(self.hand_over(np.ascontiguousarray(content)))

    def fresh(self, array: Array) -> Any:
        return self.hand_over(array).clone()

    def take_back(self, y: Any) -> Array:
        if type(y) not in (self._torch.Tensor, self._torch.nn.Parameter):
            raise ForeignOutputError(f"{kind_of(y)}, want {self.type_name}")
        if y.layout is not self._torch.strided or y.is_meta:
            kind = "tensor without data" if y.is_meta else "sparse tensor"
            raise ForeignOutputError(f"a {kind}, want a dense {self.type_name}")
        y = y.detach().resolve_conj().resolve_neg().cpu()
        try:
            if y.dtype == self._torch.bfloat16:
                return y.view(self._torch.int16).numpy().view(dtype_of("bfloat16"))  # type: ignore[no-any-return]
            return y.numpy()  # type: ignore[no-any-return]
        except TypeError:  # NumPy has no such type
            raise ForeignOutputError(f"a tensor of {y.dtype}, want one that NumPy can hold") from None

    def limit_threads(self, threads: int) -> None:
        self._torch.set_num_threads(threads)

    def running(self) -> AbstractContextManager[Any]:
        context: AbstractContextManager[Any] = self._torch.no_grad()
        return context

    def product(self, dtype: str, size: int) -> Callable[[], object] | None:
        a = self._torch.ones(size, size, dtype=getattr(self._torch, dtype))
        return partial(self._torch.mm, a, a.clone(), out=a.clone())

    def copying(self, size: int) -> Callable[[], object]:
        source = self._torch.zeros(size // 8, dtype=self._torch.float64)
        return partial(source.clone().copy_, source)


_ADAPTERS: dict[str, type[Adapter]] = {"numpy": NumpyArrays, "torch": TorchArrays}
LIBRARIES = tuple(_ADAPTERS)


def kind_of(value: Any) -> str:
    """Return what a value is, for a message."""
    kind = type(value)
    if kind.__module__ == "builtins":
        return "nothing" if value is None else f"a {kind.__name__}"
    return f"a {kind.__module__.partition('.')[0]}.{kind.__name__}"


@cache
def adapter(library: str) -> Adapter:
    """Return the adapter of an array library."""
    return _ADAPTERS[library]()


def dtype_of(name: str) -> np.dtype[Any]:
    """Return NumPy's dtype of that name; bfloat16 is that of ml_dtypes."""
    if name == "bfloat16":
        import ml_dtypes

        bfloat16: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
        return bfloat16
    return np.dtype(name)


def in_stored_order(array: Array, layout: str) -> Array:
    """Return a view of (N, C, *size) with its axes in the order in which `layout` stores them."""
    return np.moveaxis(array, 1, -1) if layout == "channels_last" else array


def from_stored_order(stored: Array, layout: str) -> Array:
    """Return a view of shape (N, C, *size) of an array whose axes are in the order of `layout`."""
    return np.moveaxis(stored, -1, 1) if layout == "channels_last" else stored


def aligned_copy(array: Array, layout: str = "contiguous") -> Array:
    """Return a copy that starts on a cache line, of the same shape, in the memory order of `layout`."""
    stored = in_stored_order(array, layout)
    raw = np.empty(stored.nbytes + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    copy = raw[start : start + stored.nbytes].view(stored.dtype).reshape(stored.shape)
    copy[...] = stored
    return from_stored_order(copy, layout)


def root_of(array: Array) -> Array:
    """Return the array that owns the memory of this one."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def is_channels_last(array: Array) -> bool:
    """Say whether (N, C, *size) is stored as (N, *size, C)."""
    return array.ndim > 2 and bool(in_stored_order(array, "channels_last").flags.c_contiguous)
