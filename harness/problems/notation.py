"""The notation of problems: canonical strings such as 'n1c3h224w224-o64k7s2p3-float32'."""

import re
from collections.abc import Sequence
from typing import Any, Literal

from ..errors import ProblemError, did_you_mean
from .fields import DIRECTIONS, DTYPES, PADDING_MODES, Pair

AXES = "dhw"
"""The letters of the spatial axes; the last of them is that of a 1-D problem."""

_EXAMPLE = "n1c3h224w224-o64k7s2p3-float32"
_PARTS_EXAMPLE = "o64k3x5s2p1x0:2d2g4b"

_INT = r"[0-9]{1,18}"
_INTS = rf"{_INT}(?:x{_INT})*"
_PAD = rf"-?{_INT}(?::-?{_INT})?"
_PADS = rf"{_PAD}(?:x{_PAD})*"
_PATTERN = re.compile(
    rf"(?:n(?P<n>{_INT}))?c(?P<c>{_INT})(?:d(?P<d>{_INT}))?(?:h(?P<h>{_INT}))?(?:w(?P<w>{_INT}))?"
    rf"-o(?P<o>{_INT})(?P<parts>(?:[a-z](?:{_PADS})?)*)(?P<words>(?:-[a-z]\w*)*)"
)
_PART = re.compile(rf"([a-z])({_PADS})?")
_PART_VALUES = {"k": _INTS, "s": _INTS, "p": _PADS, "d": _INTS, "g": _INT, "b": ""}
"""What may follow the letter of each part after the output channels."""


def read(text: str) -> dict[str, Any]:
    """Return the fields that a problem string states, by name; the string may leave out defaults.

    The parts after the output channels and the words at the end may stand in any order.

    Raises `ProblemError` for a string that is not one of a problem.
    """
    match = _PATTERN.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ProblemError(f"cannot read {text!r} as a problem; write it like {_EXAMPLE!r}")
    try:
        return _fields(match.groupdict())
    except ProblemError as error:
        raise ProblemError(f"cannot read {text!r} as a problem: {error}") from None


def _fields(found: dict[str, str]) -> dict[str, Any]:
    """Return the fields of a string that has the form of one."""
    if (found["d"] and not found["h"]) or not found["w"]:
        raise ProblemError("its input has axes w, h and w, or d, h and w")
    sizes = tuple(int(found[axis]) for axis in AXES if found[axis])
    parts = _parts(found["parts"])
    arguments: dict[str, Any] = {
        "batch_size": int(found["n"] or 1),
        "in_channels": int(found["c"]),
        "out_channels": int(found["o"]),
        "groups": int(parts.get("g", 1)),
        "bias": "b" in parts,
        "input_size": sizes,
    }
    for name, letter in (("kernel_size", "k"), ("stride", "s"), ("padding", "p"), ("dilation", "d")):
        if letter in parts:
            values = [_read_pad(token) for token in parts[letter].split("x")]
            arguments[name] = tuple(values * len(sizes) if len(values) == 1 else values)
    for word in filter(None, found["words"].split("-")):
        name = _field_of(word)
        if name in arguments:
            raise ProblemError(f"it names a {name} twice")
        arguments[name] = word
    return arguments


def _parts(text: str) -> dict[str, str]:
    """Return the values of the parts after the output channels, by their letter."""
    parts: dict[str, str] = {}
    for letter, value in _PART.findall(text):
        if letter not in _PART_VALUES or not re.fullmatch(_PART_VALUES[letter], value):
            raise ProblemError(f"it has no part {letter + value!r}; write its parts like {_PARTS_EXAMPLE!r}")
        if letter in parts:
            raise ProblemError(f"it names {letter} twice: {letter}{parts[letter]} and {letter}{value}")
        parts[letter] = value
    if "k" not in parts:
        raise ProblemError("its kernel size is missing; write it behind the output channels, like k3")
    return parts


def spatial_text(values: Sequence[int | Pair], *, collapsed: bool = True) -> str:
    """Return one value per axis as text; with `collapsed` equal values are written once.

    >>> spatial_text((3, 5)), spatial_text((1, (0, 2))), spatial_text((3, 3))
    ('3x5', '1x0:2', '3')
    >>> spatial_text((3, 3), collapsed=False)
    '3x3'
    """
    tokens = [str(value) if isinstance(value, int) else f"{value[0]}:{value[1]}" for value in values]
    return tokens[0] if collapsed and len(set(tokens)) == 1 else "x".join(tokens)


def _read_pad(token: str) -> int | Pair:
    before, colon, after = token.partition(":")
    return (int(before), int(after)) if colon else int(before)


def _field_of(word: str) -> Literal["padding_mode", "dtype", "direction"]:
    if word in PADDING_MODES:
        return "padding_mode"
    if word in DTYPES:
        return "dtype"
    if word in DIRECTIONS:
        return "direction"
    known = (*PADDING_MODES, *DTYPES, *DIRECTIONS)
    raise ProblemError(f"{word!r} is not a padding mode, dtype or direction{did_you_mean(word, known)}")
