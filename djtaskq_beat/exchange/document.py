"""The YAML file: written and read one entry at a time, however many there are."""

from collections.abc import Iterable, Iterator
from typing import IO, Any

import yaml
from yaml.composer import Composer

from djtaskq_beat.errors import WrongFile
from djtaskq_beat.exchange.entries import Entry

try:
    from yaml import CSafeLoader as FastestLoader
except ImportError:  # PyYAML without libyaml: the same, slower
    from yaml import SafeLoader as FastestLoader  # type: ignore[assignment]

VERSION = 1
# Line breaks to YAML, but not to everybody who reads the file.
_BREAKS = "\r\x85\u2028\u2029"


def written(entries: Iterable[tuple[str, Entry]]) -> Iterator[str]:
    """The document of `entries`, which come in order, in pieces."""
    yield f"version: {VERSION}\nschedules:"
    empty = True
    for name, entry in entries:
        yield ("\n" if empty else "") + _indented({name: entry})
        empty = False
    if empty:
        yield " {}\n"


def read(stream: IO[str], where: str) -> Iterator[tuple[str, Any]]:
    """The names and what stands under them, unchecked; raises `WrongFile`."""
    try:
        loader = _Loader(stream)
        try:
            yield from _entries(loader, where)
        finally:
            loader.dispose()
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise WrongFile(where=where, reason=reason) from error


class _Dumper(yaml.SafeDumper):
    """PyYAML's own in Python: what libyaml writes differs from it, and from machine to machine."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  PyYAML's signature
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    # After a block that ends in blank lines, PyYAML ends the document.
    if any(found in text for found in _BREAKS) or text == "\n" or text.endswith("\n\n"):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def _indented(entry: Entry) -> str:
    text = yaml.dump(
        entry,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=1_000_000,
    )
    return "\n".join(f"  {line}" if line else "" for line in text.split("\n"))


class _Loader(Composer, FastestLoader):
    """A safe loader that leaves times as text and refuses a key that is there twice."""

    def __init__(self, stream: IO[str]) -> None:
        FastestLoader.__init__(self, stream)
        Composer.__init__(self)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:  # noqa: FBT001, FBT002  PyYAML's signature
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"“{key.value}” is there twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)

    def one(self) -> Any:
        """The next value."""
        return self.construct_document(self.compose_node(None, 0))

    def enter_mapping(self) -> bool:
        """Whether the next value is a mapping; if so, it is entered."""
        found = bool(self.check_event(yaml.MappingStartEvent))
        if found:
            self.get_event()
        return found

    def each_key(self) -> Iterator[Any]:
        """The keys of the mapping that was entered; each one's value is to be taken before the next."""
        while not self.check_event(yaml.MappingEndEvent):
            yield self.one()
        self.get_event()


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in FastestLoader.yaml_implicit_resolvers.items()
}


def _entries(loader: _Loader, where: str) -> Iterator[tuple[str, Any]]:
    loader.get_event()
    if loader.check_event(yaml.StreamEndEvent):
        raise WrongFile(where=where, reason="it is empty.")
    loader.get_event()
    if not loader.enter_mapping():
        raise WrongFile(where=where, reason="it must begin with “version: 1” and “schedules:”.")
    version, complete = None, False
    for key in loader.each_key():
        if key == "version":
            version = loader.one()
        elif key != "schedules":
            raise WrongFile(where=where, reason=f"{key!r} is neither “version” nor “schedules”.")
        elif version != VERSION:
            raise WrongFile(where=where, reason=f"“version: {VERSION}” must stand before “schedules:”.")
        else:
            complete = True
            yield from _named(loader, where)
    if not complete:
        raise WrongFile(where=where, reason="it has no “schedules:”.")
    loader.get_event()
    if not loader.check_event(yaml.StreamEndEvent):
        raise WrongFile(where=where, reason="it holds more than one document.")


def _named(loader: _Loader, where: str) -> Iterator[tuple[str, Any]]:
    if not loader.enter_mapping():
        if loader.one() is not None:
            raise WrongFile(where=where, reason="“schedules:” must hold entries by name.")
        return
    seen: set[str] = set()
    for name in loader.each_key():
        if not isinstance(name, str):
            raise WrongFile(where=where, reason=f"the name {name!r} is no text: write it in quotes.")
        if name in seen:
            raise WrongFile(where=where, reason=f"“{name}” is there twice.")
        seen.add(name)
        yield name, loader.one()
