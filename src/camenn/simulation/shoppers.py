"""The people who shop: a profile that the shop knows, and a taste that follows from it in part."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from camenn.simulation.products import CATEGORIES, TRAITS

AGE_BANDS = ("18-29", "30-44", "45-59", "60-74", "75+")
_AGE_SHARES = (0.24, 0.30, 0.22, 0.16, 0.08)
_HOUSEHOLD_SHARES = (0.28, 0.32, 0.16, 0.15, 0.09)
DISTRICTS = {
    "Harbour": (0.80, 0.30, -0.6), "Old Town": (0.45, 0.45, 0.6), "Station": (0.35, 0.65, -0.9), "Hill": (0.15,
                                                                                                          0.20, 1.2),
    "University": (0.60, 0.70, -0.8), "Meadows": (0.20, 0.85, 0.3), "Riverside": (0.85, 0.60, 0.4),
    "Lakeside": (0.70, 0.10, 1.0),
}  # fmt: skip
"""Place on the map (x, y) and wealth, by district."""

AGE_TASTE: dict[str, tuple[float, ...]] = {
    # one figure an age band, young to old
    "sweet": (0.35, 0.15, -0.05, -0.25, 0.05),
    "sour": (0.10, 0.10, 0.00, -0.10, -0.20),
    "crisp": (0.30, 0.15, 0.00, -0.20, -0.45),
    "savoury": (-0.15, 0.00, 0.15, 0.15, 0.00),
    "rich": (0.15, 0.05, 0.00, 0.00, -0.10),
    "light": (-0.20, 0.05, 0.15, 0.30, 0.10),
    "animal": (-0.35, -0.05, 0.10, 0.30, 0.35),
    "alcohol": (0.30, 0.20, 0.25, -0.10, -0.80),
    "quick": (0.65, 0.30, -0.15, -0.45, -0.20),
    "home": (-0.55, 0.00, 0.15, 0.35, 0.50),
    "exotic": (0.55, 0.30, -0.05, -0.45, -0.85),
}
HOUSEHOLD_TASTE: dict[str, tuple[float, ...]] = {
    # one figure a household size: 1, 2, 3, 4, 5 and more people
    "sweet": (-0.25, -0.15, 0.15, 0.30, 0.40),
    "rich": (0.05, 0.20, 0.00, -0.10, -0.15),
    "alcohol": (0.20, 0.25, -0.20, -0.35, -0.45),
    "quick": (0.25, -0.05, 0.10, 0.05, 0.00),
    "home": (-0.45, -0.10, 0.20, 0.40, 0.50),
    "exotic": (0.10, 0.15, -0.05, -0.20, -0.25),
}
DIETS: dict[str, tuple[float, dict[str, float]]] = {
    # share of shoppers, and what they add to the log-odds by trait or category
    "anything": (0.58, {}),
    "vegetarian": (0.16, {"Meat & fish": -2.0, "Vegetables": 0.5, "Dairy & eggs": 0.2, "Pantry": 0.2}),
    "vegan": (0.07, {"Meat & fish": -2.0, "Dairy & eggs": -1.6, "Vegetables": 0.7, "Fruit": 0.4}),
    "low-carb": (0.10, {"Bakery": -1.1, "Pantry": -0.5, "sweet": -0.5, "Meat & fish": 0.5, "light": 0.3}),
    "alcohol-free": (0.09, {"alcohol": -1.8}),
}
DIET_TOLD = 0.85
PERSONAL_DIRECTIONS = 2
PERSONAL_SPREAD = 0.14
"""Standard deviation, between shoppers, of the personal liking of one trait or category."""
_BASIS = (*TRAITS, *CATEGORIES)


@dataclass(frozen=True, slots=True)
class Shoppers:
    """The people, one a line in every array."""

    user_id: list[str]
    age: NDArray[np.int64]
    """Place in AGE_BANDS."""
    household: NDArray[np.int64]
    """Number of people, 1 to 5."""
    district: NDArray[np.int64]
    diet: NDArray[np.int64]
    diet_told: NDArray[np.bool_]
    profile_taste: NDArray[np.float64]
    """Liking of each trait and category that follows from the profile: (people, traits + categories)."""
    personal_taste: NDArray[np.float64]
    """Liking that is one's own, of PERSONAL_DIRECTIONS dimensions; same shape."""
    price_sensitivity: NDArray[np.float64]
    """Log-odds lost when the price rises by a factor of e."""
    pickiness: NDArray[np.float64]
    """Log-odds gained from the stalest to the freshest piece."""
    organic_liking: NDArray[np.float64]
    special_liking: NDArray[np.float64]
    wanted_size: NDArray[np.float64]
    """0 small to 2 large."""
    activity: NDArray[np.float64]
    """Share of all requests; long-tailed."""

    def __len__(self) -> int:
        return len(self.user_id)


def people(num_users: int, seed: int) -> Shoppers:
    """Draw the shoppers."""
    rng = np.random.default_rng([seed, 4])
    age = rng.choice(len(AGE_BANDS), num_users, p=_AGE_SHARES)
    household = 1 + rng.choice(5, num_users, p=_HOUSEHOLD_SHARES)
    district = rng.integers(len(DISTRICTS), size=num_users)
    diet = rng.choice(len(DIETS), num_users, p=[share for share, _ in DIETS.values()])
    wealth = np.array([wealth for _, _, wealth in DISTRICTS.values()])[district]
    own = rng.normal(size=(num_users, PERSONAL_DIRECTIONS))
    directions = np.random.default_rng([seed, 5]).normal(size=(PERSONAL_DIRECTIONS, len(_BASIS)))
    personal = own @ directions * PERSONAL_SPREAD / np.sqrt(PERSONAL_DIRECTIONS)
    weight = rng.lognormal(0, 0.9, num_users)
    family = (household - 2) / 2
    return Shoppers(
        user_id=[f"u{number:06d}" for number in rng.permutation(num_users).tolist()],
        age=age,
        household=household,
        district=district,
        diet=diet,
        diet_told=rng.random(num_users) < DIET_TOLD,
        profile_taste=_profile_taste(age, household, diet),
        personal_taste=personal,
        price_sensitivity=np.clip(
            0.95 - 0.30 * wealth + 0.20 * family - 0.10 * (age - 1) + 0.10 * own[:, 0], 0.1, None
        ),
        pickiness=np.clip(1.5 + 0.25 * (age - 1) + 0.25 * wealth + 0.15 * own[:, 1], 0.3, None),
        organic_liking=0.55 + 0.40 * wealth - 0.15 * family + 0.15 * own[:, 1],
        special_liking=0.35 + 0.20 * (age - 1) - 0.10 * own[:, 0],
        wanted_size=np.clip(0.5 * (household - 1), 0, 2),
        activity=weight / weight.sum(),
    )


def _profile_taste(
    age: NDArray[np.int64], household: NDArray[np.int64], diet: NDArray[np.int64]
) -> NDArray[np.float64]:
    by_age = np.array([AGE_TASTE.get(mark, (0.0,) * len(AGE_BANDS)) for mark in _BASIS]).T
    by_household = np.array([HOUSEHOLD_TASTE.get(mark, (0.0,) * 5) for mark in _BASIS]).T
    by_diet = np.array([[likings.get(mark, 0.0) for mark in _BASIS] for _, likings in DIETS.values()])
    return np.asarray(1.3 * (by_age[age] + by_household[household - 1]) + by_diet[diet])


def profiles(shoppers: Shoppers) -> pl.DataFrame:
    """The users table: what the shop knows of its customers."""
    diets = np.array(list(DIETS))[shoppers.diet].tolist()
    return pl.DataFrame(
        {
            "user_id": shoppers.user_id,
            "age_band": [AGE_BANDS[place] for place in shoppers.age],
            "household_size": shoppers.household,
            "district": np.array(list(DISTRICTS))[shoppers.district].tolist(),
            "diet": [diet if told else None for diet, told in zip(diets, shoppers.diet_told.tolist(), strict=True)],
        },
        schema_overrides={"diet": pl.String},
    )
