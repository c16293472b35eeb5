"""Fruit, one function a fruit; each draws one piece (or one bunch) on the unit square."""

import numpy as np

from camenn.simulation.pictures.canvas import (
    LEAF,
    WHITE,
    Brush,
    Look,
    Outline,
    curve,
    darker,
    ellipse,
    lighter,
    lobed,
    mirrored,
    mix,
    moved,
    polygon,
    thick,
)

BARK = (104, 70, 38)


def _stem(brush: Brush, *points: tuple[float, float], width: float = 0.035) -> None:
    brush.fill(thick(curve(*points, closed=False), width * 0.8, width), BARK, depth=0.8, gloss=0.1)


def apple(brush: Brush, look: Look) -> None:
    body = mirrored((0.5, 0.25), (0.64, 0.18), (0.83, 0.26), (0.89, 0.48), (0.78, 0.77), (0.62, 0.9), (0.5, 0.86))
    brush.fill(body, look.colour, gloss=0.6)
    brush.mottle(body, lighter(look.colour, 0.4), grain=22, amount=0.5, stretch=(1.0, 0.25))
    brush.fill(ellipse(0.5, 0.26, 0.11, 0.035), darker(look.colour, 0.5), depth=0)
    _stem(brush, (0.5, 0.27), (0.51, 0.18), (0.56, 0.1))
    brush.leaf(0.54, 0.16, 0.26, 0.13, -20)


def banana(brush: Brush, look: Look) -> None:
    for lift, shade in ((0.0, 0.16), (0.10, 0.06), (0.20, 0.0)):
        spine = curve(
            (0.12, 0.30 + lift), (0.26, 0.55 + lift), (0.52, 0.68 + lift * 0.8), (0.88, 0.55 + lift), closed=False
        )
        body = thick(spine, 0.05, 0.06, belly=0.13)
        brush.fill(body, darker(look.colour, shade), gloss=0.2)
        brush.line(moved(spine[4:-3], 0.0, -0.012), 0.010, darker(look.colour, 0.22 + shade))
        brush.mottle(body, BARK, grain=30, amount=0.5, floor=0.75)
        brush.fill(ellipse(0.885, 0.55 + lift, 0.022), (70, 52, 30), gloss=0)
    brush.fill(
        thick(curve((0.14, 0.16), (0.11, 0.28), (0.15, 0.5), closed=False), 0.055, 0.12), darker(look.colour, 0.1)
    )
    brush.fill(ellipse(0.14, 0.15, 0.035, 0.022), (88, 66, 38), gloss=0)


def strawberry(brush: Brush, look: Look) -> None:
    body = mirrored((0.5, 0.24), (0.68, 0.22), (0.84, 0.34), (0.82, 0.54), (0.68, 0.78), (0.55, 0.92), (0.5, 0.94))
    brush.fill(body, look.colour, gloss=0.55)
    for row in range(6):
        y = 0.35 + 0.095 * row
        reach = 0.29 - 0.042 * row
        xs = np.linspace(-reach, reach, 6 - row // 2) + (0.03 if row % 2 else -0.01)
        seeds = np.stack([0.5 + xs, np.full_like(xs, y) + 0.012 * np.cos(xs * 9)], axis=1)
        brush.dots(moved(seeds, 0.004, 0.006), 0.0145, darker(look.colour, 0.4), tall=1.4)
        brush.dots(seeds, 0.0115, (248, 214, 110), tall=1.5)
    for turn in (200, 160, 235, 305, 340, 20, 90, 130, 50):
        brush.leaf(0.5, 0.25, 0.27, 0.11, turn, rib=False)
    _stem(brush, (0.5, 0.25), (0.51, 0.17), (0.55, 0.09), width=0.028)


def _citrus_skin(brush: Brush, body: Outline, look: Look) -> None:
    brush.fill(body, look.colour, gloss=0.5)
    brush.dots(brush.scattered(body, 90, inset=0.88), 0.006, darker(look.colour, 0.14))


def orange(brush: Brush, look: Look) -> None:
    _citrus_skin(brush, ellipse(0.5, 0.53, 0.40, 0.385), look)
    brush.fill(lobed(0.47, 0.24, 0.042, lobes=5, depth=0.3), (96, 122, 48), depth=0.5, gloss=0)
    brush.leaf(0.48, 0.23, 0.3, 0.13, -18, (58, 118, 48))


def lemon(brush: Brush, look: Look) -> None:
    body = curve((0.06, 0.52), (0.14, 0.46), (0.3, 0.28), (0.52, 0.22), (0.74, 0.3), (0.88, 0.46), (0.95, 0.52),
                 (0.88, 0.6), (0.72, 0.76), (0.5, 0.82), (0.28, 0.75), (0.14, 0.59))  # fmt: skip
    _citrus_skin(brush, body, look)


def citrus_half(brush: Brush, look: Look) -> None:
    """A cut fruit beside a whole one: how limes are shown."""
    _citrus_skin(brush, ellipse(0.36, 0.40, 0.31, 0.29), look)
    brush.fill(ellipse(0.62, 0.62, 0.31), darker(look.colour, 0.15), gloss=0.2)
    brush.fill(ellipse(0.62, 0.62, 0.285), mix(look.colour, WHITE, 0.82), depth=0)
    for turn in range(0, 360, 45):
        angle = np.radians(turn + 22)
        centre = np.array([0.62, 0.62]) + 0.15 * np.array([np.cos(angle), np.sin(angle)])
        brush.fill(ellipse(centre[0], centre[1], 0.115, 0.052, turn + 22), lighter(look.colour, 0.3), depth=0.4)


def grapes(brush: Brush, look: Look) -> None:
    _stem(brush, (0.5, 0.28), (0.5, 0.14), (0.58, 0.06))
    brush.leaf(0.51, 0.2, 0.34, 0.24, -10)
    brush.leaf(0.5, 0.2, 0.26, 0.2, 195, darker(LEAF, 0.15))
    for row, count in enumerate((4, 5, 5, 4, 3, 2, 1)):
        for place in range(count):
            x = 0.5 + (place - (count - 1) / 2) * 0.145 + brush.rng.normal(0, 0.012)
            y = 0.27 + 0.105 * row + brush.rng.normal(0, 0.01)
            tint = mix(look.colour, look.accent, float(brush.rng.random()) * 0.5)
            brush.ball(x, y, 0.088, 0.093, tint, gloss=0.7)


def blueberries(brush: Brush, look: Look) -> None:
    places = [(0.3, 0.34), (0.52, 0.26), (0.72, 0.38), (0.2, 0.56), (0.42, 0.5), (0.64, 0.58), (0.84, 0.6),
              (0.32, 0.74), (0.54, 0.76), (0.75, 0.79)]  # fmt: skip
    for x, y in places:
        x, y = x + brush.rng.normal(0, 0.012), y + brush.rng.normal(0, 0.012)
        berry = ellipse(x, y, 0.125, 0.12)
        tint = mix(look.colour, look.accent, float(brush.rng.random()) * 0.6)
        brush.ball(x, y, 0.125, 0.12, tint, gloss=0.4)
        brush.mottle(berry, (150, 164, 206), grain=5, amount=0.5)
        crown = x + brush.rng.normal(0, 0.025), y - 0.02 + brush.rng.normal(0, 0.02)
        brush.fill(lobed(*crown, 0.04, lobes=5, depth=0.35), darker(look.colour, 0.55), depth=0)
        brush.fill(ellipse(*crown, 0.017), darker(look.colour, 0.85), depth=0)


def raspberry(brush: Brush, look: Look) -> None:
    for row, (count, reach) in enumerate(((5, 0.3), (6, 0.36), (6, 0.36), (5, 0.31), (4, 0.24), (3, 0.15), (1, 0.0))):
        for x in np.linspace(-reach, reach, count):
            y = 0.30 + 0.098 * row - 0.06 * abs(x)
            tint = mix(look.colour, look.accent, float(brush.rng.random()) * 0.4)
            brush.ball(0.5 + x * 0.86, y, 0.085, 0.08, tint, gloss=0.6)
    for turn in (185, 220, 270, 320, 355):
        brush.leaf(0.5, 0.24, 0.24, 0.08, turn, rib=False)


def pear(brush: Brush, look: Look) -> None:
    body = mirrored(
        (0.5, 0.13), (0.6, 0.17), (0.64, 0.32), (0.72, 0.46), (0.83, 0.62), (0.8, 0.82), (0.64, 0.94), (0.5, 0.93)
    )
    brush.fill(body, look.colour, gloss=0.45)
    brush.mottle(body, look.accent, grain=9, amount=0.55, floor=0.5)
    brush.dots(moved(brush.scattered(body, 60, inset=0.6), 0, 0.12), 0.004, darker(look.colour, 0.35))
    _stem(brush, (0.5, 0.15), (0.52, 0.08), (0.58, 0.03))
    brush.leaf(0.54, 0.08, 0.24, 0.11, 8)


def pineapple(brush: Brush, look: Look) -> None:
    for turn, length in ((-155, 0.24), (-25, 0.24), (-135, 0.3), (-45, 0.3), (-115, 0.34), (-65, 0.34), (-90, 0.36)):
        brush.leaf(0.5, 0.40, length, 0.1, turn, (66, 120, 62), rib=False)
    body = mirrored((0.5, 0.36), (0.64, 0.38), (0.74, 0.5), (0.76, 0.68), (0.7, 0.86), (0.6, 0.95), (0.5, 0.96))
    brush.fill(body, look.colour, gloss=0.25)
    dark = darker(look.colour, 0.45)
    for offset in np.arange(-1.2, 1.3, 0.15):
        for slope in (1.0, -1.0):
            line = polygon((0.05, 0.66 + offset - 0.45 * slope), (0.95, 0.66 + offset + 0.45 * slope))
            band = thick(np.linspace(line[0], line[1], 6), 0.014)
            brush.fill(band, dark, depth=0, within=body)
    for row in range(7):
        for x in np.arange(0.5 - 0.15 * 2 + (0.075 if row % 2 else 0), 0.8, 0.15):
            y = 0.435 + 0.075 * row
            if abs(x - 0.5) < 0.22:
                brush.dots(polygon((x, y)), 0.012, lighter(look.accent, 0.3))


def watermelon(brush: Brush, look: Look) -> None:
    angles = np.linspace(0.06 * np.pi, 0.94 * np.pi, 40)

    def half_disc(radius: float) -> Outline:
        return np.stack([0.5 + radius * np.cos(angles), 0.25 + radius * np.sin(angles)], axis=1)

    brush.fill(half_disc(0.50), (38, 104, 50), depth=0.3, gloss=0.1)
    brush.fill(half_disc(0.465), (206, 228, 170), depth=0)
    brush.fill(half_disc(0.435), look.colour, depth=0.2, gloss=0.0)
    brush.mottle(half_disc(0.41), lighter(look.colour, 0.4), grain=16, amount=0.5)
    for radius, count in ((0.33, 7), (0.23, 5), (0.13, 3)):
        for angle in np.linspace(0.2 * np.pi, 0.8 * np.pi, count):
            x, y = 0.5 + radius * np.cos(angle), 0.27 + radius * np.sin(angle)
            brush.fill(ellipse(x, y, 0.012, 0.022, np.degrees(angle) - 90), (34, 22, 22), depth=0)


def avocado(brush: Brush, look: Look) -> None:
    whole = mirrored((0.5, 0.08), (0.6, 0.12), (0.68, 0.3), (0.79, 0.52), (0.78, 0.76), (0.64, 0.91), (0.5, 0.94))
    back = moved((whole - 0.5) * 0.86, 0.37, 0.44)
    brush.fill(back, look.colour, gloss=0.3)
    brush.mottle(back, darker(look.colour, 0.4), grain=24, amount=0.6)
    half = moved((whole - 0.5) * 0.88, 0.62, 0.54)
    brush.fill(half, darker(look.colour, 0.2), depth=0.3)
    centre = half.mean(axis=0)
    brush.fill((half - centre) * 0.91 + centre, (166, 190, 74), depth=0)
    brush.fill((half - centre) * 0.80 + centre, (228, 226, 142), depth=0.15, gloss=0)
    brush.fill(ellipse(0.62, 0.67, 0.135), look.accent, gloss=0.6)


def kiwi(brush: Brush, look: Look) -> None:
    back = ellipse(0.36, 0.38, 0.32, 0.26, -30)
    brush.fill(back, (128, 96, 58), gloss=0.05)
    brush.mottle(back, (84, 60, 34), grain=30, amount=0.8)
    brush.fill(ellipse(0.6, 0.6, 0.345, 0.33), (116, 86, 50), depth=0.4, gloss=0)
    flesh = ellipse(0.6, 0.6, 0.315, 0.30)
    brush.fill(flesh, look.colour, depth=0.15, gloss=0)
    for turn in np.arange(0, 2 * np.pi, np.pi / 12):
        direction = np.array([np.cos(turn), np.sin(turn)])
        brush.line(np.array([0.6, 0.6]) + np.outer([0.14, 0.29], direction), 0.007, lighter(look.colour, 0.35))
        brush.dots(np.array([[0.6, 0.6]]) + direction * 0.15, 0.0125, (26, 24, 14), tall=1.3)
    brush.fill(ellipse(0.6, 0.6, 0.1, 0.085), (236, 236, 196), depth=0)


def peach(brush: Brush, look: Look) -> None:
    body = mirrored((0.5, 0.24), (0.64, 0.17), (0.84, 0.28), (0.9, 0.52), (0.78, 0.8), (0.6, 0.9), (0.5, 0.9))
    brush.fill(body, look.colour, gloss=0.12)
    brush.mottle(body, look.accent, grain=4, amount=0.9, floor=0.35)
    brush.line(
        curve((0.5, 0.25), (0.43, 0.42), (0.42, 0.62), (0.47, 0.8), closed=False), 0.014, darker(look.accent, 0.25)
    )
    _stem(brush, (0.5, 0.26), (0.5, 0.2), (0.52, 0.15), width=0.04)
    brush.leaf(0.52, 0.2, 0.34, 0.12, -12)


def cherries(brush: Brush, look: Look) -> None:
    green = (104, 132, 52)
    for x, y in ((0.3, 0.7), (0.7, 0.74)):
        stalk = curve((0.52, 0.12), ((x + 0.52) / 2 + (x - 0.5) * 0.2, 0.3), (x, y - 0.18), closed=False)
        brush.fill(thick(stalk, 0.032, 0.02), green, depth=0.6)
        brush.fill(moved(mirrored((0.5, 0.32), (0.62, 0.3), (0.72, 0.42), (0.68, 0.62), (0.5, 0.72)), x - 0.5, y - 0.5),
                   look.colour, gloss=0.8)  # fmt: skip
        brush.fill(ellipse(x, y - 0.175, 0.05, 0.018), darker(look.colour, 0.5), depth=0)
    brush.leaf(0.52, 0.13, 0.36, 0.18, 12)


def mango(brush: Brush, look: Look) -> None:
    body = curve(
        (0.2, 0.34), (0.42, 0.2), (0.7, 0.26), (0.88, 0.5), (0.84, 0.72), (0.62, 0.84), (0.36, 0.76), (0.16, 0.56)
    )
    brush.fill(body, look.colour, gloss=0.45)
    brush.mottle(body, look.accent, grain=3, amount=0.95, floor=0.3)
    brush.dots(brush.scattered(body, 50, inset=0.8), 0.004, lighter(look.colour, 0.3))
    _stem(brush, (0.2, 0.35), (0.16, 0.3), (0.13, 0.26), width=0.04)


def plum(brush: Brush, look: Look) -> None:
    body = ellipse(0.5, 0.54, 0.34, 0.39, 15)
    brush.fill(body, look.colour, gloss=0.45)
    brush.mottle(body, (158, 142, 188), grain=6, amount=0.4)
    brush.line(
        curve((0.56, 0.17), (0.46, 0.4), (0.43, 0.66), (0.45, 0.86), closed=False), 0.014, darker(look.colour, 0.5)
    )
    _stem(brush, (0.56, 0.18), (0.58, 0.12), (0.63, 0.07))
