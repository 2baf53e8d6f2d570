"""Numbers for readers: a prefix, three digits, a unit; what is missing is a dash."""

import math
from typing import Any

MISSING = "–"

_LARGEST_IN_FULL = 100_000
_TENTH = 0.1

_SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_COUNTS = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"))
_BYTES = ((2.0**40, "TiB"), (2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"))


def is_missing(value: Any) -> bool:
    """Return whether a cell is empty: None or not a number.

    >>> is_missing(None), is_missing(float("nan")), is_missing(0), is_missing("nan")
    (True, True, False, False)
    """
    return value is None or (isinstance(value, float) and math.isnan(value))


def plain(value: Any, digits: int = 3) -> str:
    """Return a number with that many significant digits, without an exponent where it stays short.

    >>> plain(1.2345), plain(123.45), plain(12345.6), plain(0.00012), plain(2.5e12), plain(0)
    ('1.23', '123', '12,346', '0.000120', '2.50e+12', '0')
    """
    if is_missing(value):
        return MISSING
    if not math.isfinite(value):
        return "∞" if value > 0 else "-∞"
    if value == 0:
        return "0"
    exponent = int(f"{abs(value):.{digits - 1}e}".partition("e")[2])
    if not -5 < exponent < 9:
        return f"{value:.{digits - 1}e}"
    return f"{value:,.{max(0, digits - 1 - exponent)}f}"


def seconds(value: Any) -> str:
    """Return a time with the prefix that fits it.

    >>> seconds(0.00123), seconds(0.0009996), seconds(12.0), seconds(4e-10), seconds(None)
    ('1.23 ms', '1.00 ms', '12.0 s', '0.400 ns', '–')
    """
    if is_missing(value):
        return MISSING
    scale, unit = next((step for step in _SECONDS if abs(value) >= step[0] * 0.9995), _SECONDS[-1])
    return f"{plain(value / scale)} {unit}"


def ratio(value: Any) -> str:
    """Return a ratio as a multiple; below 0.01 as a fraction.

    >>> ratio(1.517), ratio(0.4), ratio(1 / 614), ratio(8.4706), ratio(1234.0)
    ('1.52×', '0.400×', '1/614', '8.47×', '1,234×')
    """
    if is_missing(value):
        return MISSING
    if 0 < value < 0.01:
        return f"1/{1 / value:,.0f}"
    return f"{plain(value)}×"


def count(value: Any) -> str:
    """Return a whole number in full, or from a million on with a prefix.

    >>> count(69632), count(589824), count(13_647_872), count(115_605_504)
    ('69,632', '589,824', '13.6 M', '115.6 M')
    """
    if is_missing(value):
        return MISSING
    for scale, prefix in _COUNTS:
        if abs(value) >= scale:
            return f"{value / scale:.1f} {prefix}"
    return f"{value:,.0f}"


def rounding_units(value: Any) -> str:
    """Return an error in units of the data type's rounding.

    >>> rounding_units(2.41), rounding_units(0.0), rounding_units(31.7), rounding_units(1.5e7)
    ('2.4 u', '0 u', '32 u', '1.5e7 u')
    """
    if is_missing(value):
        return MISSING
    if _LARGEST_IN_FULL <= value < math.inf:
        return f"{value:.1e} u".replace("e+0", "e").replace("e+", "e")
    return f"{plain(value, 2)} u"


def size(value: Any) -> str:
    """Return a number of bytes with a binary prefix.

    >>> size(512), size(1536), size(3 * 2**30)
    ('512 B', '1.50 KiB', '3.00 GiB')
    """
    if is_missing(value):
        return MISSING
    for scale, unit in _BYTES:
        if abs(value) >= scale:
            return f"{plain(value / scale)} {unit}"
    return f"{value:,.0f} B"


def percent(value: Any) -> str:
    """Return a share as a percentage with two digits.

    >>> percent(0.734), percent(0.021), percent(0.0999), percent(1.234), percent(0.0), percent(None)
    ('73 %', '2.1 %', '10 %', '123 %', '0 %', '–')
    """
    return MISSING if is_missing(value) else f"{plain(100 * value, 2)} %"


def multiple(value: Any) -> str:
    """Return a ratio to the tenth of a percent, as far as four digits go.

    >>> multiple(1.0512), multiple(0.9999), multiple(12.3456), multiple(0.012345), multiple(None)
    ('1.051', '1.000', '12.35', '0.0123', '–')
    """
    if is_missing(value) or value >= 1:
        return plain(value, 4)
    return f"{value:.3f}" if value >= _TENTH else plain(value)


def interval(low: Any, high: Any) -> str:
    """Return the bounds of a ratio.

    >>> interval(1.0462, 1.056), interval(None, None)
    ('1.046 to 1.056', '–')
    """
    return MISSING if is_missing(low) or is_missing(high) else f"{multiple(low)} to {multiple(high)}"


def score(value: Any) -> str:
    """Return a score between 0 and 1.

    >>> score(0.93)
    '0.930'
    """
    return MISSING if is_missing(value) else f"{value:.3f}"


def many(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> many(1, "case"), many(1200, "case")
    ('1 case', '1,200 cases')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
