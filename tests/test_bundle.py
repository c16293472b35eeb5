"""A bundle gives back what was saved, and nothing that was altered, is incomplete or half written."""

import errno
import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from camenn import bundle as module
from camenn.bundle import CARD, CONFIG, FEATURES, MANIFEST, VOCABULARIES, WEIGHTS, Bundle
from camenn.errors import BundleError, CamennError, StoreError
from camenn.evaluation.evaluate import evaluate
from camenn.tables.features import Features
from camenn.tables.shop import open_shop
from camenn.tables.vocabulary import Vocabulary
from camenn.task import Task
from toy import write_toy_shop
from toy_run import same

FILES = {WEIGHTS, CONFIG, FEATURES, VOCABULARIES, MANIFEST, CARD}


@pytest.fixture
def saved(toy: Path, tmp_path: Path) -> Path:
    """A copy of the toy run's bundle, to be damaged at will."""
    shutil.copytree(toy / "run" / "bundle", tmp_path / "bundle")
    return tmp_path / "bundle"


def sign_again(folder: Path) -> None:
    """Bring the manifest in line with the files, as one who edits them on purpose would."""
    digests = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.name != MANIFEST
    }
    (folder / MANIFEST).write_text(json.dumps({"format": 1, "sha256": digests}))


def edit(path: Path, change: Callable[[Any], Any]) -> None:
    """Change a JSON file, in place or into what is returned, and sign the bundle again."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    changed = change(raw)
    path.write_text(json.dumps(raw if changed is None else changed), encoding="utf-8")
    sign_again(path.parent)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def scores(bundle: Bundle, shop: Path) -> dict[tuple[Task, str], tuple[np.ndarray, np.ndarray]]:
    found = evaluate(bundle, open_shop(shop))
    return {(one.task, one.split): (one.logits, one.probabilities) for one in found.predictions}


def test_a_bundle_saved_and_loaded_gives_the_same_scores_bit_for_bit(toy: Path, tmp_path: Path) -> None:
    first = Bundle.from_pretrained(toy / "run")
    first.save_pretrained(tmp_path / "copy")
    second = Bundle.from_pretrained(tmp_path / "copy")
    before, after = scores(first, toy / "shop"), scores(second, toy / "shop")
    assert before.keys() == after.keys() == {(task, split) for task in Task for split in ("validation", "test")}
    for key, values in before.items():
        for left, right in zip(values, after[key], strict=True):
            assert (left == right).all()


def test_a_bundle_saved_twice_is_the_same_files(toy: Path, tmp_path: Path) -> None:
    Bundle.from_pretrained(toy / "run").save_pretrained(tmp_path / "copy")
    assert contents(tmp_path / "copy") == contents(toy / "run" / "bundle")


def test_a_bundle_is_six_files_and_nothing_is_pickled(toy: Path) -> None:
    folder = toy / "run" / "bundle"
    assert {path.name for path in folder.iterdir()} == FILES
    for path in (toy / "run").rglob("*"):
        if path.is_file() and "tensorboard" not in path.parts:
            head = path.read_bytes()[:2]
            assert head != b"PK", path  # what torch.save writes
            assert not (head[:1] == b"\x80" and head[1] <= 5), path  # a pickle's protocol
    assert load_file(folder / WEIGHTS)
    for name in (CONFIG, FEATURES, MANIFEST):
        json.loads((folder / name).read_text(encoding="utf-8"))


def test_everything_of_a_bundle_comes_back(toy: Path) -> None:
    bundle = Bundle.from_pretrained(toy / "run")
    again = Bundle.from_pretrained(toy / "run" / "bundle")
    assert (again.config, again.text, again.image) == (bundle.config, bundle.text, bundle.image)
    assert (again.calibration, again.facts) == (bundle.calibration, bundle.facts)
    assert again.features.fields == bundle.features.fields
    for name, vocabulary in bundle.features.vocabularies.items():
        assert again.features.vocabularies[name].values.equals(vocabulary.values)
    assert not bundle.model.training


def test_a_value_with_a_line_break_or_of_another_script_comes_back(toy: Path, tmp_path: Path) -> None:
    bundle = Bundle.from_pretrained(toy / "run")
    name = "users.team"
    values = ["red", "\n", "مرحبا", "\u0000x"]
    vocabularies = {**bundle.features.vocabularies, name: Vocabulary(pl.Series(values))}
    odd = replace(bundle, features=Features(bundle.features.fields, vocabularies))
    odd.save_pretrained(tmp_path / "odd")
    assert Bundle.from_pretrained(tmp_path / "odd").features.vocabularies[name].values.to_list() == values


@pytest.mark.parametrize("name", sorted(FILES - {MANIFEST}))
def test_a_file_that_was_altered_is_refused(saved: Path, name: str) -> None:
    content = bytearray((saved / name).read_bytes())
    content[len(content) // 2] ^= 1
    (saved / name).write_bytes(content)
    with pytest.raises(BundleError, match=rf"{re.escape(name)}: altered since it was saved"):
        Bundle.from_pretrained(saved)


def test_a_wrong_digest_is_refused(saved: Path) -> None:
    manifest = json.loads((saved / MANIFEST).read_text())
    manifest["sha256"][CONFIG] = "0" * 64
    (saved / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=r"config\.json: altered"):
        Bundle.from_pretrained(saved)


@pytest.mark.parametrize("name", sorted(FILES - {MANIFEST}))
def test_a_missing_file_is_told(saved: Path, name: str) -> None:
    (saved / name).unlink()
    with pytest.raises(BundleError, match=rf"{re.escape(name)}: missing"):
        Bundle.from_pretrained(saved)


def test_a_file_that_the_manifest_forgot_is_told(saved: Path) -> None:
    (saved / WEIGHTS).unlink()
    sign_again(saved)
    with pytest.raises(BundleError, match=r"manifest\.json: does not list model\.safetensors"):
        Bundle.from_pretrained(saved)


def test_a_folder_without_a_bundle_is_told(tmp_path: Path, saved: Path) -> None:
    (saved / MANIFEST).unlink()
    for folder in (saved, tmp_path, tmp_path / "nothing"):
        with pytest.raises(BundleError, match="no bundle here"):
            Bundle.from_pretrained(folder)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": 1}', '{"format": 1, "sha256": 3}', "\0"])
def test_a_damaged_manifest_is_told(saved: Path, content: str) -> None:
    (saved / MANIFEST).write_text(content)
    with pytest.raises(BundleError, match=r"manifest\.json: damaged"):
        Bundle.from_pretrained(saved)


def test_a_bundle_of_another_format_is_told(saved: Path) -> None:
    manifest = json.loads((saved / MANIFEST).read_text())
    (saved / MANIFEST).write_text(json.dumps(manifest | {"format": 99}))
    with pytest.raises(BundleError, match="bundle format 99, this version reads format 1; load it with the"):
        Bundle.from_pretrained(saved)


CHANGES: dict[str, Callable[[list[dict[str, Any]]], Any]] = {
    "the first field left out": lambda fields: fields[1:],
    "a field in the middle left out": lambda fields: fields[:2] + fields[3:],
    "the last field left out": lambda fields: fields[:-1],
    "two fields exchanged": lambda fields: [fields[1], fields[0], *fields[2:]],
    "a field twice": lambda fields: [*fields, fields[-1]],
    "another size": lambda fields: [*fields[:-1], fields[-1] | {"size": fields[-1]["size"] + 1}],
    "another offset": lambda fields: [fields[0] | {"offset": 7}, *fields[1:]],
    "another coding": lambda fields: [fields[0] | {"coding": "quantile"}, *fields[1:]],
    "an unknown coding": lambda fields: [fields[0] | {"coding": "dream"}, *fields[1:]],
    "an unknown side": lambda fields: [fields[0] | {"side": "dark"}, *fields[1:]],
    "a key missing": lambda fields: [{key: fields[0][key] for key in fields[0] if key != "offset"}, *fields[1:]],
    "a key too many": lambda fields: [fields[0] | {"colour": "red"}, *fields[1:]],
    "a table and a column of no vocabulary": lambda fields: [fields[0] | {"column": "nobody"}, *fields[1:]],
    "edges of another number": lambda fields: [one | {"edges": one["edges"][1:]} for one in fields],
    "no list": lambda fields: {"fields": fields},
    "nothing": lambda fields: [],
}
NUMBER = {"name": "item_rate", "centre": 0.0, "spread": 1.0}


@pytest.mark.parametrize("change", CHANGES)
def test_a_schema_that_was_changed_is_refused_though_its_digest_fits(saved: Path, change: str) -> None:
    edit(saved / FEATURES, lambda features: features | {"fields": CHANGES[change](features["fields"])})
    with pytest.raises(BundleError, match=r"features\.json: not readable|weights do not fit"):
        Bundle.from_pretrained(saved)


@pytest.mark.parametrize("numbers", [None, [NUMBER], [NUMBER | {"unit": "s"}], [{"name": "item_rate"}, 3]])
def test_numbers_that_were_changed_are_refused_though_their_digest_fits(saved: Path, numbers: object) -> None:
    edit(saved / FEATURES, lambda features: features | {"numbers": numbers})
    with pytest.raises(BundleError, match=r"features\.json: not readable|weights do not fit"):
        Bundle.from_pretrained(saved)


def test_a_vocabulary_that_lost_a_value_is_refused(saved: Path) -> None:
    pl.read_parquet(saved / VOCABULARIES).slice(1).write_parquet(saved / VOCABULARIES)
    sign_again(saved)
    with pytest.raises(BundleError, match=r"the codes of .* are not where"):
        Bundle.from_pretrained(saved)


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw["run"]["model"].update(width=32),
        lambda raw: raw["run"]["model"].update(num_experts=3),
        lambda raw: raw.update(text=None),
        lambda raw: raw["image"].update(width=7),
        lambda raw: raw.__delitem__("calibration"),
        lambda raw: raw["calibration"].update(haggling={"scale": 1.0, "bias": 0.0}),
        lambda raw: raw["run"]["model"].update(widht=3),
        lambda raw: raw.update(facts=3),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(saved: Path, change: Callable[[Any], Any]) -> None:
    edit(saved / CONFIG, change)
    with pytest.raises(CamennError, match=r"weights do not fit|not readable as this|unknown key"):
        Bundle.from_pretrained(saved)


def test_weights_of_another_model_are_refused(saved: Path) -> None:
    weights = load_file(saved / WEIGHTS)
    save_file({name: value for name, value in weights.items() if "gates" not in name}, saved / WEIGHTS)
    sign_again(saved)
    with pytest.raises(BundleError, match="weights do not fit"):
        Bundle.from_pretrained(saved)


def test_weights_that_are_cut_short_are_refused(saved: Path) -> None:
    content = (saved / WEIGHTS).read_bytes()
    (saved / WEIGHTS).write_bytes(content[: len(content) // 2])
    sign_again(saved)
    with pytest.raises(BundleError, match="weights do not fit"):
        Bundle.from_pretrained(saved)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        SafetensorError("I/O error: No space left on device"),
        pl.exceptions.ComputeError("No space left on device"),
    ],
    ids=["system", "safetensors", "polars"],
)
def test_a_full_disk_while_saving_leaves_the_former_bundle_whole(
    saved: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    before = contents(saved)
    bundle = Bundle.from_pretrained(saved)

    def full(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(module, "save_file", full)
    with pytest.raises(BundleError, match=r"bundle: not saved: .*No space left on device.*what was there is untouched"):
        bundle.save_pretrained(saved)
    assert contents(saved) == before
    assert [path.name for path in saved.parent.iterdir()] == ["bundle"]


def test_a_rename_that_fails_puts_the_former_bundle_back(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, bundle, rename = contents(saved), Bundle.from_pretrained(saved), Path.rename

    def refuse_the_new(self: Path, target: Path) -> Path:
        if self.name.endswith(".partial"):
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse_the_new)
    with pytest.raises(BundleError, match="what was there is untouched"):
        bundle.save_pretrained(saved)
    assert contents(saved) == before


@pytest.mark.parametrize("killed_at", [0, 1, 2, 3])
def test_a_save_killed_anywhere_leaves_a_whole_bundle_and_can_be_done_again(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    former = load_file(saved / WEIGHTS)
    bundle = Bundle.from_pretrained(saved)
    for parameter in bundle.model.parameters():
        parameter.data.add_(1.0)
    steps = iter(range(100))

    def dying(real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **others: Any) -> Any:
            if next(steps) == killed_at:
                raise KeyboardInterrupt  # as unexpected as a kill: nothing is cleaned up
            return real(*args, **others)

        return step

    with monkeypatch.context() as patched:
        patched.setattr(module, "save_file", dying(module.save_file))
        patched.setattr(Path, "rename", dying(Path.rename))
        died = False
        try:
            bundle.save_pretrained(saved)
        except KeyboardInterrupt:
            died = True
    assert died == (killed_at < 3)  # one file of weights and two renames
    left = Bundle.from_pretrained(tmp_path / "bundle").model.state_dict()
    new = bundle.model.state_dict()
    assert same(left, new if killed_at == 3 else former)
    bundle.save_pretrained(saved)
    assert same(Bundle.from_pretrained(saved).model.state_dict(), new)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_two_kills_between_the_renames_lose_nothing(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    former, bundle, rename = load_file(saved / WEIGHTS), Bundle.from_pretrained(saved), Path.rename

    def die_at_the_second(self: Path, target: Path) -> Path:
        if self.name.endswith(".partial"):
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", die_at_the_second)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            bundle.save_pretrained(saved)
        assert same(Bundle.from_pretrained(saved).model.state_dict(), former)


SAVE_WITH_LITTLE_SPACE = """
import resource, signal, sys
from camenn.bundle import Bundle
from camenn.errors import BundleError
bundle = Bundle.from_pretrained(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for limit in (100, 1_000, 20_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        bundle.save_pretrained(sys.argv[1])
    except BundleError as error:
        print(error)
"""


@pytest.mark.slow
def test_a_real_limit_on_files_leaves_the_former_bundle_whole(saved: Path) -> None:
    assert (saved / WEIGHTS).stat().st_size > 20_000
    before = contents(saved)
    done = subprocess.run([sys.executable, "-c", SAVE_WITH_LITTLE_SPACE, str(saved)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("what was there is untouched") == 3
    assert contents(saved) == before
    assert [path.name for path in saved.parent.iterdir()] == ["bundle"]


def test_a_folder_that_holds_something_else_is_not_replaced(toy: Path, tmp_path: Path) -> None:
    bundle = Bundle.from_pretrained(toy / "run")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "summer.jpg").write_bytes(b"sun")
    (tmp_path / "notes").write_text("a file")
    for name in ("photos", "notes"):
        with pytest.raises(BundleError, match="holds something that is no bundle"):
            bundle.save_pretrained(tmp_path / name)
    assert (tmp_path / "photos" / "summer.jpg").read_bytes() == b"sun"
    (tmp_path / "empty").mkdir()
    bundle.save_pretrained(tmp_path / "empty")
    assert Bundle.from_pretrained(tmp_path / "empty").facts == bundle.facts


def test_a_bundle_is_saved_where_there_is_no_folder_yet_and_by_a_relative_path(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Bundle.from_pretrained(toy / "run").save_pretrained(Path("models/first"))
    assert {path.name for path in (tmp_path / "models" / "first").iterdir()} == FILES


def test_a_shop_that_is_not_encoded_is_told_what_to_do(toy: Path, tmp_path: Path) -> None:
    shop = open_shop(write_toy_shop(tmp_path / "other", num_requests=20))
    with pytest.raises(StoreError, match="camenn encode"):
        Bundle.from_pretrained(toy / "run").open(shop)


def test_another_encoder_of_the_same_name_is_refused(toy: Path, saved: Path) -> None:
    edit(saved / CONFIG, lambda raw: raw["text"].update(digest="another"))
    with pytest.raises(BundleError, match="the text encoder 'builtin' is not the one this model was trained with"):
        Bundle.from_pretrained(saved).encode(open_shop(toy / "shop"))


def test_the_code_on_the_card_runs(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = (toy / "run" / "bundle" / CARD).read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)```", card, re.DOTALL)
    assert found is not None
    code = found[1].replace("path/to/this/folder", str(toy / "run")).replace("path/to/shop", str(toy / "shop"))
    names: dict[str, Any] = {}
    monkeypatch.chdir(toy)
    exec(code, names)
    assert names["source"].shop.folder == toy / "shop"


def test_the_card_says_what_a_reader_wants_to_know(toy: Path) -> None:
    card = (toy / "run" / "bundle" / CARD).read_text(encoding="utf-8")
    bundle = Bundle.from_pretrained(toy / "run")
    assert card.startswith("---\nlibrary_name: camenn\n")
    assert f"{sum(p.numel() for p in bundle.model.parameters()):,}" in card
    for said in ("text encoder, frozen: `builtin`", "picture encoder", "seed: 0", "`users.team`", "calibrated"):
        assert said in card
