import pytest
from hypothesis import given
from hypothesis import strategies as st

from sciml.data import Selection

names = st.text(st.characters(exclude_characters="[]", exclude_categories=("C", "Z")), min_size=1)


times = st.integers(-1000, 1000)


@given(field=names, steps=st.just(()) | st.tuples(times) | st.tuples(times, times))
def test_parse_is_the_inverse_of_str(field, steps):
    selection = Selection(field, *steps)
    assert Selection.parse(str(selection)) == selection


@pytest.mark.parametrize(
    "text", ["", "u[", "u[]", "u[a]", "u[1.5]", "[0]", "u[0][1]", "u]0[", "u[:3]", "u[0:4:2]"]
)
def test_unreadable(text):
    with pytest.raises(ValueError, match="selection"):
        Selection.parse(text)


def test_steps():
    assert Selection.parse("u").steps(1) == range(1)
    assert Selection.parse("u[-1]").steps(5) == range(4, 5)
    assert Selection.parse("u[3]").steps(5) == range(3, 4)
    with pytest.raises(ValueError, match=r"write 'u\[0\]'"):
        Selection.parse("u").steps(2)
    for text in ("u[5]", "u[-6]"):
        with pytest.raises(ValueError, match="outside the 5"):
            Selection.parse(text).steps(5)


@given(n=st.integers(1, 6), start=st.integers(-7, 7), stop=st.integers(-7, 7))
def test_a_range_is_that_of_a_list(n, start, stop):
    """Where it names steps that exist; 0 as its end is the end of the file."""
    selection = Selection("u", start, stop)
    first, last = start % n, stop if stop > 0 else stop + n
    if -n <= start < n and first < last <= n:
        assert list(selection.steps(n)) == list(range(n))[first:last]
    else:
        with pytest.raises(ValueError, match="u"):
            selection.steps(n)
