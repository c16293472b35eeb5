"""A configuration is right or refused, with the place of what is wrong."""

import json
from pathlib import Path

import pytest

from camenn.errors import ConfigError
from camenn.run_config import AT_LEAST, SHARES, RunConfig, config_to_json, parse_config, read_config
from toy_run import small_config

CONFIG_FOLDER = Path(__file__).parents[1] / "configs"
CONFIGS = sorted(path for path in CONFIG_FOLDER.glob("*.toml") if "[systems" not in path.read_text(encoding="utf-8"))


def refusal(raw: dict[str, object]) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_config(raw, where="run.toml")
    return str(caught.value)


def test_an_unknown_key_is_told_with_its_place_and_what_was_meant() -> None:
    assert refusal({"model": {"widht": 3}}) == "run.toml: unknown key 'model.widht'; did you mean 'width'?"
    assert refusal({"modle": {"width": 3}}) == "run.toml: unknown key 'modle'; did you mean 'model'?"


def test_an_unknown_key_like_no_other_is_told_with_what_there_is() -> None:
    assert "unknown key 'pairs.zzz'; there are epochs, items, negatives" in refusal({"pairs": {"zzz": 1}})


def test_all_unknown_keys_are_told_at_once() -> None:
    told = refusal({"model": {"widht": 3}, "training": {"seeds": 3}, "shops": "x"}).splitlines()
    assert len(told) == 3
    assert all(line.startswith("run.toml: unknown key") for line in told)


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        ({"model": {"width": "wide"}}, "model.width"),
        ({"model": 3}, "model"),
        ({"shop": 3}, "shop"),
        ({"requests": {"history": "wishes"}}, "requests.history"),
        ({"features": {"crosses": [["users.team"]]}}, "features.crosses.0"),
        ({"training": {"betas": [0.9]}}, "training.betas"),
        ({"training": {"precision": "16-mixed"}}, "training.precision"),
        ({"split": {"test": None}}, "split.test"),
    ],
)
def test_a_value_of_the_wrong_type_is_told_with_its_place(raw: dict[str, object], place: str) -> None:
    assert f"run.toml: {place}" in refusal(raw)


def test_the_value_that_is_wrong_is_shown() -> None:
    assert "not 'wide'" in refusal({"model": {"width": "wide"}})


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ({"requests": {"rows": 0}}, "requests.rows: must be at least 1, not 0"),
        ({"training": {"learning_rate": -1.0}}, "training.learning_rate: must be at least 0, not -1.0"),
        ({"training": {"learning_rate": float("nan")}}, "training.learning_rate: must be at least 0, not nan"),
        ({"objective": {"contrast": -0.5}}, "objective.contrast: must be at least 0, not -0.5"),
        ({"split": {"test": 1.5}}, "split.test: a share from 0 to below 1, not 1.5"),
        ({"model": {"dropout": -0.1}}, "model.dropout: a share from 0 to below 1, not -0.1"),
        ({"training": {"betas": [2.0, 0.9]}}, "training.betas: from 0 to below 1, not [2.0, 0.9]"),
        ({"encoders": {"text_length": 51}}, "encoders.text_length: at most 50, all that the store holds, not 51"),
        ({"model": {"width": 16, "heads": 3}}, "model.heads: 3 heads do not divide a width of 16"),
        ({"model": {"num_experts": 2, "top_k": 5}}, "model.top_k: keeps 5 of only 2 experts"),
    ],
)
def test_a_value_out_of_range_is_told_with_its_place(raw: dict[str, object], told: str) -> None:
    assert refusal(raw) == f"run.toml: {told}"


@pytest.mark.parametrize("place", [*AT_LEAST, *SHARES])
def test_every_range_is_of_a_key_that_there_is(place: str) -> None:
    table, key = place.split(".")
    assert f"{place}: " in refusal({table: {key: -1}})


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: no such file"):
        read_config(tmp_path / "none.toml")


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not readable"):
        read_config(tmp_path)


@pytest.mark.parametrize("content", [b"[model\nwidth = 3", b"width = ", b"\xff\xfe\x00", b'{"model": 3}'])
def test_what_is_no_toml_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=r"run\.toml: not readable as TOML"):
        read_config(tmp_path / "run.toml")


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("")
    assert read_config(tmp_path / "run.toml") == RunConfig()


@pytest.mark.parametrize(
    "config",
    [
        RunConfig(),
        small_config(
            features={"crosses": [["users.team", "items.category"]]},
            split={"requests": "user_time", "item_column": "category", "item_test": ["hat", "box"]},
            model={"pattern": "shared_history"},
            training={"monitor": "alignment", "betas": [0.9, 0.99], "learning_rate": 1 / 3},
        ),
    ],
)
def test_a_configuration_written_and_read_is_the_same(config: RunConfig) -> None:
    assert parse_config(json.loads(json.dumps(config_to_json(config))), where="x") == config


def test_there_are_configurations() -> None:
    assert CONFIGS


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_configuration_of_the_project_can_be_read(path: Path) -> None:
    assert read_config(path) != RunConfig()


def test_the_papers_configuration_has_the_papers_values() -> None:
    config = read_config(CONFIG_FOLDER / "paper.toml")
    assert (config.encoders.text, config.encoders.image) == ("bert-base-chinese", "timm:inception_v4")
    assert config.encoders.text_length == 50
    assert (config.model.width, config.model.heads, config.model.pattern) == (768, 8, "full")
    assert (config.split.requests, config.split.test) == ("random", 0.25)
    assert (config.requests.history, config.requests.negatives) == ("purchases", 4)
    assert (config.requests.history_tokens, config.requests.candidate_tokens) == ("all", "all")
    training = config.training
    assert (training.learning_rate, training.betas, training.weight_decay) == (4e-4, (0.95, 0.999), 1e-4)


def test_the_papers_configuration_has_nothing_from_beyond_the_paper() -> None:
    config = read_config(CONFIG_FOLDER / "paper.toml")
    assert not config.features.counts
    assert (config.model.aligned_width, config.model.token_dropout) == (0, 0.0)
    assert not config.model.products
    assert (config.training.user_dropout, config.training.item_dropout) == (0.0, 0.0)
    assert (config.objective.contrast, config.objective.load_balance) == (0.0, 0.0)
    assert (config.training.ema_decay, config.training.gradient_clip) == (0.0, 0.0)
