"""Meat, fish, unpacked dairy, ice cream and nuts, one function a product."""

import numpy as np

from camenn.simulation.pictures.canvas import (
    WHITE,
    Brush,
    Look,
    curve,
    darker,
    ellipse,
    lighter,
    mirrored,
    mix,
    moved,
    polygon,
    thick,
    turned,
)


def cheese(brush: Brush, look: Look) -> None:
    top = polygon((0.06, 0.46), (0.62, 0.2), (0.94, 0.42))
    front = polygon((0.06, 0.46), (0.94, 0.42), (0.94, 0.72), (0.06, 0.8))
    brush.fill(front, look.colour, depth=0.08, gloss=0)
    brush.fill(top, lighter(look.colour, 0.3), depth=0.08, gloss=0)
    brush.fill(polygon((0.915, 0.405), (0.94, 0.42), (0.94, 0.72), (0.915, 0.725)), look.accent, depth=0)
    for x, y, radius in (
        (0.24, 0.6, 0.05),
        (0.42, 0.52, 0.035),
        (0.5, 0.68, 0.06),
        (0.7, 0.56, 0.07),
        (0.84, 0.66, 0.03),
        (0.34, 0.72, 0.03),
    ):
        brush.fill(ellipse(x, y, radius, radius * 0.9), darker(look.colour, 0.32), depth=0)
        brush.fill(ellipse(x + 0.006, y + 0.010, radius * 0.85, radius * 0.72), darker(look.colour, 0.16), depth=0)
    for x, y in ((0.56, 0.33), (0.7, 0.37), (0.44, 0.38)):
        brush.fill(ellipse(x, y, 0.035, 0.016), darker(look.colour, 0.12), depth=0)


def butter(brush: Brush, look: Look) -> None:
    brush.fill(ellipse(0.5, 0.76, 0.46, 0.13), (226, 232, 240), depth=0.5)
    brush.fill(ellipse(0.5, 0.745, 0.38, 0.095), (206, 214, 226), depth=0)
    for left, right in ((0.13, 0.19), (0.22, 0.28), (0.31, 0.84)):
        brush.fill(polygon((left, 0.5), (right, 0.5), (right, 0.76), (left, 0.76)), look.colour, depth=0.1, gloss=0.1)
        brush.fill(
            polygon((left, 0.5), (left + 0.07, 0.38), (right + 0.07, 0.38), (right, 0.5)),
            lighter(look.colour, 0.45),
            depth=0,
        )
        brush.fill(
            polygon((right, 0.5), (right + 0.07, 0.38), (right + 0.07, 0.64), (right, 0.76)),
            darker(look.colour, 0.16),
            depth=0,
        )
    brush.fill(
        polygon((0.56, 0.5), (0.84, 0.5), (0.84, 0.76), (0.58, 0.76), (0.54, 0.7), (0.58, 0.63), (0.54, 0.56)),
        look.accent,
        depth=0.15,
    )
    brush.fill(polygon((0.56, 0.5), (0.63, 0.38), (0.91, 0.38), (0.84, 0.5)), lighter(look.accent, 0.4), depth=0)
    brush.fill(polygon((0.84, 0.5), (0.91, 0.38), (0.91, 0.64), (0.84, 0.76)), darker(look.accent, 0.25), depth=0)
    brush.text(0.7, 0.63, "BUTTER", 0.055, WHITE)


def eggs(brush: Brush, look: Look) -> None:
    tray = (150, 150, 146)
    brush.fill(polygon((0.06, 0.5), (0.94, 0.5), (0.88, 0.86), (0.12, 0.86)), darker(tray, 0.2), depth=0.2, gloss=0)
    for y, lift in ((0.42, 0), (0.6, 1)):
        for x in (0.22, 0.5, 0.78):
            egg = moved(mirrored((0.5, 0.24), (0.6, 0.3), (0.645, 0.46), (0.58, 0.57), (0.5, 0.59)), x - 0.5, y - 0.42)
            brush.fill(egg, mix(look.colour, look.accent, float(brush.rng.random()) * 0.5), gloss=0.4)
        if lift:
            for x in (0.22, 0.5, 0.78):
                cup = curve(
                    (x - 0.16, 0.64), (x, 0.72), (x + 0.16, 0.64), (x + 0.13, 0.88), (x, 0.91), (x - 0.13, 0.88)
                )
                brush.fill(cup, tray, depth=0.7, gloss=0)
                brush.mottle(cup, darker(tray, 0.3), grain=16, amount=0.4)


def ice_cream(brush: Brush, look: Look) -> None:
    cone = polygon((0.29, 0.48), (0.71, 0.48), (0.5, 0.98))
    brush.fill(cone, (222, 164, 92), depth=0.4, gloss=0.1)
    for offset in np.arange(-0.6, 0.7, 0.1):
        for slope in (0.55, -0.55):
            line = np.linspace((0.2, 0.7 + offset - 0.3 * slope), (0.8, 0.7 + offset + 0.3 * slope), 4)
            brush.fill(thick(line, 0.012), (176, 112, 52), depth=0, within=cone)
    for x, y, tint in ((0.37, 0.4, look.colour), (0.63, 0.4, look.accent), (0.5, 0.22, lighter(look.colour, 0.3))):
        brush.ball(x, y, 0.2, 0.19, tint, gloss=0.3)
    for x in (0.25, 0.38, 0.52, 0.66, 0.76):
        brush.ball(x, 0.5, 0.075, 0.055, look.colour if x < 0.5 else look.accent, gloss=0.15)


def fish(brush: Brush, look: Look) -> None:
    for tail in (curve((0.78, 0.5), (0.95, 0.3), (0.91, 0.5), (0.95, 0.7)), curve((0.34, 0.36), (0.5, 0.2),
                                                                                  (0.66, 0.3), (0.64, 0.4)),
                 curve((0.5, 0.64), (0.56, 0.78), (0.64, 0.74), (0.66, 0.6))):  # fmt: skip
        brush.fill(tail, darker(look.colour, 0.3), depth=0.3)
    body = curve(
        (0.03, 0.52),
        (0.14, 0.4),
        (0.36, 0.31),
        (0.6, 0.36),
        (0.84, 0.48),
        (0.84, 0.53),
        (0.6, 0.67),
        (0.34, 0.71),
        (0.13, 0.64),
    )
    brush.fill(body, look.colour, gloss=0.5)
    belly = curve((0.06, 0.56), (0.3, 0.6), (0.6, 0.56), (0.82, 0.52), (0.6, 0.67), (0.34, 0.71), (0.13, 0.64))
    brush.fill(belly, look.accent, depth=0.3, gloss=0.2)
    for column in range(8):
        for row in range(5):
            x, y = 0.31 + 0.06 * column, 0.41 + 0.05 * row + 0.025 * (column % 2)
            if abs(y - 0.5) < 0.15 - 0.014 * column:
                brush.line(
                    curve((x, y), (x + 0.022, y + 0.02), (x, y + 0.04), closed=False), 0.006, darker(look.colour, 0.35)
                )
    brush.line(curve((0.26, 0.38), (0.3, 0.5), (0.25, 0.64), closed=False), 0.014, darker(look.colour, 0.4))
    brush.fill(ellipse(0.15, 0.47, 0.036), WHITE, depth=0)
    brush.fill(ellipse(0.148, 0.47, 0.021), (20, 20, 26), depth=0)


def salmon(brush: Brush, look: Look) -> None:
    slab = curve(
        (0.08, 0.6), (0.16, 0.4), (0.46, 0.28), (0.8, 0.26), (0.93, 0.36), (0.88, 0.6), (0.62, 0.74), (0.24, 0.78)
    )
    brush.fill(moved(slab, 0.01, 0.07), look.accent, depth=0.3)
    brush.fill(slab, look.colour, depth=0.5, gloss=0.35)
    for x in np.arange(0.16, 0.9, 0.095):
        rib = curve((x - 0.04, 0.8), (x + 0.03, 0.62), (x - 0.015, 0.5), (x + 0.05, 0.22), closed=False)
        brush.fill(thick(rib, 0.016), lighter(look.colour, 0.55), depth=0, within=slab)
    brush.leaf(0.62, 0.3, 0.22, 0.07, 160, (90, 150, 70))
    brush.leaf(0.62, 0.3, 0.2, 0.06, 110, (110, 168, 80))


def prawns(brush: Brush, look: Look) -> None:
    for shift_x, shift_y, size in ((0.02, -0.12, 0.8), (0.12, 0.2, 0.8)):
        points = np.array([(0.2, 0.34), (0.34, 0.2), (0.56, 0.16), (0.74, 0.28), (0.78, 0.5), (0.66, 0.66)])
        place = moved((points - 0.5) * size, 0.45 + shift_x, 0.55 + shift_y)
        spine = curve(*(tuple(point) for point in place), closed=False)
        for bend in (0.07, 0.0, -0.06):
            whisker = curve(
                tuple(spine[0]),
                (spine[0][0] - 0.12, spine[0][1] + 0.03 + bend),
                (spine[0][0] - 0.17, spine[0][1] + 0.2 + bend),
                closed=False,
            )
            brush.line(whisker, 0.009, darker(look.colour, 0.15))
        for turn in (70, 110, 150):
            brush.leaf(spine[-1][0] + 0.01, spine[-1][1], 0.16, 0.075, turn, look.accent, rib=False)
        for start in range(0, 39, 6):
            piece = spine[start : start + 9]
            width = 0.2 * size * (1 - start / 75) * (0.75 if start == 0 else 1)
            brush.fill(
                thick(piece, width, width * 0.93), mix(look.colour, look.accent, 0.3 * (start % 12) / 6), gloss=0.45
            )
        brush.dots(polygon(tuple(spine[3] - (0, 0.03))), 0.016, (26, 20, 22))


def sausages(brush: Brush, look: Look) -> None:
    for lift in (-0.17, 0.05, 0.27):
        spine = curve((0.12, 0.36 + lift), (0.36, 0.5 + lift), (0.64, 0.52 + lift), (0.88, 0.4 + lift), closed=False)
        for end in (spine[0], spine[-1]):
            brush.fill(ellipse(end[0], end[1], 0.075, 0.07), look.colour, gloss=0.2)
            brush.dots(
                polygon(tuple(moved(end, -0.07 if end[0] < 0.5 else 0.07, -0.02))), 0.020, darker(look.colour, 0.35)
            )
        brush.fill(thick(spine, 0.14, 0.14, belly=0.03), look.colour, gloss=0.7)
        for place in (8, 12, 16):
            x, y = spine[place]
            brush.line(polygon((x - 0.035, y + 0.045), (x + 0.03, y - 0.05)), 0.018, darker(look.colour, 0.5))


def steak(brush: Brush, look: Look) -> None:
    outer = curve(
        (0.1, 0.46),
        (0.2, 0.26),
        (0.44, 0.22),
        (0.68, 0.18),
        (0.88, 0.3),
        (0.92, 0.54),
        (0.76, 0.68),
        (0.6, 0.86),
        (0.34, 0.84),
        (0.16, 0.68),
    )
    brush.fill(outer, look.accent, depth=0.45, gloss=0.1)
    centre = outer.mean(axis=0)
    meat = (outer - centre) * (0.88, 0.86) + centre
    brush.fill(meat, look.colour, depth=0.35, gloss=0.25)
    brush.mottle(meat, darker(look.colour, 0.3), grain=12, amount=0.5)
    for x, y in brush.scattered(meat, 12, inset=0.78):
        turn = float(brush.rng.uniform(0, 180))
        vein = moved(turned(curve((-0.08, 0.0), (-0.02, 0.02), (0.03, -0.01), (0.08, 0.015), closed=False), turn), x, y)
        brush.fill(thick(vein, 0.006, 0.016), lighter(look.accent, 0.1), depth=0, within=meat)
    brush.fill(thick(curve((0.42, 0.24), (0.5, 0.42), (0.5, 0.56), closed=False), 0.07, 0.05), look.accent, depth=0.6)
    brush.fill(thick(curve((0.42, 0.46), (0.5, 0.41), (0.6, 0.44), closed=False), 0.05, 0.05), look.accent, depth=0.6)


def chicken(brush: Brush, look: Look) -> None:
    bone = (246, 238, 220)
    brush.fill(thick(polygon((0.62, 0.62), (0.86, 0.84)), 0.085), bone, depth=0.8)
    for x, y in ((0.90, 0.82), (0.85, 0.89)):
        brush.ball(x, y, 0.06, 0.06, bone)
    meat = curve(
        (0.08, 0.36),
        (0.16, 0.18),
        (0.38, 0.1),
        (0.58, 0.22),
        (0.68, 0.44),
        (0.74, 0.68),
        (0.69, 0.73),
        (0.5, 0.68),
        (0.24, 0.62),
    )
    brush.fill(meat, look.colour, gloss=0.55)
    brush.mottle(meat, darker(look.colour, 0.35), grain=9, amount=0.55)
    brush.mottle(meat, lighter(look.accent, 0.2), grain=7, amount=0.4)


def bacon(brush: Brush, look: Look) -> None:
    for x in (0.15, 0.38, 0.61, 0.84):
        wave = curve(
            (x + 0.02, 0.06),
            (x - 0.03, 0.24),
            (x + 0.04, 0.42),
            (x - 0.03, 0.6),
            (x + 0.03, 0.78),
            (x - 0.02, 0.95),
            closed=False,
        )
        rasher = thick(wave, 0.19)
        brush.fill(rasher, look.colour, depth=0.25, gloss=0.2)
        for shift, width in ((-0.075, 0.05), (0.012, 0.028), (0.078, 0.016)):
            brush.fill(
                thick(moved(wave, shift, 0.0), width, width * 1.3), look.accent, depth=0.1, gloss=0, within=rasher
            )


def nuts(brush: Brush, look: Look) -> None:
    for x, y, turn in (
        (0.3, 0.3, 20),
        (0.68, 0.28, -35),
        (0.5, 0.5, 70),
        (0.24, 0.66, -20),
        (0.74, 0.62, 30),
        (0.5, 0.8, 5),
    ):
        shell = curve((-0.2, 0.0), (-0.15, -0.1), (-0.06, -0.085), (0.0, -0.055), (0.07, -0.095), (0.17, -0.085),
                      (0.2, 0.0), (0.16, 0.095), (0.06, 0.085), (0.0, 0.06), (-0.07, 0.09), (-0.16, 0.095))  # fmt: skip
        place = moved(turned(shell, turn), x, y)
        brush.fill(place, look.colour, gloss=0.1)
        for mark_x, mark_y in brush.scattered(shell, 18, inset=0.8):
            brush.dots(moved(turned(polygon((mark_x, mark_y)), turn), x, y), 0.008, darker(look.colour, 0.35))
