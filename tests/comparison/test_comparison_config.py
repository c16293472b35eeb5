"""What a comparison's file may say."""

from pathlib import Path
from typing import Any

import pytest

from camenn.comparison.config import ComparisonConfig, Spoiling, parse_comparison, read_comparison
from camenn.errors import ConfigError

CONFIGS = (Path(__file__).parents[2] / "configs").glob("*.toml")
OURS = sorted(path for path in CONFIGS if "[systems" in path.read_text(encoding="utf-8"))


def parsed(**raw: Any) -> ComparisonConfig:
    return parse_comparison({"systems": {"A": {}}, **raw}, where="c.toml")


def test_systems_take_over_what_all_share_and_say_what_is_their_own() -> None:
    config = parsed(
        base={"training": {"learning_rate": 0.01, "max_epochs": 3}, "requests": {"rows": 64}},
        systems={"A": {}, "B": {"training": {"max_epochs": 5}, "model": {"name": "fm"}}},
    )
    assert list(config.systems) == ["A", "B"]
    assert [one.training.max_epochs for one in config.systems.values()] == [3, 5]
    assert {one.training.learning_rate for one in config.systems.values()} == {0.01}
    assert {one.requests.rows for one in config.systems.values()} == {64}
    assert [one.model.name for one in config.systems.values()] == ["camenn", "fm"]


def test_a_system_like_another_begins_with_what_that_one_says() -> None:
    systems = {
        "A": {"model": {"width": 32, "heads": 4}, "training": {"max_epochs": 7}},
        "B": {"like": "A", "model": {"width": 64}},
        "C": {"like": "B", "objective": {"image_to_text": 0.0}},
    }
    config = parsed(systems=systems)
    assert [(one.model.width, one.model.heads) for one in config.systems.values()] == [(32, 4), (64, 4), (64, 4)]
    assert config.systems["C"].training.max_epochs == 7
    assert config.systems["C"].objective.image_to_text == 0.0


def test_another_model_takes_over_no_option_of_the_one_before() -> None:
    config = parsed(base={"model": {"width": 48, "heads": 4}}, systems={"A": {}, "B": {"model": {"name": "deepfm"}}})
    assert config.systems["A"].model.width == 48
    assert config.systems["B"].model == type(config.systems["B"].model)()


def test_the_first_system_is_the_reference_where_none_is_named_and_seed_0_the_seed() -> None:
    config = parsed(systems={"A": {}, "B": {}})
    assert (config.reference, config.seeds, config.spoilings) == ("A", (0,), ())


def test_spoilings_come_share_by_share() -> None:
    config = parsed(spoiled={"names": [0.4, 0.1], "pictures": [1]})
    assert config.spoilings == (Spoiling("names", 0.1), Spoiling("names", 0.4), Spoiling("pictures", 1.0))
    assert [str(one) for one in config.spoilings] == ["names-0.1", "names-0.4", "pictures-1"]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"seed": [0]}, "unknown key 'seed'; did you mean 'seeds'"),
        ({"seeds": [0, 1, 0]}, "names a seed twice"),
        ({"seeds": []}, "seeds: a list of whole numbers"),
        ({"seeds": [-1]}, "seeds: a list of whole numbers"),
        ({"seeds": [0.5]}, "seeds: a list of whole numbers"),
        ({"seeds": [True]}, "seeds: a list of whole numbers"),
        ({"systems": {}}, "names no system"),
        ({"systems": {"A": 3}}, "systems.A: a table of settings, not 3"),
        ({"systems": {"a/b": {}}}, "a system's name is a folder's"),
        ({"systems": {"..": {}}}, "a system's name is a folder's"),
        ({"reference": "a"}, "reference: no system 'a'"),
        ({"systems": {"A": {"like": "B"}}}, "like: no system 'B'"),
        ({"systems": {"A": {"like": "B"}, "B": {"like": "A"}}}, "goes round in a circle"),
        ({"systems": {"A": {"model": {"name": "deepfn"}}}}, "no model 'deepfn'; did you mean 'deepfm'"),
        ({"systems": {"A": {"model": {"name": "fm", "widht": 3}}}}, "'model.widht'; did you mean 'width'"),
        ({"systems": {"A": {"model": {"name": "fm", "heads": 3}}}}, "heads is an option of camenn, .*not of fm"),
        ({"systems": {"A": {}, "B": {"split": {"seed": 1}}}}, "systems.B: split: another than A's"),
        ({"spoiled": {"prices": [0.1]}}, "unknown key 'spoiled.prices'"),
        ({"spoiled": {"names": [0.0]}}, "a list of shares above 0"),
        ({"spoiled": {"names": 0.1}}, "a list of shares above 0"),
        ({"spoiled": {"names": [0.1, 0.1]}}, "names a share twice"),
        ({"spoiled": ["names"]}, "spoiled: a table"),
        ({"base": 3}, "base: a table of settings"),
    ],
)
def test_a_mistake_is_told_with_its_place(raw: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parsed(**raw)


def test_all_mistakes_come_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parsed(seeds=[1, 1], systems={"A": {"model": {"name": "x"}}, "B": {"training": {"patience": 0}}})
    text = str(caught.value)
    assert all(part in text for part in ("twice", "no model 'x'", "systems.B: training.patience"))


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "no such file"), ("[systems", "not readable as TOML"), ("\xff", "names no system|TOML")],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "c.toml").write_text(text, encoding="latin-1")
    with pytest.raises(ConfigError, match=message):
        read_comparison(tmp_path / "c.toml")


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_every_comparison_of_ours_can_be_read(path: Path) -> None:
    assert len(read_comparison(path).systems) > 1
