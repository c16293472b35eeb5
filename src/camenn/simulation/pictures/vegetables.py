"""Vegetables, one function a vegetable; each draws one piece (or one bunch) on the unit square."""

import numpy as np

from camenn.simulation.pictures.canvas import (
    LEAF,
    WHITE,
    Brush,
    Look,
    Outline,
    box,
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
    turned,
)

SOIL = (120, 84, 52)


def _tuft(brush: Brush, x: float, y: float, *, reach: float, turns: tuple[int, ...], width: float = 0.1) -> None:
    """Greens that stand out of a root."""
    for turn in turns:
        tint = mix(LEAF, (120, 168, 70), float(brush.rng.random()) * 0.6)
        brush.leaf(x, y, reach * (0.8 + 0.3 * float(brush.rng.random())), width, turn, tint, rib=False)


def carrots(brush: Brush, look: Look) -> None:
    for lean in (-0.24, 0.24, 0.0):
        top, tip = np.array([0.5 + lean * 0.75, 0.36]), np.array([0.5 + lean * 0.35, 0.96])
        for turn in (-125, -110, -95, -80, -65, -50):
            stalk = curve(tuple(top), *_frond(top, turn, brush), closed=False)
            brush.fill(thick(stalk, 0.02, 0.008), (92, 138, 52), depth=0)
            brush.dots(stalk[8:] + brush.rng.normal(0, 0.016, stalk[8:].shape), 0.02, (86, 150, 58))
            brush.dots(stalk[10:] + brush.rng.normal(0, 0.018, stalk[10:].shape), 0.014, (116, 176, 74))
        line = np.linspace(top, tip, 20)
        root = thick(line, 0.19, 0.02, belly=0.03)
        brush.fill(root, look.colour, gloss=0.3)
        brush.fill(ellipse(top[0], top[1], 0.09, 0.035), darker(look.colour, 0.2), depth=0.4, gloss=0)
        for share in (0.15, 0.3, 0.42, 0.58, 0.72):
            x, y = top + (tip - top) * share
            side = float(brush.rng.choice([-0.02, 0.03]))
            brush.line(polygon((x + side - 0.03, y), (x + side + 0.02, y + 0.008)), 0.010, darker(look.colour, 0.3))


def _frond(top: Outline, turn: int, brush: Brush) -> tuple[tuple[float, float], tuple[float, float]]:
    angle = np.radians(turn)
    reach = 0.3 + 0.06 * float(brush.rng.random())
    x, y = top[0] + reach * np.cos(angle) * 0.8, top[1] + reach * np.sin(angle)
    return (float((top[0] * 2 + x) / 3), float((top[1] + y) / 2)), (float(x), float(y))


def _florets(brush: Brush, places: list[tuple[float, float, float]], tint: tuple[int, int, int], grain: float) -> None:
    """A head of small round bumps, back to front."""
    for x, y, radius in places:
        brush.ball(x, y, radius, radius * 0.92, tint, gloss=0.05)
        bumps = brush.scattered(ellipse(x, y, radius * 0.95, radius * 0.85), 26)
        brush.dots(moved(bumps, 0.006, 0.008), grain, darker(tint, 0.28))
        brush.dots(bumps, grain, lighter(tint, 0.22))


def cauliflower(brush: Brush, look: Look) -> None:
    for turn, length in ((160, 0.42), (20, 0.42), (200, 0.46), (-20, 0.46), (130, 0.40), (50, 0.40)):
        brush.leaf(0.5, 0.62, length, 0.34, turn, (112, 162, 74))
    places = [(0.5, 0.3, 0.17), (0.33, 0.36, 0.16), (0.67, 0.36, 0.16), (0.24, 0.52, 0.15), (0.76, 0.52, 0.15),
              (0.42, 0.47, 0.16), (0.6, 0.48, 0.16), (0.34, 0.64, 0.14), (0.66, 0.64, 0.14),
              (0.5, 0.63, 0.16)]  # fmt: skip
    _florets(brush, places, look.colour, 0.019)
    for turn, x in ((215, 0.54), (-35, 0.46), (175, 0.42), (5, 0.58)):
        brush.leaf(x, 0.9, 0.42, 0.2, turn, (136, 184, 92))


def broccoli(brush: Brush, look: Look) -> None:
    stalk = (158, 190, 104)
    brush.fill(
        mirrored((0.5, 0.48), (0.64, 0.5), (0.61, 0.66), (0.62, 0.9), (0.56, 0.94), (0.5, 0.95)), stalk, gloss=0.1
    )
    for x in (0.3, 0.7):
        brush.fill(
            thick(curve((0.5, 0.76), ((x + 0.5) / 2, 0.64), (x, 0.5), closed=False), 0.13, 0.09), stalk, gloss=0.1
        )
    places = [(0.5, 0.2, 0.16), (0.32, 0.26, 0.15), (0.68, 0.26, 0.15), (0.2, 0.42, 0.14), (0.8, 0.42, 0.14),
              (0.41, 0.38, 0.15), (0.6, 0.38, 0.15), (0.28, 0.52, 0.11), (0.72, 0.52, 0.11),
              (0.5, 0.5, 0.12)]  # fmt: skip
    _florets(brush, places, look.colour, 0.015)


def tomato(brush: Brush, look: Look) -> None:
    body = mirrored((0.5, 0.26), (0.66, 0.21), (0.86, 0.34), (0.9, 0.56), (0.76, 0.8), (0.5, 0.87))
    brush.fill(body, look.colour, gloss=0.8)
    for turn in (180, 215, 250, 300, 335, 0, 60, 120):
        brush.leaf(0.5, 0.29, 0.24, 0.07, turn, (70, 124, 48), rib=False)
    brush.fill(thick(curve((0.5, 0.3), (0.5, 0.22), (0.54, 0.15), closed=False), 0.045), (84, 132, 54), depth=0.8)


def cucumber(brush: Brush, look: Look) -> None:
    spine = curve((0.06, 0.62), (0.34, 0.46), (0.66, 0.38), (0.94, 0.40), closed=False)
    body = thick(spine, 0.14, 0.15, belly=0.06)
    for x, y in (moved(spine[0], 0.015, 0), moved(spine[-1], -0.01, 0)):
        brush.fill(ellipse(x, y, 0.065, 0.072), look.colour, gloss=0.1)
    brush.fill(body, look.colour, gloss=0.5)
    for lift in (-0.055, 0.0, 0.05):
        brush.line(moved(spine[2:-2], 0, lift), 0.009, lighter(look.colour, 0.3))
    brush.dots(brush.scattered(body, 40, inset=0.5), 0.006, lighter(look.colour, 0.3))
    for x, y in ((0.42, 0.78), (0.62, 0.74)):
        brush.fill(ellipse(x, y, 0.125), look.colour, depth=0.4)
        brush.fill(ellipse(x, y, 0.108), look.accent, depth=0.1, gloss=0)
        for angle in np.linspace(0, 2 * np.pi, 10):
            brush.fill(ellipse(x + 0.052 * np.cos(angle), y + 0.052 * np.sin(angle), 0.017, 0.008, np.degrees(angle)),
                       lighter(look.accent, 0.7), depth=0)  # fmt: skip


def aubergine(brush: Brush, look: Look) -> None:
    body = curve((0.27, 0.26), (0.37, 0.2), (0.5, 0.28), (0.72, 0.42), (0.88, 0.62), (0.84, 0.84), (0.64, 0.9),
                 (0.44, 0.78), (0.3, 0.55), (0.23, 0.36))  # fmt: skip
    brush.fill(body, look.colour, gloss=0.9)
    for turn in (5, 40, 75, 105, -20):
        brush.leaf(0.27, 0.22, 0.22, 0.11, turn, (92, 136, 62), rib=False)
    brush.fill(
        thick(curve((0.29, 0.25), (0.22, 0.16), (0.2, 0.08), closed=False), 0.09, 0.06), (104, 146, 70), depth=0.8
    )


def potato(brush: Brush, look: Look) -> None:
    body = curve(
        (0.14, 0.5), (0.24, 0.3), (0.5, 0.24), (0.76, 0.3), (0.9, 0.5), (0.82, 0.72), (0.56, 0.8), (0.28, 0.74)
    )
    brush.fill(body, look.colour, gloss=0.1)
    brush.mottle(body, darker(look.colour, 0.3), grain=14, amount=0.5)
    for x, y in brush.scattered(body, 9, inset=0.72):
        brush.fill(ellipse(x, y, 0.026, 0.012, float(brush.rng.uniform(-40, 40))), darker(look.colour, 0.5), depth=0)
    brush.dots(brush.scattered(body, 45, inset=0.85), 0.004, SOIL)


def sweet_potato(brush: Brush, look: Look) -> None:
    body = curve(
        (0.04, 0.56), (0.2, 0.42), (0.46, 0.32), (0.74, 0.36), (0.95, 0.46), (0.8, 0.62), (0.52, 0.7), (0.24, 0.66)
    )
    brush.fill(body, look.colour, gloss=0.1)
    brush.mottle(body, darker(look.colour, 0.3), grain=18, amount=0.6)
    for x, y in brush.scattered(body, 12, inset=0.7):
        brush.line(polygon((x - 0.04, y + 0.01), (x + 0.03, y)), 0.008, darker(look.colour, 0.45))
    brush.fill(ellipse(0.78, 0.72, 0.17, 0.14), look.colour, depth=0.5, gloss=0)
    brush.fill(ellipse(0.78, 0.72, 0.145, 0.118), look.accent, depth=0.1, gloss=0)


def onion(brush: Brush, look: Look) -> None:
    body = mirrored((0.5, 0.12), (0.53, 0.2), (0.62, 0.3), (0.86, 0.46), (0.86, 0.7), (0.68, 0.87), (0.5, 0.89))
    for x in (0.44, 0.48, 0.53, 0.56):
        brush.line(polygon((x, 0.86), (x + (x - 0.5) * 0.5, 0.96)), 0.010, (206, 190, 150))
    brush.fill(body, look.colour, gloss=0.5)
    for bend in (-0.34, -0.2, -0.08, 0.06, 0.18, 0.32):
        line = curve((0.5, 0.16), (0.5 + bend * 0.5, 0.36), (0.5 + bend, 0.6), (0.5 + bend * 0.5, 0.86), closed=False)
        brush.line(line, 0.008, darker(look.colour, 0.22))
    brush.fill(
        mirrored((0.5, 0.06), (0.53, 0.1), (0.545, 0.22), (0.5, 0.26)), mix(look.colour, (190, 150, 90), 0.6), depth=0.6
    )


def garlic(brush: Brush, look: Look) -> None:
    for x in (0.45, 0.5, 0.55):
        brush.line(polygon((x, 0.84), (x + (x - 0.5) * 0.6, 0.92)), 0.012, (186, 164, 126))
    for x, lean in ((0.28, -1), (0.72, 1), (0.4, -0.5), (0.6, 0.5), (0.5, 0)):
        clove = mirrored((0.5, 0.16), (0.56, 0.34), (0.7, 0.52), (0.69, 0.74), (0.5, 0.86))
        clove = moved((clove - (0.5, 0.8)) * (0.85, 1.0), 0.5 + (x - 0.5) * 0.95, 0.8 - 0.03 * abs(lean))
        clove[:, 0] -= (0.8 - clove[:, 1]) * lean * 0.20
        brush.fill(clove, look.colour, gloss=0.15)
        brush.line(curve((x, 0.8), (x + lean * 0.05, 0.6), (0.5 + lean * 0.05, 0.34), closed=False), 0.007, look.accent)
    brush.fill(
        thick(curve((0.5, 0.36), (0.5, 0.2), (0.53, 0.06), closed=False), 0.11, 0.06),
        lighter(look.colour, 0.1),
        gloss=0.1,
    )


def leek(brush: Brush, look: Look) -> None:
    spine = curve((0.1, 0.84), (0.34, 0.62), (0.6, 0.38), closed=False)
    for lean in (0.0, 0.07, -0.07, 0.03):
        tip = curve((0.52, 0.45), (0.7 + lean, 0.27 - lean * 0.3), (0.9 + lean * 1.2, 0.08 + lean * 1.6), closed=False)
        brush.fill(thick(tip, 0.15, 0.05), mix(look.accent, LEAF, 0.3 + lean * 4), depth=0.5, gloss=0.1)
    for shift in np.linspace(-0.03, 0.03, 7):
        brush.line(polygon((0.11, 0.83), (0.03 + shift * 2, 0.92 + shift)), 0.008, (206, 196, 160))
    brush.fill(thick(spine, 0.15, 0.15), look.colour, gloss=0.3)
    tail = spine[-9:]
    brush.fill(thick(tail, 0.15, 0.16), mix(look.colour, look.accent, 0.55), gloss=0.2)
    for lift in (-0.035, 0.0, 0.035):
        brush.line(moved(spine[6:], lift, lift), 0.006, mix(look.colour, look.accent, 0.6))


def mushroom(brush: Brush, look: Look) -> None:
    brush.fill(mirrored((0.5, 0.46), (0.62, 0.5), (0.6, 0.66), (0.66, 0.86), (0.5, 0.92)), look.accent, gloss=0.1)
    brush.fill(ellipse(0.5, 0.52, 0.37, 0.09), (150, 112, 88), depth=0.3, gloss=0)
    cap = mirrored((0.5, 0.13), (0.72, 0.18), (0.88, 0.36), (0.92, 0.52), (0.8, 0.57), (0.64, 0.5), (0.5, 0.48))
    brush.fill(cap, look.colour, gloss=0.35)
    brush.mottle(cap, darker(look.colour, 0.25), grain=12, amount=0.35)


def pepper(brush: Brush, look: Look) -> None:
    for x, width in ((0.33, 0.5), (0.67, 0.5), (0.5, 0.46)):
        lobe = mirrored(
            (0.5, 0.22), (0.5 + width * 0.4, 0.24), (0.5 + width * 0.52, 0.46), (0.5 + width * 0.38, 0.8), (0.5, 0.9)
        )
        brush.fill(moved(lobe, x - 0.5, 0.03 if x == 0.5 else 0.0), look.colour, gloss=0.8)
    brush.fill(lobed(0.5, 0.27, 0.13, lobes=6, depth=0.15, squash=0.4), (92, 146, 58), depth=0.6)
    brush.fill(
        thick(curve((0.5, 0.27), (0.49, 0.17), (0.56, 0.08), closed=False), 0.07, 0.055), (98, 152, 62), depth=0.8
    )


def chilli(brush: Brush, look: Look) -> None:
    for lift in (0.0, 0.24):
        spine = curve((0.22, 0.28 + lift), (0.5, 0.34 + lift), (0.76, 0.48 + lift), (0.92, 0.72 + lift), closed=False)
        brush.fill(thick(spine, 0.13, 0.01, belly=0.05), look.colour, gloss=0.9)
        brush.fill(ellipse(0.22, 0.285 + lift, 0.055, 0.085, -10), (88, 138, 54), depth=0.8)
        brush.fill(thick(curve((0.2, 0.28 + lift), (0.12, 0.24 + lift),
                               (0.06, 0.14 + lift), closed=False), 0.05, 0.035),
                   (98, 150, 62), depth=0.8)  # fmt: skip


def corn(brush: Brush, look: Look) -> None:
    cob = mirrored((0.5, 0.04), (0.6, 0.1), (0.67, 0.3), (0.68, 0.6), (0.62, 0.84), (0.5, 0.9))
    brush.fill(cob, darker(look.colour, 0.25), gloss=0)
    for row in range(15):
        y = 0.085 + 0.055 * row
        reach = 0.165 * np.sqrt(max(0.05, 1 - ((y - 0.5) / 0.5) ** 2)) + 0.01
        for place in range(6):
            x = 0.5 + reach * (place - 2.5) / 2.6
            tint = mix(look.colour, lighter(look.colour, 0.35), float(brush.rng.random()) * 0.6)
            edge = abs(place - 2.5) / 2.5
            kernel = ellipse(x, y + 0.012 * (place % 2), 0.031 * (1 - 0.3 * edge), 0.028)
            brush.fill(kernel, darker(tint, 0.22 * edge + 0.1 * (place > 3)), depth=0)
            brush.dots(polygon((x - 0.008, y - 0.008)), 0.009, lighter(tint, 0.45))
    for side in (-1, 1):
        husk = curve((0.5, 0.97), (0.5 + side * 0.2, 0.8), (0.5 + side * 0.26, 0.52), (0.5 + side * 0.34, 0.24),
                     (0.5 + side * 0.17, 0.52), (0.5 + side * 0.06, 0.8))  # fmt: skip
        brush.fill(husk, (136, 174, 76), depth=0.6, gloss=0.1)
    brush.fill(mirrored((0.5, 0.66), (0.6, 0.8), (0.56, 0.95), (0.5, 0.98)), (150, 186, 88), depth=0.6, gloss=0.1)


def pumpkin(brush: Brush, look: Look) -> None:
    for x, width in ((0.24, 0.2), (0.76, 0.2), (0.35, 0.22), (0.65, 0.22), (0.5, 0.2)):
        brush.fill(ellipse(x, 0.58, width, 0.33 - 0.1 * abs(x - 0.5)), look.colour, gloss=0.3)
    brush.fill(thick(curve((0.5, 0.3), (0.48, 0.2), (0.57, 0.1), closed=False), 0.14, 0.08), (112, 130, 62), depth=0.8)


def cabbage(brush: Brush, look: Look) -> None:
    brush.fill(ellipse(0.5, 0.53, 0.42, 0.39), darker(look.colour, 0.18), gloss=0.1)
    pale = lighter(look.colour, 0.55)
    for x, y, size, light in ((0.34, 0.5, 0.27, 0.0), (0.66, 0.5, 0.27, 0.05), (0.5, 0.56, 0.32, 0.14)):
        sheet = lobed(x, y, size, lobes=9, depth=0.035)
        brush.fill(sheet, lighter(look.colour, light), depth=0.55, gloss=0.1)
        base, tip = np.array([0.5, 0.87]), np.array([x, y - size * 0.75])
        brush.line(np.linspace(base, tip, 6), 0.020, pale)
        for share in (0.3, 0.5, 0.7):
            root = base + (tip - base) * share
            for side in (-1, 1):
                branch = curve(tuple(root), (root[0] + side * 0.08, root[1] - 0.09),
                               (root[0] + side * 0.16, root[1] - 0.13),
                               closed=False)  # fmt: skip
                brush.line(branch, 0.009, pale)


def lettuce(brush: Brush, look: Look) -> None:
    layers = ((0.5, 0.45, 0.43, 0.0), (0.34, 0.5, 0.3, 0.1), (0.66, 0.5, 0.3, 0.05), (0.5, 0.42, 0.3, 0.2),
              (0.42, 0.6, 0.25, 0.3), (0.6, 0.62, 0.24, 0.3), (0.5, 0.55, 0.2, 0.45))  # fmt: skip
    for x, y, size, light in layers:
        frill = lobed(x, y, size, lobes=15, depth=0.08, turn=float(brush.rng.uniform(0, 90)))
        brush.fill(frill, lighter(look.colour, light), depth=0.45, gloss=0.1)
        for turn in (-140, -110, -90, -70, -40):
            end = (x + size * 0.75 * np.cos(np.radians(turn)), y + size * 0.75 * np.sin(np.radians(turn)))
            brush.line(polygon((0.5, 0.88), end), 0.007, lighter(look.colour, light + 0.25))
    brush.fill(mirrored((0.5, 0.78), (0.6, 0.82), (0.57, 0.93), (0.5, 0.95)), (226, 232, 186), depth=0.6)


def radish(brush: Brush, look: Look) -> None:
    _tuft(brush, 0.5, 0.5, reach=0.46, turns=(-125, -105, -90, -75, -55), width=0.16)
    for x, y in ((0.28, 0.62), (0.72, 0.62), (0.5, 0.7)):
        brush.fill(
            thick(curve((x, y + 0.1), (x + 0.01, y + 0.2), (x + 0.03, y + 0.29), closed=False), 0.07, 0.01),
            WHITE,
            depth=0.5,
        )
        brush.ball(x, y, 0.17, 0.165, look.colour, gloss=0.7)


def beetroot(brush: Brush, look: Look) -> None:
    for turn in (-125, -100, -80, -55):
        stalk = moved(turned(polygon((0.0, 0.0), (0.24, 0.0), (0.3, 0.0)), turn), 0.5, 0.42)
        brush.leaf(stalk[1, 0], stalk[1, 1], 0.26, 0.18, turn, (74, 116, 54))
        brush.fill(thick(stalk, 0.045, 0.025), (168, 40, 84), depth=0.6)
    brush.fill(thick(curve((0.5, 0.8), (0.51, 0.9), (0.56, 0.99), closed=False), 0.1, 0.012), look.colour, depth=0.7)
    body = mirrored((0.5, 0.36), (0.68, 0.38), (0.8, 0.56), (0.74, 0.76), (0.58, 0.87), (0.5, 0.89))
    brush.fill(body, look.colour, gloss=0.25)
    brush.mottle(body, SOIL, grain=14, amount=0.4)


def asparagus(brush: Brush, look: Look) -> None:
    for place in range(6):
        x = 0.2 + 0.12 * place + brush.rng.normal(0, 0.006)
        top = 0.08 + 0.05 * (place % 3)
        brush.fill(box(x - 0.05, top + 0.1, x + 0.05, 0.94), look.colour, tube=True)
        brush.fill(
            moved(mirrored((0.5, top), (0.545, top + 0.07), (0.555, top + 0.19), (0.5, top + 0.26)), x - 0.5, 0),
            look.accent,
        )
        for share in (0.06, 0.12, 0.18, 0.36, 0.56):
            scale = moved(
                mirrored((0.5, 0.0), (0.525, 0.03), (0.5, 0.075)),
                x - 0.5 + 0.015 * np.sign(0.5 - place % 2),
                top + share,
            )
            brush.fill(scale, darker(look.accent, 0.12), depth=0.4, gloss=0)
    brush.fill(box(0.12, 0.6, 0.88, 0.67, 0.02), (206, 60, 50), depth=0.4)


def peas(brush: Brush, look: Look) -> None:
    pod = curve(
        (0.04, 0.42), (0.22, 0.42), (0.5, 0.5), (0.8, 0.44), (0.96, 0.34), (0.86, 0.6), (0.54, 0.76), (0.2, 0.66)
    )
    brush.fill(pod, look.colour, gloss=0.3)
    inner = curve(
        (0.1, 0.46), (0.26, 0.47), (0.5, 0.54), (0.78, 0.49), (0.9, 0.42), (0.8, 0.57), (0.53, 0.67), (0.22, 0.6)
    )
    brush.fill(inner, darker(look.colour, 0.4), depth=0)
    for x, y, radius in ((0.2, 0.53, 0.06), (0.32, 0.555, 0.078), (0.46, 0.595, 0.085), (0.6, 0.59, 0.085),
                         (0.73, 0.545, 0.075), (0.83, 0.5, 0.052)):  # fmt: skip
        brush.ball(x, y, radius, radius, look.accent, gloss=0.5)
    brush.fill(
        thick(curve((0.06, 0.43), (0.02, 0.37), (0.03, 0.3), closed=False), 0.04, 0.025),
        darker(look.colour, 0.1),
        depth=0.7,
    )
