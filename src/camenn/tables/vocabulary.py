"""Shop ids to rows and feature values to codes, and back."""

import numpy as np
import polars as pl
from numpy.typing import NDArray


class Vocabulary:
    """Distinct strings, each with a code: code 0 is padding, 1 is "not seen here", `values[i]` is `i + 2`."""

    PADDING = 0
    UNSEEN = 1
    FIRST = 2

    def __init__(self, values: pl.Series) -> None:
        """`values`: distinct strings without nulls. Raises ValueError otherwise."""
        if values.dtype != pl.String:
            raise ValueError(f"a vocabulary holds strings, not {values.dtype}")
        if values.null_count() or values.n_unique() != len(values):
            raise ValueError("a vocabulary's values are distinct and never null")
        self.values = values.alias("value")
        self._codes = pl.DataFrame({"value": self.values}).with_columns(
            pl.int_range(self.FIRST, len(values) + self.FIRST, dtype=pl.Int32).alias("code")
        )

    def __len__(self) -> int:
        """Number of codes, padding and unseen included."""
        return len(self.values) + self.FIRST

    def encode(self, values: pl.Series) -> NDArray[np.int32]:
        """Codes (len(values),): null becomes 0, a value that is not here 1."""
        asked = pl.DataFrame({"value": values.cast(pl.String)})
        found = asked.join(self._codes, on="value", how="left", maintain_order="left")
        known = pl.col("code").fill_null(self.UNSEEN)
        codes = found.select(pl.when(pl.col("value").is_null()).then(self.PADDING).otherwise(known))
        return codes.to_series().cast(pl.Int32).to_numpy(writable=True)

    def decode(self, codes: NDArray[np.integer]) -> pl.Series:
        """Strings (len(codes),), null for the codes 0 and 1. Raises IndexError for a code that is not here."""
        if codes.size and (codes.min() < 0 or codes.max() >= len(self)):
            raise IndexError(f"codes run from 0 to {len(self) - 1}")
        places = pl.Series(codes.astype(np.int64) - self.FIRST)
        return self.values.gather(pl.select(pl.when(places >= 0).then(places)).to_series())
