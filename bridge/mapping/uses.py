"""How a row names a transform, and what a transform is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bridge.mapping.documents import Node
from bridge.mapping.errors import instead
from bridge.mapping.source import Place, Run, Segment
from bridge.mapping.tables import CodeTable
from bridge.mapping.targets import Kind

Reader = Callable[[Segment, Run, int], Any]
Mapper = Callable[[str, Segment, Place, Run], Any]
Tables = Callable[[Node], CodeTable]


@dataclass(frozen=True, slots=True)
class Use:
    """One transform as a row uses it: its name, its main argument and its further ones."""

    name: str
    node: Node
    argument: Node | None
    options: Mapping[str, Node]

    @staticmethod
    def parse(node: Node, known: Mapping[str, Any]) -> Use:
        """Read `name`, `{name: argument}` or `{name: {option: value}}`.

        Raises:
            ProfileError: the transform is unknown or not written like that.
        """
        argument: Node | None = None
        options: Mapping[str, Node] = {}
        if isinstance(node.content, dict):
            if len(node.content) != 1:
                raise node.error("one transform at a time", "write a list: [first, second]")
            name, value = next(iter(node.content.items()))
            if isinstance(value.content, dict):
                options = value.content
            else:
                argument = value
        else:
            name = node.text
        if name not in known:
            raise node.error(f"unknown transform {name!r}", instead(name, known))
        return Use(name, node, argument, options)

    def get(self, option: str) -> Node | None:
        """An option; the main argument stands for the first one."""
        return self.options.get(option)

    def allow(self, *options: str) -> None:
        """Refuse options beyond these."""
        for option, node in self.options.items():
            if option not in options:
                fix = instead(option, options) if options else "remove it"
                raise node.error(f"{self.name} has no option {option!r}", fix)

    def choice(
        self,
        option: str,
        allowed: Mapping[str, Any] | tuple[str, ...],
        default: str,
        *,
        positional: bool = True,
    ) -> str:
        """An option, or the main argument unless it stands for another, of a few words."""
        node = self.options.get(option) or (self.argument if positional else None)
        if node is None:
            return default
        if node.text not in allowed:
            raise node.error(f"unknown {option} {node.text!r}", instead(node.text, allowed))
        return node.text


@dataclass(frozen=True, slots=True)
class Transform:
    """How a transform is made; `whole` readers take every repetition into account themselves."""

    makes: Kind
    make: Callable[..., Any]
    whole: bool = False
