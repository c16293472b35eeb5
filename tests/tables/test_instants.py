from datetime import UTC, date, datetime

import polars as pl
import pytest

from camenn.tables.instants import instant, is_zoned


def read(values: list[object], *, zone: str = "UTC", dtype: pl.DataType | None = None) -> list[datetime | None]:
    frame = pl.DataFrame({"at": pl.Series(values, dtype=dtype)})
    return frame.select(instant("at", frame.schema["at"], zone)).to_series().to_list()


@pytest.mark.parametrize(
    ("written", "zone", "meant"),
    [
        ("2024-05-01 10:30", "UTC", datetime(2024, 5, 1, 10, 30, tzinfo=UTC)),
        ("2024-05-01T10:30:05", "Asia/Shanghai", datetime(2024, 5, 1, 2, 30, 5, tzinfo=UTC)),
        ("2024-05-01T10:30:00+08:00", "America/New_York", datetime(2024, 5, 1, 2, 30, tzinfo=UTC)),
        ("2024-05-01 10:30:00-0330", "UTC", datetime(2024, 5, 1, 14, 0, tzinfo=UTC)),
        ("2024-05-01 10:30:00+02", "UTC", datetime(2024, 5, 1, 8, 30, tzinfo=UTC)),
        ("2024-05-01T10:30:00.123456Z", "Asia/Shanghai", datetime(2024, 5, 1, 10, 30, 0, 123456, tzinfo=UTC)),
        (" 2024/05/01 10:30:00 UTC ", "Asia/Shanghai", datetime(2024, 5, 1, 10, 30, tzinfo=UTC)),
        ("2024-05-01", "Asia/Shanghai", datetime(2024, 4, 30, 16, 0, tzinfo=UTC)),
        ("874724710", "Asia/Shanghai", datetime(1997, 9, 20, 3, 5, 10, tzinfo=UTC)),
        ("874724710000", "UTC", datetime(1997, 9, 20, 3, 5, 10, tzinfo=UTC)),
    ],
)
def test_text_is_read_with_its_own_offset_or_the_shops_zone(written: str, zone: str, meant: datetime) -> None:
    assert read([written], zone=zone) == [meant]


@pytest.mark.parametrize(
    "written", ["yesterday", "01.05.2024", "05/01/2024", "2024-13-01", "2024-02-30 10:00", "20240501", ""]
)
def test_what_is_no_instant_is_null(written: str) -> None:
    assert read([written]) == [None]


def test_epochs_are_told_apart_by_their_size() -> None:
    moment = datetime(2024, 5, 1, 10, 30, tzinfo=UTC)
    seconds = int(moment.timestamp())
    assert read([seconds, seconds * 10**3, seconds * 10**6, seconds * 10**9]) == [moment] * 4
    assert read([seconds + 0.5, float("nan")]) == [moment.replace(microsecond=500_000), None]


def test_dates_and_datetimes_are_read_in_the_shops_zone_unless_they_have_one() -> None:
    assert read([date(2024, 5, 1)], zone="Asia/Shanghai") == [datetime(2024, 4, 30, 16, tzinfo=UTC)]
    assert read([datetime(2024, 5, 1, 8)], zone="Asia/Shanghai") == [datetime(2024, 5, 1, tzinfo=UTC)]
    aware = pl.Series([datetime(2024, 5, 1, 8)]).dt.replace_time_zone("America/New_York")
    assert read(aware.to_list(), zone="Asia/Shanghai", dtype=aware.dtype) == [datetime(2024, 5, 1, 12, tzinfo=UTC)]


def test_the_hour_that_does_not_exist_is_null_and_the_double_one_is_the_earlier() -> None:
    spring, autumn = "2024-03-31 01:30", "2024-10-27 01:30"
    assert read([spring, autumn], zone="Europe/London") == [None, datetime(2024, 10, 27, 0, 30, tzinfo=UTC)]


def test_values_that_carry_their_zone_are_known() -> None:
    frame = pl.DataFrame({"at": ["2024-05-01 10:30", "2024-05-01T10:30:00+08:00", "874724710", None]})
    assert frame.select(is_zoned("at", pl.String())).to_series().to_list() == [False, True, True, None]
