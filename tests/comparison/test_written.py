"""A comparison written as TOML says what it said before."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camenn.comparison.config import ComparisonConfig, parse_comparison
from camenn.comparison.written import comparison_to_toml, toml_value
from camenn.models.zoo import ZOO
from camenn.run_config import RunConfig


def written(config: ComparisonConfig, title: str = "", **notes: str) -> str:
    raw = {"shop": config.shop, "seeds": list(config.seeds), "reference": config.reference}
    return comparison_to_toml(raw, config.systems, title=title, notes=notes)


def reread(config: ComparisonConfig, **notes: str) -> ComparisonConfig:
    text = written(config, "a title\n\nof lines", **notes)
    return parse_comparison(tomllib.loads(text), where="the test")


def test_every_model_is_read_back_as_it_was() -> None:
    systems = {name: {"model": {"name": name}, "training": {"item_dropout": 0.2}} for name in ZOO}
    base = {"training": {"betas": [0.9, 0.99]}, "features": {"crosses": [["users.a", "items.b"]], "ids": False}}
    config = parse_comparison({"seeds": [3, 1], "base": base, "systems": systems}, where="the test")
    assert reread(config) == config


def test_an_option_of_one_system_is_not_anothers() -> None:
    """`like` is gone: what is changed of the first is not handed on to the second."""
    raw = {
        "base": {"model": {"name": "fm", "width": 4}},
        "systems": {
            "one": {"features": {"num_bins": 8}},
            "two": {"like": "one", "model": {"name": "deepfm"}, "features": {"num_bins": 16}},
            "three": {"like": "one", "features": {"num_bins": 32}, "model": {"width": 16}},
        },
    }
    config = parse_comparison(raw, where="the test")
    assert reread(config) == config
    assert "like" not in written(config)


def test_what_all_share_is_said_once() -> None:
    raw = {"base": {"training": {"max_epochs": 7}}, "systems": {name: {"model": {"name": name}} for name in ZOO}}
    config = parse_comparison(raw, where="the test")
    assert written(config).count("max_epochs = 7") == 1


def test_what_a_comparison_says_besides_its_systems_is_kept() -> None:
    """Tables too, and keys that this file knows nothing of."""
    raw = {"shop": "s", "other": {"names": [0.1], "inner": {"x": 1}}, "seeds": [2], "base": {"shop": "b"}}
    read = tomllib.loads(comparison_to_toml({**raw, "systems": {"old": {}}}, {"new": RunConfig()}, title="", notes={}))
    kept = {key: value for key, value in raw.items() if key != "base"}
    assert read == {**kept, "systems": {"new": {"model": {"name": "camenn"}}}}


def test_a_note_stands_over_its_system() -> None:
    config = parse_comparison({"systems": {"a": {}, "b": {"training": {"seed": 1}}}}, where="the test")
    lines = written(config, "all", b="first\nsecond").splitlines()
    assert lines[0] == "# all"
    assert lines[lines.index("# first") :][:3] == ["# first", "# second", "[systems.b.model]"]
    assert reread(config, a="[broken", b="x = 'y'\n\"") == config


@given(st.text(st.characters(blacklist_categories=("Cs",))))
def test_any_text_is_read_back(text: str) -> None:
    assert tomllib.loads(f"x = {toml_value(text)}") == {"x": text}


@given(st.recursive(st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False), st.lists))
def test_any_number_is_read_back_to_the_last_digit(value: Any) -> None:
    read = tomllib.loads(f"x = {toml_value(value)}")["x"]
    assert repr(read) == repr(value)


@pytest.mark.parametrize("name", ["a b", "Ärger", "a.b", '"', "x=1", "#", "[a]"])
def test_any_name_is_read_back(name: str) -> None:
    config = parse_comparison({"systems": {name: {"training": {"seed": 4}}, "b": {}}}, where="the test")
    assert reread(config) == config
