"""Packed goods: a few kinds of package, and one function a product that prints on them."""

import numpy as np

from camenn.simulation.pictures.canvas import (
    WHITE,
    Brush,
    Colour,
    Look,
    Outline,
    box,
    curve,
    darker,
    ellipse,
    leaf_outline,
    lighter,
    lobed,
    mirrored,
    mix,
    moved,
    polygon,
    thick,
    turned,
)


def _carton(brush: Brush, colour: Colour, *, top: float = 0.12) -> None:
    """A gable-top carton: front, side, roof and ridge."""
    brush.fill(polygon((0.62, 0.36), (0.80, 0.31), (0.80, 0.90), (0.62, 0.96)), darker(colour, 0.25), depth=0)
    brush.fill(polygon((0.22, 0.36), (0.62, 0.36), (0.62, 0.96), (0.22, 0.96)), colour, depth=0.06, gloss=0)
    brush.fill(polygon((0.62, 0.36), (0.80, 0.31), (0.61, top + 0.1)), darker(colour, 0.38), depth=0)
    brush.fill(
        polygon((0.22, 0.36), (0.62, 0.36), (0.61, top + 0.1), (0.28, top + 0.1)),
        darker(colour, 0.1),
        depth=0.05,
        gloss=0,
    )
    brush.fill(polygon((0.28, top), (0.61, top), (0.61, top + 0.1), (0.28, top + 0.1)), lighter(colour, 0.3), depth=0.1)


def _bottle(
    brush: Brush, colour: Colour, *, neck: float, shoulder: float, body: float, cap: Colour, top: float = 0.04
) -> None:
    """An upright bottle: half widths of neck and body, height of the shoulder."""
    glass = mirrored((0.5, top + 0.05), (0.5 + neck, top + 0.06), (0.5 + neck, shoulder - 0.12),
                     (0.5 + body * 0.86, shoulder),
                     (0.5 + body, shoulder + 0.1), (0.5 + body, 0.9), (0.5 + body * 0.9, 0.965),
                     (0.5, 0.975))  # fmt: skip
    brush.fill(glass, colour, tube=True)
    brush.fill(box(0.5 - neck - 0.012, top, 0.5 + neck + 0.012, top + 0.085, 0.012), cap, tube=True)


def _label(
    brush: Brush, half: float, top: float, bottom: float, colour: Colour, words: str, *, size: float = 0.07
) -> None:
    """A paper label round a bottle."""
    brush.fill(box(0.5 - half, top, 0.5 + half, bottom), colour, tube=True)
    ink = darker(colour, 0.75) if sum(colour) > 380 else WHITE
    brush.text(0.5, (top + bottom) / 2, words, size, ink)


def _box(
    brush: Brush, colour: Colour, *, left: float, top: float, right: float, bottom: float, deep: float = 0.12
) -> None:
    """A cardboard box seen from its front, a little from above and the right."""
    rise = deep * 0.55
    brush.fill(
        polygon((left, top), (left + deep, top - rise), (right + deep, top - rise), (right, top)),
        lighter(colour, 0.35),
        depth=0,
    )
    brush.fill(
        polygon((right, top), (right + deep, top - rise), (right + deep, bottom - rise), (right, bottom)),
        darker(colour, 0.3),
        depth=0,
    )
    brush.fill(box(left, top, right, bottom), colour, depth=0.05, gloss=0)


def _pouch(brush: Brush, colour: Colour) -> Outline:
    """A soft bag, sealed along its zigzag top and bottom."""
    teeth = np.linspace(0.17, 0.83, 23)
    top = [(float(x), 0.07 + 0.018 * (place % 2)) for place, x in enumerate(teeth)]
    bottom = [(float(x), 0.95 - 0.018 * (place % 2)) for place, x in enumerate(teeth[::-1])]
    right = [(0.815, 0.16), (0.86, 0.4), (0.865, 0.65), (0.82, 0.86)]
    bag = polygon(*top, *right, *bottom, *((1 - x, y) for x, y in reversed(right)))
    brush.fill(bag, colour, depth=0.5, gloss=0.3)
    for y in (0.125, 0.9):
        brush.line(polygon((0.19, y), (0.81, y)), 0.012, darker(colour, 0.25))
    return bag


def _jar(brush: Brush, content: Colour, lid: Colour) -> None:
    jar = mirrored((0.5, 0.2), (0.68, 0.21), (0.72, 0.27), (0.8, 0.34), (0.81, 0.86), (0.74, 0.95), (0.5, 0.955))
    brush.fill(jar, content, tube=True)
    brush.fill(box(0.27, 0.06, 0.73, 0.21, 0.03), lid, tube=True)
    brush.line(polygon((0.28, 0.15), (0.72, 0.15)), 0.010, darker(lid, 0.3))


def milk(brush: Brush, look: Look) -> None:
    _carton(brush, look.colour)
    wave = curve((0.22, 0.66), (0.34, 0.6), (0.48, 0.68), (0.62, 0.62), closed=False)
    brush.fill(np.concatenate([wave, polygon((0.62, 0.96), (0.22, 0.96))]), look.accent, depth=0)
    brush.fill(polygon((0.62, 0.62), (0.80, 0.57), (0.80, 0.90), (0.62, 0.96)), darker(look.accent, 0.25), depth=0)
    for x, y, size in ((0.3, 0.88, 0.05), (0.5, 0.78, 0.06), (0.54, 0.92, 0.035)):
        brush.fill(
            lobed(x, y, size, lobes=4, depth=0.22, squash=0.7, turn=float(brush.rng.uniform(0, 90))), WHITE, depth=0
        )
    brush.text(0.42, 0.48, "MILK", 0.12, look.accent)


def cream(brush: Brush, look: Look) -> None:
    _carton(brush, look.colour, top=0.16)
    brush.fill(curve((0.24, 0.9), (0.3, 0.72), (0.42, 0.64), (0.54, 0.72), (0.6, 0.9), (0.42, 0.94)), WHITE, depth=0.6)
    brush.ball(0.42, 0.66, 0.055, 0.055, look.accent, gloss=0.7)
    brush.text(0.42, 0.47, "CREAM", 0.085, WHITE)


def yoghurt(brush: Brush, look: Look) -> None:
    cup = polygon((0.2, 0.22), (0.8, 0.22), (0.71, 0.94), (0.29, 0.94))
    brush.fill(cup, WHITE, tube=True)
    band = polygon((0.232, 0.48), (0.768, 0.48), (0.725, 0.82), (0.275, 0.82))
    brush.fill(band, look.colour, tube=True)
    brush.fill(ellipse(0.5, 0.22, 0.325, 0.075), (206, 212, 220), depth=0.5)
    brush.fill(curve((0.76, 0.2), (0.9, 0.22), (0.88, 0.3), (0.76, 0.28)), (190, 198, 208), depth=0.2)
    brush.text(0.5, 0.37, "YOGHURT", 0.085, darker(look.colour, 0.45))
    for x, y in ((0.41, 0.66), (0.55, 0.69), (0.5, 0.6)):
        brush.ball(x, y, 0.075, 0.075, look.accent, gloss=0.6)
    brush.leaf(0.53, 0.57, 0.14, 0.08, -25, rib=False)


def juice(brush: Brush, look: Look) -> None:
    _carton(brush, look.colour)
    brush.ball(0.42, 0.70, 0.155, 0.155, look.accent, gloss=0.5)
    brush.fill(ellipse(0.47, 0.82, 0.1), lighter(look.accent, 0.55), depth=0)
    for turn in range(0, 360, 60):
        petal = leaf_outline(0.47, 0.82, 0.088, 0.06, turn)
        brush.fill(petal, look.accent, depth=0)
    brush.leaf(0.43, 0.56, 0.15, 0.08, -30, rib=False)
    brush.text(0.42, 0.46, "JUICE", 0.10, WHITE if sum(look.colour) < 520 else darker(look.accent, 0.6))
    brush.fill(ellipse(0.69, 0.26, 0.055, 0.05), WHITE, depth=0.8)


def cola(brush: Brush, look: Look) -> None:
    metal = (200, 204, 208)
    brush.fill(
        mirrored((0.5, 0.06), (0.68, 0.07), (0.74, 0.16), (0.74, 0.86), (0.68, 0.95), (0.5, 0.96)), metal, tube=True
    )
    brush.fill(box(0.26, 0.155, 0.74, 0.86), look.colour, tube=True)
    brush.fill(ellipse(0.5, 0.075, 0.185, 0.035), (224, 226, 230), depth=0.3)
    brush.fill(ellipse(0.5, 0.075, 0.06, 0.014), (150, 154, 160), depth=0)
    wave = thick(curve((0.27, 0.72), (0.4, 0.62), (0.56, 0.74), (0.73, 0.62), closed=False), 0.06)
    brush.fill(wave, look.accent, depth=0)
    brush.text(0.5, 0.42, "COLA", 0.15, look.accent)


def water(brush: Brush, look: Look) -> None:
    _bottle(brush, look.colour, neck=0.075, shoulder=0.3, body=0.19, cap=look.accent)
    for y in (0.74, 0.79, 0.84, 0.89):
        brush.line(polygon((0.33, y), (0.67, y)), 0.008, lighter(look.colour, 0.6))
    _label(brush, 0.192, 0.42, 0.66, look.accent, "WATER", size=0.085)
    brush.fill(mirrored((0.5, 0.29), (0.54, 0.35), (0.53, 0.4), (0.5, 0.405)), WHITE, depth=0)


def smoothie(brush: Brush, look: Look) -> None:
    _bottle(brush, look.colour, neck=0.12, shoulder=0.26, body=0.23, cap=WHITE)
    _label(brush, 0.232, 0.44, 0.8, WHITE, "", size=0.06)
    brush.text(0.5, 0.74, "SMOOTHIE", 0.07, darker(look.colour, 0.4))
    brush.ball(0.45, 0.58, 0.08, 0.08, look.accent, gloss=0.6)
    brush.ball(0.57, 0.61, 0.06, 0.06, look.colour, gloss=0.6)
    brush.leaf(0.5, 0.52, 0.12, 0.07, -20, rib=False)


def wine(brush: Brush, look: Look) -> None:
    _bottle(brush, look.colour, neck=0.055, shoulder=0.4, body=0.155, cap=look.accent, top=0.02)
    brush.fill(box(0.44, 0.02, 0.56, 0.2), look.accent, tube=True)
    _label(brush, 0.156, 0.58, 0.84, (240, 234, 216), "", size=0.06)
    brush.text(0.5, 0.80, "WINE", 0.06, (70, 40, 40))
    for row, count in enumerate((3, 2, 1)):
        for place in range(count):
            brush.ball(0.5 + (place - (count - 1) / 2) * 0.05, 0.64 + 0.042 * row, 0.028, 0.028, look.accent, gloss=0.5)


def beer(brush: Brush, look: Look) -> None:
    _bottle(brush, look.colour, neck=0.06, shoulder=0.36, body=0.165, cap=look.accent)
    _label(brush, 0.166, 0.5, 0.84, look.accent, "", size=0.09)
    brush.text(0.5, 0.62, "BEER", 0.085, WHITE)
    brush.fill(ellipse(0.5, 0.33, 0.055, 0.04), look.accent, depth=0.2)
    for side in (-1, 1):
        for place in range(4):
            brush.leaf(
                0.5 + side * (0.02 + 0.03 * place),
                0.79 - 0.012 * place,
                0.055,
                0.028,
                -90 + side * 40,
                (246, 214, 110),
                rib=False,
            )


def coffee(brush: Brush, look: Look) -> None:
    brush.fill(polygon((0.24, 0.14), (0.76, 0.14), (0.82, 0.95), (0.18, 0.95)), look.colour, depth=0.35, gloss=0.2)
    brush.fill(polygon((0.24, 0.06), (0.76, 0.06), (0.76, 0.15), (0.24, 0.15)), darker(look.colour, 0.25), depth=0.1)
    brush.fill(box(0.28, 0.3, 0.72, 0.82, 0.04), look.accent, depth=0.05, gloss=0)
    brush.text(0.5, 0.42, "COFFEE", 0.085, darker(look.colour, 0.6))
    for x, y, turn in ((0.42, 0.58, 30), (0.57, 0.6, -25), (0.5, 0.71, 80)):
        brush.fill(ellipse(x, y, 0.075, 0.055, turn), (92, 56, 34), gloss=0.5)
        brush.line(
            moved(turned(curve((-0.06, 0.0), (-0.02, 0.012), (0.02, -0.012), (0.06, 0.0), closed=False), turn), x, y),
            0.010,
            (44, 24, 14),
        )


def tea(brush: Brush, look: Look) -> None:
    _box(brush, look.colour, left=0.12, top=0.32, right=0.76, bottom=0.86)
    brush.fill(ellipse(0.44, 0.59, 0.2, 0.2), look.accent, depth=0)
    brush.text(0.44, 0.54, "TEA", 0.12, darker(look.colour, 0.5))
    for turn in (200, 270, 340):
        brush.leaf(0.44, 0.755, 0.15, 0.08, turn)


def crisps(brush: Brush, look: Look) -> None:
    _pouch(brush, look.colour)
    brush.fill(ellipse(0.5, 0.36, 0.29, 0.14, -6), look.accent, depth=0.2)
    brush.text(0.5, 0.36, "CRISPS", 0.125, WHITE if sum(look.accent) < 420 else darker(look.colour, 0.6))
    for x, y, turn in ((0.36, 0.66, 20), (0.6, 0.62, -30), (0.5, 0.76, 5), (0.7, 0.76, 40)):
        chip = moved(turned(ellipse(0, 0, 0.125, 0.08), turn), x, y)
        brush.fill(chip, (246, 204, 104), depth=0.5, gloss=0.1)
        brush.mottle(chip, (206, 146, 60), grain=5, amount=0.6)


def chocolate(brush: Brush, look: Look) -> None:
    slab = (92, 54, 36)
    brush.fill(polygon((0.28, 0.05), (0.72, 0.05), (0.72, 0.4), (0.28, 0.4)), slab, depth=0.1)
    for x in (0.295, 0.435, 0.575):
        for y in (0.065, 0.2):
            brush.fill(box(x, y, x + 0.13, y + 0.12, 0.012), look.colour, depth=0.35, gloss=0.3)
    foil = [(0.26 + 0.048 * place, 0.31 + 0.035 * (place % 2)) for place in range(11)]
    brush.fill(polygon(*foil, (0.74, 0.5), (0.26, 0.5)), (214, 214, 220), depth=0.2, gloss=0.5)
    brush.fill(box(0.25, 0.4, 0.75, 0.96), look.accent, depth=0.12)
    brush.text(0.5, 0.68, "CHOCOLATE", 0.085, (250, 226, 170), upright=True)
    for x in (0.31, 0.69):
        brush.line(polygon((x, 0.43), (x, 0.93)), 0.012, (226, 184, 104))


def candy(brush: Brush, look: Look) -> None:
    for x, y, turn, tint in (
        (0.34, 0.3, -25, look.colour),
        (0.66, 0.5, 20, look.accent),
        (0.36, 0.73, -10, mix(look.colour, look.accent, 0.5)),
    ):
        for side in (0, 180):
            fan = moved(
                turned(
                    polygon((0.1, 0.0), (0.25, -0.11), (0.225, -0.035), (0.255, 0.0), (0.225, 0.04), (0.25, 0.11)),
                    turn + side,
                ),
                x,
                y,
            )
            brush.fill(fan, lighter(tint, 0.25), depth=0.3)
        middle = ellipse(x, y, 0.15, 0.125, turn)
        brush.fill(middle, tint, gloss=0.7)
        for shift in (-0.07, 0.0, 0.07):
            stripe = moved(
                turned(
                    polygon((shift - 0.035, -0.14), (shift - 0.01, -0.14), (shift + 0.035, 0.14), (shift + 0.01, 0.14)),
                    turn,
                ),
                x,
                y,
            )
            brush.fill(stripe, WHITE, depth=0, within=middle, opacity=0.85)


def popcorn(brush: Brush, look: Look) -> None:
    for x, y in brush.rng.uniform((0.24, 0.14), (0.76, 0.42), (30, 2)):
        lift = 0.08 * (1 - ((x - 0.5) / 0.3) ** 2)
        for shift_x, shift_y in ((-0.03, 0.01), (0.03, 0.0), (0.0, -0.03)):
            brush.ball(x + shift_x, y - lift + shift_y + 0.05, 0.05, 0.046, look.accent, gloss=0.1)
    tub = polygon((0.2, 0.42), (0.8, 0.42), (0.7, 0.96), (0.3, 0.96))
    brush.fill(tub, WHITE, tube=True)
    for place in range(4):
        left, right = 0.2 + 0.15 * place + 0.02, 0.2 + 0.15 * place + 0.1
        low_left, low_right = 0.3 + (left - 0.2) * 0.667, 0.3 + (right - 0.2) * 0.667
        brush.fill(polygon((left, 0.42), (right, 0.42), (low_right, 0.96), (low_left, 0.96)), look.colour, depth=0)
    brush.fill(ellipse(0.5, 0.68, 0.2, 0.085), WHITE, depth=0.1)
    brush.text(0.5, 0.68, "POPCORN", 0.06, darker(look.colour, 0.3))


def pasta(brush: Brush, look: Look) -> None:
    bag = _pouch(brush, look.colour)
    window = box(0.24, 0.42, 0.76, 0.84, 0.06)
    brush.fill(window, (250, 226, 160), depth=0)
    for x, y in brush.scattered(window, 30, inset=0.95):
        tube = moved(turned(box(-0.075, -0.022, 0.075, 0.022, 0.01), float(brush.rng.uniform(0, 180))), x, y)
        brush.fill(tube, (240, 200, 106), depth=0.8, within=window)
    brush.text(0.5, 0.27, "PASTA", 0.14, WHITE)
    brush.line(bag[30:34], 0.01, lighter(look.colour, 0.4))


def rice(brush: Brush, look: Look) -> None:
    _pouch(brush, look.colour)
    heap = mirrored((0.5, 0.5), (0.62, 0.56), (0.74, 0.74), (0.66, 0.82), (0.5, 0.83))
    brush.fill(heap, WHITE, depth=0.3, gloss=0)
    for x, y in brush.scattered(heap, 60, inset=0.95):
        brush.fill(ellipse(x, y, 0.022, 0.009, float(brush.rng.uniform(0, 180))), (222, 214, 196), depth=0)
    brush.text(0.5, 0.3, "RICE", 0.16, look.accent)


def flour(brush: Brush, look: Look) -> None:
    brush.fill(polygon((0.22, 0.16), (0.78, 0.16), (0.8, 0.95), (0.2, 0.95)), look.colour, depth=0.2, gloss=0)
    brush.fill(
        polygon((0.22, 0.16), (0.5, 0.08), (0.78, 0.16), (0.74, 0.2), (0.26, 0.2)), darker(look.colour, 0.12), depth=0.1
    )
    brush.text(0.5, 0.34, "FLOUR", 0.12, look.accent)
    for lean in (-0.16, 0.0, 0.16):
        stalk = curve((0.5, 0.88), (0.5 + lean * 0.5, 0.7), (0.5 + lean, 0.5), closed=False)
        brush.line(stalk, 0.010, (196, 146, 60))
        for place in range(7, 17, 2):
            x, y = stalk[place]
            for turn in (-150, -30):
                brush.leaf(x, y, 0.07, 0.036, turn, (226, 176, 84), rib=False)


def oil(brush: Brush, look: Look) -> None:
    _bottle(brush, look.colour, neck=0.055, shoulder=0.36, body=0.15, cap=(40, 44, 36), top=0.02)
    _label(brush, 0.152, 0.5, 0.84, (240, 234, 206), "", size=0.05)
    brush.text(0.5, 0.79, "OLIVE OIL", 0.052, (70, 80, 30))
    brush.leaf(0.4, 0.66, 0.2, 0.07, -20, (110, 134, 60))
    for x, y in ((0.47, 0.64), (0.55, 0.67)):
        brush.fill(ellipse(x, y, 0.04, 0.03, -30), look.accent, gloss=0.6)


def tinned(brush: Brush, look: Look) -> None:
    metal = (196, 200, 204)
    brush.fill(
        mirrored((0.5, 0.1), (0.76, 0.13), (0.77, 0.2), (0.77, 0.86), (0.76, 0.93), (0.5, 0.96)), metal, tube=True
    )
    brush.fill(ellipse(0.5, 0.135, 0.265, 0.055), (222, 225, 228), depth=0.2)
    brush.fill(ellipse(0.5, 0.138, 0.22, 0.04), (186, 190, 196), depth=0)
    brush.fill(box(0.232, 0.24, 0.768, 0.84), look.colour, tube=True)
    brush.fill(ellipse(0.5, 0.6, 0.2, 0.18), WHITE, depth=0)
    brush.fill(mirrored((0.5, 0.5), (0.6, 0.48), (0.66, 0.58), (0.6, 0.7), (0.5, 0.73)), look.accent, gloss=0.6)
    for turn in (190, 240, 300, 350):
        brush.leaf(0.5, 0.51, 0.09, 0.04, turn, rib=False)
    brush.text(0.5, 0.33, "TOMATOES" if look.accent[0] > look.accent[1] * 2 else "BEANS", 0.07, WHITE)


def honey(brush: Brush, look: Look) -> None:
    _jar(brush, look.colour, look.accent)
    brush.fill(box(0.24, 0.46, 0.76, 0.8, 0.04), (252, 240, 206), depth=0.05, gloss=0)
    brush.text(0.5, 0.55, "HONEY", 0.095, (130, 74, 20))
    brush.fill(ellipse(0.5, 0.7, 0.07, 0.048), (246, 190, 50), gloss=0.3)
    for x in (0.48, 0.52):
        brush.line(polygon((x, 0.66), (x, 0.74)), 0.016, (50, 34, 20))
    for turn in (-130, -50):
        brush.fill(leaf_outline(0.5, 0.67, 0.09, 0.06, turn), (216, 232, 240), depth=0)


def jam(brush: Brush, look: Look) -> None:
    _jar(brush, look.colour, look.accent)
    for x in np.linspace(0.3, 0.7, 6):
        brush.line(polygon((float(x), 0.07), (float(x), 0.2)), 0.014, WHITE)
    brush.fill(ellipse(0.5, 0.62, 0.23, 0.18), (252, 246, 232), depth=0.05, gloss=0)
    brush.text(0.5, 0.54, "JAM", 0.09, darker(look.colour, 0.3))
    for x, y in ((0.43, 0.68), (0.56, 0.68), (0.5, 0.73)):
        brush.ball(x, y, 0.05, 0.052, look.colour, gloss=0.6)
    brush.leaf(0.5, 0.64, 0.11, 0.06, -25, rib=False)


def cereal(brush: Brush, look: Look) -> None:
    _box(brush, look.colour, left=0.17, top=0.14, right=0.72, bottom=0.95, deep=0.14)
    brush.text(0.445, 0.26, "CEREAL", 0.095, WHITE)
    bowl = curve((0.22, 0.62), (0.445, 0.58), (0.67, 0.62), (0.6, 0.82), (0.445, 0.88), (0.29, 0.82))
    brush.fill(bowl, look.accent, depth=0.6)
    brush.fill(ellipse(0.445, 0.62, 0.215, 0.065), WHITE, depth=0)
    for x, y in brush.scattered(ellipse(0.445, 0.585, 0.19, 0.09), 24):
        brush.fill(ellipse(x, y, 0.042, 0.03, float(brush.rng.uniform(0, 90))), (232, 164, 72), depth=0.6)


def ketchup(brush: Brush, look: Look) -> None:
    _bottle(brush, look.colour, neck=0.06, shoulder=0.34, body=0.18, cap=WHITE)
    _label(brush, 0.182, 0.46, 0.84, look.accent, "", size=0.05)
    brush.text(0.5, 0.53, "KETCHUP", 0.068, WHITE if sum(look.accent) < 420 else (120, 20, 20))
    brush.ball(0.5, 0.69, 0.1, 0.09, (222, 48, 36), gloss=0.7)
    for turn in (190, 240, 300, 350):
        brush.leaf(0.5, 0.62, 0.09, 0.035, turn, rib=False)
