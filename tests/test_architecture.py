"""The picture in ARCHITECTURE.md against the files."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "camenn"
MAX_LINES = 400


def drawn() -> set[str]:
    """Paths under src/camenn in the tree of ARCHITECTURE.md."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    tree = re.search(r"```text\n(src/camenn/.*?)```", text, re.DOTALL)
    assert tree is not None, "ARCHITECTURE.md has no tree that begins with src/camenn/"
    paths: set[str] = set()
    folders: list[str] = []
    for line in tree[1].splitlines()[1:]:
        name = line.split()[0] if line.strip() else ""
        depth = (len(line) - len(line.lstrip())) // 2 - 1
        if not name:
            continue
        folders = folders[:depth]
        if name.endswith("/"):
            folders.append(name)
        else:
            paths.add("".join(folders) + name)
    return paths


def standing() -> set[str]:
    return {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if path.name != "__init__.py" or path.read_text(encoding="utf-8").strip()
    } - {"__init__.py"}


def test_the_tree_in_the_architecture_is_the_tree_of_the_files() -> None:
    assert drawn() == standing()


def test_no_file_grew_beyond_one_idea() -> None:
    long = {
        p.name: n for p in PACKAGE.rglob("*.py") if (n := len(p.read_text(encoding="utf-8").splitlines())) > MAX_LINES
    }
    assert long == {}


def test_nothing_is_unpickled_or_evaluated() -> None:
    forbidden = re.compile(r"\bpickle\.|torch\.load\(|joblib|allow_pickle=True|(?<![\w.])eval\(|(?<![\w.])exec\(")
    found = [p.name for p in PACKAGE.rglob("*.py") if forbidden.search(p.read_text(encoding="utf-8"))]
    assert found == []


def test_no_script_or_page_of_ours_evaluates_strings() -> None:
    # htmx, which is another's, could: that it is told not to is tested in the browser.
    forbidden = re.compile(r"\beval\(|\bFunction\(|\bhx-on|\bhx-vars|[\"']js:|javascript:|unsafe-eval")
    ours = [p for kind in ("*.js", "*.j2") for p in PACKAGE.rglob(kind) if p.name != "htmx.min.js"]
    assert [p.name for p in ours if forbidden.search(p.read_text(encoding="utf-8"))] == []
    assert {p.name for p in ours} >= {"desk.js", "base.html.j2"}
