import pytest

from sciml.data import sha256


def test_known_digest(tmp_path):
    # the standard's example: FIPS 180-2, appendix B.1
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        sha256(tmp_path / "absent")
