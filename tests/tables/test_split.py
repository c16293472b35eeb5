"""Who trains, who chooses, who judges: shares, and never the future."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from camenn.errors import ConfigError
from camenn.tables.catalogue import Catalogue
from camenn.tables.events import Events
from camenn.tables.shop import open_shop
from camenn.tables.split import MICROSECONDS_A_DAY, Part, SplitConfig, split_items, split_requests, split_shop
from toy import DAY, START, write_toy_shop

SHARES = [(0.25, 0.1), (0.5, 0.2), (0.0, 0.0), (0.2, 0.0)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_shop(tmp_path_factory.mktemp("toy"), num_requests=150)


@pytest.fixture(scope="module")
def events(folder: Path) -> Events:
    found = open_shop(folder).events
    assert found is not None
    return found


@pytest.fixture(scope="module")
def catalogue(folder: Path) -> Catalogue:
    return open_shop(folder).catalogue


def request_at(events: Events) -> NDArray[np.int64]:
    return np.asarray(events.at[events.request_offset[:-1]])


def request_user(events: Events) -> NDArray[np.int32]:
    return np.asarray(events.user_row[events.request_offset[:-1]])


def counts(parts: NDArray[np.int8]) -> list[int]:
    return [int((parts == part).sum()) for part in Part]


@pytest.mark.parametrize(("test", "validation"), SHARES)
def test_a_random_split_has_the_shares_it_was_asked_for(events: Events, test: float, validation: float) -> None:
    parts = split_requests(events, SplitConfig(test=test, validation=validation))
    num_test = round(150 * test)
    num_validation = round((150 - num_test) * validation)
    assert counts(parts) == [150 - num_test - num_validation, num_validation, num_test]


def test_the_papers_split_is_the_default(events: Events) -> None:
    assert counts(split_requests(events, SplitConfig()))[Part.TEST] == round(150 * 0.25)


def test_a_random_split_is_the_same_again_and_another_with_another_seed(events: Events) -> None:
    first, again, other = (split_requests(events, SplitConfig(seed=seed)) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_a_random_split_does_not_follow_the_order_of_the_requests(events: Events) -> None:
    test = np.flatnonzero(split_requests(events, SplitConfig()) == Part.TEST)
    assert test.min() < 20
    assert test.max() > 130


@pytest.mark.parametrize("test_days", [1, 3])
def test_by_day_the_last_days_from_midnight_on_are_the_test(events: Events, test_days: int) -> None:
    at, parts = request_at(events), split_requests(events, SplitConfig(requests="days", test_days=test_days))
    day = at // MICROSECONDS_A_DAY
    assert ((parts == Part.TEST) == (day > day.max() - test_days)).all()


def test_by_day_nothing_of_the_test_is_earlier_than_training_and_validation_lies_between(events: Events) -> None:
    at, parts = request_at(events), split_requests(events, SplitConfig(requests="days", test_days=2))
    train, validation, test = (at[parts == part] for part in Part)
    assert train.max() < validation.min()
    assert validation.max() < test.min()
    assert len(validation) / (len(train) + len(validation)) == pytest.approx(0.1, abs=0.02)


def test_by_day_without_validation_none_is_kept_back(events: Events) -> None:
    parts = split_requests(events, SplitConfig(requests="days", validation=0.0))
    assert counts(parts)[Part.VALIDATION] == 0


def test_by_days_that_are_more_than_there_are_everything_is_the_test(events: Events) -> None:
    assert (split_requests(events, SplitConfig(requests="days", test_days=100)) == Part.TEST).all()


def test_by_each_users_time_training_precedes_validation_precedes_test(events: Events) -> None:
    config = SplitConfig(requests="user_time", test=0.4, validation=0.3)
    at, user, parts = request_at(events), request_user(events), split_requests(events, config)
    with_all = 0
    for one in np.unique(user):
        train, validation, test = (at[(user == one) & (parts == part)] for part in Part)
        assert max(train, default=0) < min(validation, default=2**62)
        assert max(validation, default=0) < min(test, default=2**62)
        assert max(train, default=0) < min(test, default=2**62)
        with_all += bool(len(train) and len(validation) and len(test))
    assert with_all > 5


def test_by_each_users_time_the_share_is_of_each_users_events(events: Events) -> None:
    user, parts = request_user(events), split_requests(events, SplitConfig(requests="user_time", test=0.25))
    for one in np.unique(user):
        mine = parts[user == one]
        assert (mine == Part.TEST).sum() == len(mine) // 4  # the toy shop's requests are of one size


def test_by_each_users_time_requests_of_one_moment_stay_together(tmp_path: Path) -> None:
    folder = write_toy_shop(tmp_path, num_items=8)
    moments = np.repeat([0, 1, 2, 2, 2, 2, 3], 2)
    pl.DataFrame(
        {
            "user_id": ["u0"] * 14,
            "item_id": [f"i{i % 8}" for i in range(14)],
            "at": pl.Series(START + moments * DAY).cast(pl.Datetime("us", "UTC")),
            "request_id": [f"r{i // 2}" for i in range(14)],
        }
    ).write_parquet(folder / "events.parquet")
    events = open_shop(folder).events
    assert events is not None
    assert events.num_requests == 7
    for test in (0.1, 0.2, 0.4, 0.6, 0.8):
        at, parts = request_at(events), split_requests(events, SplitConfig(requests="user_time", test=test))
        assert len(np.unique(parts[at == START + 2 * DAY])) == 1


def test_by_each_users_time_a_user_with_one_request_trains(tmp_path: Path) -> None:
    folder = write_toy_shop(tmp_path)
    pl.DataFrame({"user_id": ["u0"], "item_id": ["i0"], "at": ["2024-05-01"]}).write_parquet(folder / "events.parquet")
    events = open_shop(folder).events
    assert events is not None
    assert split_requests(events, SplitConfig(requests="user_time")).tolist() == [Part.TRAIN]


@pytest.mark.parametrize(("test", "validation"), SHARES)
def test_items_are_divided_at_random_by_the_same_shares(catalogue: Catalogue, test: float, validation: float) -> None:
    parts = split_items(catalogue, SplitConfig(test=test, validation=validation))
    num_test = round(40 * test)
    num_validation = round((40 - num_test) * validation)
    assert counts(parts) == [40 - num_test - num_validation, num_validation, num_test]


def test_the_rows_that_are_no_items_are_in_no_part(catalogue: Catalogue) -> None:
    for config in (SplitConfig(), SplitConfig(item_column="category", item_test=("hat",))):
        parts = split_items(catalogue, config)
        assert len(parts) == 42
        assert parts[:2].tolist() == [-1, -1]
        assert (parts[2:] >= 0).all()


def test_a_column_says_which_items_are_the_test_and_the_rest_has_a_validation_part(catalogue: Catalogue) -> None:
    parts = split_items(catalogue, SplitConfig(item_column="category", item_test=("hat", "box"), validation=0.25))[2:]
    category = catalogue.column("category")
    assert ((parts == Part.TEST) == category.is_in(["hat", "box"]).to_numpy()).all()
    assert 0 < (parts == Part.VALIDATION).sum() < 12


def test_a_column_of_numbers_divides_by_its_values_as_text(tmp_path: Path) -> None:
    folder = write_toy_shop(tmp_path)
    items = pl.read_parquet(folder / "items.parquet").with_columns(pl.Series("year", [1990 + i % 4 for i in range(40)]))
    items.write_parquet(folder / "items.parquet")
    parts = split_items(open_shop(folder).catalogue, SplitConfig(item_column="year", item_test=("1991",)))[2:]
    assert np.flatnonzero(parts == Part.TEST).tolist() == list(range(1, 40, 4))


def test_an_item_without_a_value_in_the_column_is_not_in_the_test(tmp_path: Path) -> None:
    folder = write_toy_shop(tmp_path)
    items = pl.read_parquet(folder / "items.parquet")
    hidden = items.with_columns(pl.when(pl.int_range(40) != 8).then("category").alias("category"))
    hidden.write_parquet(folder / "items.parquet")
    parts = split_items(open_shop(folder).catalogue, SplitConfig(item_column="category", item_test=("cup",)))[2:]
    assert parts[8] != Part.TEST
    assert (parts[9:12] == Part.TEST).all()


def test_a_column_that_is_not_there_is_told(catalogue: Catalogue) -> None:
    with pytest.raises(ConfigError, match=r"split\.item_column: the items table has no column 'colour'"):
        split_items(catalogue, SplitConfig(item_column="colour"))


def test_by_items_no_training_request_offers_an_item_of_another_part(folder: Path) -> None:
    shop = open_shop(folder)
    assert shop.events is not None
    request_parts, item_parts = split_shop(shop, SplitConfig(requests="items", test=0.1, validation=0.05))
    assert request_parts is not None
    request = np.repeat(np.arange(shop.events.num_requests), np.diff(shop.events.request_offset))
    offered = item_parts[np.asarray(shop.events.item_row)]
    for part in Part:
        highest = [offered[request == number].max() for number in np.flatnonzero(request_parts == part)]
        assert highest
        assert set(highest) == {part}


def test_by_items_the_items_are_those_that_alignment_holds_out(folder: Path) -> None:
    shop = open_shop(folder)
    config = SplitConfig(requests="items", test=0.1, seed=3)
    assert np.array_equal(split_shop(shop, config)[1], split_items(shop.catalogue, config))
