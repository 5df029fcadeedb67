"""The language of stack files: a `Stack` collects declarations, each with the line it was written on.

Its methods take what the models in `kinds/` hold; no field is named here. Nothing is checked here either:
`loading.resolve` checks everything together and reports all mistakes at once.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any, ClassVar, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

from ..kinds import attribute, auth_method, email_template, oauth, platform, policy, protocol, provider, rule, service
from ..kinds.bucket import BucketDeclaration
from ..kinds.collection import CollectionDeclaration
from ..kinds.database import DatabaseDeclaration
from ..kinds.document import DocumentDeclaration
from ..kinds.fields import identity, positional
from ..kinds.function import FunctionDeclaration
from ..kinds.index import IndexDeclaration
from ..kinds.index import arguments as index_arguments
from ..kinds.key import KeyDeclaration
from ..kinds.labels import LabelsDeclaration
from ..kinds.mock_phone import MockPhoneDeclaration
from ..kinds.relationship import RelationshipDeclaration
from ..kinds.site import SiteDeclaration
from ..kinds.smtp import SmtpDeclaration
from ..kinds.team import TeamDeclaration
from ..kinds.topic import TopicDeclaration
from ..kinds.webhook import WebhookDeclaration
from .declarations import KEEP, Declared, Lock, Probe, nearest
from .resource import Location, Threshold
from .secret import FromEnvironment

__all__ = ["KEEP", "Collection", "Database", "FromEnvironment", "Lock", "Probe", "Stack", "Threshold"]

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
A = TypeVar("A")


class Handle(Protocol):
    """What declarations are written on: a stack, a database, a collection."""

    @property
    def stack(self) -> Stack: ...

    @property
    def path(self) -> tuple[str, ...]:
        """Ids of what it stands for, outermost first."""


class Declares(Generic[P, R_co]):
    """A method that declares one resource with the fields of a model. Editors and type checkers read its parameters
    from the model: the id or key comes first, then what has no default and is no keyword, then keywords."""

    def __init__(
        self,
        kind: str,
        model: Callable[..., Declared],
        handle: Callable[[Stack, tuple[str, ...], str], R_co],
        read: Callable[P, Mapping[str, Any]] | None = None,
    ) -> None:
        assert isinstance(model, type)
        assert issubclass(model, Declared)
        self._kind, self._model, self._handle = kind, model, handle
        self._positional = positional(model)
        self._read = read
        self.__name__, self.__doc__ = kind, inspect.getdoc(model)

    def __set_name__(self, _owner: type, name: str) -> None:
        self.__name__ = name

    @overload
    def __get__(self, handle: None, owner: type) -> Declares[P, R_co]: ...

    @overload
    def __get__(self, handle: Handle, owner: type | None = None) -> Callable[P, R_co]: ...

    def __get__(self, handle: Handle | None, owner: type | None = None) -> Declares[P, R_co] | Callable[P, R_co]:
        return self if handle is None else partial(self._declare, handle)

    @cached_property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self._read) if self._read else inspect.Signature([*self._parameters()])

    def _parameters(self) -> Iterator[inspect.Parameter]:
        yield from (inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in self._positional)
        for name, info in self._model.model_fields.items():
            if name not in self._positional and info.init is not False:
                default = inspect.Parameter.empty if info.is_required() else info.get_default(call_default_factory=True)
                yield inspect.Parameter(info.alias or name, inspect.Parameter.KEYWORD_ONLY, default=default)

    def _declare(self, handle: Handle, *given: P.args, **named: P.kwargs) -> R_co:
        try:
            bound = self.__signature__.bind(*given, **named)
        except TypeError as error:
            raise TypeError(f"{self.__name__}() {self._fault(*given, **named) or error}") from None
        bound.apply_defaults()
        given_values = self._read(*bound.args, **bound.kwargs) if self._read else bound.arguments
        # What can be read only once would be gone when the stack is resolved a second time.
        values = {name: tuple(each) if isinstance(each, Iterator) else each for name, each in given_values.items()}
        written = self._model.written(values, handle.path)
        handle.stack._declare(self._kind, handle.path, written)
        return self._handle(handle.stack, handle.path, str(written[identity(self._model)]))

    def _fault(self, *given: P.args, **named: P.kwargs) -> str:
        """What is wrong with arguments, where Python's own words would leave something out."""
        known = self.__signature__.parameters
        for name in named:
            if name not in known:
                return f"has no argument {name!r}{nearest(name, known)}"
        try:
            bound = self.__signature__.bind_partial(*given, **named)
        except TypeError as error:
            return str(error)
        needed = [each.name for each in known.values() if each.default is each.empty and _is_named(each)]
        missing = [name for name in needed if name not in bound.arguments]
        return f"missing {len(missing)} required arguments: {', '.join(map(repr, missing))}" if missing[1:] else ""


def _is_named(parameter: inspect.Parameter) -> bool:
    return parameter.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _no_handle(_stack: Stack, _owner: tuple[str, ...], _name: str) -> None:
    """Most methods give none."""


def declares(kind: str, model: Callable[P, Declared]) -> Declares[Concatenate[str, P], None]:
    """A method that takes the id or key, then keywords."""
    return Declares(kind, model, _no_handle)


def declares_with(kind: str, model: Callable[P, Declared], _second: type[A]) -> Declares[Concatenate[str, A, P], None]:
    """A method that takes the id or key and a second field, then keywords."""
    return Declares(kind, model, _no_handle)


def declares_among(kind: str, model: Callable[P, Declared], _names: Sequence[A]) -> Declares[Concatenate[A, P], None]:
    """A method that takes one of some names, then keywords."""
    return Declares(kind, model, _no_handle)


def declares_only(kind: str, model: Callable[P, Declared]) -> Declares[P, None]:
    """A method for what there is one of: it takes keywords."""
    return Declares(kind, model, _no_handle)


def declares_owner(
    kind: str, model: Callable[P, Declared], handle: Callable[[Stack, tuple[str, ...], str], R_co]
) -> Declares[Concatenate[str, P], R_co]:
    """A method that gives a handle to declare what lies in it."""
    return Declares(kind, model, handle)


@dataclass(frozen=True)
class Declaration:
    """What was written: kind, owner ids (function, or database and collection), arguments, place."""

    kind: str
    owner: tuple[str, ...]
    arguments: Mapping[str, Any]
    location: Location


@dataclass(frozen=True)
class Absence:
    """A tombstone as written."""

    address: str
    reason: str
    location: Location


@dataclass(frozen=True)
class Rule:
    """A rule about the life of a resource, as written. `kind` is the name of the method it was written with."""

    kind: str
    address: str
    location: Location
    value: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class MigrationDeclaration:
    """A migration as written; `file` is relative to the folder that code paths are relative to."""

    name: str
    file: str
    needs: tuple[str, ...]
    before: tuple[str, ...]
    location: Location


@dataclass
class Stack:
    """Everything one project should hold. Build one in a stack file as the module variable `stack`.

    `lock_store` is the (database id, collection id) in which functions keep their locks. `expected_variables` are
    project-wide variables that must be set on the server by hand (before 1.9 it has no way to manage them by key).
    `thresholds` limit how much one plan may change unasked: `{"delete function": Threshold(percent=10, number=1)}`.
    `keep_deployments` previous deployments of each function stay on the server, for a rollback. `timezone` is where
    people live (a name of the IANA database): times are shown on its clock, and its midnight is where a day begins.
    `quiet_hours` are begin and end of the hours in which nothing should run there: `("22:00", "06:00")`. `extensions`
    are packages that add commands and rules, by their dotted names. `variables` are those of the project, which all
    functions get: texts, or `FromEnvironment` for secrets (Appwrite 1.9 and newer).
    """

    name: str
    lock_store: tuple[str, str] = ("", "")
    expected_variables: tuple[str, ...] = ()
    thresholds: Mapping[str, Threshold] = field(default_factory=dict)
    declarations: list[Declaration] = field(default_factory=list)
    absences: list[Absence] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    keep_deployments: int = 3
    timezone: str = "UTC"
    quiet_hours: tuple[str, str] | None = None
    extensions: Sequence[str] = ()
    variables: Mapping[str, str | FromEnvironment] = field(default_factory=dict)
    migrations: list[MigrationDeclaration] = field(default_factory=list, init=False)

    function = declares("function", FunctionDeclaration)
    site = declares("site", SiteDeclaration)
    database = declares_owner("database", DatabaseDeclaration, lambda stack, _owner, id: Database(stack, id))

    bucket = declares("bucket", BucketDeclaration)
    team = declares("team", TeamDeclaration)
    topic = declares("topic", TopicDeclaration)
    webhook = declares("webhook", WebhookDeclaration)
    key = declares("key", KeyDeclaration)
    smtp_provider = declares("provider", provider.SmtpDeclaration)
    sendgrid_provider = declares("provider", provider.SendgridDeclaration)
    mailgun_provider = declares("provider", provider.MailgunDeclaration)
    resend_provider = declares("provider", provider.ResendDeclaration)
    ses_provider = declares("provider", provider.SesDeclaration)
    twilio_provider = declares("provider", provider.TwilioDeclaration)
    vonage_provider = declares("provider", provider.VonageDeclaration)
    msg91_provider = declares("provider", provider.Msg91Declaration)
    telesign_provider = declares("provider", provider.TelesignDeclaration)
    textmagic_provider = declares("provider", provider.TextmagicDeclaration)
    fcm_provider = declares("provider", provider.FcmDeclaration)
    apns_provider = declares("provider", provider.ApnsDeclaration)

    api_rule = declares("rule", rule.ApiDeclaration)
    function_rule = declares("rule", rule.FunctionDeclaration)
    site_rule = declares("rule", rule.SiteDeclaration)
    redirect_rule = declares("rule", rule.RedirectDeclaration)
    web_platform = declares("platform", platform.WebDeclaration)
    apple_platform = declares("platform", platform.AppleDeclaration)
    android_platform = declares("platform", platform.AndroidDeclaration)
    linux_platform = declares("platform", platform.LinuxDeclaration)
    windows_platform = declares("platform", platform.WindowsDeclaration)

    smtp = declares_only("smtp", SmtpDeclaration)
    email_template = declares_among("email_template", email_template.EmailTemplateDeclaration, email_template.TEMPLATES)
    oauth = declares_among("oauth", oauth.OAuthDeclaration, oauth.PROVIDERS)
    mock_phone = declares("mock_phone", MockPhoneDeclaration)
    labels: ClassVar[Declares[[Sequence[str]], None]] = Declares("labels", LabelsDeclaration, _no_handle)
    service = declares_among("service", service.ServiceDeclaration, service.SERVICES)
    protocol = declares_among("protocol", protocol.ProtocolDeclaration, protocol.PROTOCOLS)
    password_dictionary_policy = declares_only("policy", policy.PasswordDictionaryPolicy)
    password_history_policy = declares_only("policy", policy.PasswordHistoryPolicy)
    password_strength_policy = declares_only("policy", policy.PasswordStrengthPolicy)
    password_personal_data_policy = declares_only("policy", policy.PasswordPersonalDataPolicy)
    session_alert_policy = declares_only("policy", policy.SessionAlertPolicy)
    session_duration_policy = declares_only("policy", policy.SessionDurationPolicy)
    session_invalidation_policy = declares_only("policy", policy.SessionInvalidationPolicy)
    session_limit_policy = declares_only("policy", policy.SessionLimitPolicy)
    user_limit_policy = declares_only("policy", policy.UserLimitPolicy)
    membership_privacy_policy = declares_only("policy", policy.MembershipPrivacyPolicy)
    mfa_factors_policy = declares_only("policy", policy.MfaFactorsPolicy)
    auth_method = declares_among("auth_method", auth_method.AuthMethodDeclaration, auth_method.METHODS)

    @property
    def stack(self) -> Stack:
        return self

    @property
    def path(self) -> tuple[str, ...]:
        return ()

    def absent(self, address: str, *, reason: str) -> None:
        """Declare that a resource must not exist: it is deleted if it exists, and never created again."""
        self.absences.append(Absence(address, reason, caller()))

    def variable(self, key: str, value: str | FromEnvironment) -> None:
        """Declare one variable of the project, as `variables` does."""
        self._declare("project_variable", (), {"key": key, "value": value})

    def moved(self, old: str, new: str) -> None:
        """Rename the resource `old` to `new`; its values stay."""
        self.rules.append(Rule("moved", old, caller(), new))

    def forget(self, address: str, *, reason: str) -> None:
        """Stop managing a resource and its contents, but keep it on the server."""
        self.rules.append(Rule("forget", address, caller(), reason))

    def protect(self, address: str, *, reason: str) -> None:
        """Refuse every plan that would destroy this resource, or the one that contains it."""
        self.rules.append(Rule("protect", address, caller(), reason))

    def ignore(self, address: str, *fields: str) -> None:
        """Set these fields when the resource is created, and then leave them to others."""
        self.rules.append(Rule("ignore", address, caller(), names=fields))

    def convert(self, address: str) -> None:
        """Keep the values of an attribute that must be replaced: they are copied and converted in stages."""
        self.rules.append(Rule("convert", address, caller()))

    def migration(self, name: str, file: str, *, needs: Sequence[str] = (), before: Sequence[str] = ()) -> None:
        """Run `run(data)` of a Python file once in each environment: after the resources that it `needs` exist, and
        before those in `before` become stricter or are deleted. Migrations run one after the other, in their order."""
        self.migrations.append(MigrationDeclaration(name, file, _several(needs), _several(before), caller()))

    def _declare(self, kind: str, owner: tuple[str, ...], arguments: Mapping[str, Any]) -> None:
        self.declarations.append(Declaration(kind, owner, arguments, caller()))


@dataclass(frozen=True)
class Database:
    """Handle to a declared database."""

    stack: Stack
    id: str

    @property
    def path(self) -> tuple[str, ...]:
        return (self.id,)

    collection = declares_owner(
        "collection", CollectionDeclaration, lambda stack, owner, id: Collection(stack, owner[0], id)
    )


@dataclass(frozen=True)
class Collection:
    """Handle to a declared collection. Each method declares one attribute, relationship or index."""

    stack: Stack
    database: str
    id: str

    @property
    def path(self) -> tuple[str, ...]:
        return (self.database, self.id)

    string = declares_with("attribute", attribute.StringDeclaration, int)
    varchar = declares_with("attribute", attribute.VarcharDeclaration, int)
    text = declares("attribute", attribute.TextDeclaration)
    mediumtext = declares("attribute", attribute.MediumtextDeclaration)
    longtext = declares("attribute", attribute.LongtextDeclaration)
    integer = declares("attribute", attribute.IntegerDeclaration)
    bigint = declares("attribute", attribute.BigintDeclaration)
    float = declares("attribute", attribute.FloatDeclaration)
    boolean = declares("attribute", attribute.BooleanDeclaration)
    datetime = declares("attribute", attribute.DatetimeDeclaration)
    email = declares("attribute", attribute.EmailDeclaration)
    url = declares("attribute", attribute.UrlDeclaration)
    ip = declares("attribute", attribute.IpDeclaration)
    enum = declares_with("attribute", attribute.EnumDeclaration, Sequence[str])  # type: ignore[type-abstract]
    point = declares("attribute", attribute.PointDeclaration)
    line = declares("attribute", attribute.LineDeclaration)
    polygon = declares("attribute", attribute.PolygonDeclaration)
    relationship = declares_with("relationship", RelationshipDeclaration, str)
    document = declares_with("document", DocumentDeclaration, Mapping[str, Any])  # type: ignore[type-abstract]
    index = Declares("index", IndexDeclaration, _no_handle, index_arguments)


def caller() -> Location:
    """The nearest line outside this module: where the user wrote the declaration."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return Location(_shown(frame.f_code.co_filename, os.getcwd()), frame.f_lineno)


def _several(texts: Sequence[str]) -> tuple[str, ...]:
    return (texts,) if isinstance(texts, str) else tuple(texts)


@cache
def _shown(file: str, folder: str) -> str:
    """A path as a person would type it: relative to the folder where he stands when it lies below."""
    path = Path(file)
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else file
