"""The picture of the main rows, as SVG."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("svg")
# Text as text, and nothing that differs from one drawing to the next.
matplotlib.rcParams.update(
    {"svg.fonttype": "none", "svg.hashsalt": "txsockjs", "font.size": 8}
)

from matplotlib import pyplot  # noqa: E402

from benchmarks.peers import PEERS  # noqa: E402
from benchmarks.report import briefly, lead  # noqa: E402
from benchmarks.row import OURS, SERVERS  # noqa: E402
from benchmarks.rows import ROWS  # noqa: E402
from benchmarks.run import Run  # noqa: E402

OWN, THEIRS, FLOOR = "#1f77b4", "#8a8a8a", "#d3d3d3"
COLUMNS = 3


def colour(peer: str) -> str:
    """Ours stands out; floors, which are no SockJS servers, stand back."""
    if peer in OURS:
        return OWN
    return THEIRS if peer in SERVERS else FLOOR


def draw(run: Run, path: Path) -> None:
    """
    Draw a panel for each main figure, those that ours loses first: a bar for each
    server's median, a line from its best round to its worst.
    """
    shown = [(ROWS[name], figure) for name in run.results for figure in ROWS[name].lead]
    shown.sort(key=lambda each: -max(1.0, lead(run, *each)))
    height = max(1, -(-len(shown) // COLUMNS))
    figure, grid = pyplot.subplots(
        height, COLUMNS, figsize=(11, 1.8 * height), squeeze=False, layout="constrained"
    )
    panels = list(grid.flat)
    for panel in panels[len(shown) :]:
        panel.set_visible(False)
    for panel, (row, shows) in zip(panels, shown, strict=False):
        names = [name for name in row.peers if name in run.results[row.name]]
        spreads = [s for name in names if (s := run.spread(row.name, name, shows.key))]
        medians = [s.median for s in spreads]
        panel.barh(
            [PEERS[name].title for name in names],
            medians,
            color=[colour(name) for name in names],
            xerr=(
                [s.median - s.best for s in spreads],
                [s.worst - s.median for s in spreads],
            ),
            error_kw={"elinewidth": 0.8, "ecolor": "#444444"},
        )
        panel.invert_yaxis()
        panel.set_title(briefly(row, shows), fontsize=8, loc="left")
        panel.spines[["top", "right"]].set_visible(False)
    figure.suptitle("Less is better. µs: CPU time of the server for each message")
    figure.savefig(path, format="svg", metadata={"Date": None})
    pyplot.close(figure)
