"""The longest modules and functions of a package, and whether any breaks the house limits.

House rule 2: modules of about 250 code lines, 500 at the very most; functions with a median of
about 8, 50 at the very most. A code line holds something that is neither comment nor docstring,
so explaining costs nothing.
"""

import argparse
import ast
import io
import statistics
import sys
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

MODULE_LIMIT = 500
FUNCTION_LIMIT = 50

_LAYOUT = {
    tokenize.COMMENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
    tokenize.INDENT,
    tokenize.NEWLINE,
    tokenize.NL,
}
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Measure:
    """The size of one module or function, in code lines, and where it is."""

    name: str
    place: str
    lines: int


def measure_module(path: Path, name: str) -> tuple[Measure, list[Measure]]:
    """Measure a module and each of its functions; a nested function also counts in its outer one.

    Raises:
        SyntaxError: the file is not Python.
    """
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source, str(path))
    lines = _code_lines(source) - _docstring_lines(tree)
    functions = [
        Measure(f"{name}.{qualified}", f"{path}:{node.lineno}", _count(lines, node))
        for qualified, node in _functions(tree, "")
    ]
    return Measure(name, str(path), len(lines)), functions


def measure_package(
    package: Path, left_out: Sequence[str] = ()
) -> tuple[list[Measure], list[Measure]]:
    """Measure every module below the folder `package`, longest first, and every function.

    `left_out` names folders below the package, such as those of generated code.
    """
    modules: list[Measure] = []
    functions: list[Measure] = []
    for path in sorted(package.rglob("*.py")):
        if any(path.is_relative_to(package / folder) for folder in left_out):
            continue
        dotted = ".".join(path.relative_to(package.parent).with_suffix("").parts)
        module, inside = measure_module(path, dotted)
        modules.append(module)
        functions.extend(inside)
    return _longest_first(modules), _longest_first(functions)


def describe(kind: str, measures: Sequence[Measure], limit: int, top: int) -> str:
    """Give one table: the spread of the sizes, then the `top` longest."""
    if not measures:
        return f"no {kind}"
    sizes = [measure.lines for measure in measures]
    head = (
        f"{len(sizes)} {kind}: median {statistics.median(sizes):.0f}, "
        f"90th percentile {_ninetieth(sizes):.0f}, longest {max(sizes)} (limit {limit})"
    )
    rows = [f"  {measure.lines:4}  {measure.name}  {measure.place}" for measure in measures[:top]]
    return "\n".join([head, *rows])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the outliers of a package; 1 when one breaks a limit, else 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("package", type=Path, help="folder of the package")
    parser.add_argument("--top", type=int, default=5, help="how many of the longest to show")
    parser.add_argument("--leave-out", action="append", default=[], help="folder not to measure")
    options = parser.parse_args(arguments)
    modules, functions = measure_package(options.package, options.leave_out)
    print(describe("modules", modules, MODULE_LIMIT, options.top))
    print(describe("functions", functions, FUNCTION_LIMIT, options.top))
    broken = [
        *(module for module in modules if module.lines > MODULE_LIMIT),
        *(function for function in functions if function.lines > FUNCTION_LIMIT),
    ]
    for measure in broken:
        print(f"too long: {measure.name} has {measure.lines} code lines", file=sys.stderr)
    return 1 if broken else 0


def _code_lines(source: str) -> set[int]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {
        line
        for token in tokens
        if token.type not in _LAYOUT
        for line in range(token.start[0], token.end[0] + 1)
    }


def _docstring_lines(tree: ast.Module) -> set[int]:
    return {
        line
        for node in ast.walk(tree)
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None
        for line in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    }


def _functions(
    node: ast.AST, prefix: str
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for child in ast.iter_child_nodes(node):
        inner = prefix
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + child.name, child
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = f"{prefix}{child.name}."
        yield from _functions(child, inner)


def _count(lines: set[int], node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return len(lines.intersection(range(node.lineno, (node.end_lineno or node.lineno) + 1)))


def _longest_first(measures: list[Measure]) -> list[Measure]:
    return sorted(measures, key=lambda measure: (-measure.lines, measure.name))


def _ninetieth(sizes: Sequence[int]) -> float:
    return statistics.quantiles(sizes, n=10, method="inclusive")[-1] if len(sizes) > 1 else sizes[0]


if __name__ == "__main__":
    sys.exit(main())
