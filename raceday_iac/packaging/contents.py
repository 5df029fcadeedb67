"""Which files of a code folder are deployed: those that a developer sees in git, without secrets and generated files.

Nothing is left out silently: secrets, virtual environments, what tools make, broken links and special files are named,
each with the reason, and `include` keeps one. Links are followed inside the project and refused where they lead out.
"""

from __future__ import annotations

import codecs
import os
import re
import stat
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import translate
from functools import cached_property
from pathlib import Path
from typing import Any

from ..model import limits
from ..model.resource import LeftOut, WhyLeftOut

#: Names of files that hold credentials, in lower case; a backup of one is one.
_SECRET_FILES = """
    .env .env.* *.env .envrc .envrc.* .flaskenv .npmrc .yarnrc .pypirc .netrc _netrc .pgpass .my.cnf .mylogin.cnf .s3cfg
    .boto .dockercfg .git-credentials .htpasswd .vault-token .terraformrc terraform.rc credentials credentials.json
    credentials.toml credentials.yaml credentials.yml credentials.ini credentials.csv secrets.json secrets.toml
    secrets.yaml secrets.yml secrets.ini secrets.txt .secret .secrets .secrets.* secret.json secret.yaml secret.yml
    secret.toml secret.txt client_secret*.json service-account*.json service_account*.json serviceaccount*.json
    *-service-account.json *.tfvars *.tfvars.json *.tfstate *.pem *.key *.p12 *.pfx *.p8 *.pk8 *.jks *.keystore *.ppk
    *.kdbx *.kdb *.agekey *.ovpn id_rsa id_dsa id_ecdsa id_ed25519 id_ecdsa_sk id_ed25519_sk
""".split()
_SECRET_FOLDERS = frozenset({".env", ".secret", ".secrets", ".ssh", ".aws", ".azure", ".gnupg", ".kube", ".gcloud"})
#: Most are whole names, and only what is a pattern has to be compiled.
_SECRET_NAMES = frozenset(each for each in _SECRET_FILES if "*" not in each)
_SECRET_PATTERN = re.compile("|".join(translate(each) for each in _SECRET_FILES if "*" in each))
_BACKUP = re.compile(r"(?:~|\.(?:bak|backup|old|orig|save|swp|tmp|copy|\d+))+$")
#: A part of a name that says that what it holds is made up; `example.pem` is a key like any other.
_EXAMPLE = re.compile(r"(?:^|[._-])(?:examples?|samples?|template|tmpl|dist|defaults|schema)(?:[._-]|$)")
_KEY = re.compile(r"\.(?:pem|key|p12|pfx|p8|pk8|jks|keystore|ppk|kdbx?|agekey)$")
_PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-|AGE-SECRET-KEY-1")

#: What the tool keeps of an environment, in `state/ENVIRONMENT` of a project: keys and answers of servers.
_STATE_FILES = ("state.json", "state.lock", "audit.jsonl", "server/server.lock")
_REPOSITORIES = frozenset({".git", ".hg", ".svn", ".bzr", ".jj"})
_ENVIRONMENTS = frozenset({".venv", "venv", "node_modules", "__pypackages__"})
_CACHES = frozenset(
    {
        "__pycache__",
        ".pytest_cache",
        ".mypy_cache",
        ".ruff_cache",
        ".hypothesis",
        ".tox",
        ".nox",
        ".ipynb_checkpoints",
        ".ds_store",
        "thumbs.db",
        "desktop.ini",
    }
)
_CACHE_ENDINGS = (".pyc", ".pyo", ".swp", ".swo", ".ds_store", "~")
#: What a cache of any tool carries (https://bford.info/cachedir/).
_CACHE_TAG = "CACHEDIR.TAG"


@dataclass(frozen=True)
class CodeFolder:
    """A folder to pack. `ignore` and `include` are patterns as in `.gitignore`, relative to it. Links may lead to
    anywhere in `project`, which holds the folder."""

    folder: Path
    project: Path
    ignore: Sequence[str] = ()
    include: Sequence[str] = ()


@dataclass
class Contents:
    """What was found, by path relative to the folder. With a `problem`, it cannot be packed."""

    files: dict[str, bytes] = field(default_factory=dict)
    executable: set[str] = field(default_factory=set)
    left_out: list[LeftOut] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read_contents(code: CodeFolder) -> Contents:
    """Everything in the folder that is deployed. Never fails: what cannot be read is a problem."""
    return _Walk(code).contents()


def looks_secret(name: str, *, is_folder: bool = False) -> bool:
    """Whether a file or folder of this name usually holds credentials."""
    lower = name.lower()
    if is_folder:
        return lower in _SECRET_FOLDERS
    base = _BACKUP.sub("", lower) or lower
    is_example = _EXAMPLE.search(base) and not _KEY.search(base)
    return not is_example and any(each in _SECRET_NAMES or _SECRET_PATTERN.match(each) for each in (lower, base))


class _StopError(Exception):
    """It is too much: reading on would only take time and memory."""


class _Walk:
    """One reading of a folder."""

    def __init__(self, code: CodeFolder) -> None:
        self._folder = code.folder.resolve()
        self._tree = code.project.resolve()
        self._ignore = Patterns(each.encode(errors="replace") for each in code.ignore)
        self._include = Patterns(each.encode(errors="replace") for each in code.include)
        self._git = _git_files(self._folder, self._tree)
        self._may_include = bool(code.include)
        self._found = Contents()
        self._seen = self._bytes = 0

    def contents(self) -> Contents:
        try:
            self._read(self._folder, "", (self._folder,), kept_only=False)
        except _StopError as stop:
            self._found.problems.append(str(stop))
        return self._found

    def _read(self, folder: Path, prefix: str, within: tuple[Path, ...], *, kept_only: bool) -> None:
        """One folder. `within` are the real folders that it was reached through. `kept_only`: it is left out, but for
        what `include` names."""
        try:
            names = sorted(os.listdir(folder))
        except OSError as error:
            self._complain(prefix or ".", f"cannot be read: {error.strerror}")
            return
        for name in names:
            self._seen += 1
            if self._seen > limits.BUNDLE_ENTRIES:
                raise _StopError(
                    f"its folder holds more than {limits.BUNDLE_ENTRIES:,} files; leave some out (ignore=)"
                )
            try:
                self._entry(folder / name, prefix + name, within, kept_only=kept_only)
            except OSError as error:
                self._complain(prefix + name, f"cannot be read: {error.strerror}")

    def _entry(self, path: Path, name: str, within: tuple[Path, ...], *, kept_only: bool) -> None:
        is_link = path.is_symlink()
        # To git, a link is a file, whatever it leads to.
        is_folder = path.is_dir() and not is_link
        shown = name + "/" * is_folder
        if self._is_included(shown):
            why = None
        elif kept_only:
            why = LeftOut(shown, WhyLeftOut.IGNORED)
        else:
            why = self._why(path, shown, is_folder=is_folder)
        if why is not None:
            if not kept_only:
                self._found.left_out.append(why)
            if is_folder and self._may_include:
                self._read(path, f"{name}/", within, kept_only=True)
            return
        target = self._followed(path, name) if is_link else path
        if target is None:
            return
        if target.is_dir():
            self._enter(target, name, within, is_link=is_link)
        elif target.is_file():
            self._keep(target, name)
        else:
            self._found.left_out.append(LeftOut(name, WhyLeftOut.SPECIAL))

    def _is_named(self, shown: str) -> bool:
        """Whether `include` names it itself, and not only a folder that it lies in."""
        said = self._include.decide(shown) if self._may_include else None
        return said is not None and said[0]

    def _is_included(self, shown: str) -> bool:
        """Whether `include` names it, or a folder that it lies in. A secret is only ever named itself."""
        if not self._may_include or not self._include.names(shown):
            return False
        name = shown.rstrip("/").rpartition("/")[2]
        return self._is_named(shown) or not looks_secret(name, is_folder=shown.endswith("/"))

    def _why(self, path: Path, shown: str, *, is_folder: bool) -> LeftOut | None:
        """Why an entry is left out, going by its name and by what ignores it."""
        by_name, by_rule = _by_name(path, is_folder=is_folder), self._ignored_by(path, shown, is_folder=is_folder)
        if by_name is None and not by_rule:
            return None
        return LeftOut(shown, by_name or WhyLeftOut.IGNORED, by_rule, is_ignored=bool(by_rule))

    def _ignored_by(self, path: Path, shown: str, *, is_folder: bool) -> str:
        """The rule that ignores an entry; empty when none does."""
        said = self._ignore.decide(shown)
        if said is not None:
            return "by ignore=" if said[0] else ""
        by = self._git.says(path, is_folder=is_folder) if path.is_relative_to(self._git.top) else ""
        return f"by {by}" if by else ""

    def _followed(self, link: Path, name: str) -> Path | None:
        """What a link leads to, or None when that is nothing to be packed."""
        try:
            target = link.resolve(strict=True)
        except (OSError, RuntimeError):
            self._found.left_out.append(LeftOut(name, WhyLeftOut.BROKEN, _target_of(link)))
            return None
        if not target.is_relative_to(self._tree):
            self._complain(
                name,
                f"is a link that leads out of the project, to {target}; copy that, or leave the link out (ignore=)",
            )
            return None
        if self._is_included(name + "/" * target.is_dir()):
            return target
        why = self._why_target(target)
        if why is not None:
            self._found.left_out.append(LeftOut(name, why[0], f"it leads to {target.relative_to(self._tree)}{why[1]}"))
            return None
        return target

    def _why_target(self, target: Path) -> tuple[WhyLeftOut, str] | None:
        """A link must not bring in under a new name what is left out under its own."""
        inside = target.relative_to(self._tree).parts
        steps = [self._tree.joinpath(*inside[: depth + 1]) for depth in range(len(inside))]
        for each in steps:
            if each.name.lower() in _REPOSITORIES:
                return WhyLeftOut.REPOSITORY, ""
            if looks_secret(each.name, is_folder=each.is_dir()) or _is_state(each):
                return WhyLeftOut.SECRET, ""
        if not target.is_relative_to(self._git.top):
            return None
        by = self._git.says_of_all(target, is_folder=target.is_dir())
        return (WhyLeftOut.IGNORED, f", which {by} ignores") if by else None

    def _enter(self, folder: Path, name: str, within: tuple[Path, ...], *, is_link: bool) -> None:
        real = folder.resolve() if is_link else folder
        if is_link and any(each.is_relative_to(real) for each in within):
            self._complain(name, f"is a link to a folder that contains it, {real}")
            return
        self._read(real, f"{name}/", (*within, real), kept_only=False)

    def _keep(self, file: Path, name: str) -> None:
        found = file.stat()
        self._bytes += found.st_size
        if self._bytes > limits.BUNDLE_UNPACKED_BYTES:
            raise _StopError(
                f"its folder holds more than {limits.BUNDLE_UNPACKED_BYTES:,} bytes, the most that is packed; "
                f"the limit was reached at {name}. Leave files out (ignore=)"
            )
        content = file.read_bytes()
        if _PRIVATE_KEY.match(content.lstrip()[:100]) and not self._is_named(name):
            self._found.left_out.append(LeftOut(name, WhyLeftOut.SECRET, "it begins like a private key"))
            return
        self._found.files[name] = content
        if found.st_mode & stat.S_IXUSR:
            self._found.executable.add(name)

    def _complain(self, name: str, message: str) -> None:
        self._found.problems.append(f"{name} {message}")


def _is_state(path: Path) -> bool:
    """Whether the tool keeps its state there. A folder of code may have the same name."""
    if path.name != "state" or not path.is_dir():
        return False
    return any((each / name).exists() for each in path.iterdir() for name in _STATE_FILES)


def _by_name(path: Path, *, is_folder: bool) -> WhyLeftOut | None:
    """What everybody's rules leave out, whether it is ignored or not."""
    lower = path.name.lower()
    # Most are files, which need not be asked what lies in them. A link may lead to a folder.
    has_entries = path.is_dir()
    if lower in _REPOSITORIES:
        return WhyLeftOut.REPOSITORY
    if lower in _ENVIRONMENTS or (has_entries and _is_environment(path)):
        return WhyLeftOut.ENVIRONMENT
    if lower in _CACHES or (has_entries and (path / _CACHE_TAG).is_file()):
        return WhyLeftOut.CACHE
    if looks_secret(lower, is_folder=is_folder) or (is_folder and _is_state(path)):
        return WhyLeftOut.SECRET
    return WhyLeftOut.CACHE if lower.endswith(_CACHE_ENDINGS) else None


def _is_environment(folder: Path) -> bool:
    """Whether packages are installed in a folder, whatever its name."""
    return (folder / "pyvenv.cfg").is_file() or (folder / "conda-meta").is_dir()


def _git_files(folder: Path, tree: Path) -> GitIgnore:
    """The `.gitignore` files that count. Who packs a folder that git ignores means it: only those in it are asked."""
    git = GitIgnore(tree)
    try:
        is_ignored = folder != tree and bool(git.says_of_all(folder, is_folder=True))
    except OSError:
        is_ignored = False
    return GitIgnore(folder) if is_ignored else git


def _target_of(link: Path) -> str:
    try:
        return f"it leads to {os.readlink(link)}"
    except OSError:
        return ""


# `.gitignore` files as git reads them: nested ones, negations, folders that nothing can bring back.
#
# pathspec translates the patterns. What stands above it is the walk: git asks folder by folder, the nearest file
# first, and takes a pattern for what it names itself, never for what lies below that; below an ignored folder nothing
# is asked. `.git/info/exclude` and a user's own `core.excludesFile` are not read: a bundle is the same on every
# machine.


IGNORE_FILE = ".gitignore"
#: A last `**` means what lies below, and never the folder itself; alone it is `*`.
_LONE_STARS, _LAST_STARS = re.compile(r"^(!?)/?\*\*(/?)$"), re.compile(r"/\*\*(/?)$")
#: pathspec knows ranges, not the names of them.
_CLASSES = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "xdigit": "0-9a-fA-F",
    "space": " \t\r\n\v\f",
    "blank": " \t",
    "punct": r"!-/:-@\[-`{-~",
    "print": " -~",
    "graph": "!-~",
}
_CLASS = re.compile(rf"\[:({'|'.join(_CLASSES)}):\]")
#: pathspec's name for the group that ends where a folder of the pattern ends.
_FOLDER_END = "ps_d"


@dataclass(frozen=True)
class _Rule:
    """One pattern. `is_name`: it has no slash inside, and so looks at the last part of a path alone."""

    pattern: Any
    line: int
    is_name: bool

    def matches(self, path: str) -> bool:
        """Whether it names the path itself. Folders end in a slash."""
        asked = path[path.rstrip("/").rfind("/") + 1 :] if self.is_name else path
        found = self.pattern.regex.search(asked)
        if found is None:
            return False
        end = found.end(_FOLDER_END) if _FOLDER_END in found.re.groupindex else -1
        return self.is_name or end in (-1, len(asked))


class Patterns:
    """The lines of one file, the last one that matches wins."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = tuple(lines)

    @cached_property
    def _rules(self) -> tuple[_Rule, ...]:
        return tuple(rule for number, line in enumerate(self._lines, 1) if (rule := _rule(line, number)))

    def decide(self, path: str) -> tuple[bool, int] | None:
        """Whether a path relative to the file is ignored, and by which line (1-based). None: nothing is said of it."""
        asked = _as_bytes(path)
        for rule in reversed(self._rules):
            if rule.matches(asked):
                return bool(rule.pattern.include), rule.line
        return None

    def names(self, path: str) -> bool:
        """Whether a path, or a folder that it lies in, is matched."""
        parts = path.rstrip("/").split("/")
        folders = ("/".join(parts[:depth]) + "/" for depth in range(1, len(parts)))
        return any((said := self.decide(each)) and said[0] for each in (*folders, path))


@dataclass
class GitIgnore:
    """All `.gitignore` files from the folder `top` downwards, each read once."""

    top: Path
    _read: dict[Path, Patterns | None] = field(default_factory=dict)

    def says(self, path: Path, *, is_folder: bool) -> str:
        """By which file and line a path is ignored whose folders are not; empty when it is not. Raises OSError for a
        file that cannot be read."""
        for folder in path.parents:
            patterns = self._patterns(folder)
            said = patterns.decide(path.relative_to(folder).as_posix() + "/" * is_folder) if patterns else None
            if said is not None:
                file = (folder / IGNORE_FILE).relative_to(self.top).as_posix()
                return f"{file} line {said[1]}" if said[0] else ""
            if folder == self.top:
                break
        return ""

    def says_of_all(self, path: Path, *, is_folder: bool) -> str:
        """As `says`, asked for the folders between `top` and the path too."""
        above = [each for each in reversed(path.parents) if each != self.top and each.is_relative_to(self.top)]
        found = (self.says(each, is_folder=True) for each in above)
        return next((each for each in found if each), "") or self.says(path, is_folder=is_folder)

    def _patterns(self, folder: Path) -> Patterns | None:
        if folder not in self._read:
            file = folder / IGNORE_FILE
            # As git does, a link is not followed: what it leads to may be anywhere.
            is_there = file.is_file() and not file.is_symlink()
            content = file.read_bytes().removeprefix(codecs.BOM_UTF8) if is_there else b""
            self._read[folder] = Patterns(content.split(b"\n")) if content else None
        return self._read[folder]


def _as_bytes(path: str) -> str:
    """A path with a character for each byte: to git, a question mark is one byte."""
    return os.fsencode(path).decode("latin-1")


def _rule(line: bytes, number: int) -> _Rule | None:
    """None for an empty line, a comment, and what git does not understand either."""
    # Imported only where something is ignored at all.
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern  # noqa: PLC0415

    text = line.decode("latin-1").removesuffix("\r")
    text = text if text.endswith("\\ ") else text.rstrip(" \t")
    text = _LAST_STARS.sub(r"/**/*\1", _LONE_STARS.sub(r"\1*\2", text))
    text = _CLASS.sub(lambda found: _CLASSES[found[1]], text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            pattern = GitIgnoreSpecPattern(text)
    except ValueError:
        return None
    if pattern.include is None:
        return None
    return _Rule(pattern, number, "/" not in text.removeprefix("!").removesuffix("/"))
