"""Instants: everything a table may call a time, brought to microseconds UTC."""

import polars as pl

UTC = pl.Datetime("us", "UTC")
_DATE = r"(\d{4}[-/]\d{2}[-/]\d{2})"
_CLOCK = r"(?:[T ]+(\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?))?"
_OFFSET = r"\s*(Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?"
_STRING = f"^{_DATE}{_CLOCK}{_OFFSET}$"
_EPOCH = r"^-?\d{9,19}$"


def instant(column: str, dtype: pl.DataType, time_zone: str) -> pl.Expr:
    """The column as Datetime(us, UTC), null where it cannot be read.

    Text is ISO 8601 (`2024-05-01 10:30`, `2024-05-01T10:30:00+08:00`) or a Unix epoch; numbers are Unix
    epochs in seconds, or milli-, micro- or nanoseconds by their size. What has no offset is read in
    `time_zone`; in the hour that occurs twice in autumn the earlier is taken.
    """
    value = pl.col(column)
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        return value.cast(UTC)
    if dtype == pl.Date or isinstance(dtype, pl.Datetime):
        return _localised(value.cast(pl.Datetime("us")), time_zone)
    if dtype.is_numeric():
        return _from_epoch(value)
    if dtype == pl.String:
        return _from_text(value.str.strip_chars(), time_zone)
    return pl.lit(None, UTC)


def is_zoned(column: str, dtype: pl.DataType) -> pl.Expr:
    """True where the value itself says its place in time, without the shop's time zone; null where missing."""
    value = pl.col(column)
    if dtype == pl.String:
        text = value.str.strip_chars()
        return text.str.contains(_EPOCH) | text.str.extract(_STRING, 3).is_not_null()
    zoned = dtype.is_numeric() or (isinstance(dtype, pl.Datetime) and dtype.time_zone is not None)
    return pl.when(value.is_not_null()).then(pl.lit(zoned))


def _localised(value: pl.Expr, time_zone: str) -> pl.Expr:
    return value.dt.replace_time_zone(time_zone, ambiguous="earliest", non_existent="null").cast(UTC)


def _from_epoch(value: pl.Expr) -> pl.Expr:
    seconds, size = value.cast(pl.Float64, strict=False), value.cast(pl.Float64, strict=False).abs()
    whole = value.cast(pl.Int64, strict=False)
    # 1e11 is the year 5138 in seconds and 1973 in milliseconds, and so on by thousands.
    microseconds = (
        pl.when(size < 1e11)
        .then((seconds * 1e6).round().cast(pl.Int64, strict=False))
        .when(size < 1e14)
        .then(whole * 1000)
        .when(size < 1e17)
        .then(whole)
        .when(size < 9e18)
        .then(whole // 1000)
    )
    return microseconds.cast(UTC)


def _from_text(text: pl.Expr, time_zone: str) -> pl.Expr:
    date = text.str.extract(_STRING, 1).str.replace_all("/", "-", literal=True)
    clock = text.str.extract(_STRING, 2).fill_null("00:00").str.replace(",", ".", literal=True)
    clock = pl.when(clock.str.len_chars() == 5).then(clock + ":00").otherwise(clock)
    naive = (date + " " + clock).str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    offset = text.str.extract(_STRING, 3).str.replace(":", "", literal=True)
    hours = offset.str.slice(1, 2).cast(pl.Int64, strict=False)
    minutes = offset.str.slice(3, 2).cast(pl.Int64, strict=False).fill_null(0)
    sign = pl.when(offset.str.starts_with("-")).then(-1).otherwise(1)
    ahead = pl.when(offset.str.contains(r"^[+-]")).then(sign * (hours * 60 + minutes)).otherwise(0)
    in_utc = (naive - pl.duration(minutes=ahead)).dt.replace_time_zone("UTC")
    epoch = pl.when(text.str.contains(_EPOCH)).then(text).cast(pl.Int64, strict=False)
    return pl.coalesce(
        _from_epoch(epoch),
        pl.when(offset.is_not_null()).then(in_utc),
        pl.when(offset.is_null()).then(_localised(naive, time_zone)),
    )
