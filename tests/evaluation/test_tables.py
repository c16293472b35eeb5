"""The figures of metrics.json, and the tables made of them."""

import io
import json

import pytest
from rich.console import Console

from camenn.evaluation.predictions import TaskPredictions
from camenn.evaluation.tables import metrics_of, metrics_table
from camenn.metrics.calibration import accuracy, calibration_error, log_loss, probability_log_loss, sigmoid
from camenn.metrics.intervals import auc_cluster_interval
from camenn.metrics.ranking import grouped_auc, ndcg_at_k
from camenn.task import ALIGNMENT_TASKS, Task


def printed(table) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(table)
    return console.file.getvalue()


def test_conversion_has_the_figures_of_the_issue(predicted):
    part = predicted(Task.CONVERSION)
    figures = metrics_of([part])["test"]["conversion"]
    assert figures["count"] == 300
    assert figures["positives"] == part.labels.sum()
    interval = auc_cluster_interval(part.logits, part.labels, part.groups)
    assert figures["auc"] == {"value": interval.value, "low": interval.low, "high": interval.high}
    assert figures["log_loss"] == probability_log_loss(part.probabilities, part.labels)
    assert figures["calibration_error"] == calibration_error(part.probabilities, part.labels)
    assert figures["ndcg@10"] == ndcg_at_k(part.logits, part.labels, part.groups, k=10).value
    assert figures["grouped_auc"] == grouped_auc(part.logits, part.labels, part.groups).value
    assert figures["not_defined"] == {}
    assert "accuracy" not in figures


@pytest.mark.parametrize("task", ALIGNMENT_TASKS)
def test_alignment_has_accuracy_by_item_and_no_request_figures(task, predicted):
    part = predicted(task)
    figures = metrics_of([part])["test"][task.value]
    expected = accuracy(part.probabilities, part.labels, groups=part.groups)
    assert figures["accuracy"] == {"value": expected.value, "low": expected.low, "high": expected.high}
    assert not {"ndcg@10", "grouped_auc", "groups"} & set(figures)


def test_the_raw_logits_are_judged_beside_the_calibrated_probabilities(predicted):
    part = predicted(Task.CONVERSION, requests=400)
    figures = metrics_of([part])["test"]["conversion"]
    assert figures["uncalibrated"]["log_loss"] == log_loss(part.logits, part.labels)
    assert figures["uncalibrated"]["calibration_error"] == calibration_error(sigmoid(part.logits), part.labels)
    assert figures["uncalibrated"]["log_loss"] > figures["log_loss"] + 0.05


def test_splits_and_tasks_stand_apart(predicted):
    metrics = metrics_of([predicted(task, split) for split in ("validation", "test") for task in Task])
    assert list(metrics) == ["validation", "test"]
    assert all(list(tasks) == ["conversion", "image_to_text", "text_to_image"] for tasks in metrics.values())


def test_a_task_given_twice_is_refused(predicted):
    with pytest.raises(ValueError, match="two sets of predictions of conversion on test"):
        metrics_of([predicted(Task.CONVERSION), predicted(Task.CONVERSION)])


def test_metrics_are_json_and_the_same_each_time(predicted, of_labels):
    parts = [predicted(Task.CONVERSION), of_labels([0, 0], task=Task.IMAGE_TO_TEXT)]
    text = json.dumps(metrics_of(parts), allow_nan=False)
    assert text == json.dumps(metrics_of(parts), allow_nan=False)
    assert json.loads(text) == metrics_of(parts)


@pytest.mark.parametrize(("label", "held"), [(0, "negative"), (1, "positive")])
def test_one_class_alone_has_no_auc_and_the_reason_is_told(label, held, of_labels):
    metrics = metrics_of([of_labels([label] * 6, groups=[0, 0, 0, 1, 1, 1])])
    figures = metrics["test"]["conversion"]
    assert figures["auc"] == {"value": None, "low": None, "high": None}
    assert figures["grouped_auc"] is None
    assert f"all rows are {held}" in figures["not_defined"]["auc"]
    assert figures["log_loss"] > 0  # what is defined is still given
    shown = printed(metrics_table(metrics))
    assert "not defined" in shown
    assert f"test, conversion: AUC is not defined: all rows are {held}" in shown


def test_a_single_group_has_an_auc_without_an_interval(of_labels):
    metrics = metrics_of([of_labels([0, 1, 0, 1])])
    figures = metrics["test"]["conversion"]
    assert figures["auc"] == {"value": 0.75, "low": None, "high": None}
    assert figures["not_defined"] == {"AUC interval": "fewer than two requests hold a positive, or a negative"}
    shown = printed(metrics_table(metrics))
    assert "0.7500" in shown
    assert "0.7500 (" not in shown


def test_no_rows_have_no_figures_and_say_so(of_labels):
    figures = metrics_of([of_labels([])])["test"]["conversion"]
    assert figures["count"] == 0
    assert set(figures["not_defined"].values()) == {"there are no rows"}
    for key in figures["not_defined"]:
        value = figures[key]
        assert value is None or value["value"] is None


def test_requests_that_say_nothing_are_counted(of_labels):
    part = of_labels([0, 1, 0, 0, 1, 1], groups=[0, 0, 1, 1, 2, 2])
    figures = metrics_of([part])["test"]["conversion"]
    assert figures["groups"] == {"count": 3, "with_a_positive": 2, "with_both_labels": 1}


def test_the_table_shows_the_figures_with_their_intervals(predicted):
    metrics = metrics_of([predicted(Task.CONVERSION), predicted(Task.IMAGE_TO_TEXT)])
    shown = printed(metrics_table(metrics))
    figures = metrics["test"]["conversion"]
    interval = f"{figures['auc']['value']:.4f} ({figures['auc']['low']:.4f}–{figures['auc']['high']:.4f})"
    for text in (interval, "Conversion", "Image to text", f"{figures['ndcg@10']:.4f}"):
        assert text in shown


def test_a_split_with_markup_in_its_name_is_shown_as_it_is(of_labels):
    part = of_labels([0, 1])
    named = TaskPredictions(
        part.task, "te|st [red]", part.logits, part.probabilities, part.labels, part.groups, part.items
    )
    metrics = metrics_of([named])
    assert "te|st [red]" in printed(metrics_table(metrics))
