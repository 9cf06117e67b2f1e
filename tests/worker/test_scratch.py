"""Scratch folders of services that are gone are swept up, those of living ones never, wherever they live."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from engine.worker.zygote import SCRATCH_PREFIX, make_scratch, sweep_scratch

#: No process has this number.
NOBODY = 2**22 + 1


@pytest.fixture
def folder_of_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A locked folder whose service is not among the processes seen here, as that of a container is not."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(os, "getpid", lambda: NOBODY)
    path, lock = make_scratch()
    assert path.startswith(f"{tmp_path}/{SCRATCH_PREFIX}{NOBODY}-")
    return Path(path), lock


def test_the_folder_of_a_service_in_another_container_stays(folder_of_nobody) -> None:
    folder, lock = folder_of_nobody
    sweep_scratch()
    assert folder.is_dir()
    os.close(lock)


def test_the_folder_of_a_service_that_is_gone_is_swept_up(folder_of_nobody) -> None:
    folder, lock = folder_of_nobody
    (folder / "empty").mkdir()
    os.close(lock)
    sweep_scratch()
    assert not folder.exists()
