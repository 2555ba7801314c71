"""Loss surfaces to turn and zoom: one HTML file that needs no network."""

import importlib.util
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from jaxcifar.core.files import write_atomically
from jaxcifar.figures.surface_words import axis_names, caption, title
from jaxcifar.figures.surfaces import COLOURS, Scale
from jaxcifar.records.landscapes import Landscape

EYE = {"x": 1.75, "y": 1.75, "z": 1.25}  # far enough for all names of axes
WIDTH = 24  # least of a panel, in the page's em: a narrower screen scrolls
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light; }}
body {{ margin: 1rem; background: #fff; color: #1c1e21; font: 16px/1.5 system-ui, sans-serif; }}
p {{ max-width: 60rem; font-size: .875rem; color: #555b63; }}
.wide {{ overflow-x: auto; }}
#landscape {{ min-width: {width}em; }}
</style>
</head>
<body>
<p>{caption}</p>
<div class="wide">{plot}</div>
</body>
</html>
"""


def there() -> bool:
    """Whether the library that writes such pages is installed."""
    return importlib.util.find_spec("plotly") is not None


def save(found: Sequence[Landscape], path: Path) -> Path:
    """Write planes as surfaces that can be turned, lines as curves; the library's code is inside.

    The same landscapes give the same bytes.
    """
    import plotly.io

    made = _surfaces(found) if found[0].b is not None else _lines(found)
    plot = plotly.io.to_html(
        made, include_plotlyjs=True, full_html=False, div_id="landscape",
        config={"displaylogo": False, "responsive": True},
    )  # fmt: skip
    name = ", ".join(title(each) for each in found)
    text = PAGE.format(
        title=escape(name), plot=plot,
        caption=escape(caption(found, Scale(found).log, marked=False)),
        width=WIDTH * min(len(found), 2),
    )  # fmt: skip
    write_atomically(path, text.encode())
    return path


def _surfaces(found: Sequence[Landscape]) -> Any:
    from plotly.graph_objects import Figure, Scatter3d, Surface

    scale, columns = Scale(found), min(len(found), 2)
    heights = _heights(np.array([scale.low, scale.high]), scale)
    rows = -(-len(found) // columns)
    made = Figure()
    for place, each in enumerate(found):
        scene = f"scene{place + 1 if place else ''}"
        # Plotly counts rows of z along y.
        made.add_trace(Surface(
            x=each.a.tolist(), y=each.b.tolist(), z=_heights(each.loss.T, scale),
            customdata=each.loss.T.tolist(), coloraxis="coloraxis", scene=scene, name=title(each),
            hovertemplate="%{x:.3g}, %{y:.3g}: %{customdata:.4g} nats",
        ))  # fmt: skip
        if each.path is not None:
            made.add_trace(_path(Scatter3d, each, scale, scene))
        row, column = divmod(place, columns)
        names = axis_names(each)
        made.update_layout({scene: {
            "domain": {"x": [column / columns, (column + 1) / columns],
                       "y": [1 - (row + 1) / rows, 1 - row / rows]},
            "xaxis": {"title": {"text": names[0]}}, "yaxis": {"title": {"text": names[1]}},
            "zaxis": {"title": {"text": "loss (nats)"}, "range": heights, **_ticks(scale)},
            "aspectmode": "cube", "camera": {"eye": EYE},
        }})  # fmt: skip
        made.add_annotation(
            text=title(each), x=(column + 0.5) / columns, y=1 - row / rows, xref="paper",
            yref="paper", yanchor="top", showarrow=False, font={"size": 14},
        )  # fmt: skip
    bar = {"title": {"text": "loss (nats)"}, "len": 0.8, **_ticks(scale)}
    made.update_layout(coloraxis={"colorscale": COLOURS.capitalize(), "colorbar": bar})
    return _finished(made, height=560 * rows)


def _lines(found: Sequence[Landscape]) -> Any:
    from plotly.graph_objects import Figure, Scatter

    scale, made = Scale(found), Figure()
    for each in found:
        made.add_trace(Scatter(x=each.a.tolist(), y=each.loss.tolist(), name=title(each)))
    made.update_xaxes(title_text=axis_names(found[0])[0])
    made.update_yaxes(title_text="loss (nats)", type="log" if scale.log else "linear")
    made.update_layout(showlegend=True)
    return _finished(made, height=560)


def _finished(made: Any, height: int) -> Any:
    made.update_layout(
        height=height, margin={"l": 10, "r": 10, "b": 40, "t": 10}, template="plotly_white"
    )
    return made


def _path(scatter: Any, each: Landscape, scale: Scale, scene: str) -> Any:
    """The path of training, on the surface where it passes: at the nearest point of the grid."""
    x, y = each.path.T
    near = [np.abs(axis[None] - at[:, None]).argmin(1) for axis, at in ((each.a, x), (each.b, y))]
    return scatter(
        x=x.tolist(), y=y.tolist(), z=_heights(each.loss[near[0], near[1]], scale), scene=scene,
        text=[f"step {step}" for step in (each.steps if each.steps is not None else [])],
        mode="lines+markers", marker={"size": 3}, line={"color": "#D55E00", "width": 5},
        showlegend=False, name=title(each),
    )  # fmt: skip


def _heights(loss: np.ndarray, scale: Scale) -> list:
    """Nested lists; Plotly writes NaN as null, which is a hole."""
    return (np.log10(loss) if scale.log else loss).tolist()


def _ticks(scale: Scale) -> dict[str, Any]:
    """Ticks of a logarithmic height, as plain numbers."""
    if not scale.log:
        return {}
    marks = scale.heights()
    return {"tickvals": np.log10(marks).tolist(), "ticktext": [f"{mark:.4g}" for mark in marks]}
