"""The tail cannot grow: files, classes and functions stay small enough to be read whole."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted((ROOT / "appliance").rglob("*.py"))
LONGEST_FILE, LONGEST_CLASS, LONGEST_FUNCTION = 400, 300, 40


def code_lines(node: ast.AST, source: list[str]) -> int:
    """Lines of a definition that are neither empty, comment nor docstring."""
    body = getattr(node, "body", [])
    skip: set[int] = set()
    for inner in ast.walk(node):
        docs = getattr(inner, "body", None)
        first = docs[0] if isinstance(docs, list) and docs else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            skip |= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    lines = range(body[0].lineno if body else 1, (getattr(node, "end_lineno", 0) or 0) + 1)
    return sum(
        1 for n in lines if n not in skip and source[n - 1].strip() and not source[n - 1].lstrip().startswith("#")
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_file_class_and_function_can_be_read_whole(path: Path) -> None:
    """400 lines a file, 300 a class, 40 lines of code a function."""
    text = path.read_text("utf-8")
    source = text.splitlines()
    assert len(source) <= LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert code_lines(node, source) <= LONGEST_FUNCTION, node.name
        if isinstance(node, ast.ClassDef):
            assert code_lines(node, source) <= LONGEST_CLASS, node.name
