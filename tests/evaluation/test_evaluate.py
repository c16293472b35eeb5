"""A bundle judged: on what training left, on shops it never saw, and shown in a report that can be trusted."""

import json
import re
import shutil
import unicodedata
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from camenn.batches.batch import PairBatch
from camenn.batches.pairs import Pairs
from camenn.batches.parts import EVALUATION_SEED
from camenn.bundle import Bundle, Calibration
from camenn.errors import DataError
from camenn.evaluation.evaluate import Evaluation, divided, evaluate
from camenn.evaluation.judge import judge
from camenn.evaluation.predictions import TaskPredictions
from camenn.evaluation.similarity import NUM_ITEMS, extreme_items, heat_maps
from camenn.evaluation.truth import TRUTH, best_possible_auc
from camenn.metrics.calibration import sigmoid
from camenn.metrics.ranking import auc
from camenn.tables.shop import Shop, open_shop
from camenn.tables.split import Part, split_items, split_requests
from camenn.task import ALIGNMENT_TASKS, Task
from camenn.training.prepare import prepare
from camenn.training.steps import StepPlan
from toy import toy_events, toy_items, write_toy_shop
from toy_run import small_config, train_on

QUIET = Console(quiet=True)
SCRIPT = "<script>alert('sold')</script>"


@pytest.fixture(scope="module")
def bundle(toy: Path) -> Bundle:
    return Bundle.from_pretrained(toy / "run")


@pytest.fixture(scope="module")
def shop(toy: Path) -> Shop:
    return open_shop(toy / "shop")


@pytest.fixture(scope="module")
def found(bundle: Bundle, shop: Shop) -> Evaluation:
    return evaluate(bundle, shop)


def of(found: Evaluation, task: Task, split: str = "test") -> TaskPredictions:
    return next(one for one in found.predictions if (one.task, one.split) == (task, split))


def judged_as(bundle: Bundle, folder: Path) -> Evaluation:
    """Evaluate on another shop, encoding it first, as the command does."""
    shop = open_shop(folder)
    bundle.encode(shop)
    return evaluate(bundle, shop)


# On the shop it was trained on


def test_validation_and_test_of_every_task_are_judged(found: Evaluation) -> None:
    assert found.is_training_shop
    assert {(one.task, one.split) for one in found.predictions} == {
        (task, split) for task in Task for split in ("validation", "test")
    }


def test_every_event_of_a_part_is_judged_once_and_none_of_training(found: Evaluation, shop: Shop) -> None:
    assert shop.events is not None
    parts = split_requests(shop.events, small_config().split)
    size = np.diff(shop.events.request_offset)
    converted = np.asarray(shop.events.converted)
    for part, split in ((Part.VALIDATION, "validation"), (Part.TEST, "test")):
        one = of(found, Task.CONVERSION, split)
        requests = np.flatnonzero(parts == part)
        assert sorted(one.groups.tolist()) == np.repeat(requests, size[requests]).tolist()
        for request in requests:
            bounds = slice(shop.events.request_offset[request], shop.events.request_offset[request + 1])
            assert one.labels[one.groups == request].tolist() == converted[bounds].tolist()


def test_every_item_of_a_part_is_judged_with_one_positive_and_its_negatives(found: Evaluation, shop: Shop) -> None:
    parts = split_items(shop.catalogue, small_config().split)
    for task in ALIGNMENT_TASKS:
        one = of(found, task)
        assert sorted(one.groups[one.labels == 1].tolist()) == np.flatnonzero(parts == Part.TEST).tolist()
        assert sorted(one.groups[one.labels == 0].tolist()) == np.flatnonzero(parts == Part.TEST).tolist()


def test_probabilities_are_the_calibrated_logits(found: Evaluation, bundle: Bundle) -> None:
    for one in found.predictions:
        fitted = bundle.calibration.get(one.task, Calibration())
        assert one.probabilities == pytest.approx(sigmoid(fitted.scale * one.logits + fitted.bias))
    assert Task.CONVERSION in bundle.calibration


def test_experts_are_used_as_much_as_there_is_to_do(found: Evaluation) -> None:
    assert set(found.expert_use) == set(Task)
    for use in found.expert_use.values():
        assert use.shape == (2,)
        assert use.sum() == pytest.approx(1.0)


def test_a_model_is_judged_alike_every_time(found: Evaluation, bundle: Bundle, shop: Shop) -> None:
    again = evaluate(bundle, shop)
    for one, other in zip(found.predictions, again.predictions, strict=True):
        assert (one.logits == other.logits).all()
        assert (one.groups == other.groups).all()


def test_a_copy_of_the_shop_in_another_folder_is_the_same_shop(toy: Path, bundle: Bundle, tmp_path: Path) -> None:
    shutil.copytree(toy / "shop", tmp_path / "moved")
    assert judged_as(bundle, tmp_path / "moved").is_training_shop


def test_a_shop_that_has_changed_is_another_and_all_of_it_is_judged(bundle: Bundle, tmp_path: Path) -> None:
    folder = write_toy_shop(tmp_path / "shop", num_requests=100)
    events = toy_events(24, 40, 100).with_columns(pl.col("converted") - pl.col("converted"))
    events.write_parquet(folder / "events.parquet")
    changed = judged_as(bundle, folder)
    assert not changed.is_training_shop
    assert {one.split for one in changed.predictions} == {"test"}
    assert len(of(changed, Task.CONVERSION)) == 400


# Negatives


def normalised(text: str) -> str:
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text).casefold()).strip()


def twins(folder: Path) -> Path:
    """A shop without events in which eight items read the same but for case, blanks and width, and others do not."""
    write_toy_shop(folder)
    (folder / "events.parquet").unlink()
    same = [
        "red apple",
        "Red Apple",
        "RED  APPLE",
        " red apple ",
        "red\tapple",
        "ｒｅｄ ａｐｐｌｅ",
        "red\u00a0apple",
        "Red apple",
    ]
    items = toy_items(40).drop("description")
    items.with_columns(pl.Series("name", same + items["name"].to_list()[8:])).write_parquet(folder / "items.parquet")
    return folder


def negatives_that_read_the_same(shop: Shop, pairs: Pairs) -> int:
    texts = ["", "", *(normalised(text) for text in shop.catalogue.texts(0, shop.catalogue.num_items))]
    negative = pairs.labels == 0
    assert negative.any()
    return sum(texts[a] == texts[b] for a, b in zip(pairs.text[negative], pairs.image[negative], strict=True))


def test_negatives_never_share_the_normalised_text(tmp_path: Path) -> None:
    shop = open_shop(twins(tmp_path / "shop"))
    config = small_config(split={"test": 0.6, "validation": 0.5}, pairs={"negatives": 7, "items": 8})
    texts = [normalised(text) for text in shop.catalogue.texts(0, 40)]
    assert texts.count("red apple") >= 8
    parts = prepare(shop, config, console=QUIET).parts
    judged = 0
    for part in Part:
        pairs = parts.evaluation_pairs(part, config.pairs)
        assert pairs is not None
        assert negatives_that_read_the_same(shop, pairs) == 0
        assert len(pairs) == len(parts.items(part)) * (1 + 2 * 7)  # one that reads the same is drawn again
        judged += len(pairs)
    assert judged == 40 * 15
    plan = StepPlan(parts, config.requests, config.pairs, seed=0)
    for step in plan.epoch(0):
        for batch in plan.batches(step, epoch=0, number=0):
            assert isinstance(batch, PairBatch)  # no events, no requests
            same = batch.text_group[batch.text] == batch.text_group[batch.image]
            assert not (same & (batch.labels == 0)).any()


def test_texts_that_differ_in_more_than_case_and_blanks_are_told_apart(tmp_path: Path) -> None:
    shop = open_shop(twins(tmp_path / "shop"))
    groups = prepare(shop, small_config(), console=QUIET).parts.groups[2:]
    texts = np.array([normalised(text) for text in shop.catalogue.texts(0, 40)])
    assert ((groups[:, None] == groups[None]) == (texts[:, None] == texts[None])).all()


def test_a_bundle_is_judged_by_pairs_that_never_share_the_normalised_text(bundle: Bundle, tmp_path: Path) -> None:
    shop = open_shop(twins(tmp_path / "other"))
    bundle.encode(shop)
    parts = divided(bundle, shop, is_training_shop=False)
    pairs = parts.evaluation_pairs(Part.TEST, bundle.config.pairs)
    assert pairs is not None
    assert negatives_that_read_the_same(shop, pairs) == 0
    assert EVALUATION_SEED == 20200917  # figures of different days are of the same pairs


# On shops it has not seen


def renamed(column: str) -> pl.Expr:
    return pl.format("new-{}", column).alias(column)


def test_a_shop_of_new_items_and_new_users_is_judged(bundle: Bundle, tmp_path: Path) -> None:
    folder = write_toy_shop(tmp_path / "new", num_items=30, num_requests=40)
    toy_items(30).with_columns(renamed("item_id")).write_parquet(folder / "items.parquet")
    pl.DataFrame({"user_id": ["new-u0"], "team": ["purple"]}).write_parquet(folder / "users.parquet")
    events = toy_events(24, 30, 40).with_columns(renamed("item_id"), renamed("user_id"))
    events.write_parquet(folder / "events.parquet")
    found = judged_as(bundle, folder)
    assert {(one.task, one.split) for one in found.predictions} == {(task, "test") for task in Task}
    assert len(of(found, Task.CONVERSION)) == 160
    assert (of(found, Task.IMAGE_TO_TEXT).labels == 1).sum() == 30


@pytest.mark.parametrize("lacking", ["image", "text", "price and category", "users", "event columns", "outcomes"])
def test_a_shop_that_lacks_a_column_or_a_table_is_judged_on_what_it_has(
    bundle: Bundle, tmp_path: Path, lacking: str
) -> None:
    folder = write_toy_shop(tmp_path / "shop", num_requests=40, outcomes=lacking != "outcomes")
    columns = {"image": ["image"], "text": ["name", "description"], "price and category": ["price", "category"]}
    toy_items(40).drop(columns.get(lacking, [])).write_parquet(folder / "items.parquet")
    if lacking == "users":
        (folder / "users.parquet").unlink()
    if lacking == "event columns":
        toy_events(24, 40, 40).drop("device", "position", "request_id").write_parquet(folder / "events.parquet")
    found = judged_as(bundle, folder)
    alignable = lacking not in ("image", "text")
    assert {one.task for one in found.predictions} == (set(Task) if alignable else {Task.CONVERSION})
    assert all(np.isfinite(one.logits).all() for one in found.predictions)


def test_a_shop_of_bare_ids_is_judged(bundle: Bundle, tmp_path: Path) -> None:
    folder = write_toy_shop(tmp_path / "shop", num_requests=40)
    toy_items(40).select("item_id").write_parquet(folder / "items.parquet")
    (folder / "users.parquet").unlink()
    bare = toy_events(24, 40, 40).select("user_id", "item_id", "at", "converted")
    bare.write_parquet(folder / "events.parquet")
    assert {one.task for one in judged_as(bundle, folder).predictions} == {Task.CONVERSION}


def test_a_shop_without_events_is_judged_by_its_items(bundle: Bundle, tmp_path: Path) -> None:
    folder = write_toy_shop(tmp_path / "shop")
    (folder / "events.parquet").unlink()
    assert {one.task for one in judged_as(bundle, folder).predictions} == set(ALIGNMENT_TASKS)


def test_tables_without_a_row_are_as_none(bundle: Bundle, tmp_path: Path) -> None:
    folder = write_toy_shop(tmp_path / "shop")
    for name in ("users", "events"):
        pl.read_parquet(folder / f"{name}.parquet").clear().write_parquet(folder / f"{name}.parquet")
    assert {one.task for one in judged_as(bundle, folder).predictions} == set(ALIGNMENT_TASKS)


def test_a_shop_of_which_nothing_can_be_said_is_an_error(bundle: Bundle, tmp_path: Path) -> None:
    folder = write_toy_shop(tmp_path / "shop")
    (folder / "events.parquet").unlink()
    toy_items(40).drop("image").write_parquet(folder / "items.parquet")
    with pytest.raises(DataError, match="nothing to evaluate: no requests, and no two items"):
        judged_as(bundle, folder)


def test_a_model_of_past_outcomes_is_judged_on_a_shop_that_logs_purchases_alone(tmp_path: Path) -> None:
    config = small_config(requests={"history": "outcomes"}, training={"max_epochs": 1})
    bundle = train_on(write_toy_shop(tmp_path / "shop", num_requests=40), tmp_path / "run", config).bundle
    found = judged_as(bundle, write_toy_shop(tmp_path / "bought", num_requests=40, outcomes=False))
    assert {one.task for one in found.predictions} == set(Task)


def test_a_model_of_items_alone_is_judged_by_items_on_a_shop_with_events(tmp_path: Path) -> None:
    folder = write_toy_shop(tmp_path / "items")
    (folder / "events.parquet").unlink()
    trained = train_on(folder, tmp_path / "run", small_config(training={"max_epochs": 1}))
    found = judged_as(trained.bundle, write_toy_shop(tmp_path / "whole", num_requests=40))
    assert {one.task for one in found.predictions} == set(ALIGNMENT_TASKS)


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
    ita = of(found, Task.IMAGE_TO_TEXT)
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
