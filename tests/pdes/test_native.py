import logging
import platform
import subprocess
import sys

import pytest

from pdes import native

PAGE_FAULTS = """
import resource, torch
from pdes import native
native.load('extern "C" int none() { return 0; }')
def step():
    kept = [torch.ones(SIZE) for _ in range(32 * 2**20 // (4 * SIZE))]  # 32 MiB together
for _ in range(5):  # a block's place is found in the first steps: by its alignment, it may not fit where one was freed
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
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
        "no C++ compiler found: torch's own operations take the place of our kernels, which is slower"
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


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or native.compiler() is None, reason="glibc's allocator"
)
@pytest.mark.parametrize("size", [2**19, 2**23], ids=["2 MiB", "32 MiB"])
def test_the_memory_of_a_step_is_kept_for_the_next(size):
    """Mapped anew, its 32 MiB are 8192 page faults."""
    code = PAGE_FAULTS.replace("SIZE", str(size))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1000
