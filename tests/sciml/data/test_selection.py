import pytest
from hypothesis import given
from hypothesis import strategies as st

from sciml.data import Selection

names = st.text(st.characters(exclude_characters="[]", exclude_categories=("C", "Z")), min_size=1)


@given(field=names, time=st.none() | st.integers(-1000, 1000))
def test_parse_is_the_inverse_of_str(field, time):
    selection = Selection(field, time)
    assert Selection.parse(str(selection)) == selection


@pytest.mark.parametrize("text", ["", "u[", "u[]", "u[a]", "u[1.5]", "[0]", "u[0][1]", "u]0["])
def test_unreadable(text):
    with pytest.raises(ValueError, match="selection"):
        Selection.parse(text)


def test_time_index():
    assert Selection.parse("u").time_index(1) == 0
    assert Selection.parse("u[-1]").time_index(5) == 4
    assert Selection.parse("u[3]").time_index(5) == 3
    with pytest.raises(ValueError, match=r"write 'u\[0\]'"):
        Selection.parse("u").time_index(2)
    for text in ("u[5]", "u[-6]"):
        with pytest.raises(ValueError, match="outside the 5"):
            Selection.parse(text).time_index(5)
