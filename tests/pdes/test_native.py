import logging

import pytest

from pdes import native

DOUBLED = 'extern "C" int twice(int x) { return 2 * x; }'


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    """A cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for function in (native.load, native._command):
        function.cache_clear()
    yield tmp_path / "sciml"
    for function in (native.load, native._command):
        function.cache_clear()


@pytest.mark.skipif(native.compiler() is None, reason="no C++ compiler")
def test_a_library_is_compiled_once(fresh):
    assert native.load(DOUBLED).twice(21) == 42
    (library,) = fresh.glob("*.so")
    written = library.stat().st_mtime_ns
    native.load.cache_clear()
    assert native.load(DOUBLED).twice(4) == 8
    assert library.stat().st_mtime_ns == written


def test_without_a_compiler_it_says_so_once(monkeypatch, caplog):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with caplog.at_level(logging.WARNING):
        assert native.load(DOUBLED) is None
        assert native.load(DOUBLED + "\n") is None
    assert [record.message for record in caplog.records] == [
        "no C++ compiler found: jets go through torch's own operations, which is slower"
    ]


def test_it_can_be_switched_off(monkeypatch):
    monkeypatch.setenv("SCIML_NATIVE", "0")
    assert native.compiler() is None


@pytest.mark.skipif(native.compiler() is None, reason="no C++ compiler")
def test_what_cannot_be_compiled_is_reported(caplog):
    with caplog.at_level(logging.WARNING):
        assert native.load("no C++") is None
    assert "torch takes its place, slower" in caplog.text
    assert "error" in caplog.text
