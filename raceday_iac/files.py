"""The one place that writes files. Each is written whole or not at all, and what the tool keeps is for its owner alone.

New files get a random name, are made exclusively (never through a link that somebody has put there), and take the
place of the old one when they are complete. What the tool keeps (state, plans, journals, logs, caches) has mode 0600 in
folders of mode 0700; broader modes, of an older version or of a copy, are narrowed when something is written. Files
that a user names for himself (reports, sources) have the modes that his umask gives, and pipes, devices and links that
he names are written into. Every function raises OSError.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

try:
    import fcntl
except ModuleNotFoundError:
    import msvcrt

    def take_lock(opened: IO[Any]) -> bool:
        """Lock an open file for as long as it stays open. False when somebody else has it."""
        # A locked byte cannot be read by others, so it is one far behind what the file says of its holder.
        os.lseek(opened.fileno(), _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(opened.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True
else:

    def take_lock(opened: IO[Any]) -> bool:
        """Lock an open file for as long as it stays open. False when somebody else has it."""
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


_LOCKED_BYTE = 1 << 30
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
#: Not through a link, not waiting at a pipe, not inherited; and on Windows, no line ends of its own.
_CAREFUL = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))
_OTHERS = 0o077
#: Beside a file until it is complete.
_DRAFT = ".new-"


def private_folder(folder: Path) -> Path:
    """Make a folder for its owner alone, with those above it that are missing; narrow one that is there."""
    if not folder.is_dir():
        for each in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
            with suppress(FileExistsError):
                each.mkdir(mode=PRIVATE_FOLDER)
    mode = folder.stat().st_mode
    if not stat.S_ISDIR(mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    if mode & _OTHERS:
        # Somebody else's folder stays as it is: what lies in it is private all the same.
        with suppress(PermissionError):
            folder.chmod(stat.S_IMODE(mode) & ~_OTHERS)
    return folder


def write_private(file: Path, content: str | bytes, replacing: Callable[[], None] = lambda: None) -> None:
    """Replace a file that the tool keeps, or a link that stands in its place. Its folder becomes private. `replacing`
    is called when the new one is safe on the disk and the old one still in its place."""
    private_folder(file.parent)
    write_whole(file, content, PRIVATE_FILE, replacing)


def write_whole(file: Path, content: str | bytes, mode: int, replacing: Callable[[], None] = lambda: None) -> None:
    """Replace a file, or a link that stands in its place, by one of this mode, whatever the umask."""
    draft = file.with_name(f"{file.name[:200]}{_DRAFT}{secrets.token_hex(8)}")
    try:
        with open_file(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _how("w", content)) as opened:
            opened.write(content)
            opened.flush()
            _set_mode(opened.fileno(), mode)
            os.fsync(opened.fileno())
        replacing()
        draft.replace(file)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise


def append_private(file: Path, content: str | bytes, *, safely: bool = False) -> None:
    """Add to a file that the tool keeps. `safely`: see it on the disk before going on, or take away what was added."""
    private_folder(file.parent)
    with open_private(file, _how("a", content)) as opened:
        size = os.fstat(opened.fileno()).st_size
        try:
            opened.write(content)
            opened.flush()
            if safely:
                os.fsync(opened.fileno())
        except OSError:
            if safely:
                # On a full disk a part may have been written; half a record is damage.
                with suppress(OSError):
                    os.ftruncate(opened.fileno(), size)
            raise


def open_private(file: Path, how: str) -> IO[Any]:
    """Open a file that the tool keeps to add to it (`a`, `a+`, `ab`); it is made, or narrowed."""
    opened = open_file(file, (os.O_RDWR if "+" in how else os.O_WRONLY) | os.O_CREAT | os.O_APPEND, how)
    try:
        narrow(opened.fileno())
    except OSError:
        opened.close()
        raise
    return opened


def narrow(descriptor: int) -> None:
    """Take an open file away from others."""
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode) and mode & _OTHERS:
        with suppress(PermissionError):
            _set_mode(descriptor, stat.S_IMODE(mode) & ~_OTHERS)


def _set_mode(descriptor: int, mode: int) -> None:
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, mode)


def open_file(file: Path, flags: int, how: str) -> IO[Any]:
    """Open without following a link, and without waiting for whoever may be at the other end of a pipe."""
    try:
        descriptor = os.open(file, flags | _CAREFUL, PRIVATE_FILE)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "it is a link, and its target may belong to anybody", str(file)) from None
        raise
    # The descriptor stands for the file from here on: its name may mean another one by now.
    return open(descriptor, how, encoding=None if "b" in how else "utf-8")


def remove_drafts(folder: Path) -> None:
    """Take away what killed runs left half written. Nobody else may be writing there."""
    with suppress(OSError):
        for each in folder.glob(f"*{_DRAFT}*"):
            with suppress(OSError):
                each.unlink()


def is_draft_of(draft: Path, file: Path) -> bool:
    """Whether that is what a file is called until it is complete."""
    return draft.parent == file.parent and draft.name.startswith(f"{file.name[:200]}{_DRAFT}")


def write_named(file: Path, content: str | bytes, *, private: bool = False) -> None:
    """Write a file that a user has named. A device, a pipe, or what a link of his leads to is written into; a file that
    is there keeps its mode. With `private`, it is made for its owner alone."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.is_symlink() or (file.exists() and not file.is_file()):
        _write_into(file, content, private=private)
    elif private:
        write_whole(file, content, PRIVATE_FILE)
    else:
        write_whole(file, content, stat.S_IMODE(file.stat().st_mode) if file.exists() else 0o666 & ~_umask())


def must_be_writable(file: Path) -> None:
    """Find out before minutes are spent on what to write; what is there stays as it is."""
    file.parent.mkdir(parents=True, exist_ok=True)
    is_new = not file.exists()
    with file.open("ab"):
        pass
    if is_new:
        file.unlink()


def write_new(file: Path, content: bytes, mode: int) -> None:
    """Make a file where there is none, and none that is linked to. Raises FileExistsError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with open_file(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, "wb") as opened:
        opened.write(content)
        _set_mode(opened.fileno(), mode)


def _write_into(file: Path, content: str | bytes, *, private: bool) -> None:
    if file.is_symlink():
        _must_be_own(file)
    with file.open(_how("w", content), encoding=None if isinstance(content, bytes) else "utf-8") as opened:
        if private:
            narrow(opened.fileno())
        opened.write(content)


def _must_be_own(link: Path) -> None:
    """In a folder where everybody may put things, a link of somebody else's is a trap."""
    if not hasattr(os, "geteuid"):
        return
    owner, folder = link.lstat().st_uid, link.parent.stat()
    if owner not in (os.geteuid(), 0, folder.st_uid) and folder.st_mode & stat.S_IWOTH:
        raise PermissionError(
            errno.EPERM, "it is a link of another user, in a folder that everybody can write to", str(link)
        )


def _umask() -> int:
    """The mask without changing it for others, where the system gives it."""
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return int(next(line for line in lines if line.startswith("Umask:")).split()[1], 8)
    mask = os.umask(_OTHERS)
    os.umask(mask)
    return mask


def _how(letter: str, content: str | bytes) -> str:
    return letter if isinstance(content, str) else f"{letter}b"
