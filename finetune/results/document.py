"""A report as blocks, and the forms that it is written in: Markdown, HTML, LaTeX."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

LATEX_SIGNS = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "→": r"$\to$", "–": "--",
    "λ": r"$\lambda$", "≥": r"$\geq$", "×": r"$\times$",
}  # fmt: skip
STYLE = """body { font: 15px/1.5 sans-serif; max-width: 75em; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: 1em 0 } th, td { padding: .2em .7em; text-align: right }
th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left }
tr { border-bottom: 1px solid #ddd } img { max-width: 100% }"""


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is the title."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    """Text."""

    text: str


@dataclass(frozen=True)
class Items:
    """A list."""

    texts: tuple[str, ...]


@dataclass(frozen=True)
class Picture:
    """A picture beside the report."""

    file: str
    caption: str


@dataclass(frozen=True)
class Table:
    """A table; the first column holds names, the others numbers.

    Parameters
    ----------
    head : titles of the columns.
    rows : cells; all rows are as long as the head.
    caption : says what the numbers are.
    bold : (row, column) of cells that stand out.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    bold: frozenset[tuple[int, int]] = frozenset()


Block = Heading | Paragraph | Items | Picture | Table


def to_markdown(blocks: Iterable[Block]) -> str:
    """Give a report as Markdown."""
    return "\n\n".join(map(_markdown, blocks)) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {text}"
        case Paragraph(text):
            return text
        case Items(texts):
            return "\n".join(f"- {text}" for text in texts)
        case Picture(file, caption):
            return f"![{caption}]({file})"
        case Table():
            lines = [block.head, ("---", *("---:" for _ in block.head[1:])), *_marked(block, "**{}**")]
            table = "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |" for cells in lines)
            return f"{block.caption}\n\n{table}" if block.caption else table


def to_html(blocks: Sequence[Block]) -> str:
    """Give a report as one web page; pictures stay beside it."""
    title = next((block.text for block in blocks if isinstance(block, Heading)), "Report")
    body = "\n".join(map(_html, blocks))
    return f"<!doctype html>\n<meta charset='utf-8'><title>{escape(title)}</title><style>{STYLE}</style>\n{body}\n"


def _html(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Paragraph(text):
            return f"<p>{escape(text)}</p>"
        case Items(texts):
            return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>"
        case Picture(file, caption):
            return (
                f"<figure><img src='{escape(file)}' alt='{escape(caption)}'><figcaption>{escape(caption)}</figcaption>"
            )
        case Table():
            head = "".join(f"<th>{escape(cell)}</th>" for cell in block.head)
            rows = (
                "".join(f"<td>{cell}</td>" for cell in cells)
                for cells in _marked(block, "<b>{}</b>", lambda cell: escape(cell))
            )
            body = "".join(f"<tr>{cells}</tr>" for cells in rows)
            return f"<table><caption>{escape(block.caption)}</caption><tr>{head}</tr>{body}</table>"


def to_latex(blocks: Iterable[Block]) -> str:
    """Give the tables of a report for LaTeX with booktabs, each a ``table`` environment."""
    return "\n".join(_latex(block) for block in blocks if isinstance(block, Table))


def _latex(table: Table) -> str:
    lines = [" & ".join(map(latex_text, table.head)) + r" \\", r"\midrule"]
    lines += [" & ".join(cells) + r" \\" for cells in _marked(table, r"\textbf{{{}}}", latex_text)]
    body = "\n".join(lines)
    return (
        "\\begin{table}\n\\centering\n"
        f"\\begin{{tabular}}{{l{'r' * (len(table.head) - 1)}}}\n\\toprule\n{body}\n\\bottomrule\n\\end{{tabular}}\n"
        f"\\caption{{{latex_text(table.caption)}}}\n\\end{{table}}\n"
    )


def latex_text(text: str) -> str:
    """Text with LaTeX's own signs written out."""
    return "".join(LATEX_SIGNS.get(sign, sign) for sign in text)


def _marked(table: Table, mark: str, escaped: object = None) -> Iterable[tuple[str, ...]]:
    """Rows with their cells escaped, those that stand out inside ``mark``."""
    for number, row in enumerate(table.rows):
        cells = [escaped(cell) if callable(escaped) else cell for cell in row]
        yield tuple(mark.format(cell) if (number, place) in table.bold else cell for place, cell in enumerate(cells))
