"""docs/configuration.md, written from the schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bridge.settings.destination import Destination
from bridge.settings.environment import PREFIX
from bridge.settings.listing import display
from bridge.settings.schema import FILE_SUFFIX, Items, Section, Setting, Value, Values, settings_of
from bridge.settings.tree import Settings

_INTRODUCTION = f"""\
# Configuration

<!-- Written by `python -m bridge.settings`; a test keeps it current. Edit bridge/settings/. -->

The bridge reads one YAML file, which `--config FILE` or the environment variable `BRIDGE_CONFIG`
names. Without a file it runs on the defaults below: loopback only, everything it writes under
`./var`. [bridge.example.yaml](../bridge.example.yaml) is a file to start from, and

    bridge config check --config FILE

explains every error with its line and what to write instead.

**Strictness.** A key that is not listed here is an error, and so are a key written twice, a value
out of range, and two listeners on one port. Values mean what the key says: `name: NO` is a name.
Anchors and aliases work, merge keys (`<<`) do not.

**Paths** are relative to the working directory, not to the file.

**Environment.** `{PREFIX}HTTP__PORT=8081` sets `http.port`, whatever the file says: two
underscores separate the keys. An item of a list is named by its number or by its name, all but
letters and digits written as underscores: `{PREFIX}DESTINATIONS__EHR__URL`,
`{PREFIX}DICOM__PEERS__CT01__PORT`, `{PREFIX}HL7__LISTENERS__0__PORT`. The number after the last
adds an item. A whole section or list is given as YAML: `{PREFIX}DESTINATIONS='[]'`.

**Secrets** (marked so below) are masked wherever settings are shown. `KEY{FILE_SUFFIX}` names a
file that holds one, in YAML (`token{FILE_SUFFIX}: /run/secrets/ehr`) and in the environment
(`{PREFIX}DESTINATIONS__EHR__TOKEN{FILE_SUFFIX.upper()}`).
"""


def write_reference() -> str:
    """Return the text of docs/configuration.md."""
    top = settings_of(Settings)
    parts = [_INTRODUCTION, "\n## Top level\n\n", *_table(top)]
    for key, setting in top.items():
        parts.extend(_chapters(setting, key))
    return "".join(parts)


def _chapters(setting: Setting, path: str) -> Iterator[str]:
    shape = setting.shape
    if isinstance(shape, Section):
        yield from _chapter(shape.type, path)
    elif isinstance(shape, Items) and shape.discriminated:
        yield from _chapter(Destination, f"{path}[]")
        for kind, section in shape.kinds.items():
            yield from _kind_chapter(kind, section, f"{path}[]")
    elif isinstance(shape, Items):
        yield from _chapter(shape.kinds[""], f"{path}[]")


def _chapter(section: type[Any], path: str) -> Iterator[str]:
    yield f"\n## {path}\n\n{section.__doc__}\n\n"
    yield from _table(settings_of(section))
    for key, setting in settings_of(section).items():
        yield from _chapters(setting, f"{path}.{key}")


def _kind_chapter(kind: str, section: type[Any], path: str) -> Iterator[str]:
    """Yield what a kind has beside the keys that every kind has."""
    common = settings_of(Destination)
    own = {key: each for key, each in settings_of(section).items() if key not in common}
    yield f"\n## {path} of kind: {kind}\n\n{section.__doc__}\n\n"
    yield from _table(own)


def _table(settings: Mapping[str, Setting]) -> Iterator[str]:
    yield "| Key | Value | Default | Meaning |\n|---|---|---|---|\n"
    for key, setting in settings.items():
        yield f"| `{key}` | {_kind(setting)} | {_default(setting)} | {setting.doc} |\n"


def _kind(setting: Setting) -> str:
    shape = setting.shape
    if isinstance(shape, Value):
        return shape.term.describe + (" (secret)" if shape.term.secret else "")
    if isinstance(shape, Values):
        return f"list of: {shape.term.describe}"
    return "section" if isinstance(shape, Section) else "list of sections"


def _default(setting: Setting) -> str:
    if setting.required:
        return "**required**"
    if setting.derived:
        return setting.derived
    if isinstance(setting.shape, Section):
        return "see below"
    if isinstance(setting.shape, Items):
        return "see below" if setting.default else "empty list"
    shown = display(setting.default)
    return f"`{shown}`" if shown else "none"
