"""Opens the place where an environment's state is kept. Keys are read here from the variables that the file names."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from ..errors import IacError, StackError
from ..loading.environment import Environment, load_environment
from ..loading.state_settings import AppwriteSettings, Encryption, LocalSettings, S3Settings
from ..model.address import database_address
from ..model.desired import Desired
from ..model.problem import Problem
from ..model.secret import Secret
from ..state.codec import Codec
from ..state.document import new_state
from ..state.journal import Journal
from ..state.local import LocalState
from ..state.remote import RemoteState
from ..state.sealing import AgeSeal
from ..state.store import StateStore
from ..storage import Shelf
from .options import Options
from .target import Target, opened


@contextmanager
def opened_store(options: Options) -> Iterator[StateStore]:
    """The store of an environment, for commands that need neither a stack nor (if they can help it) a server."""
    environment = load_environment(options.stack, options.env)
    settings = environment.state
    if isinstance(settings, AppwriteSettings) and settings.is_in_target:
        with opened(environment, options) as target:
            yield open_store(environment, options, lambda: target)
    else:
        yield open_store(environment, options, _no_target)


def open_store(
    environment: Environment, options: Options, target: Callable[[], Target], *, reading: bool = False
) -> StateStore:
    """The store that the environment asks for. `target` is called when state is first read from the target itself.
    With `reading`, state that is kept elsewhere cannot be written."""
    settings = environment.state
    codec = codec_of(settings.encryption)
    if isinstance(settings, LocalSettings):
        return LocalState(options.state_folder, codec, settings.keep)
    shelf: Shelf
    if isinstance(settings, AppwriteSettings):
        shelf = _appwrite(environment.name, settings, target, reading=reading)
    else:
        shelf = _s3(environment.name, settings, reading=reading)
    journal = Journal(options.state_folder / "journal.jsonl")
    return RemoteState(shelf, journal, codec, settings.keep, settings.lock_expiry)


def begin_anew(environment: Environment, options: Options) -> None:
    """The target's data is gone: so is what a state outside of it describes."""
    settings = environment.state
    if isinstance(settings, LocalSettings) or (isinstance(settings, AppwriteSettings) and settings.is_in_target):
        return
    with opened_store(options) as store, store.locked("server reset"):
        newest = next(iter(store.history()), None)
        if newest is not None:
            store.write(replace(new_state(), serial=newest.serial + 1))


def must_not_be_declared(desired: Desired, environment: Environment) -> None:
    """Raises StackError when the stack declares the database that the state itself is kept in."""
    settings = environment.state
    if not isinstance(settings, AppwriteSettings) or not settings.is_in_target:
        return
    resource = desired.resources.get(database_address(settings.database))
    if resource is not None:
        message = f"the state of environment {environment.name!r} is kept in this database; give it one of its own"
        raise StackError([Problem(resource.location, str(resource.address), message)])


def codec_of(encryption: Encryption | None, variables: Mapping[str, str] = os.environ) -> Codec:
    """Writes and reads states, sealed when that is asked for."""
    if encryption is None:
        return Codec()
    key = _required(encryption.key_env, "the key that seals the state", variables)
    previous = _optional(encryption.previous_key_env, variables)
    return Codec(AgeSeal(key, [previous] if previous else [], encryption.recipients))


def _appwrite(environment: str, settings: AppwriteSettings, target: Callable[[], Target], *, reading: bool) -> Shelf:
    from ..provider.appwrite import ReadingTransport, Transport
    from ..provider.appwrite.state_shelf import LONGEST_ENVIRONMENT, AppwriteShelf

    if len(environment) > LONGEST_ENVIRONMENT or not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9._-]*", environment):
        raise IacError(
            f"State in Appwrite is kept under ids that begin with the environment's name, and {environment!r} "
            f"cannot be part of one: at most {LONGEST_ENVIRONMENT} letters, digits, dots, hyphens and underscores.",
            hint="rename the environment's file, or choose another state.backend",
        )
    found: list[Transport] = []

    def connect() -> Transport:
        if not found:
            place = target() if settings.is_in_target else _own_project(settings)
            transport = ReadingTransport if reading else Transport
            found.append(transport(place.endpoint, place.project, place.key))
        return found[0]

    return AppwriteShelf(connect, environment, settings.database, settings.collection)


def _own_project(settings: AppwriteSettings) -> Target:
    return Target(settings.endpoint, settings.project, _required(settings.api_key_env, "the API key of the state"))


def _s3(environment: str, settings: S3Settings, *, reading: bool) -> Shelf:
    from ..storage.s3 import S3Place, S3Shelf

    named = settings.access_key_env and settings.secret_key_env
    return S3Shelf(
        S3Place(
            settings.bucket,
            environment,
            settings.prefix,
            settings.endpoint,
            settings.region,
            _required(settings.access_key_env, "the access key of the state") if named else None,
            _required(settings.secret_key_env, "the secret key of the state") if named else None,
            _optional(settings.session_token_env),
            reading=reading,
        )
    )


def _required(name: str, what: str, variables: Mapping[str, str] = os.environ) -> Secret:
    found = _optional(name, variables)
    if found is None:
        raise IacError(
            f"The environment variable {name}, which is to hold {what}, is empty. Nothing was changed.",
            hint=f"export {name}=…",
        )
    return found


def _optional(name: str, variables: Mapping[str, str] = os.environ) -> Secret | None:
    # Files and CI secrets like to end in a newline.
    value = variables.get(name, "").strip() if name else ""
    return Secret(value) if value else None


def _no_target() -> Target:
    raise AssertionError("this state is not kept in the target")
