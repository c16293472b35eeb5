import os
from pathlib import Path

import polars as pl
import pytest

from camenn.errors import CamennError
from camenn.tables.check import check_shop
from camenn.tables.schema import Kind
from camenn.tables.shop import Shop, open_shop
from camenn.tables.sources import SOURCES, import_source
from camenn.tables.sources.writing import write_shop

SHARED = Path(os.environ.get("CAMENN_SHARED", Path(__file__).parents[2].parent / "shared")) / "data"
FOLDERS = {name: SHARED / name for name in SOURCES} | {"open-bandit": SHARED / "open-bandit-sample"}

needs_data = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no data in {SHARED}; set CAMENN_SHARED")


def imported(name: str, target: Path) -> Shop:
    import_source(name, FOLDERS[name], target)
    assert check_shop(target).problems == ()
    return open_shop(target)


def features(shop: Shop) -> set[str]:
    kinds = (Kind.CATEGORICAL, Kind.MULTI, Kind.NUMERIC)
    return {f"{column.table}.{column.name}" for column in shop.schema.columns if column.kind in kinds}


@pytest.mark.parametrize("name", SOURCES)
def test_a_folder_that_holds_anything_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(CamennError, match="not empty"):
        SOURCES[name](tmp_path, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_that_is_not_there_is_told(name: str, tmp_path: Path) -> None:
    with pytest.raises(CamennError, match="point --from"):
        SOURCES[name](tmp_path / "nowhere", tmp_path / "shop")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_import_leaves_nothing(tmp_path: Path) -> None:
    class Unwritable(pl.DataFrame):
        def write_parquet(self, *args: object, **others: object) -> None:
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_shop(tmp_path / "shop", lambda: {"items": Unwritable({"item_id": ["a"]})}, "")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_data_set_is_told_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(CamennError, match="movielens-100k"):
        import_source("movielens", tmp_path, tmp_path / "shop")


@needs_data
def test_grocery_store(tmp_path: Path) -> None:
    shop = imported("grocery-store", tmp_path / "shop")
    splits = shop.catalogue.column("split").value_counts().sort("split").rows()
    assert splits == [("iconic", 81), ("train", 2640), ("val", 296)]
    assert features(shop) == {"items.category", "items.super_class"}
    assert all(isinstance(image, bytes) and image[:2] == b"\xff\xd8" for image in shop.catalogue.images(0, 3017))
    assert shop.catalogue.column("fine_class").n_unique() == 81
    assert shop.catalogue.texts(0, 1)[0].startswith("Golden Delicious. Golden Delicious has a white juicy pulp")
    assert shop.events is None


@needs_data
def test_movielens_100k(tmp_path: Path) -> None:
    shop = imported("movielens-100k", tmp_path / "shop")
    assert (shop.catalogue.num_items, shop.people.num_users) == (1682, 943)
    assert shop.events is not None
    assert len(shop.events) == 100_000
    assert shop.events.converted.mean() == pytest.approx(0.554, abs=0.001)
    assert features(shop) == {"items.genres", "items.year", "users.age", "users.gender", "users.occupation"}
    source = pl.read_parquet(FOLDERS["movielens-100k"] / "items.parquet")
    doubtful = source.select((pl.col("generated_image") | pl.col("image_shared")).fill_null(False)).to_series()
    assert doubtful.any()
    pictures = shop.catalogue.images(0, 1682)
    expected = (source["image"].is_not_null() & ~doubtful).to_list()
    assert [picture is not None for picture in pictures] == expected
    ratings = shop.events.context.collect()["rating"].to_numpy()
    assert ((ratings >= 4) == shop.events.converted).all()


@needs_data
def test_hm_products(tmp_path: Path) -> None:
    shop = imported("hm-products", tmp_path / "shop")
    assert shop.catalogue.num_items == 2400
    assert None not in shop.catalogue.images(0, 2400)
    assert not features(shop) & {"items.purchased", "items.in_hm_catalogue", "items.width"}
    assert "items.category" in features(shop)


@needs_data
def test_uci_online_retail(tmp_path: Path) -> None:
    shop = imported("uci-online-retail", tmp_path / "shop")
    assert shop.events is not None
    assert not shop.events.has_outcomes
    assert features(shop) == {"items.price", "users.country"}
    lines = pl.read_parquet(FOLDERS["uci-online-retail"] / "transactions.parquet").filter(
        pl.col("user_id").is_not_null() & ~pl.col("cancelled") & (pl.col("quantity") > 0) & (pl.col("unit_price") > 0)
    )
    products = pl.read_parquet(FOLDERS["uci-online-retail"] / "items.parquet").filter("is_product")
    sold = lines.join(products, on="stock_code", how="semi")
    assert shop.events.num_requests == sold["invoice"].n_unique()
    assert len(shop.events) == sold.select("invoice", "stock_code").n_unique()
    assert shop.events.context.collect()["quantity"].sum() == sold["quantity"].sum()


@needs_data
def test_open_bandit(tmp_path: Path) -> None:
    shop = imported("open-bandit", tmp_path / "shop")
    assert shop.events is not None
    assert (len(shop.events), int(shop.events.converted.sum())) == (40_000, 207)
    assert shop.catalogue.num_items == 80
    # Nobody is followed from page to page: no event has a history.
    begins = shop.events.request_offset[:-1]
    assert (shop.events.history_end == shop.events.user_offset[shop.events.user_row[begins]]).all()
    assert "events.propensity_score" not in features(shop)
    assert {"events.position", "events.policy", "events.user_feature_0"} <= features(shop)
