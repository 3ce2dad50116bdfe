"""Draws the figures of the networks as SVG files, beside this script: run it after a change to it.

    python tutorials/figures/draw.py

Time runs from left to right over the same sixteen frames in every drawing; a clip passes the layers from top to
bottom, as in `model.summary()`. Shapes and numbers say everything, colours repeat it. A file follows the reader's
light or dark setting; `NAME.svg#only-light` and `NAME.svg#only-dark` fix one of them, which is what pages use to
follow the switch of the site. Standard library only.
"""

from __future__ import annotations

import dataclasses
import html
from pathlib import Path

CONVS = ("conv1", "conv2", "conv3", "conv4", "conv5")
FCS = ("fc6", "fc7", "classes")
LONGEST = 16  # frames on the time axis: late fusion's clip
NUM_CLASSES = 487

LIGHT = {
    "ground": "#ffffff", "ink": "#1d2129", "soft": "#5a6170", "line": "#6b7280", "faint": "#8a909c",
    "frame": "#1f6f9f", "one": "#e8ebf0", "join": "#f6d9a8", "full": "#d3ecdf", "sky": "#e3eef6", "grass": "#d5e5d0",
}  # fmt: skip
DARK = {
    "ground": "#1e2329", "ink": "#e7e9ee", "soft": "#b3b9c6", "line": "#98a0af", "faint": "#7f8796",
    "frame": "#6fb4df", "one": "#3a404d", "join": "#5f4112", "full": "#235340", "sky": "#2b3a48", "grass": "#2f4131",
}  # fmt: skip

STYLE = """
svg{%s}
@media(prefers-color-scheme:dark){svg{%s}}
#only-dark:target{%s}
#only-light:target{%s}
.ground{fill:var(--ground)}
text{font:%dpx system-ui,sans-serif;fill:var(--ink)}
.name{font:%dpx ui-monospace,monospace}
.title{font-size:%dpx;font-weight:600}
.soft{fill:var(--soft)}
.middle{text-anchor:middle}
.end{text-anchor:end}
.link,.arrow,.axis{stroke:var(--line);stroke-width:1.6;fill:none}
.head{fill:var(--line)}
.same{stroke:var(--line);stroke-width:1.6;stroke-dasharray:1.6 4;stroke-linecap:round}
.frame{fill:none;stroke:var(--faint);stroke-width:1.4;stroke-dasharray:3 3}
.used{fill:var(--frame);stroke:var(--frame);stroke-dasharray:none}
.one,.join,.full{stroke:var(--ink);stroke-width:1.5;fill:var(--one)}
.full{fill:var(--full)}
.join{fill:var(--join);stroke-width:2.8}
.picture{fill:none;stroke:var(--ink);stroke-width:1.6}
.cut{stroke-dasharray:6 4;stroke-width:2.4}
.sky{fill:var(--sky)}
.grass{fill:var(--grass)}
.solid{fill:var(--ink)}
.limb{fill:none;stroke:var(--ink);stroke-width:5;stroke-linecap:round;stroke-linejoin:round}
.post{fill:none;stroke:var(--frame);stroke-width:4}
"""


@dataclasses.dataclass(frozen=True)
class Network:
    """How a network is connected in time.

    Attributes:
        title: what people call it.
        num_frames: frames of its clip.
        frame_step: distance between them, in frames.
        time: `(frames, step)` of the convolutions that look at more than one step of the layer before.
        text: the drawing in words.
    """

    title: str
    num_frames: int
    frame_step: int
    time: dict[str, tuple[int, int]]
    text: str

    def frames(self) -> list[int]:
        """Return the frames of the clip, in the middle of the time axis."""
        span = (self.num_frames - 1) * self.frame_step + 1
        start = (LONGEST - span) // 2
        return [start + self.frame_step * i for i in range(self.num_frames)]

    def layers(self) -> dict[str, list[list[int]]]:
        """Return for every layer and each of its steps in time the steps of the layer before that it looks at."""
        result: dict[str, list[list[int]]] = {}
        before = self.num_frames
        for name in CONVS:
            taps, step = self.time.get(name, (1, 1))
            result[name] = [list(range(i, i + taps)) for i in range(0, before - taps + 1, step)]
            before = len(result[name])
        for name in FCS:
            result[name] = [list(range(before))]
            before = 1
        return result


NETWORKS = {
    "single_frame": Network(
        "Single-Frame", 1, 1, {},
        "One frame from the middle passes conv1 to conv5, fc6, fc7 and the classifier. There is no time.",
    ),
    "early_fusion": Network(
        "Early Fusion", 10, 1, {"conv1": (10, 1)},
        "Ten frames in a row all meet in conv1, whose filters extend over them. From there on time is gone and the "
        "layers are those of Single-Frame.",
    ),
    "late_fusion": Network(
        "Late Fusion", 2, 15, {},
        "Two frames, fifteen apart, each pass conv1 to conv5 on their own, with the same weights. They meet in fc6.",
    ),
    "slow_fusion": Network(
        "Slow Fusion", 10, 1, {"conv1": (4, 2), "conv2": (2, 2), "conv3": (2, 2)},
        "Ten frames in a row. conv1 looks at four frames at a time, two further each time, which gives four steps; "
        "conv2 joins them two by two, conv3 joins the two that are left and so sees all ten frames.",
    ),
}  # fmt: skip


def sizes(pixels: int) -> dict[str, tuple[int, int]]:
    """Return `(pixels a side, channels)` after each convolution, and after pool5, of a picture of so many pixels."""
    conv1 = (pixels - 11) // 3 + 1
    pool1 = -(-conv1 // 2)
    pool2 = -(-pool1 // 2)
    pool5 = -(-pool2 // 2)
    return {
        "conv1": (conv1, 96), "conv2": (pool1, 256), "conv3": (pool2, 384), "conv4": (pool2, 384),
        "conv5": (pool2, 256), "pool5": (pool5, 256),
    }  # fmt: skip


def tag(name: str, content: str = "", **attributes: object) -> str:
    """Return an element; `_` in names of attributes stands for `-`, a trailing one for nothing."""
    text = "".join(f' {key.rstrip("_").replace("_", "-")}="{value}"' for key, value in attributes.items())
    return f"<{name}{text}>{content}</{name}>" if content else f"<{name}{text}/>"


def text(x: float, y: float, content: str, class_: str = "") -> str:
    """Return a line of text."""
    named = {"class_": class_} if class_ else {}
    return tag("text", html.escape(content, quote=False), x=number(x), y=number(y), **named)


def number(value: float) -> str:
    """Return a coordinate with one decimal at most."""
    return f"{value:.1f}".rstrip("0").rstrip(".")


def points(*pairs: tuple[float, float]) -> str:
    """Return the points of a polygon."""
    return " ".join(f"{number(x)},{number(y)}" for x, y in pairs)


def arrow(x1: float, y1: float, x2: float, y2: float, class_: str = "arrow") -> list[str]:
    """Return a line with a head at its second end."""
    length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
    dx, dy = (x2 - x1) / length, (y2 - y1) / length
    foot = (x2 - 10 * dx, y2 - 10 * dy)
    head = points((x2, y2), (foot[0] - 5 * dy, foot[1] + 5 * dx), (foot[0] + 5 * dy, foot[1] - 5 * dx))
    line = f"M{number(x1)} {number(y1)}L{number(foot[0])} {number(foot[1])}"
    return [tag("path", d=line, class_=class_), tag("polygon", points=head, class_="head")]


def document(title: str, description: str, width: int, height: int, parts: list[str], letters: int = 15) -> str:
    """Return a whole SVG file on a ground of its own, light or dark, with letters of so many pixels."""
    light, dark = (";".join(f"--{name}:{colour}" for name, colour in theme.items()) for theme in (LIGHT, DARK))
    style = STYLE.strip() % (light, dark, dark, light, letters, letters, letters + 4)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" id="only-dark" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-labelledby="title description">'
    )
    body = [tag("rect", width=width, height=height, rx=8, class_="ground"), *parts]
    lines = [
        head,
        tag("title", html.escape(title, quote=False), id="title"),
        tag("desc", html.escape(description, quote=False), id="description"),
        f"<style>\n{style}\n</style>",
        '<g id="only-light">',
        *body,
        "</g>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


@dataclasses.dataclass(frozen=True)
class Panel:
    """Where a network is drawn.

    Attributes:
        left: x of the left end of the time axis.
        top: y of the time axis.
        pitch: pixels from frame to frame.
        gap: pixels from layer to layer.
        node: width and height of a step.
    """

    left: float
    top: float
    pitch: float
    gap: float
    node: tuple[float, float]

    def x(self, frame: float) -> float:
        """Return the x of the middle of a frame."""
        return self.left + (frame + 0.5) * self.pitch

    @property
    def right(self) -> float:
        """The x of the right end of the time axis."""
        return self.left + LONGEST * self.pitch

    @property
    def strip(self) -> float:
        """The y of the middle of the frames."""
        return self.top + 41

    def y(self, layer: str) -> float:
        """Return the y of the middle of a layer."""
        return self.strip + 22 + self.gap * ((*CONVS, *FCS).index(layer) + 1)


def shape(kind: str, x: float, y: float, size: tuple[float, float], joins: bool = False) -> str:
    """Return the outline of a step, thick where it joins steps in time.

    A convolution that looks at one step is a box, one that joins steps a hexagon, full connection a pill.
    """
    width, height = size
    style = f"{kind} join" if joins else kind
    if joins and kind == "one":
        w, h, tip = width / 2, height / 2, width / 5
        corners = points((x - w, y), (x - w + tip, y - h), (x + w - tip, y - h), (x + w, y), (x + w - tip, y + h),
                         (x - w + tip, y + h))  # fmt: skip
        return tag("polygon", points=corners, class_=style)
    radius = {"one": 3, "full": height / 2}[kind]
    return tag("rect", x=number(x - width / 2), y=number(y - height / 2), width=number(width), height=number(height),
               rx=number(radius), class_=style)  # fmt: skip


def draw_network(key: str, panel: Panel, numbered: bool) -> list[str]:
    """Return the frames, steps and connections of a network; every step holds the number of frames that it sees."""
    network = NETWORKS[key]
    used = network.frames()
    parts = arrow(panel.left, panel.top, panel.right, panel.top, "axis")
    shown = sorted({used[0], used[-1], *(range(0, LONGEST, 3) if numbered else ())})
    parts += [text(panel.x(i), panel.top + 19, str(i), "middle" if i in used else "middle soft") for i in shown]
    for i in range(LONGEST):
        width = panel.pitch - 5
        kind = "frame used" if i in used else "frame"
        parts.append(
            tag(
                "rect",
                x=number(panel.x(i) - width / 2),
                y=number(panel.strip - 13),
                width=number(width),
                height=26,
                class_=kind,
                data_frame=i,
            )
        )
    sees = [{frame} for frame in used]
    where = [(panel.x(frame), panel.strip + 13) for frame in used]
    links, steps = [], []
    for layer, windows in network.layers().items():
        y, size = panel.y(layer), panel.node if len(windows) > 1 else (panel.node[0] + 7, panel.node[1])
        seen = [set().union(*(sees[i] for i in window)) for window in windows]
        xs = [sum(where[i][0] for i in window) / len(window) for window in windows]
        if len(xs) > 1:
            steps.append(tag("path", d=f"M{number(xs[0])} {number(y)}H{number(xs[-1])}", class_="same"))
        for x, window, frames in zip(xs, windows, seen, strict=True):
            kind = "full" if layer in FCS else "one"
            links += [
                tag(
                    "path",
                    d=f"M{number(where[i][0])} {number(where[i][1])}L{number(x)} {number(y - size[1] / 2)}",
                    class_="link",
                    data_layer=layer,
                )
                for i in window
            ]
            inside = shape(kind, x, y, size, joins=len(window) > 1) + text(x, y + 5.5, str(len(frames)), "middle")
            steps.append(tag("g", inside, class_="step", data_layer=layer, data_sees=len(frames)))
        sees, where = seen, [(x, y + size[1] / 2) for x in xs]
    return [tag("g", "\n".join(["", *parts, *links, *steps, ""]), class_="network", data_network=key)]


def labels(panel: Panel, x: float) -> list[str]:
    """Return the names of the layers, to the left of x."""
    names = [text(x, panel.y(layer) + 5, layer, "name end") for layer in (*CONVS, *FCS)]
    return [text(x, panel.top + 20, "frame", "end"), *names]


def legend(x: float, y: float, columns: int) -> list[str]:
    """Return what shapes and lines mean, in rows of so many."""
    words = {
        "one": "convolution",
        "full": "fully connected",
        "join": "thick: joins in time",
        "same": "same weights",
    }
    parts = []
    for i, (kind, meaning) in enumerate(words.items()):
        left, middle = x + i % columns * 220, y + i // columns * 30
        sample = (
            tag("path", d=f"M{number(left - 14)} {number(middle)}h28", class_="same")
            if kind == "same"
            else shape("one" if kind == "join" else kind, left, middle, (28, 20), joins=kind == "join")
        )
        parts += [sample, text(left + 24, middle + 5, meaning, "soft")]
    return parts


def network_figure(key: str) -> str:
    """Return the drawing of one network, with the shape of what leaves every layer."""
    network = NETWORKS[key]
    panel = Panel(left=92, top=62, pitch=21, gap=46, node=(34, 25))
    after, right = sizes(170), panel.right + 18
    layers = network.layers()
    shapes = [(panel.strip, f"{network.num_frames} × 170 × 170 × 3")]
    for name in CONVS:
        side, channels = after[name]
        shapes.append((panel.y(name), f"{len(layers[name])} × {side} × {side} × {channels}"))
    shapes += [(panel.y("fc6"), "4096"), (panel.y("fc7"), "4096"), (panel.y("classes"), str(NUM_CLASSES))]
    bottom = panel.y("classes") + 52
    parts = [
        text(20, 32, network.title, "title"),
        text(panel.right, panel.top - 12, "time: half a second at 30 frames a second", "soft end"),
        text(right, panel.top + 19, "time × height × width", "soft"),
        *(text(right, y + 5, shown, "name") for y, shown in shapes),
        *labels(panel, panel.left - 12),
        *draw_network(key, panel, numbered=True),
        *legend(38, bottom, columns=2),
        text(20, bottom + 64, "Number in a shape: frames that it sees. Dashed: not looked at.", "soft"),
    ]
    return document(f"{network.title}: connections in time", network.text, 620, round(bottom + 82), parts)


def fusion_figure() -> str:
    """Return the four networks side by side over the same sixteen frames."""
    parts, left = [], 92
    for key, network in NETWORKS.items():
        panel = Panel(left=left, top=64, pitch=13, gap=44, node=(25, 24))
        parts += [text((panel.left + panel.right) / 2, 34, network.title, "title middle")]
        parts += draw_network(key, panel, numbered=False)
        left = panel.right + 26
    first = Panel(left=92, top=64, pitch=13, gap=44, node=(25, 24))
    bottom = first.y("classes") + 50
    parts += [text(first.left - 12, first.top + 1, "time", "end"), *labels(first, first.left - 12)]
    parts += legend(38, bottom, columns=4)
    parts.append(
        text(
            20,
            bottom + 34,
            "Number in a shape: frames that it sees, of the sixteen drawn. Dashed: not looked at.",
            "soft",
        )
    )
    described = " ".join(f"{network.title}: {network.text}" for network in NETWORKS.values())
    return document("Four ways to join frames in time", described, round(left), round(bottom + 52), parts, 17)


def scene() -> str:
    """Return a picture of 178 x 178: a player and a ball in the middle, a goal and the sun near the border."""
    return "\n".join([
        tag("rect", width=178, height=178, class_="sky"),
        tag("rect", y=128, width=178, height=50, class_="grass"),
        tag("circle", cx=24, cy=26, r=12, class_="post"),
        tag("path", d="M146 150V70h26v80M146 70l10 -8h16", class_="post"),
        tag("circle", cx=82, cy=60, r=9, class_="solid"),
        tag("path", d="M82 72L78 100L64 128M78 100L98 108L104 124M80 80L62 94M80 80L100 90", class_="limb"),
        tag("circle", cx=121, cy=121, r=7, class_="solid"),
        tag("path", d="M8 160H46M60 168H100M118 164H170", class_="picture"),
    ])  # fmt: skip


def fovea_figure() -> str:
    """Return the two streams: what each sees, its tower, and where they are joined."""
    clip, half = 178, 89
    edge = (clip - half) // 2
    side, channels = sizes(half)["conv5"]
    parts = [tag("defs", tag("g", "\n" + scene() + "\n", id="scene")
                 + tag("clipPath", tag("rect", x=edge, y=edge, width=half, height=half), id="centre"))]  # fmt: skip
    # The clip: frames behind each other, the centre marked.
    left, top = 24, 108
    for shift in (14, 7):
        parts.append(tag("rect", x=left + shift, y=top - shift, width=clip, height=clip, class_="picture"))
    parts += [
        tag("use", href="#scene", x=left, y=top),
        tag("rect", x=left, y=top, width=clip, height=clip, class_="picture"),
        tag("rect", x=left + edge, y=top + edge, width=half, height=half, class_="picture cut"),
        text(left, top - 28, "clip", "title"),
        text(left, top + clip + 24, f"{clip} × {clip} px a frame"),
    ]
    streams = {
        "fovea": (58, "the centre, full resolution", f"translate(STREAM) translate({-edge} {-edge})", "centre"),
        "context": (252, "all of it, half size", "translate(STREAM) scale(.5)", ""),
    }
    x = 292
    for name, (y, words, transform, clipped) in streams.items():
        middle = y + half / 2
        options = {"clip_path": f"url(#{clipped})"} if clipped else {}
        parts += [
            *arrow(left + clip + 18, top + clip / 2 + (middle - top - clip / 2) / 3, x - 8, middle),
            tag("g", tag("use", href="#scene", **options), transform=transform.replace("STREAM", f"{x} {y}")),
            tag("rect", x=x, y=y, width=half, height=half, class_="picture cut" if clipped else "picture"),
            text(x, y - 14, name, "title"),
            text(x + 92, y - 14, words),
            text(x, y + half + 22, f"{half} × {half} px"),
            *arrow(x + half + 6, middle, x + half + 38, middle),
            tag(
                "polygon",
                points=points((x + 133, y + 4), (x + 265, y + 20), (x + 265, y + half - 20), (x + 133, y + half - 4)),
                class_="one",
            ),
            text(x + 199, middle - 4, "conv1 to conv5", "middle"),
            text(x + 199, middle + 16, "own weights", "middle"),
            *arrow(x + 269, middle, x + 330, middle + (199 - middle) * 0.45),
            text(x + 274, middle + (38 if name == "context" else -30), f"{side} × {side} × {channels}", "name"),
        ]
    centre, join = 199, x + 334
    parts += [
        tag("rect", x=join, y=centre - 46, width=76, height=92, rx=3, class_="one"),
        text(join + 38, centre - 4, "side", "middle"),
        text(join + 38, centre + 14, "by side", "middle"),
        text(join + 84, centre + 44, f"{side} × {side} × {2 * channels}", "name"),
    ]
    at = join + 80
    for name in FCS:
        width = 84 if name == "classes" else 58
        parts += [
            *arrow(at, centre, at + 24, centre),
            shape("full", at + 28 + width / 2, centre, (width, 34)),
            text(at + 28 + width / 2, centre + 5, name, "name middle"),
        ]
        at += 28 + width + 4
    described = (
        f"A clip of {clip} by {clip} pixels is seen twice. The fovea stream sees the centre {half} by {half} pixels at "
        f"full resolution, the context stream all of it at half size, also {half} by {half}. Each passes conv1 to "
        f"conv5 with weights of its own and without the last pooling, which gives {side} by {side} by {channels}. "
        f"Both are put side by side in the channels, {side} by {side} by {2 * channels}, and enter fc6, fc7 and the "
        "classifier."
    )
    return document("Two streams: fovea and context", described, round(at + 20), 392, parts)


def drawings() -> dict[str, str]:
    """Return every figure by the name of its file."""
    figures = {f"{key}.svg": network_figure(key) for key in NETWORKS}
    return {**figures, "fusion.svg": fusion_figure(), "fovea_context.svg": fovea_figure()}


if __name__ == "__main__":
    for name, content in drawings().items():
        (Path(__file__).parent / name).write_text(content, encoding="utf-8")
