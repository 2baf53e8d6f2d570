"""Text that is always Unicode: file names and messages of foreign code may hold bytes that are not."""

from typing import Any


def as_unicode(value: Any) -> Any:
    r"""Return a value of texts, dictionaries and sequences in which every text can be written as UTF-8.

    A tuple becomes a list, as it does in JSON.

    >>> as_unicode({"name\udcff": ["plain", 1]})
    {'name\\udcff': ['plain', 1]}
    """
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {as_unicode(key): as_unicode(item) for key, item in value.items()}
    return [as_unicode(item) for item in value] if isinstance(value, (list, tuple)) else value
