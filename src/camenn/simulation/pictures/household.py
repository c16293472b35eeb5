"""Things for the house, one function a product."""

import numpy as np

from camenn.simulation.pictures.canvas import (
    WHITE,
    Brush,
    Look,
    box,
    curve,
    darker,
    ellipse,
    lighter,
    mirrored,
    moved,
    polygon,
    thick,
)

METAL = (188, 192, 198)


def toilet_paper(brush: Brush, look: Look) -> None:
    for x, y in ((0.28, 0.6), (0.72, 0.6), (0.5, 0.28)):
        body = box(x - 0.21, y, x + 0.21, y + 0.33)
        brush.fill(ellipse(x, y + 0.33, 0.21, 0.07), look.colour, tube=True)
        brush.fill(body, look.colour, tube=True)
        for dash in np.arange(x - 0.18, x + 0.18, 0.05):
            brush.dots(polygon((float(dash), y + 0.2)), 0.006, darker(look.accent, 0.1))
            brush.dots(polygon((float(dash) + 0.02, y + 0.26)), 0.010, look.accent)
        brush.fill(ellipse(x, y, 0.21, 0.075), lighter(look.colour, 0.5), depth=0)
        for ring in (0.17, 0.13):
            outline = ellipse(x, y, ring, ring * 0.36)
            brush.line(np.concatenate([outline, outline[:1]]), 0.005, darker(look.colour, 0.15))
        brush.fill(ellipse(x, y, 0.075, 0.028), (176, 140, 100), depth=0)
        brush.fill(ellipse(x, y + 0.006, 0.058, 0.02), (96, 72, 50), depth=0)


def soap(brush: Brush, look: Look) -> None:
    bar = box(0.1, 0.38, 0.9, 0.78, 0.16)
    brush.fill(moved(bar, 0.0, 0.05), darker(look.colour, 0.25), depth=0.4)
    brush.fill(bar, look.colour, depth=0.7, gloss=0.6)
    brush.fill(ellipse(0.5, 0.56, 0.27, 0.12), darker(look.colour, 0.08), depth=0.3)
    brush.text(0.5, 0.56, "SOAP", 0.11, darker(look.colour, 0.4))
    for x, y, radius in (
        (0.2, 0.3, 0.1),
        (0.34, 0.22, 0.07),
        (0.3, 0.36, 0.06),
        (0.78, 0.3, 0.08),
        (0.88, 0.4, 0.05),
        (0.66, 0.26, 0.045),
    ):
        brush.fill(ellipse(x, y, radius), (206, 228, 246), depth=0.25, gloss=0.5, opacity=0.8)
        brush.dots(polygon((x - radius * 0.35, y - radius * 0.35)), radius * 0.22, WHITE)


def detergent(brush: Brush, look: Look) -> None:
    body = curve(
        (0.24, 0.34),
        (0.36, 0.24),
        (0.56, 0.22),
        (0.72, 0.28),
        (0.8, 0.46),
        (0.82, 0.84),
        (0.76, 0.95),
        (0.26, 0.95),
        (0.2, 0.84),
    )
    brush.fill(body, look.colour, gloss=0.5)
    brush.fill(ellipse(0.68, 0.44, 0.055, 0.13, -14), darker(look.colour, 0.6), depth=0)
    brush.erase(ellipse(0.685, 0.445, 0.042, 0.115, -14))
    brush.fill(box(0.3, 0.06, 0.56, 0.26, 0.03), look.accent, tube=True)
    brush.fill(ellipse(0.46, 0.68, 0.21, 0.17), WHITE, depth=0.15)
    brush.text(0.46, 0.65, "WASH", 0.115, darker(look.colour, 0.2))
    for x, y, radius in ((0.36, 0.77, 0.03), (0.46, 0.79, 0.024), (0.56, 0.76, 0.035)):
        brush.ball(x, y, radius, radius, look.accent, gloss=0.9)


def washing_up(brush: Brush, look: Look) -> None:
    body = mirrored(
        (0.5, 0.2), (0.58, 0.22), (0.66, 0.34), (0.62, 0.54), (0.7, 0.72), (0.7, 0.9), (0.64, 0.96), (0.5, 0.965)
    )
    brush.fill(body, look.colour, tube=True)
    brush.fill(polygon((0.43, 0.12), (0.57, 0.12), (0.59, 0.23), (0.41, 0.23)), look.accent, tube=True)
    brush.fill(box(0.465, 0.04, 0.535, 0.13, 0.02), look.accent, tube=True)
    brush.fill(ellipse(0.5, 0.76, 0.15, 0.12), WHITE, depth=0.1)
    brush.text(0.5, 0.74, "DISHES", 0.065, darker(look.colour, 0.3))
    brush.fill(ellipse(0.5, 0.81, 0.06, 0.02), lighter(look.colour, 0.3), depth=0.5)


def shampoo(brush: Brush, look: Look) -> None:
    brush.fill(box(0.28, 0.34, 0.72, 0.96, 0.08), look.colour, tube=True)
    brush.fill(box(0.44, 0.24, 0.56, 0.36, 0.01), WHITE, tube=True)
    brush.fill(box(0.40, 0.17, 0.60, 0.25, 0.02), look.accent, tube=True)
    brush.fill(
        curve((0.42, 0.10), (0.66, 0.08), (0.76, 0.12), (0.75, 0.17), (0.6, 0.16), (0.42, 0.18)), look.accent, depth=0.8
    )
    brush.fill(box(0.33, 0.48, 0.67, 0.84, 0.03), lighter(look.colour, 0.7), depth=0.05, gloss=0)
    brush.text(0.5, 0.57, "SHAMPOO", 0.06, darker(look.colour, 0.4))
    wave = curve((0.38, 0.7), (0.44, 0.64), (0.5, 0.72), (0.56, 0.65), (0.62, 0.7), closed=False)
    for lift in (0.0, 0.05):
        brush.line(moved(wave, 0, lift), 0.014, look.accent)


def toothpaste(brush: Brush, look: Look) -> None:
    tube = polygon((0.05, 0.36), (0.16, 0.34), (0.78, 0.42), (0.78, 0.64), (0.16, 0.72), (0.05, 0.7))
    brush.fill(tube, WHITE, depth=0.6, gloss=0.4)
    brush.fill(polygon((0.05, 0.355), (0.12, 0.345), (0.12, 0.71), (0.05, 0.705)), (216, 220, 226), depth=0)
    brush.fill(polygon((0.16, 0.55), (0.4, 0.6), (0.78, 0.52), (0.78, 0.64), (0.16, 0.72)), look.colour, depth=0.2)
    brush.fill(
        polygon((0.16, 0.51), (0.4, 0.57), (0.78, 0.5), (0.78, 0.53), (0.4, 0.61), (0.16, 0.56)), look.accent, depth=0
    )
    brush.text(0.42, 0.465, "TOOTHPASTE", 0.062, darker(look.colour, 0.35))
    brush.fill(box(0.78, 0.44, 0.83, 0.62), (224, 226, 230), depth=0.5)
    brush.fill(box(0.83, 0.45, 0.94, 0.61, 0.02), look.colour, depth=0.7)


def light_bulb(brush: Brush, look: Look) -> None:
    glass = mirrored((0.5, 0.06), (0.7, 0.11), (0.8, 0.3), (0.74, 0.48), (0.63, 0.62), (0.61, 0.7), (0.5, 0.71))
    brush.fill(glass, look.colour, gloss=0.9)
    brush.line(curve((0.43, 0.7), (0.4, 0.46), (0.47, 0.38), (0.5, 0.46), (0.53, 0.38), (0.6, 0.46),
                     (0.57, 0.7), closed=False),
               0.014, look.accent)  # fmt: skip
    for place in range(4):
        brush.fill(box(0.395, 0.69 + 0.055 * place, 0.605, 0.745 + 0.055 * place, 0.02), METAL, tube=True)
    brush.fill(mirrored((0.5, 0.9), (0.56, 0.91), (0.54, 0.95), (0.5, 0.96)), (60, 60, 66), depth=0.5)


def batteries(brush: Brush, look: Look) -> None:
    for x in (0.2, 0.5, 0.8):
        brush.fill(box(x - 0.04, 0.1, x + 0.04, 0.16, 0.01), METAL, tube=True)
        brush.fill(box(x - 0.125, 0.15, x + 0.125, 0.92, 0.02), look.colour, tube=True)
        brush.fill(box(x - 0.125, 0.15, x + 0.125, 0.4, 0.02), look.accent, tube=True)
        brush.text(x, 0.28, "+", 0.15, WHITE)
        brush.text(x, 0.66, "ALKALINE", 0.075, WHITE, upright=True)


def candles(brush: Brush, look: Look) -> None:
    for x, top in ((0.28, 0.42), (0.72, 0.5), (0.5, 0.3)):
        brush.fill(
            moved(mirrored((0.5, top - 0.2), (0.54, top - 0.1), (0.525, top - 0.045), (0.5, top - 0.035)), x - 0.5, 0),
            (250, 196, 60),
            gloss=0,
        )
        brush.fill(ellipse(x, top - 0.07, 0.013, 0.028), (255, 246, 200), depth=0)
        brush.line(polygon((x, top - 0.04), (x, top + 0.01)), 0.012, (50, 40, 36))
        brush.fill(box(x - 0.115, top, x + 0.115, 0.93), look.colour, tube=True)
        brush.fill(ellipse(x, 0.93, 0.115, 0.028), look.colour, tube=True)
        brush.fill(ellipse(x, top, 0.115, 0.03), look.accent, depth=0.2)


def kitchen_roll(brush: Brush, look: Look) -> None:
    brush.fill(ellipse(0.46, 0.9, 0.25, 0.065), look.colour, tube=True)
    brush.fill(box(0.21, 0.16, 0.71, 0.9), look.colour, tube=True)
    sheet = polygon((0.71, 0.16), (0.9, 0.2), (0.9, 0.92), (0.71, 0.9))
    brush.fill(sheet, darker(look.colour, 0.08), depth=0)
    for row in range(6):
        for x in (0.28, 0.4, 0.52, 0.64, 0.8):
            flower = polygon((x + 0.03 * (row % 2), 0.26 + 0.115 * row))
            brush.dots(flower, 0.018, look.accent)
            brush.dots(flower, 0.008, WHITE)
    brush.fill(ellipse(0.46, 0.16, 0.25, 0.065), lighter(look.colour, 0.5), depth=0)
    brush.fill(ellipse(0.46, 0.16, 0.08, 0.022), (150, 116, 80), depth=0)


def matches(brush: Brush, look: Look) -> None:
    for place in range(5):
        x = 0.22 + 0.13 * place
        brush.fill(thick(polygon((x, 0.5), (x + 0.02, 0.17)), 0.04), (232, 196, 140), depth=0.3)
        brush.ball(x + 0.021, 0.155, 0.034, 0.048, look.accent, gloss=0.4)
    brush.fill(box(0.1, 0.42, 0.9, 0.86), look.colour, depth=0.08, gloss=0)
    brush.fill(box(0.1, 0.76, 0.9, 0.86), (104, 66, 56), depth=0)
    brush.fill(ellipse(0.5, 0.59, 0.24, 0.12), WHITE, depth=0)
    brush.text(0.5, 0.59, "MATCHES", 0.085, look.accent)


def sponge(brush: Brush, look: Look) -> None:
    front = box(0.1, 0.5, 0.78, 0.78, 0.02)
    brush.fill(front, look.colour, depth=0.15, gloss=0)
    brush.fill(polygon((0.1, 0.5), (0.24, 0.32), (0.92, 0.32), (0.78, 0.5)), look.accent, depth=0)
    brush.mottle(
        polygon((0.1, 0.5), (0.24, 0.32), (0.92, 0.32), (0.78, 0.5)), darker(look.accent, 0.4), grain=30, amount=0.7
    )
    brush.fill(polygon((0.78, 0.5), (0.92, 0.32), (0.92, 0.6), (0.78, 0.78)), darker(look.colour, 0.18), depth=0)
    brush.fill(polygon((0.1, 0.5), (0.78, 0.5), (0.78, 0.565), (0.1, 0.565)), darker(look.accent, 0.1), depth=0)
    brush.fill(polygon((0.78, 0.5), (0.92, 0.32), (0.92, 0.385), (0.78, 0.565)), darker(look.accent, 0.25), depth=0)
    pores = polygon(*((float(x), float(y)) for x, y in brush.rng.uniform((0.12, 0.59), (0.76, 0.76), (44, 2))))
    brush.dots(pores, 0.011, darker(look.colour, 0.3))
