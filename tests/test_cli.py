"""The commands: what they print, what they write, and how they fail."""

import json
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from camenn import cli
from camenn.errors import CamennError
from camenn.rectify.findings import read_findings
from camenn.rectify.ledger import Action, Decision, Ledger, ledger_url
from camenn.tables.shop import open_shop
from camenn.tables.sources import SOURCES
from camenn.tables.sources.writing import write_shop
from findings_factory import finding, write_made_up
from toy import toy_items, write_toy_shop
from toy_run import small_toml


class Outcome:
    """What a command left: exit code, standard output, messages."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def camenn(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command as the console script does: `camenn("check", shop)`."""

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["camenn", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capsys.readouterr()
        return Outcome(int(left.value.code or 0), out, err)

    return run


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(small_toml(), encoding="utf-8")
    return path


def assert_told(outcome: Outcome, *lines: str) -> None:
    """Exit code 1, nothing on standard output, and for each problem one line that holds what is expected."""
    assert outcome.code == 1
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    told = outcome.err.splitlines()
    assert len(told) == len(lines), told
    for line, expected in zip(told, lines, strict=True):
        assert line.startswith("error: ")
        assert expected in line


# check, import, simulate, encode


def test_a_good_shop_passes_the_check(camenn: Any, tmp_path: Path) -> None:
    outcome = camenn("check", write_toy_shop(tmp_path / "shop", num_requests=20))
    assert outcome.code == 0
    assert "40" in outcome.out


def test_a_bad_shop_fails_the_check_with_all_that_is_wrong(camenn: Any, tmp_path: Path) -> None:
    shop = write_toy_shop(tmp_path / "shop", num_requests=20)
    items = toy_items(40).with_columns(pl.lit("i0").alias("item_id"))
    items.write_parquet(shop / "items.parquet")
    (shop / "shop.toml").write_text('time_zone = "Mars/Olympus"')
    outcome = camenn("check", shop)
    assert outcome.code == 1
    for told in ("item_id", "Mars/Olympus"):
        assert told in outcome.out


def test_a_shop_that_is_not_there_fails_the_check(camenn: Any, tmp_path: Path) -> None:
    assert camenn("check", tmp_path / "nowhere").code == 1


def test_a_data_set_nobody_knows_is_told_with_those_there_are(camenn: Any, tmp_path: Path) -> None:
    outcome = camenn("import", "netflix", "--from", tmp_path, "--to", tmp_path / "shop")
    assert_told(outcome, "no data set is called 'netflix'; there are ")
    for name in ("grocery-store", "movielens-100k", "hm-products", "uci-online-retail", "open-bandit"):
        assert name in outcome.err
    assert not (tmp_path / "shop").exists()


def test_a_shop_is_simulated_and_passes_its_check(camenn: Any, tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    assert camenn("simulate", shop, "--items", 24, "--users", 4, "--requests", 15).code == 0
    assert camenn("check", shop).code == 0
    assert_told(camenn("simulate", shop, "--items", 24, "--users", 4, "--requests", 15), str(shop))


def test_a_shop_can_be_simulated_without_faults(camenn: Any, tmp_path: Path) -> None:
    few = "--items", 40, "--users", 4, "--requests", 15
    assert camenn("simulate", tmp_path / "usual", *few).code == 0
    assert camenn("simulate", tmp_path / "flawless", *few, "--faults", 0).code == 0
    assert len(pl.read_parquet(tmp_path / "usual" / "faults.parquet")) == 5  # one of each kind
    assert pl.read_parquet(tmp_path / "flawless" / "faults.parquet").is_empty()
    assert camenn("simulate", tmp_path / "other", *few, "--faults", 0.3).code == 2


def test_an_effect_without_a_shop_or_in_a_folder_of_something_else_is_told(camenn: Any, tmp_path: Path) -> None:
    file = tmp_path / "effect.toml"
    file.write_text("[systems.FM.model]\nname = 'fm'\n")
    assert_told(camenn("rectify-effect", file), "names no shop")
    shop = write_toy_shop(tmp_path / "shop", num_requests=20)
    assert_told(camenn("rectify-effect", file, "--shop", shop, "--out", tmp_path), "holds something else")
    file.write_text("reference = 'CameNN'\n[systems.FM.model]\nname = 'fm'\n")
    assert_told(camenn("rectify-effect", file, "--shop", shop), "reference: no system 'CameNN'")


def test_a_spoiled_copy_encodes_nothing_that_its_shop_encoded(camenn: Any, tmp_path: Path) -> None:
    shop, copy = write_toy_shop(tmp_path / "shop", num_requests=20), tmp_path / "copy"
    assert camenn("encode", shop).code == 0
    outcome = camenn("spoil", shop, copy, "--what", "names", "--share", 0.25)
    assert outcome.code == 0
    assert "10 names are another item's" in " ".join(outcome.err.split())
    assert pl.read_parquet(copy / "spoiled.parquet").height == 10
    assert camenn("check", copy).code == 0
    assert camenn("encode", copy).err.count("40 items: nothing to do") == 2
    assert_told(camenn("spoil", shop, copy, "--what", "names", "--share", 0.25), f"{copy} is there already")


def test_a_catalogue_is_encoded_once(camenn: Any, tmp_path: Path) -> None:
    shop = write_toy_shop(tmp_path / "shop", num_requests=20)
    assert camenn("encode", shop, "--image", "").code == 0
    stores = [path.name.split("-")[0] for path in (shop / ".camenn" / "embeddings").iterdir() if path.is_dir()]
    assert stores == ["text"]
    times = {path: path.stat().st_mtime_ns for path in (shop / ".camenn" / "embeddings").rglob("*.bin")}
    assert camenn("encode", shop, "--image", "").code == 0
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_an_encoder_that_is_not_there_is_told(camenn: Any, tmp_path: Path) -> None:
    shop = write_toy_shop(tmp_path / "shop", num_requests=20)
    outcome = camenn("encode", shop, "--text", tmp_path / "no-such-model", "--image", "")
    assert outcome.code == 1
    assert "no-such-model" in outcome.err
    assert "Traceback" not in outcome.err


# The main job


def test_a_shop_is_trained_judged_and_recommended_from_by_its_commands(
    camenn: Any, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_toy_shop(tmp_path / "shop", num_requests=60)
    events = pl.read_parquet(tmp_path / "shop" / "events.parquet")
    stated = events.with_columns(probability=0.2 + 0.6 * pl.col("converted"))
    stated.write_parquet(tmp_path / "shop" / "truth.parquet")
    config.write_text('shop = "shop"\n' + small_toml())
    monkeypatch.chdir(tmp_path)
    trained = camenn("train", "--config", "small.toml", "--seed", 3, "--accelerator", "cpu")
    assert trained.code == 0
    run = tmp_path / "runs" / "small-seed3"
    left = {path.name for path in run.iterdir()}
    assert {"bundle", "metrics.csv", "metrics.json", "report.html"} <= left
    assert "Conversion" in trained.out
    assert json.loads((run / "bundle" / "config.json").read_text())["run"]["training"]["seed"] == 3

    told = camenn("evaluate", run, "--json")
    assert told.code == 0
    figures = json.loads(told.out)
    assert figures == json.loads((run / "metrics.json").read_text())
    assert set(figures) == {"validation", "test"}
    assert figures["test"]["conversion"]["best_possible_auc"] == 1.0
    assert sum(figures["test"]["image_to_text"]["expert_use"]) == pytest.approx(1)
    shown = camenn("evaluate", run).out
    assert "Conversion" in shown
    assert "of the way from 0.5" in shown

    other = write_toy_shop(tmp_path / "other", num_requests=30)
    elsewhere = camenn("evaluate", run, "--shop", other, "--json")
    assert list(json.loads(elsewhere.out)) == ["test"]
    assert "not trained on" in elsewhere.err

    (tmp_path / "users.csv").write_text("user_id\nu1\nstranger\nu1\n")
    pl.DataFrame({"item_id": ["i1", "i2", "i3"]}).write_parquet(tmp_path / "available.parquet")
    outcome = camenn("recommend", run, "--users", "users.csv", "--k", 5, "--out", "ranked.parquet")
    assert outcome.code == 0
    ranked = pl.read_parquet(tmp_path / "ranked.parquet")
    assert ranked["user_id"].to_list() == ["u1"] * 5 + ["stranger"] * 5
    assert "10 rows" in outcome.err
    options = ["--available", "available.parquet", "--keep-bought", "--out", "ranked.parquet"]
    assert camenn("recommend", run, "--users", "users.csv", *options).code == 0
    again = pl.read_parquet(tmp_path / "ranked.parquet")
    assert again.group_by("user_id").agg(pl.col("item_id").sort())["item_id"].to_list() == [["i1", "i2", "i3"]] * 2


def test_a_run_can_be_judged_from_another_folder_than_it_was_trained_in(
    camenn: Any, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_toy_shop(tmp_path / "shop", num_requests=40)
    monkeypatch.chdir(tmp_path)
    assert camenn("train", "--config", config, "--shop", "shop", "--run", "run", "--accelerator", "cpu").code == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert camenn("evaluate", "../run", "--json").code == 0


@pytest.mark.slow
def test_the_whole_road_is_walked_without_a_warning(config: Path, tmp_path: Path) -> None:
    def run(*arguments: object) -> str:
        command = [sys.executable, "-W", "error", "-m", "camenn.cli", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "arning" not in done.stderr
        return done.stdout

    shop = tmp_path / "shop"
    run("simulate", shop, "--items", 30, "--users", 10, "--requests", 60)
    run("check", shop)
    run("train", "--config", config, "--shop", shop, "--run", tmp_path / "run", "--accelerator", "cpu")
    assert "best_possible_auc" in json.loads((tmp_path / "run" / "metrics.json").read_text())["test"]["conversion"]
    assert json.loads(run("evaluate", tmp_path / "run", "--json"))["test"]["conversion"]["count"] > 0


# How they fail


def test_a_configuration_that_is_not_there_is_told(camenn: Any, tmp_path: Path) -> None:
    assert_told(camenn("train", "--config", tmp_path / "none.toml", "--shop", tmp_path), "none.toml: no such file")


def test_each_mistake_of_a_configuration_is_a_line(camenn: Any, tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text("[model]\nwidht = 3\n[training]\nsed = 1\n")
    outcome = camenn("train", "--config", tmp_path / "wrong.toml", "--shop", tmp_path)
    assert_told(outcome, "unknown key 'model.widht'; did you mean 'width'?", "unknown key 'training.sed'")


def test_a_run_without_a_shop_is_told(camenn: Any, config: Path) -> None:
    assert_told(camenn("train", "--config", config), "names no shop; add `shop = ...` or give --shop")


def test_each_problem_of_a_shop_is_a_line(camenn: Any, config: Path, tmp_path: Path) -> None:
    shop = write_toy_shop(tmp_path / "shop", num_requests=20)
    toy_items(40).with_columns(pl.lit("i0").alias("item_id")).write_parquet(shop / "items.parquet")
    (shop / "shop.toml").write_text('time_zone = "Mars/Olympus"')
    outcome = camenn("train", "--config", config, "--shop", shop, "--run", tmp_path / "run")
    assert outcome.code == 1
    assert "Traceback" not in outcome.err
    told = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert any("item_id" in line for line in told)
    assert any("Mars/Olympus" in line for line in told)
    assert not (tmp_path / "run").exists()


def test_a_folder_without_a_bundle_is_told(camenn: Any, tmp_path: Path) -> None:
    assert_told(camenn("evaluate", tmp_path), "no bundle here (manifest.json is missing)")
    assert_told(camenn("recommend", tmp_path, "--users", "u.csv", "--out", "o.parquet"), "no bundle here")


def test_a_list_of_users_that_cannot_be_read_is_told(camenn: Any, toy: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("user_id\n")
    (tmp_path / "other.csv").write_text("name\nu1\n")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    expected = {
        "none.csv": "no such file",
        "empty.csv": "column 'user_id' holds no id",
        "other.csv": "has no column 'user_id', only name",
        "broken.parquet": "not readable as parquet",
    }
    for name, told in expected.items():
        outcome = camenn("recommend", toy / "run", "--users", tmp_path / name, "--out", tmp_path / "out.parquet")
        assert outcome.code == 1
        assert f"{name}: {told}" in outcome.err
        assert "Traceback" not in outcome.err
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize(
    "command",
    [
        ("simulate", "file/shop", "--items", 24, "--users", 4, "--requests", 15),
        ("import", "uci-online-retail", "--from", "source", "--to", "file/shop"),
        ("spoil", "shop", "file/shop", "--what", "names", "--share", 0.5),
        ("train", "--config", "small.toml", "--shop", "shop", "--run", "file/run", "--accelerator", "cpu"),
    ],
    ids=lambda command: command[0],
)
def test_a_place_that_cannot_be_written_is_told_with_the_reason(
    camenn: Any, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[object, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("in the way")
    write_toy_shop(Path("shop"), num_requests=40)
    monkeypatch.setitem(SOURCES, "uci-online-retail", lambda source, target: write_shop(target, dict, ""))
    outcome = camenn(*command)
    assert (outcome.code, outcome.out) == (1, "")
    assert re.search(r"^error: file\S*: (Not a directory|File exists)$", outcome.err, re.MULTILINE), outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("name", ["metrics.json", "report.html"])
def test_a_result_that_cannot_be_written_is_told_with_the_reason(
    camenn: Any, config: Path, toy: Path, tmp_path: Path, name: str
) -> None:
    shutil.copytree(toy / "run", tmp_path / "run")
    (tmp_path / "run" / name).mkdir()
    outcome = camenn("train", "--config", config, "--shop", toy / "shop", "--run", tmp_path / "run")
    assert outcome.code == 1
    assert outcome.err.splitlines()[-1] == f"error: {tmp_path / 'run' / name}: Is a directory"
    assert "Traceback" not in outcome.err


def test_an_option_that_is_not_there_is_told(camenn: Any, tmp_path: Path) -> None:
    outcome = camenn("check", tmp_path, "--faster")
    assert outcome.code == 2
    assert "--faster" in outcome.err


def test_a_message_is_one_line_however_long_and_whatever_it_holds(
    camenn: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = "shop[1]/[red]items[/red]/[/x] " + "a very long message " * 20 + "\\[end]"

    def fail(*_: object) -> None:
        raise CamennError(message)

    monkeypatch.setattr("camenn.tables.check.check_shop", fail)
    assert_told(camenn("check", tmp_path), message.rstrip())


def test_an_interrupted_command_says_how_to_go_on(camenn: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("camenn.tables.check.check_shop", interrupt)
    outcome = camenn("check", tmp_path)
    assert outcome.code == 130
    assert "start the same command again to go on" in outcome.err


def test_every_command_says_what_it_does(camenn: Any) -> None:
    told = camenn("--help").out
    verbs = ["check", "import", "simulate", "spoil", "encode", "train", "evaluate", "compare", "tune", "recommend"]
    for name in verbs:
        assert name in told
        assert camenn(name, "--help").code == 0


def test_the_help_of_encode_names_every_prefix_of_a_picture_encoder(camenn: Any) -> None:
    told = camenn("encode", "--help").out
    assert all(f'"{prefix}' in told for prefix in ("cells:", "timm:"))


# tune


COMPARISON = """
[base.encoders]
text = ""
image = ""
[base.training]
max_epochs = 1
[systems.plain.model]
name = "lr"
[systems.factors.model]
name = "fm"
"""


@pytest.fixture
def comparison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A comparison's file; its trials are trained in this process."""
    from camenn.comparison import tuning

    def here(_: object, shop: Path, config: Any, place: Path) -> tuning.Outcome:
        return tuning.train_trial(str(shop), json.dumps(tuning.config_to_json(config)), str(place))

    monkeypatch.setattr(tuning, "train_apart", here)
    path = tmp_path / "two.toml"
    path.write_text(COMPARISON, encoding="utf-8")
    return path


def test_tuning_says_what_it_chose_and_how_to_go_on(camenn: Any, tmp_path: Path, comparison: Path) -> None:
    shop = write_toy_shop(tmp_path / "shop", num_requests=60)
    out = tmp_path / "out"
    outcome = camenn("tune", comparison, "--trials", 2, "--shop", shop, "--out", out)
    assert outcome.code == 0
    told = " ".join(outcome.err.split())
    for name in ("plain", "factors"):
        assert re.search(name + r": trial [12] of 2: validation 0\.\d{4}, as written 0\.\d{4}", told)
    assert "compare with: camenn compare" in told
    assert (out / "tuned.toml").is_file()


def test_tuning_needs_a_trial(camenn: Any, comparison: Path) -> None:
    outcome = camenn("tune", comparison, "--trials", 0)
    assert outcome.code == 2
    assert "--trials" in outcome.err
    assert camenn("tune", comparison).code == 2


def test_tuning_names_a_system_that_is_not_there(camenn: Any, tmp_path: Path, comparison: Path) -> None:
    shop = write_toy_shop(tmp_path / "shop", num_requests=60)
    arguments = "--trials", 1, "--shop", shop, "--out", tmp_path / "out", "--systems", "plain", "--systems", "fm"
    assert_told(camenn("tune", comparison, *arguments), "no system 'fm' to tune; there are plain, factors")


def test_tuning_without_a_shop_is_told(camenn: Any, comparison: Path) -> None:
    assert_told(camenn("tune", comparison, "--trials", 1), "names no shop; add `shop = ...` or give --shop")


# The desk and what follows from it


@pytest.fixture
def findings(tmp_path: Path) -> Path:
    """Findings about a toy shop."""
    shop = open_shop(write_toy_shop(tmp_path / "shop", num_requests=20))
    rows = [finding("i0", shown="red apple"), finding("i1", "duplicate"), finding("i2"), finding("i3")]
    return write_made_up(tmp_path / "findings", shop, rows)


def review(findings: Path) -> None:
    ledger = Ledger.open(ledger_url(findings), read_findings(findings)[1], create=True)
    for decision in (
        Decision("i0", "vague_name", Action.ACCEPT, seen=None, columns=("name",), taken_from="i5"),
        Decision("i1", "duplicate", Action.ACCEPT, seen=None),
        Decision("i2", "vague_name", Action.EDIT, seen=None, columns=("name",), after="Elstar"),
        Decision("i3", "vague_name", Action.REJECT, seen=None),
    ):
        ledger.record(decision, reviewer="reviewer_one")
    ledger.close()


def test_decisions_are_applied_to_a_copy_of_the_shop(camenn: Any, findings: Path, tmp_path: Path) -> None:
    review(findings)
    outcome = camenn("apply", findings, "--to", tmp_path / "corrected")
    assert outcome.code == 0
    told = " ".join(outcome.err.split())
    assert "2 items corrected" in told
    assert "rejected: 1; accepted with nothing to put in place: 1; overruled by a later decision: 0" in told
    items = pl.read_parquet(tmp_path / "corrected" / "items.parquet")
    assert items["name"].to_list()[:4] == ["green pear", "green apple", "Elstar", "yellow apple"]
    assert camenn("check", tmp_path / "corrected").code == 0


def test_what_cannot_be_applied_is_told(camenn: Any, findings: Path, tmp_path: Path) -> None:
    target = tmp_path / "corrected"
    assert_told(camenn("apply", tmp_path, "--to", target), "no findings here")
    assert_told(camenn("apply", findings, "--to", target), "no decisions here; review the findings first")
    review(findings)
    (tmp_path / "shop").rename(tmp_path / "moved")
    assert_told(camenn("apply", findings, "--to", target), "there is no items.parquet")
    other = write_toy_shop(tmp_path / "other", num_requests=20)
    toy_items(39).write_parquet(other / "items.parquet")
    assert_told(camenn("apply", findings, "--to", target, "--shop", other), "its items are not those")
    assert not target.exists()
    assert camenn("apply", findings, "--to", target, "--shop", tmp_path / "moved").code == 0


def decide_on_mismatches(folder: Path, shop: Path) -> Path:
    """Findings of mismatches in items i0 to i2, of which each is decided in another way."""
    opened = open_shop(shop)
    write_made_up(folder, opened, [finding(item, "mismatch") for item in ("i0", "i1", "i2")])
    ledger = Ledger.open(ledger_url(folder), read_findings(folder)[1], create=True)
    taken = {"columns": ("name", "description"), "taken_from": "i4"}
    for decision in (
        Decision("i0", "mismatch", Action.ACCEPT, seen=None, **taken),
        Decision("i1", "mismatch", Action.EDIT, seen=None, columns=("name",), after="plum"),
        Decision("i2", "mismatch", Action.REJECT, seen=None),
    ):
        ledger.record(decision, reviewer="reviewer_one")
    ledger.close()
    return folder


def test_a_model_is_trained_on_what_reviewers_decided(
    camenn: Any, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shop = write_toy_shop(tmp_path / "shop", num_requests=20)
    decided = decide_on_mismatches(tmp_path / "findings", shop)
    options = ["train", "--config", config, "--shop", shop, "--accelerator", "cpu"]
    outcome = camenn(*options, "--run", "run", "--decisions", decided)
    assert outcome.code == 0
    told = " ".join(outcome.err.split())
    assert "decisions on 3 items: 2 whose name and picture do not fit, 1 of them with what does" in told
    facts = json.loads((tmp_path / "run" / "bundle" / "config.json").read_text())["facts"]
    assert facts["decided_items"] == 3
    assert facts["decisions"] in (tmp_path / "run" / "bundle" / "README.md").read_text()
    refused = camenn(*options, "--run", "run")
    assert refused.code == 1
    assert "a checkpoint of another model or shop" in refused.err
    elsewhere = ledger_url(decided.rename(tmp_path / "moved"))
    unreviewed = write_made_up(tmp_path / "findings", open_shop(shop), [finding("i0", "mismatch")])
    assert camenn(*options, "--run", "run", "--decisions", unreviewed, "--ledger", elsewhere).code == 0


def test_decisions_that_cannot_be_learned_from_are_told(camenn: Any, config: Path, tmp_path: Path) -> None:
    shop = write_toy_shop(tmp_path / "shop", num_requests=20)
    decided = decide_on_mismatches(tmp_path / "findings", shop)
    options = ["train", "--config", config, "--accelerator", "cpu", "--run", tmp_path / "run", "--shop"]
    assert_told(camenn(*options, shop, "--decisions", tmp_path), "no findings here")
    assert_told(camenn(*options, shop, "--ledger", ledger_url(decided)), "say with --decisions what they are about")
    missing = ledger_url(tmp_path)
    assert_told(camenn(*options, shop, "--decisions", decided, "--ledger", missing), "no decisions here")
    other = write_toy_shop(tmp_path / "other", num_requests=20)
    toy_items(39).write_parquet(other / "items.parquet")
    assert_told(camenn(*options, other, "--decisions", decided), "its items are not those")
    assert not (tmp_path / "run").exists()


def test_a_model_is_trained_though_nothing_is_decided_yet(camenn: Any, config: Path, tmp_path: Path) -> None:
    shop = write_toy_shop(tmp_path / "shop", num_requests=20)
    findings = write_made_up(tmp_path / "findings", open_shop(shop), [finding("i0", "mismatch")])
    outcome = camenn(
        *("train", "--config", config, "--shop", shop, "--run", tmp_path / "run", "--accelerator", "cpu"),
        *("--decisions", findings),
    )
    assert outcome.code == 0
    assert "nothing is decided yet of names and pictures; training goes on without" in " ".join(outcome.err.split())
    assert "decisions" not in json.loads((tmp_path / "run" / "bundle" / "config.json").read_text())["facts"]


def test_a_desk_that_cannot_be_opened_is_told(camenn: Any, findings: Path, tmp_path: Path) -> None:
    assert_told(camenn("desk", tmp_path), "no findings here")
    assert_told(camenn("desk", findings, "--reviewers", tmp_path / "none.toml"), "none.toml: no such file")
    assert_told(camenn("desk", findings, "--ledger", "here"), "no address of a database")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        outcome = camenn("desk", findings, "--port", port)
    assert_told(outcome, f"cannot listen on 127.0.0.1, port {port}")


def test_the_desk_takes_a_run_for_its_heat_map(
    camenn: Any, toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: dict[str, Any] = {}
    monkeypatch.setattr("camenn.serving.desk.serve.serve_desk", lambda _folder, **options: served.update(options))
    about_toy = write_made_up(tmp_path / "findings", open_shop(toy / "shop"), [finding("i0")])
    assert camenn("desk", about_toy).code == 0
    assert served["similarities"] is None
    outcome = camenn("desk", about_toy, "--run", toy / "run")
    assert outcome.code == 0
    assert "is not the model that made these findings" in " ".join(outcome.err.split())
    names, matrix = served["similarities"](["i0", "i1"])
    assert list(names) == ["red apple", "green apple"]
    assert matrix.shape == (2, 2)
    assert_told(camenn("desk", about_toy, "--run", tmp_path), "no bundle here")


@pytest.mark.parametrize(
    ("verb", "missing"),
    [("desk", "fastapi"), ("desk", "uvicorn"), ("apply", "sqlalchemy"), ("train", "sqlalchemy")],
)
def test_what_the_desk_needs_and_is_not_installed_is_told(
    camenn: Any, findings: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, missing: str
) -> None:
    for name in [name for name in sys.modules if name.startswith(("camenn.serving", "camenn.rectify"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    options = {
        "desk": [findings],
        "apply": [findings, "--to", tmp_path / "corrected"],
        "train": ["--config", config, "--shop", tmp_path / "shop", "--decisions", findings],
    }
    told = f"{missing} is not installed; it comes with: pip install 'camenn[desk]'"
    assert_told(camenn(verb, *options[verb]), told)
