"""Sign-in at another provider by OpenID Connect: the code flow with state, nonce and PKCE, through Authlib.

What must come back unchanged (state, nonce, the PKCE verifier, who wanted to link) is kept by the browser in
an encrypted cookie, so that an answer counts only in the browser that asked, and no table is needed.
"""

import hmac
import json
import secrets
from dataclasses import asdict, dataclass
from functools import lru_cache
from time import monotonic
from typing import Any
from uuid import UUID

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from signalcraft.accounts.encryption import UnreadableSecretError, decrypt, encrypt
from signalcraft.accounts.errors import ProviderAnswerError
from signalcraft.errors import NotFoundError, UnavailableError
from signalcraft.logging import get_logger
from signalcraft.settings import get_settings

log = get_logger(__name__)

ATTEMPT_SECONDS = 600
"""How long somebody may take at the other provider."""

_ALGORITHMS = ["RS256", "ES256"]
_PURPOSE = "openid"
_WAIT_SECONDS = 5.0
_METADATA_SECONDS = 3600.0
_LEEWAY_SECONDS = 60


@dataclass(frozen=True)
class Attempt:
    """One walk to the provider and back. Whoever links an identity is named by their session."""

    state: str
    nonce: str
    verifier: str
    user_id: int | None = None
    session_id: str | None = None

    @property
    def linking_session(self) -> UUID | None:
        return UUID(self.session_id) if self.session_id else None


@dataclass(frozen=True)
class Identity:
    """Who somebody is to the provider: never an e-mail address, which changes hands."""

    issuer: str
    subject: str


@dataclass(frozen=True)
class _Provider:
    """What the provider says of itself."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    keys: KeySet


def begin(
    redirect_uri: str, *, user_id: int | None = None, session_id: UUID | None = None
) -> tuple[str, str]:
    """The address to send the browser to, and the sealed attempt that it keeps until it is back.

    Parameters
    ----------
    user_id, session_id : who wants to link their account; None for a sign-in.

    Raises
    ------
    NotFoundError
        Nobody has set this provider up.
    UnavailableError
        It does not answer.
    """
    attempt = Attempt(
        state=secrets.token_urlsafe(24),
        nonce=secrets.token_urlsafe(24),
        verifier=secrets.token_urlsafe(48),
        user_id=user_id,
        session_id=str(session_id) if session_id else None,
    )
    provider = _provider()
    with _client(redirect_uri) as client:
        address, _ = client.create_authorization_url(
            provider.authorization_endpoint,
            state=attempt.state,
            nonce=attempt.nonce,
            code_verifier=attempt.verifier,
        )
    return str(address), encrypt(_PURPOSE, json.dumps(asdict(attempt))).decode()


def unseal(sealed: str, state: str) -> Attempt:
    """The attempt that this browser began, if the answer is one to it.

    Raises
    ------
    ProviderAnswerError
        It did not begin one, too long ago, or another one.
    """
    try:
        attempt = Attempt(**json.loads(decrypt(_PURPOSE, sealed.encode(), within_seconds=ATTEMPT_SECONDS)))
    except UnreadableSecretError as error:
        raise ProviderAnswerError from error
    if not hmac.compare_digest(attempt.state.encode(), state.encode()):
        raise ProviderAnswerError
    return attempt


def finish(attempt: Attempt, code: str, redirect_uri: str) -> Identity:
    """Exchange the code and read who it is; asks the provider, so call it outside of any transaction.

    Raises
    ------
    ProviderAnswerError
        The code or the ID token is not good: wrong signature, issuer, audience, nonce, or too old.
    UnavailableError
        The provider does not answer.
    """
    provider = _provider()
    try:
        with _client(redirect_uri) as client:
            answer = client.fetch_token(
                provider.token_endpoint,
                grant_type="authorization_code",
                code=code,
                code_verifier=attempt.verifier,
            )
        claims = _claims(answer, provider, attempt.nonce)
    except (OAuthError, JoseError, KeyError, ValueError) as error:
        log.warning("provider_answer_refused", issuer=provider.issuer, reason=type(error).__name__)
        raise ProviderAnswerError from error
    except httpx2.HTTPError as error:
        raise _away(provider.issuer, error) from error
    return Identity(provider.issuer, str(claims["sub"]))


def _claims(answer: dict[str, Any], provider: _Provider, nonce: str) -> CodeIDToken:
    """The claims of the ID token, all of them checked."""
    try:
        token = jwt.decode(answer["id_token"], provider.keys, algorithms=_ALGORITHMS)
    except InvalidKeyIdError:
        # The provider has a new key. It has just honoured our code, so nobody makes us ask in vain.
        _discover.cache_clear()
        token = jwt.decode(answer["id_token"], _provider().keys, algorithms=_ALGORITHMS)
    client_id = get_settings().kakao_client_id
    claims = CodeIDToken(
        token.claims,
        token.header,
        options={
            "iss": {"essential": True, "value": provider.issuer},
            "aud": {"essential": True, "value": client_id},
            "nonce": {"essential": True, "value": nonce},
            "sub": {"essential": True},
        },
        params={"nonce": nonce, "client_id": client_id, "access_token": answer.get("access_token")},
    )
    claims.validate(leeway=_LEEWAY_SECONDS)
    return claims


def _client(redirect_uri: str) -> OAuth2Client:
    settings = get_settings()
    secret = settings.kakao_client_secret
    return OAuth2Client(
        client_id=settings.kakao_client_id,
        client_secret=secret.get_secret_value() if secret else None,
        token_endpoint_auth_method="client_secret_post" if secret else "none",
        scope="openid",
        redirect_uri=redirect_uri,
        code_challenge_method="S256",
        timeout=_WAIT_SECONDS,
    )


def _provider() -> _Provider:
    settings = get_settings()
    if not settings.kakao_client_id:
        raise NotFoundError("Signing in with Kakao is not set up here. 카카오 로그인을 사용할 수 없습니다.")
    return _discover(settings.kakao_issuer, int(monotonic() // _METADATA_SECONDS))


@lru_cache(maxsize=2)
def _discover(issuer: str, hour: int) -> _Provider:
    """The provider's own description and keys; asked for again each hour."""
    try:
        with httpx2.Client(timeout=_WAIT_SECONDS) as client:
            document = client.get(f"{issuer}/.well-known/openid-configuration").raise_for_status().json()
            if document["issuer"] != issuer:
                raise ValueError("it names another issuer")
            keys = KeySet.import_key_set(client.get(document["jwks_uri"]).raise_for_status().json())
        return _Provider(issuer, document["authorization_endpoint"], document["token_endpoint"], keys)
    except (httpx2.HTTPError, JoseError, KeyError, ValueError) as error:
        raise _away(issuer, error) from error


def _away(issuer: str, error: Exception) -> UnavailableError:
    log.warning("provider_away", issuer=issuer, reason=type(error).__name__)
    return UnavailableError(
        "Kakao does not answer; please sign in with your password, or try again later."
        " 카카오가 응답하지 않습니다. 비밀번호로 로그인하거나 잠시 후 다시 시도해 주세요."
    )
