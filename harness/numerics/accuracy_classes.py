"""The accuracy classes that plugins may declare, by name: 'direct', 'winograd(4,3)', 'low(11)'."""

import re
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

from ..errors import PluginError, did_you_mean
from .accuracy import Accuracy
from .bounds.probable import direct_probable, fft_probable, low_probable
from .bounds.worst_case import direct_bound, fft_bound, low_bound, strassen_bound, winograd_bound

_MOST_NATIVE_BITS = 11  # TF32 and float16

DIRECT = Accuracy("direct", exact=True, accumulated=direct_bound, probable=direct_probable)

_FFT = Accuracy("fft", exact=False, accumulated=fft_bound, probable=fft_probable, locality="sample")

_PLAIN = {"direct": DIRECT, "fft": _FFT}


def _winograd_class(name: str, outputs: int, taps: int) -> Accuracy:
    return Accuracy(
        name,
        exact=False,
        accumulated=partial(winograd_bound, outputs=outputs, taps=taps),
        locality="tile",
        tile=outputs,
    )


def _strassen_class(name: str, levels: int) -> Accuracy:
    return Accuracy(name, exact=False, accumulated=partial(strassen_bound, levels=levels), locality="batch")


def _low_class(name: str, bits: int) -> Accuracy:
    # Native types have their own multipliers; more bits take several such products, of which the
    # smallest are left out.
    is_native = bits <= _MOST_NATIVE_BITS
    return Accuracy(
        name,
        exact=is_native,
        accumulated=partial(low_bound, bits=bits),
        probable=partial(low_probable, bits=bits),
        bits=bits,
    )


_Range = tuple[int, int]

# The parameters of each class, by name, with their least and largest sensible values.
_PARAMETERS: Mapping[str, tuple[Callable[..., Accuracy], Mapping[str, _Range]]] = {
    "winograd": (_winograd_class, {"m": (2, 8), "r": (2, 7)}),
    "strassen": (_strassen_class, {"l": (1, 8)}),
    "low": (_low_class, {"p": (2, 52)}),
}

CLASSES = ("direct", "fft", "winograd(m,r)", "strassen(l)", "low(p)")


def parse(text: Any) -> Accuracy:
    """Return the class that a plugin declares, such as 'direct', 'winograd(4,3)' or 'low(11)'.

    Raises `PluginError` for an unknown class.
    """
    if not isinstance(text, str):
        raise PluginError(f"declares accuracy={text!r}; it takes a text such as 'direct' or 'low(11)'")
    return _parsed(text)


@cache
def _parsed(text: str) -> Accuracy:
    name, _, inside = text.replace(" ", "").partition("(")
    if name in _PLAIN and not inside:
        return _PLAIN[name]
    if name not in _PARAMETERS:
        raise PluginError(f"declares accuracy={text!r}, which is not known{did_you_mean(text, CLASSES)}")
    make, ranges = _PARAMETERS[name]
    numbers = re.fullmatch(r"(\d{1,3}(?:,\d{1,3})*)\)", inside)
    values = [int(number) for number in numbers[1].split(",")] if numbers else []
    if len(values) != len(ranges):
        raise PluginError(f"declares accuracy={text!r}; write {name}({','.join(ranges)}) with whole numbers")
    for value, (letter, (least, most)) in zip(values, ranges.items(), strict=True):
        if not least <= value <= most:
            raise PluginError(f"declares accuracy={text!r}; {letter} must be from {least} to {most}")
    return make(f"{name}({','.join(map(str, values))})", *values)
