"""What is shown of a judged model: heat maps, extremes, the best possible, metrics.json and a report to be trusted."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from camenn.bundle import Bundle
from camenn.evaluation.evaluate import Evaluation, divided, evaluate
from camenn.evaluation.judge import judge
from camenn.evaluation.similarity import NUM_ITEMS, extreme_items, heat_maps
from camenn.evaluation.truth import TRUTH, best_possible_auc
from camenn.metrics.ranking import auc
from camenn.tables.shop import Shop, open_shop
from camenn.tables.split import Part, split_requests
from camenn.task import Task
from toy import toy_events, toy_items, write_toy_shop
from toy_run import small_config, train_on

QUIET = Console(quiet=True)
SCRIPT = "<script>alert('sold')</script>"


# Pictures of the aligned space, and what can best be done


def test_heat_maps_are_of_eight_test_items_that_read_differently(found: Evaluation, bundle: Bundle) -> None:
    maps = heat_maps(bundle, found.parts)
    assert maps is not None
    assert len(maps.item_names) == NUM_ITEMS == 8
    assert maps.before.shape == maps.after.shape == (8, 8)
    assert len(set(maps.item_names)) > 4  # names may be equal where descriptions differ
    assert not np.allclose(maps.before, maps.after)
    assert max(np.abs(maps.before).max(), np.abs(maps.after).max()) <= 1 + 1e-6
    assert all(picture is not None and picture.startswith(b"\x89PNG") for picture in maps.pictures)


def test_before_is_the_network_before_its_first_step(toy: Path, tmp_path: Path) -> None:
    still = {"learning_rate": 0.0, "weight_decay": 0.0, "max_epochs": 1}
    trained = train_on(toy / "shop", tmp_path / "run", small_config(training=still))
    shop = open_shop(toy / "shop")
    maps = heat_maps(trained.bundle, divided(trained.bundle, shop, is_training_shop=True))
    assert maps is not None
    assert maps.before == pytest.approx(maps.after, abs=1e-6)


def test_the_best_and_the_worst_aligned_items_are_in_order_and_not_the_same(
    found: Evaluation, bundle: Bundle, shop: Shop
) -> None:
    best, worst = extreme_items(bundle, found.parts, count=4)
    assert [len(best), len(worst)] == [4, 4]
    assert not {one.item_id for one in best} & {one.item_id for one in worst}
    assert [one.probability for one in best] == sorted((one.probability for one in best), reverse=True)
    assert [one.probability for one in worst] == sorted(one.probability for one in worst)
    assert best[-1].probability >= worst[-1].probability
    ita = next(one for one in found.predictions if (one.task, one.split) == (Task.IMAGE_TO_TEXT, "test"))
    own = dict(
        zip(shop.catalogue.ids.decode(ita.groups[ita.labels == 1]), ita.probabilities[ita.labels == 1], strict=True)
    )
    for one in (*best, *worst):
        assert one.probability == pytest.approx(own[one.item_id], abs=1e-5)
        number = int(one.item_id[1:])
        assert one.name == toy_items(40)["name"][number]
        assert one.category == toy_items(40)["category"][number]


@pytest.mark.parametrize("count", [8, 12])
def test_a_shop_of_few_items_shows_each_of_them_once(found: Evaluation, bundle: Bundle, count: int) -> None:
    best, worst = extreme_items(bundle, found.parts, count=count)
    ids = [one.item_id for one in (*best, *worst)]
    assert len(ids) == len(set(ids)) == 10


def state_truth(folder: Path, probability: np.ndarray) -> None:
    """Write the truth of the shop's events as `camenn simulate` does: line by line, with its keys."""
    events = pl.read_parquet(folder / "events.parquet", columns=["request_id", "item_id"])
    events.with_columns(pl.Series("probability", probability)).write_parquet(folder / TRUTH)


def test_the_best_possible_auc_is_that_of_the_stated_probability(bundle: Bundle, tmp_path: Path) -> None:
    folder = write_toy_shop(tmp_path / "shop", num_requests=100)
    shop = open_shop(folder)
    bundle.encode(shop)
    parts = divided(bundle, shop, is_training_shop=True)
    assert best_possible_auc(parts, Part.TEST) is None
    events = toy_events(24, 40, 100)
    stated = np.random.default_rng(0).random(len(events))
    state_truth(folder, stated)
    assert shop.events is not None
    key = ["user_id", "item_id", "at"]
    chosen = np.repeat(
        split_requests(shop.events, bundle.config.split) == Part.TEST, np.diff(shop.events.request_offset)
    )
    tested = pl.DataFrame(
        {
            "user_id": shop.people.ids.decode(np.asarray(shop.events.user_row)[chosen]),
            "item_id": shop.catalogue.ids.decode(np.asarray(shop.events.item_row)[chosen]),
            "at": pl.Series(np.asarray(shop.events.at)[chosen]).cast(pl.Datetime("us", "UTC")),
        }
    ).join(events.with_columns(pl.Series("stated", stated)), on=key)
    assert len(tested) == chosen.sum() == 100
    expected = auc(tested["stated"].to_numpy(), tested["converted"].to_numpy())
    assert best_possible_auc(parts, Part.TEST) == pytest.approx(expected)


def test_what_one_user_is_shown_twice_keeps_each_its_own_probability(bundle: Bundle, tmp_path: Path) -> None:
    folder = write_toy_shop(tmp_path / "shop", num_requests=60)
    events = pl.read_parquet(folder / "events.parquet")
    other = events.with_columns(converted=1 - pl.col("converted"))
    # The same page again, at the same instant, with the opposite outcomes; then each item twice on a page.
    again = pl.concat([events, other.with_columns(pl.col("request_id") + " again"), other])
    again.write_parquet(folder / "events.parquet")
    state_truth(folder, np.where(again["converted"] == 1, 0.8, 0.1))
    shop = open_shop(folder)
    bundle.encode(shop, console=QUIET)
    assert best_possible_auc(divided(bundle, shop, is_training_shop=True), Part.TEST) == 1.0


def test_nothing_is_best_where_all_outcomes_are_the_same(bundle: Bundle, tmp_path: Path) -> None:
    folder = write_toy_shop(tmp_path / "shop", num_requests=60)
    bought = pl.read_parquet(folder / "events.parquet").with_columns(pl.lit(1, pl.Int8).alias("converted"))
    bought.write_parquet(folder / "events.parquet")
    state_truth(folder, np.full(len(bought), 0.5))
    shop = open_shop(folder)
    bundle.encode(shop, console=QUIET)
    assert best_possible_auc(divided(bundle, shop, is_training_shop=True), Part.TEST) is None


# metrics.json and report.html


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a shop whose product texts are scripts, with its truth stated, judged."""
    folder = tmp_path_factory.mktemp("judged")
    shop = write_toy_shop(folder / "shop <b>", num_requests=60)
    items = toy_items(40)
    hostile = items.with_columns(
        pl.format("{} {}", pl.lit(SCRIPT), "name").alias("name"),
        pl.lit('"><img src=x onerror=alert(1)>').alias("category"),
    )
    hostile.write_parquet(shop / "items.parquet")
    state_truth(shop, np.where(pl.read_parquet(shop / "events.parquet")["converted"] == 1, 0.8, 0.1))
    trained = train_on(shop, folder / "run")
    judge(trained.bundle, open_shop(shop), folder / "run", console=QUIET, output=QUIET)
    return folder / "run"


def figures(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    return found


def test_the_figures_are_by_split_and_task(judged: Path) -> None:
    found = figures(judged)
    assert list(found) == ["validation", "test"]
    for tasks in found.values():
        assert list(tasks) == [task.value for task in Task]
        for name, task in tasks.items():
            assert {"count", "auc", "log_loss", "calibration_error"} <= task.keys()
            assert set(task["auc"]) == {"value", "low", "high"}
            if name == "conversion":
                assert {"ndcg@10", "grouped_auc"} <= task.keys()
            else:
                assert set(task["accuracy"]) == {"value", "low", "high"}


def test_the_figures_are_those_of_the_predictions(judged: Path) -> None:
    bundle = Bundle.from_pretrained(judged)
    found = evaluate(bundle, open_shop(Path(bundle.facts["shop"])))
    for one in found.predictions:
        told = figures(judged)[one.split][one.task.value]
        assert told["count"] == len(one)
        assert told["auc"]["value"] == pytest.approx(auc(one.logits, one.labels))
        if told["auc"]["low"] is not None:
            assert told["auc"]["low"] <= told["auc"]["value"] <= told["auc"]["high"]


def test_where_the_truth_is_known_the_figures_say_how_far_the_model_goes(judged: Path) -> None:
    conversion = figures(judged)["test"]["conversion"]
    assert conversion["best_possible_auc"] == 1.0
    assert conversion["share_of_best"] == pytest.approx((conversion["auc"]["value"] - 0.5) / 0.5)
    assert "best_possible_auc" not in figures(judged)["validation"]["conversion"]


def test_where_the_truth_is_not_known_the_figures_do_not_speak_of_it(toy: Path, tmp_path: Path) -> None:
    shutil.copytree(toy / "run", tmp_path / "run")
    bundle = Bundle.from_pretrained(tmp_path / "run")
    judge(bundle, open_shop(toy / "shop"), tmp_path / "run", console=QUIET, output=QUIET)
    assert "share_of_best" not in figures(tmp_path / "run")["test"]["conversion"]


def test_where_nothing_can_be_known_there_is_no_share_of_it(toy: Path, tmp_path: Path) -> None:
    shutil.copytree(toy, tmp_path / "toy")
    run, shop = tmp_path / "toy" / "run", tmp_path / "toy" / "shop"
    state_truth(shop, np.full(len(pl.read_parquet(shop / "events.parquet")), 0.5))
    judge(Bundle.from_pretrained(run), open_shop(shop), run, console=QUIET, output=QUIET)
    conversion = figures(run)["test"]["conversion"]
    assert conversion["best_possible_auc"] == 0.5
    assert "share_of_best" not in conversion


@pytest.mark.parametrize(("label", "held"), [(0, "negative"), (1, "positive")])
def test_a_shop_of_one_outcome_is_judged_and_the_report_says_what_is_not_defined(
    tmp_path: Path, label: int, held: str
) -> None:
    folder = write_toy_shop(tmp_path / "shop", num_requests=40)
    events = toy_events(24, 40, 40).with_columns(pl.lit(label, pl.Int8).alias("converted"))
    events.write_parquet(folder / "events.parquet")
    trained = train_on(folder, tmp_path / "run", small_config(training={"max_epochs": 1}))
    judge(trained.bundle, open_shop(folder), tmp_path / "run", console=QUIET, output=QUIET)
    conversion = figures(tmp_path / "run")["test"]["conversion"]
    assert conversion["positives"] == label * conversion["count"]
    assert conversion["auc"] == {"value": None, "low": None, "high": None}
    assert conversion["log_loss"] is not None
    words = " ".join(Page((tmp_path / "run" / "report.html").read_text(encoding="utf-8")).words.split())
    assert f"all rows are {held}, and it compares positives with negatives" in words
    assert "nan" not in words.split()


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture(scope="module")
def report(judged: Path) -> str:
    return (judged / "report.html").read_text(encoding="utf-8")


def test_the_report_needs_nothing_from_elsewhere(report: str) -> None:
    for tag, attributes in Page(report).elements:
        assert tag not in ("script", "iframe", "object", "embed", "base"), tag
        assert tag != "link" or (attributes.get("href") or "").startswith("data:"), attributes
        for name in ("src", "href", "xlink:href", "srcset", "action", "poster"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:", "#")), (tag, name, value)
    assert not re.findall(r"url\(\s*['\"]?(?!data:|#)", report)
    assert "@import" not in report


def test_product_texts_are_shown_and_not_run(report: str) -> None:
    page = Page(report)
    assert SCRIPT in page.words
    assert "<script" not in report
    assert not [attributes for _, attributes in page.elements if any(name.startswith("on") for name in attributes)]
    assert "onerror=alert(1)>" in page.words
    assert "shop <b>" in page.words


def test_the_report_shows_both_heat_maps_and_the_pictures_of_its_items(report: str) -> None:
    page = Page(report)
    assert "Before alignment" in page.words
    assert "After alignment" in page.words
    pictures = [one for tag, one in page.elements if tag == "img" and (one.get("src") or "").startswith("data:image/")]
    assert len(pictures) >= 8 + 10
    assert "Worst aligned" in page.words
    assert "Best aligned" in page.words


def test_the_report_shows_the_figures_of_the_test(report: str, judged: Path) -> None:
    words = Page(report).words
    for task in figures(judged)["test"].values():
        assert f"{task['auc']['value']:.4f}" in words


def test_judging_again_replaces_what_stood_there_whole(judged: Path, tmp_path: Path) -> None:
    shutil.copytree(judged, tmp_path / "run")
    (tmp_path / "run" / "metrics.json").write_text("old")
    (tmp_path / "run" / "report.html").write_text("old")
    bundle = Bundle.from_pretrained(tmp_path / "run")
    judge(bundle, open_shop(Path(bundle.facts["shop"])), tmp_path / "run", console=QUIET, output=QUIET)
    assert figures(tmp_path / "run") == figures(judged)
    assert not [path for path in (tmp_path / "run").iterdir() if "partial" in path.name]
