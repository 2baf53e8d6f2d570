"""Text from plugins can always be written as UTF-8."""

import pytest

from convharness.files.text import as_unicode


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain ⋆", "plain ⋆"),
        ("name\udcff", "name\\udcff"),
        ({"a\udcff": ["b\udcff", ("c\udcff", 1)]}, {"a\\udcff": ["b\\udcff", ["c\\udcff", 1]]}),
        (None, None),
        (0.5, 0.5),
    ],
)
def test_every_text_can_be_written_as_utf_8(value: object, expected: object) -> None:
    """Text that cannot be encoded is escaped at any depth, and other values are unchanged."""
    assert expected == as_unicode(value)
