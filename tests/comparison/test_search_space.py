"""What is tuned of each model: as much of one as of another, and nothing that a run would refuse."""

from itertools import product

import pytest

from camenn.comparison.search_space import (
    COMMON,
    OWN,
    Dimension,
    read_option,
    search_space,
    searched_values,
    with_options,
)
from camenn.models.zoo import ZOO
from camenn.run_config import RunConfig, parse_config

RATE = Dimension("training.learning_rate", (1e-4, 4e-4, 1e-3, 4e-3))


def written(model: str) -> RunConfig:
    return parse_config({"model": {"name": model}}, where="the test")


def test_every_model_of_the_zoo_is_tuned_and_no_other() -> None:
    assert sorted(OWN) == sorted(ZOO)


def test_no_model_is_searched_harder_than_another() -> None:
    assert {tuple(len(one.choices) for one in search_space(model)) for model in ZOO} == {(4, 3, 3, 3, 3, 3)}


@pytest.mark.parametrize("model", ZOO)
def test_a_space_repeats_no_option_and_no_value(model: str) -> None:
    space = search_space(model)
    assert len({one.option for one in space}) == len(space)
    for one in space:
        assert len(set(one.choices)) == len(one.choices)


@pytest.mark.parametrize("model", ZOO)
def test_every_value_is_one_that_a_run_takes(model: str) -> None:
    config = written(model)
    for one in COMMON:
        for value in one.choices:
            assert read_option(with_options(config, {one.option: value}, where="it"), one.option) == value
    for values in product(*(one.around(config).choices for one in OWN[model])):
        asked = dict(zip((one.option for one in OWN[model]), values, strict=True))
        found = searched_values(with_options(config, asked, where="it"))
        assert {option: found[option] for option in asked} == asked


@pytest.mark.parametrize("model", ZOO)
def test_what_is_by_default_is_among_what_is_tried(model: str) -> None:
    config = written(model)
    for one in search_space(model):
        found = one.around(config)
        assert read_option(config, one.option) in found.choices
        assert found == one or one.scaled, one.option


def test_a_width_is_tried_at_half_and_twice_what_is_written() -> None:
    config = parse_config({"model": {"name": "camenn", "width": 48}}, where="the test")
    (width,) = (one for one in search_space("camenn") if one.option == "model.width")
    assert width.around(config).choices == (24, 48, 96)


@pytest.mark.parametrize(
    ("rate", "choices"),
    [
        (4e-4, (1e-4, 4e-4, 1e-3, 4e-3)),
        (5e-4, (1e-4, 5e-4, 1e-3, 4e-3)),
        (1.0, (1e-4, 4e-4, 1e-3, 1.0)),
        (1e-9, (1e-9, 4e-4, 1e-3, 4e-3)),
    ],
)
def test_what_is_written_takes_the_place_of_the_nearest(rate: float, choices: tuple[float, ...]) -> None:
    config = parse_config({"training": {"learning_rate": rate}}, where="the test")
    assert RATE.around(config).choices == choices


def test_layers_are_compared_by_their_units() -> None:
    config = parse_config({"model": {"name": "deepfm", "hidden": [300, 100, 10]}}, where="the test")
    (hidden,) = (one for one in search_space("deepfm") if one.option == "model.hidden")
    assert hidden.around(config).choices == ((128, 64), (300, 100, 10), (512, 256))


def test_other_values_leave_the_rest_as_written() -> None:
    config = parse_config({"model": {"name": "fm"}, "training": {"max_epochs": 3}}, where="the test")
    changed = with_options(config, {"model.width": 8}, where="it")
    assert (changed.training, read_option(changed, "model.width")) == (config.training, 8)
    assert with_options(changed, {"model.width": 16}, where="it") == config
