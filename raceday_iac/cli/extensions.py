"""What the extensions of a stack add to commands: further commands, and plugins of the embedded server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..extensions import Extension, extensions_named_in, load_extensions, load_part
from .options import Options

if TYPE_CHECKING:
    from ..linting.rules import RuleSet


def extensions_of(options: Options, named: Sequence[str] | None = None) -> tuple[Extension, ...]:
    """Those that the stack names, and those of `--extension`. Raises IacError. Without `named` the stack file is looked
    at, and run only where its text does not say."""
    named = extensions_named_in(options.stack) if named is None else named
    if named is None:
        from ..loading.stack_file import load_stack

        named = tuple(load_stack(options.stack).extensions)
    return load_extensions(tuple(dict.fromkeys((*named, *options.extensions))), options.stack)


def commands_of(options: Options) -> dict[str, tuple[str, str]]:
    """The module of each command, and what is said of it. Raises IacError."""
    return {name: reported for extension in extensions_of(options) for name, reported in extension.commands.items()}


def plugin_names(options: Options) -> tuple[str, ...]:
    """What the extensions add to the embedded server, as `package.module:name`."""
    return tuple(each.server for each in extensions_of(options) if each.server)


def plugins_of(options: Options) -> tuple[Any, ...]:
    """The same, for a server in this process."""
    return tuple(load_part(name, options.stack)() for name in plugin_names(options))


def lint_rules_of(options: Options) -> RuleSet:
    """The rules that hold for every stack, and those of the extensions. Raises IacError."""
    from ..linting.linter import RULES

    found = RULES
    for extension in extensions_of(options):
        if extension.lint_rules:
            found |= load_part(extension.lint_rules, options.stack)
    return found
