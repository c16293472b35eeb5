"""What `import camenn` gives, pinned: a name that comes or goes is a decision."""

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import camenn

HOMES = {
    "Bundle": "camenn.bundle",
    "CamennError": "camenn.errors",
    "RecommendConfig": "camenn.recommend.offline",
    "Shop": "camenn.tables.shop",
    "Task": "camenn.task",
    "evaluate": "camenn.evaluation.evaluate",
    "open_shop": "camenn.tables.shop",
    "read_config": "camenn.run_config",
    "recommend_items": "camenn.recommend.offline",
    "train": "camenn.training.trainer",
}
"""Where each public name stands."""
SURFACE = sorted(HOMES)


def python(code: str) -> str:
    """What a fresh interpreter prints, with warnings as errors."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_public_names_are_these() -> None:
    assert sorted(camenn.__all__) == sorted(SURFACE)
    assert set(SURFACE) <= set(dir(camenn))


@pytest.mark.parametrize("name", SURFACE)
def test_a_public_name_is_the_thing_itself(name: str) -> None:
    assert getattr(camenn, name) is getattr(importlib.import_module(HOMES[name]), name)


def test_what_is_not_there_is_told() -> None:
    with pytest.raises(AttributeError, match="module 'camenn' has no attribute 'Network'"):
        camenn.Network  # noqa: B018


def test_importing_camenn_waits_for_no_heavy_library() -> None:
    heavy = "('torch', 'polars', 'numpy', 'pydantic', 'transformers', 'lightning_fabric')"
    assert python(f"import sys, camenn; print([name for name in {heavy} if name in sys.modules])") == "[]"
    assert (
        python(f"import sys; from camenn import CamennError, Task; print([n for n in {heavy} if n in sys.modules])")
        == "[]"
    )


def test_no_public_name_is_also_a_room() -> None:
    assert set(SURFACE).isdisjoint(module.name for module in pkgutil.iter_modules(camenn.__path__))


def test_every_public_name_is_documented_in_the_readme() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    assert [name for name in SURFACE if f"`{name}" not in readme] == []
