"""Numbers as pictures (SVG), for people who would rather look than read."""

import math
from collections.abc import Mapping
from html import escape

ROW = 46
WIDTH = 640
LABEL = 180
BAR = 360
FONT = 'font-family="sans-serif" font-size="13"'


def comparison_svg(
    title: str,
    candidate: Mapping[str, float],
    champion: Mapping[str, float],
    names: tuple[str, str],
) -> str:
    """A pair of bars for each metric that both have; ``names``: of candidate and champion."""
    shared = [
        key for key in candidate if key in champion and _drawable(candidate[key], champion[key])
    ]
    height = 70 + ROW * len(shared)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" {FONT}>',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="16" y="26" font-size="15">{escape(title)}</text>',
        _legend(16, "#1f77b4", names[0]),
        _legend(190, "#b0b0b0", names[1]),
    ]
    for number, key in enumerate(shared):
        top = 66 + ROW * number
        largest = max(abs(candidate[key]), abs(champion[key])) or 1.0
        parts.append(f'<text x="16" y="{top + 20}">{escape(key[:24])}</text>')
        parts.append(_bar(top, candidate[key], largest, "#1f77b4"))
        parts.append(_bar(top + 18, champion[key], largest, "#b0b0b0"))
    parts.append("</svg>")
    return "\n".join(parts)


def drift_svg(title: str, scores: Mapping[str, float], threshold: float) -> str:
    """A bar for each column's score, and a line where a column has drifted."""
    drawn = {name: score for name, score in scores.items() if _drawable(score)}
    largest = max([threshold * 1.25, *drawn.values()])
    row = ROW // 2
    height = 80 + row * len(drawn)
    line = LABEL + round(BAR * (threshold / largest))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" {FONT}>',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="16" y="26" font-size="15">{escape(title)}</text>',
        f'<text x="{line + 4}" y="52" fill="#d62728">{threshold:g}</text>',
    ]
    for number, (name, score) in enumerate(drawn.items()):
        top = 60 + row * number
        colour = "#1f77b4" if score >= threshold else "#b0b0b0"
        parts.append(f'<text x="16" y="{top + 12}">{escape(name[:24])}</text>')
        parts.append(_bar(top, score, largest, colour))
    parts.append(
        f'<line x1="{line}" y1="40" x2="{line}" y2="{height - 12}" stroke="#d62728"'
        ' stroke-dasharray="4 3"/>'
    )
    parts.append("</svg>")
    return "\n".join(parts)


def _legend(x: int, colour: str, text: str) -> str:
    return (
        f'<rect x="{x}" y="38" width="12" height="12" fill="{colour}"/>'
        f'<text x="{x + 18}" y="49">{escape(text)}</text>'
    )


def _bar(top: int, value: float, largest: float, colour: str) -> str:
    width = max(1, round(BAR * (abs(value) / largest)))
    return (
        f'<rect x="{LABEL}" y="{top}" width="{width}" height="15" fill="{colour}"/>'
        f'<text x="{LABEL + width + 6}" y="{top + 12}">{value:.5g}</text>'
    )


def _drawable(*values: float) -> bool:
    return all(math.isfinite(value) for value in values)
