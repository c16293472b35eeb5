"""Where a shop's codes lie."""

import errno
import tempfile
from pathlib import Path
from typing import Any

import pytest

from camenn.batches import source
from camenn.errors import StoreError


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_codes_lie_in_zeroed_space_that_the_disk_really_has(
    scratch: Path, monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    monkeypatch.setattr(source.sys, "platform", platform)
    monkeypatch.setattr(source, "_BLOCK", 1000)
    with tempfile.TemporaryFile() as file:
        source._reserve(file, 123 * 456)
        assert source.os.fstat(file.fileno()).st_blocks * 512 >= 123 * 456
    codes = source._scratch(123, 114)
    assert codes.shape == (123, 114)
    assert not codes.any()
    codes[122, 113] = 7
    assert codes.sum() == 7
    assert not list(scratch.iterdir())


def test_a_full_disk_is_told_before_anything_is_mapped(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(source, "_reserve", full)
    with pytest.raises(StoreError, match=r"2 MiB of codes: No space left on device; .* TMPDIR"):
        source._scratch(1 << 18, 2)
    assert not list(scratch.iterdir())
