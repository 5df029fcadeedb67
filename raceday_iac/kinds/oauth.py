"""Providers of sign-ins. Their secrets are never returned: the state keeps a fingerprint of what was sent. A real
Appwrite asks some of them whether the credentials are right before it enables them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import Field, model_validator

from ..model.resource import Fields
from ..model.secret import FromEnvironment, Secret
from .base import Danger
from .fields import IDENTITY, Wire, camel, secret_wire
from .setting import SettingDeclaration, SettingDeclaring, setting_kind

ROUTE = "/project/oauth2"
# fmt: off
Provider = Literal[
    "amazon", "apple", "appwrite", "auth0", "authentik", "autodesk", "bitbucket", "bitly", "box", "dailymotion",
    "discord", "disqus", "dropbox", "etsy", "facebook", "figma", "fusionauth", "github", "gitlab", "google",
    "huggingface", "keycloak", "kick", "linkedin", "microsoft", "notion", "oidc", "okta", "paypal", "paypalSandbox",
    "podio", "salesforce", "slack", "spotify", "stripe", "tradeshift", "tradeshiftBox", "twitch", "wordpress", "x",
    "yahoo", "yandex", "zoho", "zoom",
]
# fmt: on
PROVIDERS: tuple[Provider, ...] = get_args(Provider)
#: What providers call the id and the secret of an app, where that is not `clientId` and `clientSecret`.
_WORDS = {
    "apple": ("serviceId", "p8File"),
    "bitbucket": ("key", "secret"),
    "dailymotion": ("apiKey", "apiSecret"),
    "disqus": ("publicKey", "secretKey"),
    "dropbox": ("appKey", "appSecret"),
    "etsy": ("keyString", "sharedSecret"),
    "facebook": ("appId", "appSecret"),
    "gitlab": ("applicationId", "secret"),
    "linkedin": ("clientId", "primaryClientSecret"),
    "microsoft": ("applicationId", "applicationSecret"),
    "notion": ("oauthClientId", "oauthClientSecret"),
    "paypal": ("clientId", "secretKey"),
    "paypalSandbox": ("clientId", "secretKey"),
    "salesforce": ("customerKey", "customerSecret"),
    "stripe": ("clientId", "apiSecretKey"),
    "tradeshift": ("oauth2ClientId", "oauth2ClientSecret"),
    "tradeshiftBox": ("oauth2ClientId", "oauth2ClientSecret"),
    "x": ("customerKey", "secretKey"),
}
_URLS = ("authorization_url", "token_url", "user_info_url")
#: What some take beside that.
_EXTRAS: Mapping[str, tuple[str, ...]] = {
    "apple": ("key_id", "team_id"),
    **dict.fromkeys(("auth0", "authentik", "fusionauth", "gitlab"), ("endpoint",)),
    "google": ("prompt",),
    "keycloak": ("endpoint", "realm_name"),
    "microsoft": ("tenant",),
    "oidc": ("well_known_url", *_URLS, "prompt", "max_age"),
    "okta": ("domain", "authorization_server_id"),
}
_LEFT = Wire(is_left=True, is_answered=False)
Extra = Annotated[str | None, Field(min_length=1), _LEFT]


def _url(name: str) -> Wire:
    return Wire(name=name, is_left=True, is_answered=False)


class OAuthDeclaration(SettingDeclaration):
    """A provider of sign-ins. `client_id` and `secret` are those of the app that was registered there, whatever the
    provider calls them (of Apple, the service id and the content of the .p8 file). The rest is for single providers:
    `endpoint` of Auth0, Authentik, FusionAuth, GitLab and Keycloak, `realm_name` of Keycloak, `tenant` of Microsoft,
    `domain` of Okta, `key_id` and `team_id` of Apple, `prompt` of Google and OpenID Connect, and the URLs of that. What
    is not said of it is left as it is."""

    begins: ClassVar[Mapping[str, Any]] = {"clientId": "", "secret": Secret(""), "enabled": False}

    id: Annotated[Provider, IDENTITY] = Field(init=False)
    client_id: str = Field(min_length=1, max_length=256)
    secret: Annotated[Secret | FromEnvironment, secret_wire()]
    enabled: bool = True
    endpoint: Extra = None
    realm_name: Extra = None
    tenant: Extra = None
    domain: Extra = None
    authorization_server_id: Extra = None
    key_id: Extra = None
    team_id: Extra = None
    well_known_url: Annotated[str | None, Field(min_length=1), _url("wellKnownURL")] = None
    authorization_url: Annotated[str | None, Field(min_length=1), _url("authorizationURL")] = None
    token_url: Annotated[str | None, Field(min_length=1), _url("tokenURL")] = None
    user_info_url: Annotated[str | None, Field(min_length=1), _url("userInfoURL")] = None
    prompt: Annotated[Sequence[Literal["none", "login", "consent", "select_account"]] | None, _LEFT] = None
    max_age: Annotated[int | None, _LEFT] = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _fits_the_provider(self) -> Self:
        said = {name for names in _EXTRAS.values() for name in names if getattr(self, name) is not None}
        strange = sorted(said - set(_EXTRAS.get(self.id, ())))
        if strange:
            raise ValueError(f"{strange[0]}: {self.id} does not have this setting")
        if self.prompt is not None and (("none" in self.prompt and len(self.prompt) > 1) or not self.prompt):
            raise ValueError("prompt: name at least one value; none cannot be combined with others")
        for needed in self._needed() if self.enabled else ():
            if getattr(self, needed) is None:
                raise ValueError(f"{needed}: {self.id} needs it")
        return self

    def _needed(self) -> tuple[str, ...]:
        if self.id == "oidc":
            return () if self.well_known_url else _URLS
        return {"apple": ("key_id", "team_id"), "okta": ("domain",)}.get(self.id, ())

    @classmethod
    def originals(cls) -> list[dict[str, Any]]:
        return [dict(cls.begins)]


def words_of(provider: str) -> Mapping[str, str]:
    """What a provider calls our fields."""
    identity, secret = _WORDS.get(provider, ("clientId", "clientSecret"))
    return {"clientId": identity, "secret": secret}


def _in_the_open(fields: Fields) -> Iterator[tuple[str, str]]:
    """Codes and tokens of people who sign in go over the network as plain text.

    Fix: `https://`.
    """
    for name in ("endpoint", "wellKnownURL", *map(camel, _URLS)):
        if str(fields.get(name, "")).startswith("http://"):
            yield f"its {name} does not use TLS", "https://"


KIND = setting_kind(
    "oauth",
    SettingDeclaring("oauth", OAuthDeclaration),
    f"PATCH {ROUTE}/{{providerId}}",
    stage=58,
    listed_at=ROUTE,
    key="providers",
    ids=PROVIDERS,
    plural="OAuth providers",
    routes=[f"PATCH {ROUTE}/{each}" for each in PROVIDERS],
    words=words_of,
    left_out={
        word: "client_id or secret, as some providers call them"
        for each in PROVIDERS
        for word in words_of(each).values()
        if word not in ("clientId", "secret")
    },
    dangers=(Danger("OAT001", "error", "sign-ins through a provider without TLS", _in_the_open),),
    reached_through=lambda fields: frozenset({"account"} if fields["enabled"] else ()),
)
