import itertools
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from camenn.errors import CamennError
from camenn.tables.events import Events
from camenn.tables.shop import Shop, open_shop

MINUTE = 60_000_000


def events_of(folder: Path) -> tuple[Shop, Events]:
    shop = open_shop(folder)
    assert shop.events is not None
    return shop, shop.events


@pytest.mark.parametrize("table", ["users", "events"])
def test_a_table_without_a_row_opens_as_one_that_holds_nothing(
    make_shop: Any, events: dict[str, Any], table: str
) -> None:
    tables = {"users": {"user_id": ["u", "w"]}, "events": events}
    tables[table] = {name: pl.Series([], dtype=pl.String) for name in tables[table]}
    shop = open_shop(make_shop(**tables))
    known = {"users": ["u", "v"], "events": ["u", "w"]}[table]  # a user of events alone is a user too
    assert sorted(shop.people.ids.values) == known
    assert shop.people.table.collect().height == 2
    assert (0 if shop.events is None else len(shop.events)) == {"users": 3, "events": 0}[table]


def test_events_are_sorted_by_user_and_time_whatever_their_order(make_shop: Any) -> None:
    events = {
        "user_id": ["v", "u", "v", "u", "v"],
        "item_id": ["a", "b", "c", "a", "b"],
        "at": [30, 20, 10, 10, 20],
        "shelf": ["one", "two", "three", "four", "five"],
    }
    events["at"] = [minute * 60 + 1_700_000_000 for minute in events["at"]]
    shop, mapped = events_of(make_shop(events=events))
    assert shop.people.ids.decode(mapped.user_row).to_list() == ["u", "u", "v", "v", "v"]
    assert shop.catalogue.ids.decode(mapped.item_row).to_list() == ["a", "b", "c", "b", "a"]
    assert mapped.context.collect()["shelf"].to_list() == ["four", "two", "three", "five", "one"]
    assert mapped.user_offset.tolist() == [0, 0, 0, 2, 5]
    assert np.diff(mapped.at).tolist() == [10 * MINUTE, -10 * MINUTE, 10 * MINUTE, 10 * MINUTE]


def test_without_an_outcome_every_event_is_a_purchase(make_shop: Any, events: dict[str, Any]) -> None:
    del events["converted"]
    _, mapped = events_of(make_shop(events=events))
    assert not mapped.has_outcomes
    assert mapped.converted.tolist() == [1, 1, 1]
    assert mapped.purchase_position.tolist() == [0, 1, 2]
    assert mapped.context.collect()["request_id"].to_list() == [None, None, None]
    assert mapped.context.collect_schema().names() == ["request_id"]


def test_purchases_are_counted_before_each_position(make_shop: Any, events: dict[str, Any]) -> None:
    _, mapped = events_of(make_shop(events=events))
    assert mapped.has_outcomes
    assert mapped.purchase_position.tolist() == [0, 2]
    assert mapped.purchase_count.tolist() == [0, 1, 1, 2]


def test_rows_of_one_user_at_one_instant_are_one_request(make_shop: Any) -> None:
    events = {
        "user_id": ["u", "u", "v", "u"],
        "item_id": ["a", "b", "a", "c"],
        "at": ["2024-05-01"] * 3 + ["2024-05-02"],
    }
    _, mapped = events_of(make_shop(events=events))
    assert mapped.request_offset.tolist() == [0, 2, 3, 4]
    assert mapped.history_end.tolist() == [0, 2, 3]


def test_a_request_id_binds_rows_of_different_instants_and_its_history_is_what_came_before_the_first(
    make_shop: Any,
) -> None:
    events = {
        "user_id": ["u"] * 5,
        "item_id": ["a", "b", "c", "a", "b"],
        "at": [f"2024-05-01 10:0{minute}" for minute in (0, 1, 3, 2, 9)],
        "request_id": ["early", "long", "long", "other", None],
    }
    shop, mapped = events_of(make_shop(events=events))
    assert shop.catalogue.ids.decode(mapped.item_row).to_list() == ["a", "b", "c", "a", "b"]
    assert mapped.request_offset.tolist() == [0, 1, 3, 4, 5]
    # "other" starts at 10:02, inside "long", whose second row at 10:03 it must not see.
    assert mapped.history_end.tolist() == [0, 1, 2, 4]


def test_one_request_id_of_two_users_is_two_requests(make_shop: Any) -> None:
    events = {"user_id": ["u", "v"], "item_id": ["a", "b"], "at": ["2024-05-01"] * 2, "request_id": ["r", "r"]}
    _, mapped = events_of(make_shop(events=events))
    assert mapped.num_requests == 2


@pytest.mark.parametrize("part_events", [1, 7, 10_000])
def test_compiled_events_agree_with_plain_python(
    make_shop: Any, monkeypatch: pytest.MonkeyPatch, part_events: int
) -> None:
    monkeypatch.setattr("camenn.tables.compile_events.PART_EVENTS", part_events)
    monkeypatch.setattr("camenn.tables.compile_events.BATCH_EVENTS", 16)
    draw = random.Random(0)
    rows = [
        (f"u{draw.randrange(9)}", draw.choice("abcz"), draw.randrange(40), draw.choice(["r", "s", "t", None]), line)
        for line in range(300)
    ]
    names = ("user_id", "item_id", "minute", "request_id", "line")
    table = pl.DataFrame(rows, schema=names, orient="row").with_columns(
        (pl.col("minute") * 60 + 1_700_000_000).alias("at"), (pl.col("line") % 3 == 0).alias("converted")
    )
    settings = '[columns.events]\nline = "ignore"\nminute = "ignore"\n'
    shop, mapped = events_of(make_shop(events=table, settings=settings))
    assert sorted(mapped.context.collect()["line"]) == [row[4] for row in rows if row[1] != "z"]
    assert [problem.num_rows for problem in shop.warnings] == [sum(row[1] == "z" for row in rows)]

    lines = mapped.context.collect()["line"].to_list()
    assert mapped.context.collect()["request_id"].to_list() == [rows[line][3] for line in lines]
    decoded = shop.people.ids.decode(mapped.user_row).to_list()
    assert [rows[line][0] for line in lines] == decoded == sorted(decoded)
    assert [rows[line][1] for line in lines] == shop.catalogue.ids.decode(mapped.item_row).to_list()
    assert [line % 3 == 0 for line in lines] == mapped.converted.astype(bool).tolist()
    minutes = [rows[line][2] for line in lines]
    assert ((mapped.at // 1_000_000 - 1_700_000_000) // 60).tolist() == minutes

    bounds = mapped.request_offset.tolist()
    seen = set()
    for request, (begin, end) in enumerate(itertools.pairwise(bounds)):
        here = [rows[line] for line in lines[begin:end]]
        assert len({(row[0], row[3]) for row in here}) == 1
        key = (here[0][0], here[0][3], None if here[0][3] else here[0][2])
        assert key not in seen
        seen.add(key)
        first = int(mapped.user_offset[mapped.user_row[begin]])
        expected = next((p for p in range(first, begin + 1) if minutes[p] >= minutes[begin]), begin)
        assert mapped.history_end[request] == expected
        assert minutes[begin] == min(row[2] for row in here)


def test_a_user_with_ten_thousand_events_stays_whole(make_shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("camenn.tables.compile_events.PART_EVENTS", 1000)
    minutes = np.random.default_rng(0).permutation(10_000)
    events = pl.DataFrame(
        {"user_id": ["busy"] * 10_000 + ["u"], "item_id": ["a"] * 10_001, "at": [*(minutes * 60 + 10**9), 10**9]}
    )
    shop, mapped = events_of(make_shop(events=events))
    assert shop.people.ids.values.to_list() == ["busy", "u"]
    assert mapped.user_offset.tolist() == [0, 0, 0, 10_000, 10_001]
    assert (np.diff(mapped.at[:10_000]) == MINUTE).all()
    assert mapped.history_end[:10_000].tolist() == list(range(10_000))


def test_users_are_those_of_the_table_then_those_of_the_events_without_a_profile(
    make_shop: Any, events: dict[str, Any]
) -> None:
    users = {"user_id": ["z", "v"], "age": [31.5, 40.5]}
    shop, mapped = events_of(make_shop(users=users, events=events))
    assert shop.people.ids.values.to_list() == ["z", "v", "u"]
    assert shop.people.table.select("age").collect().to_series().to_list() == [31.5, 40.5, None]
    assert mapped.user_offset.tolist() == [0, 0, 0, 0, 1, 3]


def test_events_of_unknown_items_are_set_aside_and_told_at_every_opening(
    make_shop: Any, events: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    events["item_id"][1] = "zz"
    folder = make_shop(events=events)
    for _ in range(2):
        caplog.clear()
        _, mapped = events_of(folder)
        assert len(mapped) == 2
        assert "set aside" in caplog.text


def test_a_shop_whose_events_are_all_of_unknown_items_has_none(make_shop: Any, events: dict[str, Any]) -> None:
    events["item_id"] = ["x", "y", "z"]
    assert open_shop(make_shop(events=events)).events is None


def test_columns_named_like_our_own_are_the_shops(make_shop: Any, events: dict[str, Any]) -> None:
    events |= {"line": ["x", "y", "z"], "part": ["p", "q", "r"], "user_row": [9, 8, 7], "events": ["e", "e", "f"]}
    _, mapped = events_of(make_shop(events=events))
    context = mapped.context.collect()
    assert context["line"].to_list() == ["x", "y", "z"]
    assert context["user_row"].to_list() == ["9", "8", "7"]


@pytest.mark.parametrize(
    "places",
    [["items.csv"], ["items-1.csv", "items-2.csv"], ["items/1.csv", "items/2.csv"], ["items.csv", "items-2.csv"]],
)
def test_a_table_may_lie_in_one_file_or_many(make_shop: Any, places: list[str]) -> None:
    rows = np.array_split(np.arange(6), len(places))
    files = {
        place: "item_id\n" + "".join(f"i{row}\n" for row in part) for place, part in zip(places, rows, strict=True)
    }
    catalogue = open_shop(make_shop(items=None, files=files)).catalogue
    assert sorted(catalogue.ids.values) == [f"i{row}" for row in range(6)]


def test_a_folder_name_that_looks_like_a_pattern_is_only_a_name(make_shop: Any, events: dict[str, Any]) -> None:
    events["shelf"] = [1, 2, 3]
    folder = make_shop(events=events)
    strange = folder.rename(folder.parent / "shop [1]*")
    _, mapped = events_of(strange)
    assert mapped.context.collect().height == 3


def test_the_second_opening_reads_what_the_first_wrote(make_shop: Any, events: dict[str, Any]) -> None:
    folder, steps = make_shop(events=events), []
    open_shop(folder, progress=steps.append)
    assert steps == ["checking", "items", "counting events", "users", "events"]
    steps.clear()
    shop = open_shop(folder, progress=steps.append)
    assert steps == []
    assert shop.events is not None
    assert isinstance(shop.events.at.base, np.memmap)


@pytest.mark.parametrize("changed", ["items.parquet", "shop.toml"])
def test_a_changed_file_is_compiled_anew(make_shop: Any, changed: str) -> None:
    folder = make_shop(settings='time_zone = "UTC"')
    open_shop(folder)
    if changed == "shop.toml":
        (folder / changed).write_text('[columns.items]\nname = "ignore"\n')
    else:
        pl.DataFrame({"item_id": ["new"]}).write_parquet(folder / changed)
    steps: list[str] = []
    shop = open_shop(folder, progress=steps.append)
    assert steps
    assert not shop.catalogue.has_names


def compile_and(how: str, folder: Path) -> subprocess.CompletedProcess[str]:
    script = f"""
import os, resource, signal, sys
from pathlib import Path
import camenn.tables.compile as compile
from camenn.tables.shop import open_shop
{how}
open_shop(Path(sys.argv[1]))
"""
    return subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=False)


KILL = "compile.write_events = lambda *args, **others: os.kill(os.getpid(), signal.SIGKILL)"
FULL = "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"


def test_a_kill_during_compile_leaves_nothing_that_counts(make_shop: Any, events: dict[str, Any]) -> None:
    folder = make_shop(events=events)
    killed = compile_and(KILL, folder)
    assert killed.returncode == -signal.SIGKILL
    left = [path.name for path in (folder / ".camenn").iterdir() if path.is_dir()]
    assert all(name.startswith("partial-") for name in left)
    assert left
    assert open_shop(folder).events is not None
    assert [path.name[:7] for path in (folder / ".camenn").iterdir() if path.is_dir()] == ["tables-"]


def test_a_full_disk_is_told_and_what_was_there_stays(make_shop: Any) -> None:
    folder = make_shop()
    open_shop(folder)
    before = {path: path.stat().st_mtime_ns for path in (folder / ".camenn").rglob("*") if path.is_file()}
    names = [f"{os.urandom(100).hex()}" for _ in range(5000)]
    pl.DataFrame({"item_id": names}).write_parquet(folder / "items.parquet")
    failed = compile_and(FULL, folder)
    assert failed.returncode != 0
    assert "CamennError: cannot write compiled tables" in failed.stderr
    after = {path: path.stat().st_mtime_ns for path in (folder / ".camenn").rglob("*") if path.is_file()}
    assert {path: time for path, time in after.items() if path.name != "lock"} == {
        path: time for path, time in before.items() if path.name != "lock"
    }
    assert open_shop(folder).catalogue.num_items == 5000


def test_a_folder_that_cannot_be_written_is_told(make_shop: Any) -> None:
    folder = make_shop(files={".camenn": "a file where the folder should be"})
    with pytest.raises(CamennError, match="cannot write"):
        open_shop(folder)


def test_tables_that_change_while_they_are_compiled_are_not_kept(
    make_shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from camenn.tables import shop as module

    folder, write = make_shop(), module.write_compiled

    def write_then_change(*args: Any, **others: Any) -> None:
        write(*args, **others)
        pl.DataFrame({"item_id": ["new"]}).write_parquet(folder / "items.parquet")

    monkeypatch.setattr(module, "write_compiled", write_then_change)
    with pytest.raises(CamennError, match="written to while"):
        open_shop(folder)
    assert not list((folder / ".camenn").glob("*tables-*"))


def test_two_processes_may_open_a_new_shop_at_once(make_shop: Any, events: dict[str, Any]) -> None:
    folder = make_shop(events=events)
    script = (
        "import sys; from pathlib import Path; from camenn.tables.shop import open_shop; open_shop(Path(sys.argv[1]))"
    )
    both = [subprocess.Popen([sys.executable, "-c", script, str(folder)]) for _ in range(2)]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    assert len(list((folder / ".camenn").glob("*tables-*"))) == 1
