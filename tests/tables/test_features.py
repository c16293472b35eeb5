"""Codes of columns: from training rows alone, the same for every shop that is read with them."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from camenn.batches.source import Source, open_source
from camenn.errors import ConfigError
from camenn.tables.features import Coding, FeatureConfig, Features, Field, Side, signed_log
from camenn.tables.fitting import MAX_VALUES, fit_features
from camenn.tables.schema import Kind
from camenn.tables.shop import Shop, open_shop
from camenn.tables.split import Part, SplitConfig, split_items, split_requests
from toy import toy_events, toy_items, toy_users, write_toy_shop

LAST_DAY = SplitConfig(requests="days", test_days=3, item_column="side", item_test=("test",), validation=0.1)
REQUESTS = 150


def fit(shop: Shop, split: SplitConfig, **features: Any) -> Features:
    return fit_features(
        shop,
        FeatureConfig(**features),
        request_parts=None if shop.events is None else split_requests(shop.events, split),
        item_parts=split_items(shop.catalogue, split),
    )


def read(shop: Shop, features: Features) -> Source:
    return open_source(shop, features, text=None, image=None, text_length=50)


def field(features: Features, name: str) -> Field:
    return next(one for one in features.fields if one.name == name)


def known(features: Features, name: str) -> set[str]:
    return set(features.vocabularies[name].values)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Values that occur in the test part alone: items i36 and on are test items and stand in test requests alone.

    The requests of the last three days are the test, with a device, a user and a position of their own.
    """
    folder = write_toy_shop(tmp_path_factory.mktemp("planted"), num_requests=REQUESTS)
    is_test_item = pl.int_range(pl.len()) >= 36
    toy_items(40).with_columns(
        pl.when(is_test_item).then(pl.lit("test")).otherwise(pl.lit("train")).alias("side"),
        pl.when(is_test_item).then(pl.lit("sofa")).otherwise("category").alias("category"),
        pl.when(is_test_item).then(1e9).otherwise("price").alias("price"),
    ).write_parquet(folder / "items.parquet")
    events = toy_events(24, 36, REQUESTS)  # no event of the items 36 to 39 yet
    day = pl.col("at").dt.epoch("d")
    late = day > day.max() - 3
    newcomer = late & (pl.col("user_id") == "u23")
    pl.DataFrame(
        {
            "user_id": [*toy_users(24)["user_id"], "new"],
            "team": [*toy_users(24)["team"], "purple"],
            "age": [20 + u % 40 + 0.5 for u in range(24)] + [1e6],
        }
    ).write_parquet(folder / "users.parquet")
    events.with_columns(
        pl.when(newcomer).then(pl.lit("new")).otherwise("user_id").alias("user_id"),
        pl.when(late & (pl.int_range(pl.len()) % 4 == 0)).then(pl.lit("i36")).otherwise("item_id").alias("item_id"),
        pl.when(late).then(pl.lit("television")).otherwise("device").alias("device"),
        pl.when(late).then(90 + pl.col("position")).otherwise("position").alias("position"),
        pl.when(late).then(1e9).otherwise(pl.int_range(pl.len()) % 50 + 0.5).alias("load"),
    ).write_parquet(folder / "events.parquet")
    return open_shop(folder)


@pytest.mark.parametrize(
    ("name", "value", "some"),
    [
        ("items.category", "sofa", "hat"),
        ("items.item_id", "i36", "i1"),
        ("users.user_id", "new", "u1"),
        ("users.team", "purple", "red"),
        ("events.device", "television", "phone"),
        ("events.position", "91", "1"),
    ],
)
def test_a_value_of_the_test_part_alone_is_unseen(planted: Shop, name: str, value: str, some: str) -> None:
    features = fit(planted, LAST_DAY)
    assert value not in known(features, name)
    assert some in known(features, name)
    one = field(features, name)
    codes = features.encode(pl.DataFrame({one.column: [value, some, None]}), [one])[:, 0]
    assert codes[0] == one.offset
    assert codes[1] > one.offset
    assert codes[2] == 0


@pytest.mark.parametrize(("name", "column"), [("items.price", "price"), ("users.age", "age"), ("events.load", "load")])
def test_an_outlier_of_the_test_part_moves_no_edge(planted: Shop, name: str, column: str) -> None:
    edges = field(fit(planted, LAST_DAY), name).edges
    assert len(edges) > 1
    assert max(edges) < 1000
    tables = {"items": planted.catalogue.table, "users": planted.people.table}
    if name.split(".")[0] in tables:
        assert tables[name.split(".")[0]].select(pl.col(column).max()).collect().item() >= 1e6


def test_values_of_the_validation_part_are_unseen_too(planted: Shop) -> None:
    events = planted.events
    assert events is not None
    parts = split_requests(events, LAST_DAY)
    everything = fit_features(
        planted,
        FeatureConfig(min_count=1),
        request_parts=np.where(parts == Part.VALIDATION, Part.TRAIN, parts).astype(np.int8),
        item_parts=split_items(planted.catalogue, LAST_DAY),
    )
    training = fit(planted, LAST_DAY, min_count=1)
    assert known(training, "users.user_id") < known(everything, "users.user_id")
    first = np.asarray(events.request_offset[:-1])
    trained = set(planted.people.ids.decode(np.asarray(events.user_row)[first[parts == Part.TRAIN]]))
    assert known(training, "users.user_id") == trained


def test_an_item_that_stands_in_a_training_request_has_been_seen_though_its_pair_is_a_test_item(tmp_path: Path) -> None:
    shop = open_shop(write_toy_shop(tmp_path, num_requests=REQUESTS))
    events = shop.events
    assert events is not None
    alignment_trains_on_nothing = np.full(42, Part.TEST, dtype=np.int8)
    parts = split_requests(events, SplitConfig())
    features = fit_features(shop, FeatureConfig(), request_parts=parts, item_parts=alignment_trains_on_nothing)
    assert known(features, "items.category") == {"apple", "pear", "cup", "hat", "box"}


def test_the_outcome_is_never_a_feature(planted: Shop) -> None:
    assert "events.converted" not in [one.name for one in fit(planted, LAST_DAY).fields]
    assert planted.schema.of("events", Kind.OUTCOME)


def test_a_rare_value_is_taken_for_unseen(planted: Shop) -> None:
    often = fit(planted, LAST_DAY, min_count=30)
    assert known(often, "users.user_id") < known(fit(planted, LAST_DAY, min_count=2), "users.user_id")


def test_ids_are_left_out_when_asked(planted: Shop) -> None:
    names = [one.name for one in fit(planted, LAST_DAY, ids=False).fields]
    assert not {"users.user_id", "items.item_id"} & set(names)
    assert "items.category" in names


def test_no_two_fields_share_a_code(planted: Shop) -> None:
    features = fit(planted, LAST_DAY, crosses=(("users.team", "items.category"),))
    taken = [code for one in features.fields for code in range(one.offset, one.offset + one.size)]
    assert sorted(taken) == list(range(1, features.num_codes))


def test_the_codes_of_a_shop_lie_within_their_fields(planted: Shop) -> None:
    features = fit(planted, LAST_DAY)
    source = read(planted, features)
    for fields, codes in (
        (features.of(Side.ITEM), source.item_codes),
        (features.of(Side.CONTEXT, "users"), source.user_codes),
        (features.of(Side.CONTEXT, "events"), source.event_codes),
        (features.of(Side.ROW, "events"), source.row_codes),
    ):
        assert codes.shape[1] == sum(one.slots for one in fields) > 0
        slot = 0
        for one in fields:
            block = codes[:, slot : slot + one.slots]
            assert ((block == 0) | ((block >= one.offset) & (block < one.offset + one.size))).all()
            slot += one.slots


def test_padding_has_no_code_and_the_unseen_row_its_unseen_id_alone(planted: Shop) -> None:
    features = fit(planted, LAST_DAY)
    source = read(planted, features)
    assert (source.item_codes[0] == 0).all()
    assert source.item_codes[1].tolist() == [field(features, "items.item_id").offset, 0, 0, 0]
    assert source.user_codes[1, 0] == field(features, "users.user_id").offset


def test_a_column_that_another_shop_lacks_is_missing_in_every_row(planted: Shop, tmp_path: Path) -> None:
    features = fit(planted, LAST_DAY)
    tmp_path.joinpath("other").mkdir()
    pl.DataFrame({"item_id": ["i1", "x"]}).write_parquet(tmp_path / "other" / "items.parquet")
    pl.DataFrame({"user_id": ["u1"], "item_id": ["x"], "at": ["2024-05-01"]}).write_parquet(
        tmp_path / "other" / "events.parquet"
    )
    source = read(open_shop(tmp_path / "other"), features)
    item_id = field(features, "items.item_id")
    assert (source.item_codes[2:, 1:] == 0).all()
    assert source.item_codes[2, 0] > item_id.offset
    assert source.item_codes[3, 0] == item_id.offset
    assert (source.row_codes == 0).all()
    names = [one.name for one in features.of(Side.CONTEXT, "events")]
    assert (source.event_codes[0, : names.index("events.at.hour")] == 0).all()
    assert (source.event_codes[0, names.index("events.at.hour") :] > 0).all()


def test_a_column_of_another_type_in_another_shop_is_read_as_far_as_it_goes(planted: Shop) -> None:
    features = fit(planted, LAST_DAY)
    price, category = field(features, "items.price"), field(features, "items.category")
    codes = features.encode(pl.DataFrame({"price": ["2.5", "dear", None], "category": [1, 2, None]}), [price, category])
    assert codes[0, 0] == features.encode(pl.DataFrame({"price": [2.5]}), [price])[0, 0]
    assert codes[1:, 0].tolist() == [0, 0]
    assert codes[:, 1].tolist() == [category.offset, category.offset, 0]


def test_a_number_falls_between_its_edges_and_a_missing_one_has_no_code() -> None:
    price = Field(
        side=Side.ITEM, table="items", column="price", coding=Coding.QUANTILE, offset=10, size=4, edges=(1, 2)
    )
    features = Features([price], {})
    codes = features.encode(pl.DataFrame({"price": [-5.0, 0.9, 1.0, 1.9, 2.0, 1e300, None, float("nan")]}), [price])
    assert codes[:, 0].tolist() == [11, 11, 12, 12, 13, 13, 0, 0]


def test_numbers_fall_into_bins_of_about_the_same_size(planted: Shop) -> None:
    features = fit(planted, LAST_DAY, num_bins=4)
    load = field(features, "events.load")
    assert len(load.edges) == 3
    codes = features.encode(pl.DataFrame({"load": np.arange(50) + 0.5}), [load])
    assert np.bincount(codes[:, 0])[load.offset + 1 :].min() > 5


def test_a_column_that_some_candidates_of_a_request_lack_is_the_candidates_own(tmp_path: Path) -> None:
    folder = write_toy_shop(tmp_path / "shop", num_requests=60)
    badge = pl.when(pl.col("position") == 2).then(pl.lit("new"))
    pl.read_parquet(folder / "events.parquet").with_columns(badge=badge).write_parquet(folder / "events.parquet")
    fitted = fit(open_shop(folder), SplitConfig())
    assert field(fitted, "events.badge").side is Side.ROW
    assert field(fitted, "events.device").side is Side.CONTEXT


def lists(tmp_path: Path, values: list[object]) -> Shop:
    items = toy_items(len(values)).with_columns(pl.Series("tags", values))
    tmp_path.mkdir(exist_ok=True)
    items.write_parquet(tmp_path / "items.parquet")
    return open_shop(tmp_path)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([["a", "b"], ["b"], [], None, ["a", "b", "c"]] * 4, "lists"),
        (["a|b", "b", "", None, "a|b|c"] * 4, "text with bars"),
    ],
)
def test_each_value_of_a_list_has_its_code(tmp_path: Path, values: list[object], kind: str) -> None:
    shop = lists(tmp_path, values)
    features = fit(shop, SplitConfig(test=0.0, validation=0.0))
    tags = field(features, "items.tags")
    assert (tags.coding, tags.slots) == (Coding.LIST, 3), kind
    assert known(features, "items.tags") == {"a", "b", "c"}
    rows = features.encode(shop.catalogue.table.select("tags").collect().head(5), [tags])
    a, b, c = (tags.offset + 1 + place for place in range(3))
    assert [sorted(row[row > 0].tolist()) for row in rows] == [[a, b], [b], [], [], [a, b, c]]


def test_a_value_that_lists_of_training_do_not_hold_is_unseen(tmp_path: Path) -> None:
    shop = lists(tmp_path, [["a", "b"]] * 20)
    features = fit(shop, SplitConfig(test=0.0, validation=0.0))
    tags = field(features, "items.tags")
    codes = features.encode(pl.DataFrame({"tags": [["b", "new"], ["new", "newer"]]}), [tags])
    assert codes.tolist() == [[tags.offset + 2, tags.offset], [tags.offset, tags.offset]]


def test_a_list_of_another_shop_is_read_where_the_model_knows_one_value(tmp_path: Path) -> None:
    features = fit(lists(tmp_path, ["sour", "sweet"] * 10), SplitConfig(test=0.0, validation=0.0))
    tags, price = field(features, "items.tags"), field(features, "items.price")
    other = {"tags": [["sweet"], ["sour", "sweet"], [], None], "price": [["1"], ["1", "2"], [], None]}
    codes = features.encode(pl.DataFrame(other), [tags, price])
    assert codes[:, 0].tolist() == [tags.offset + 2, tags.offset, 0, 0]
    assert codes[0, 1] == features.encode(pl.DataFrame({"price": [1.0]}), [price]).item()
    assert codes[1:, 1].tolist() == [0, 0, 0]


def test_of_a_long_list_the_first_values_are_read(tmp_path: Path) -> None:
    shop = lists(tmp_path, [[chr(97 + n) for n in range(20)]] * 12)
    features = fit(shop, SplitConfig(test=0.0, validation=0.0))
    tags = field(features, "items.tags")
    assert tags.slots == MAX_VALUES
    codes = features.encode(pl.DataFrame({"tags": [[chr(97 + n) for n in range(20)], ["a"]]}), [tags])
    assert (codes[0] > tags.offset).all()
    assert (codes[1] > 0).sum() == 1


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "America/New_York"])
def test_the_hour_and_weekday_are_those_of_the_shops_time_zone(tmp_path: Path, zone: str) -> None:
    folder = write_toy_shop(tmp_path, num_requests=20)
    (folder / "shop.toml").write_text(f'time_zone = "{zone}"')
    shop = open_shop(folder)
    features = fit(shop, SplitConfig())
    hour, weekday = field(features, "events.at.hour"), field(features, "events.at.weekday")
    codes = read(shop, features).event_codes
    assert shop.events is not None
    for position in range(0, 80, 9):
        local = datetime.fromtimestamp(int(shop.events.at[position]) / 1e6, UTC).astimezone(ZoneInfo(zone))
        assert codes[position, -2:].tolist() == [hour.offset + 1 + local.hour, weekday.offset + 1 + local.weekday()]


def test_every_hour_and_weekday_has_a_code_of_its_own(planted: Shop) -> None:
    features = fit(planted, LAST_DAY)
    hours = np.arange(24 * 7) * 3_600_000_000
    codes = features.moments(hours, time_zone="UTC")
    assert [len(np.unique(codes[:, place])) for place in (0, 1)] == [24, 7]
    for place, name in enumerate(("events.at.hour", "events.at.weekday")):
        one = field(features, name)
        assert one.offset < codes[:, place].min() <= codes[:, place].max() < one.offset + one.size


def test_a_column_that_differs_between_candidates_is_the_rows_and_one_that_does_not_the_requests(planted: Shop) -> None:
    features = fit(planted, LAST_DAY)
    assert field(features, "events.position").side is Side.ROW
    assert field(features, "events.device").side is Side.CONTEXT


def test_a_cross_of_a_field_that_is_not_there_is_told(planted: Shop) -> None:
    with pytest.raises(ConfigError, match=r"no single-valued field 'users\.size'; there are .*users\.team"):
        fit(planted, LAST_DAY, crosses=(("users.size", "items.category"),))


def test_a_cross_is_missing_where_either_of_its_parts_is(planted: Shop) -> None:
    features = fit(planted, LAST_DAY, crosses=(("users.team", "items.category"),), cross_size=8)
    cross = features.fields[-1]
    codes = features.cross({"users.team": np.array([0, 5, 5, 6]), "items.category": np.array([7, 0, 7, 8])})[:, 0]
    assert codes[:2].tolist() == [0, 0]
    assert ((codes[2:] > cross.offset) & (codes[2:] < cross.offset + 8)).all()


def test_features_written_and_read_are_the_same(planted: Shop) -> None:
    features = fit(planted, LAST_DAY, crosses=(("users.team", "items.category"),))
    features = features.with_numbers(["load", "rate"], np.random.default_rng(0).random((5, 2)))
    again = Features.from_json(json.loads(json.dumps(features.to_json())))
    assert again.fields == features.fields
    assert again.numbers == features.numbers


def test_numbers_are_standardised_and_what_is_missing_stays_missing() -> None:
    values = np.array([[1.0, 5.0, np.nan], [2.0, 5.0, np.nan], [np.nan, 5.0, np.nan], [1e9, 5.0, np.nan]])
    features = Features([], {}).with_numbers(["much", "constant", "unknown"], values)
    standard = features.standardise(values)
    known = ~np.isnan(values[:, 0])
    assert np.isclose(standard[known, 0].mean(), 0, atol=1e-6)
    assert np.isclose(standard[known, 0].std(), 1, atol=1e-6)
    assert (standard[:, 1] == 0).all()
    assert np.array_equal(np.isnan(standard), np.isnan(values))
    assert np.array_equal(signed_log(np.array([-3.0, 0.0, 3.0])), np.log(4.0) * np.array([-1, 0, 1]))


def test_a_shop_of_nothing_but_ids_has_features(tmp_path: Path) -> None:
    pl.DataFrame({"item_id": ["a", "b"]}).write_parquet(tmp_path / "items.parquet")
    shop = open_shop(tmp_path)
    features = fit(shop, SplitConfig())
    assert features.fields == ()
    assert features.num_codes == 1
    assert read(shop, features).item_codes.shape == (4, 0)
