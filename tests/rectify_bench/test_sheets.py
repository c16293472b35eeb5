"""The benchmark's tables."""

import polars as pl

from camenn.rectify_bench.sheets import tables


def results(ours: list[float], theirs: list[float]) -> pl.DataFrame:
    rows = [
        {"method": method, "rate": 0.1, "seed": seed, "fault": "name_easy", "figure": "AUROC", "value": value}
        for method, values in (("CameNN", ours), ("cosine", theirs))
        for seed, value in enumerate(values)
    ]
    return pl.DataFrame(rows)


def test_a_star_stands_where_the_difference_is_certain() -> None:
    assert "| name, easy | 0.990 ± 0.025 | 0.800 ± 0.248 |\n" in tables(results([0.98, 0.99, 1.0], [0.7, 0.8, 0.9]))
    assert "0.800 ± 0.025 * |" in tables(results([0.98, 0.99, 1.0], [0.79, 0.8, 0.81]))


def test_one_seed_has_no_interval() -> None:
    assert "| name, easy | 0.990 | 0.800 |" in tables(results([0.99], [0.8]))
