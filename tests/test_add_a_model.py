"""docs/add-a-model.md, followed to the letter on a copy of the package."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from toy import write_toy_shop

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "add-a-model.md").read_text(encoding="utf-8")


def block(language: str, number: int) -> str:
    """The nth block of code of a language on the page."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)[number]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Package and tests with the page's model added as the page says."""
    folder = tmp_path_factory.mktemp("copy")
    for part in ("src", "tests"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "src" / "camenn" / "models" / "pnn.py").write_text(block("python", 0), encoding="utf-8")
    zoo = folder / "src" / "camenn" / "models" / "zoo.py"
    text = zoo.read_text(encoding="utf-8")
    changed = block("diff", 0).splitlines()
    before = "\n".join(line[1:] for line in changed if line[0] != "+")
    assert text.count(before) == 1
    zoo.write_text(text.replace(before, "\n".join(line[1:] for line in changed)), encoding="utf-8")
    (folder / "pnn.toml").write_text(block("toml", 0), encoding="utf-8")
    write_toy_shop(folder / "shop", num_requests=60)
    return folder


def run(copy: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy / "src")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_zoo_tests_take_the_new_model(copy: Path) -> None:
    told = run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/models/test_zoo.py", "-k", "pnn")
    assert re.search(r"\b1\d passed", told)
    assert "failed" not in told


@pytest.mark.slow
def test_the_new_model_stands_in_a_comparison(copy: Path) -> None:
    told = run(copy, "-m", "camenn.cli", "compare", "pnn.toml", "--shop", "shop", "--out", "out", "--jobs", "2")
    assert re.search(r"PNN +0\.\d{4}", told)
    assert "DeepFM" in (copy / "out" / "tables" / "conversion.md").read_text()


@pytest.mark.slow
def test_the_new_model_can_be_tuned(copy: Path) -> None:
    run(
        copy,
        "-m",
        "camenn.cli",
        "tune",
        "pnn.toml",
        "--shop",
        "shop",
        "--trials",
        "2",
        "--systems",
        "PNN",
        "--out",
        "t",
    )
    assert "pnn" in (copy / "t" / "tuned.toml").read_text()


def test_the_lines_of_the_page_are_as_strict_as_ours(copy: Path) -> None:
    ruff = Path(sys.executable).with_name("ruff")
    file = "src/camenn/models/pnn.py"
    for command in (["check", file], ["format", "--check", file]):
        done = subprocess.run([ruff, *command], cwd=copy, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
