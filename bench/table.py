"""Rows of tables in Markdown."""


def header(*cells):
    return row(*cells), row("---", *["---:"] * (len(cells) - 1))


def row(*cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"
