"""Bread, pastry and biscuits, one function a product."""

import numpy as np

from camenn.simulation.pictures.canvas import (
    WHITE,
    Brush,
    Look,
    curve,
    darker,
    ellipse,
    leaf_outline,
    lighter,
    lobed,
    mirrored,
    moved,
    polygon,
    thick,
    turned,
)

CRUST = (196, 128, 62)
CRUMB = (244, 222, 176)


def loaf(brush: Brush, look: Look) -> None:
    side = curve(
        (0.3, 0.36), (0.46, 0.22), (0.72, 0.16), (0.92, 0.26), (0.95, 0.5), (0.9, 0.74), (0.6, 0.86), (0.4, 0.88)
    )
    brush.fill(side, look.colour, gloss=0.15)
    brush.mottle(side, darker(look.colour, 0.35), grain=9, amount=0.55)
    for x in (0.56, 0.68, 0.8):
        slash = curve((x - 0.05, 0.3), (x + 0.01, 0.27), (x + 0.07, 0.44), (x, 0.4))
        brush.fill(slash, lighter(look.colour, 0.45), depth=0.2, gloss=0)
    face = curve((0.09, 0.44), (0.12, 0.3), (0.28, 0.25), (0.46, 0.3), (0.5, 0.44), (0.46, 0.56), (0.46, 0.8),
                 (0.4, 0.9), (0.18, 0.9), (0.12, 0.8), (0.13, 0.56))  # fmt: skip
    brush.fill(face, darker(look.colour, 0.1), depth=0.3)
    centre = face.mean(axis=0)
    crumb = (face - centre) * 0.88 + centre
    brush.fill(crumb, look.accent, depth=0.1, gloss=0)
    brush.mottle(crumb, darker(look.accent, 0.25), grain=26, amount=0.5)


def baguette(brush: Brush, look: Look) -> None:
    spine = curve((0.06, 0.84), (0.36, 0.58), (0.66, 0.34), (0.94, 0.14), closed=False)
    body = thick(spine, 0.07, 0.07, belly=0.13)
    brush.fill(body, look.colour, gloss=0.2)
    brush.mottle(body, darker(look.colour, 0.4), grain=16, amount=0.5)
    for place in (4, 8, 12, 16, 20):
        x, y = spine[place]
        brush.fill(leaf_outline(x - 0.06, y + 0.07, 0.18, 0.06, -62), lighter(look.colour, 0.5), depth=0.4, gloss=0)


def croissant(brush: Brush, look: Look) -> None:
    arc = curve((0.08, 0.72), (0.2, 0.42), (0.5, 0.28), (0.8, 0.42), (0.92, 0.72), closed=False)
    widths = (0.10, 0.19, 0.28, 0.36, 0.28, 0.19, 0.10)
    for place in (0, 6, 1, 5, 2, 4, 3):
        middle = arc[round((len(arc) - 1) * (place + 0.5) / 7)]
        direction = np.degrees(np.arctan2(middle[1] - 0.95, middle[0] - 0.5))
        segment = ellipse(0, 0, widths[place] / 2 + 0.02, 0.11 + 0.014 * (3 - abs(place - 3)))
        brush.fill(turned(segment, direction) + middle, look.colour, gloss=0.4)
        brush.mottle(turned(segment * 0.9, direction) + middle, darker(look.colour, 0.45), grain=5, amount=0.5)


def bagel(brush: Brush, look: Look) -> None:
    ring = ellipse(0.5, 0.5, 0.43, 0.40)
    brush.fill(ring, look.colour, gloss=0.5)
    brush.mottle(ring, darker(look.colour, 0.3), grain=10, amount=0.5)
    for x, y in brush.scattered(ring, 70, inset=0.86):
        brush.fill(ellipse(x, y, 0.014, 0.008, float(brush.rng.uniform(0, 180))), (250, 238, 208), depth=0)
    brush.fill(ellipse(0.5, 0.5, 0.155, 0.14), darker(look.colour, 0.5), depth=0)
    brush.erase(ellipse(0.505, 0.515, 0.13, 0.115))


def doughnut(brush: Brush, look: Look) -> None:
    brush.fill(ellipse(0.5, 0.53, 0.43, 0.41), CRUST, gloss=0.2)
    icing = lobed(0.5, 0.49, 0.375, lobes=11, depth=0.04)
    brush.fill(icing, look.colour, depth=0.8, gloss=0.6)
    for x, y in brush.scattered(icing, 46, inset=0.85):
        tint = ((255, 255, 255), (250, 210, 70), (90, 180, 220), (120, 190, 90), look.accent)[
            int(brush.rng.integers(5))
        ]
        sprinkle = moved(turned(polygon((-0.022, 0.0), (0.022, 0.0)), float(brush.rng.uniform(0, 180))), x, y)
        brush.line(sprinkle, 0.016, tint)
    brush.fill(ellipse(0.5, 0.5, 0.15, 0.14), darker(CRUST, 0.4), depth=0)
    brush.erase(ellipse(0.5, 0.515, 0.12, 0.11))


def muffin(brush: Brush, look: Look) -> None:
    brush.fill(polygon((0.22, 0.5), (0.78, 0.5), (0.69, 0.93), (0.31, 0.93)), look.accent, tube=True)
    for share in np.linspace(0.06, 0.94, 11):
        brush.line(polygon((0.22 + 0.56 * share, 0.5), (0.31 + 0.38 * share, 0.93)), 0.010, darker(look.accent, 0.25))
    dome = mirrored((0.5, 0.12), (0.68, 0.16), (0.82, 0.32), (0.88, 0.46), (0.8, 0.56), (0.66, 0.53), (0.5, 0.57))
    brush.fill(dome, look.colour, gloss=0.15)
    brush.mottle(dome, darker(look.colour, 0.3), grain=16, amount=0.5)
    for x, y in brush.scattered(dome, 15, inset=0.75):
        brush.ball(x, y, 0.028, 0.026, (58, 36, 44), gloss=0.4)


def pretzel(brush: Brush, look: Look) -> None:
    outer = curve((0.36, 0.84), (0.16, 0.7), (0.07, 0.42), (0.2, 0.18), (0.4, 0.24), (0.5, 0.42), (0.6, 0.24),
                  (0.8, 0.18), (0.93, 0.42), (0.84, 0.7), (0.64, 0.84), (0.5, 0.86),
                  (0.36, 0.84), closed=False)  # fmt: skip
    for strand in (
        outer,
        curve((0.5, 0.42), (0.6, 0.56), (0.76, 0.74), closed=False),
        curve((0.5, 0.42), (0.4, 0.56), (0.24, 0.74), closed=False),
    ):
        for start in range(0, len(strand) - 1, 6):
            brush.fill(thick(strand[start : start + 9], 0.115), look.colour, depth=1.0, gloss=0.3)
        salt = strand[::4] + brush.rng.normal(0, 0.02, strand[::4].shape)
        brush.dots(salt, 0.009, (255, 252, 244))


def cinnamon_bun(brush: Brush, look: Look) -> None:
    brush.fill(ellipse(0.5, 0.52, 0.42, 0.40), look.colour, gloss=0.25)
    angles = np.linspace(0, 5.6 * np.pi, 110)
    radius = 0.03 + 0.345 * angles / angles[-1]
    spiral = np.stack([0.5 + radius * np.cos(angles), 0.5 + radius * 0.94 * np.sin(angles)], axis=1)
    brush.line(spiral, 0.032, look.accent)
    brush.line(spiral - (0.006, 0.014), 0.014, lighter(look.colour, 0.35))
    for x, y in brush.scattered(ellipse(0.5, 0.5, 0.38), 34):
        brush.fill(ellipse(x, y, 0.017, 0.014), WHITE, depth=0.6)


def cake(brush: Brush, look: Look) -> None:
    side = polygon((0.08, 0.44), (0.66, 0.60), (0.66, 0.92), (0.08, 0.74))
    brush.fill(side, CRUMB, depth=0.1, gloss=0)
    brush.mottle(side, darker(CRUMB, 0.3), grain=30, amount=0.5)
    for low in (0.09, 0.2):
        brush.fill(
            polygon((0.08, 0.44 + low), (0.66, 0.6 + low), (0.66, 0.645 + low), (0.08, 0.48 + low)),
            look.colour,
            depth=0,
        )
    brush.fill(
        polygon((0.66, 0.6), (0.94, 0.34), (0.94, 0.64), (0.66, 0.92)), darker(look.colour, 0.12), depth=0.1, gloss=0
    )
    brush.fill(polygon((0.08, 0.44), (0.66, 0.6), (0.94, 0.34), (0.5, 0.26)), look.colour, depth=0.15, gloss=0.1)
    for x, y in ((0.4, 0.41), (0.58, 0.47), (0.75, 0.4)):
        brush.ball(x, y, 0.07, 0.055, WHITE, gloss=0.2)
    brush.ball(0.58, 0.32, 0.085, 0.09, look.accent, gloss=0.8)
    brush.leaf(0.58, 0.24, 0.13, 0.07, -35, rib=False)


def cookies(brush: Brush, look: Look) -> None:
    for x, y in ((0.34, 0.36), (0.66, 0.42), (0.47, 0.67)):
        disc = lobed(x, y, 0.285, lobes=9, depth=0.015, turn=float(brush.rng.uniform(0, 90)))
        brush.fill(disc, look.colour, depth=0.45, gloss=0.05)
        brush.mottle(disc, darker(look.colour, 0.3), grain=14, amount=0.5)
        for chip_x, chip_y in brush.scattered(disc, 11, inset=0.8):
            brush.fill(ellipse(chip_x, chip_y, 0.034, 0.028, float(brush.rng.uniform(0, 90))), look.accent, depth=0.7)
