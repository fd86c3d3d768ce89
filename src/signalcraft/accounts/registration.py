"""How a person gets an account, a new password, or another address: always by way of a mail.

A request is only written down, the same row with the same work whether or not there is such an account; the
worker looks, and writes the mail. So no answer, and no stopwatch, tells a stranger who has an account here.
An account exists once its owner has opened the link: nobody can keep a name or an address with a registration
that they could not confirm, and no password set by a stranger ever waits in somebody's account.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from celery import current_app
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from signalcraft.accounts import one_time_tokens as links
from signalcraft.accounts import people_queries as queries
from signalcraft.accounts.errors import LinkOverError
from signalcraft.accounts.models import AccountRequest, Consent, OneTimeToken, User
from signalcraft.accounts.queries import lock_user
from signalcraft.accounts.registration_schemas import Registration
from signalcraft.accounts.service import set_password
from signalcraft.audit import service as audit
from signalcraft.clock import utc_now
from signalcraft.db.session import after_commit
from signalcraft.errors import ConflictError, ForbiddenError
from signalcraft.logging import get_logger
from signalcraft.mail import service as mail
from signalcraft.runtime_settings import service as runtime_settings

log = get_logger(__name__)

KEPT = timedelta(days=7)
"""How long a token that is over stays, so that a link clicked late still says why it does not work."""


def ask(
    session: Session,
    kind: links.Purpose,
    *,
    email: str,
    language: str,
    user_id: int | None = None,
    body: Mapping[str, Any] | None = None,
) -> None:
    """Write down what somebody asks for; the worker answers by mail to that address.

    Raises
    ------
    ForbiddenError
        An administrator has closed registration.
    """
    if kind == "register" and not runtime_settings.load(session).registration_open:
        raise ForbiddenError(
            "Registration is closed here: ask for an invitation."
            " 지금은 가입할 수 없습니다. 초대를 요청해 주세요."
        )
    request = AccountRequest(
        kind=kind,
        email=email,
        language=language,
        user_id=user_id,
        body=dict(body) if body is not None else None,
        created_at=utc_now(),
    )
    session.add(request)
    session.flush()
    request_id = request.id
    after_commit(session, lambda: current_app.send_task("accounts.answer_request", args=[request_id]))


def answer(session: Session, request_id: int) -> None:
    """Write the mail that a request is answered with, and forget the request; harmless when done twice."""
    request = queries.lock_request(session, request_id)
    if request is None:
        return
    holder = queries.user_by_email(session, request.email)
    if request.kind == "register":
        _answer_registration(session, request, holder)
    elif request.kind == "reset_password":
        _answer_reset(session, request, holder)
    else:
        _answer_change_of_email(session, request, holder)
    session.delete(request)


def confirm(session: Session, token: str, *, username: str | None) -> User:
    """Do what the link in a mail is for: make the account, or take the new address over.

    Parameters
    ----------
    username : another user name than the one registered with, where that is taken by now.

    Raises
    ------
    LinkOverError
        The link is not good any more.
    ConflictError
        The user name (`username`) or the address is somebody else's by now; the link stays good.
    """
    used = links.take(session, token, frozenset({"register", "change_email"}), now=utc_now())
    if used.purpose == "change_email":
        return _change_email(session, used)
    registration = Registration.model_validate(used.body)
    used.body = None
    if username is not None:
        registration = registration.model_copy(update={"username": username})
    return make_account(session, registration, email=used.email)


def make_account(session: Session, registration: Registration, *, email: str) -> User:
    """The account of somebody who has shown that the address is theirs. It has no rights anywhere yet.

    Raises
    ------
    ConflictError
        The user name or the address is somebody else's.
    """
    now = utc_now()
    if queries.user_by_name(session, registration.username) is not None:
        raise ConflictError(
            "This user name is taken: please choose another one."
            " 이미 사용 중인 사용자 이름입니다. 다른 이름을 선택해 주세요.",
            field="username",
        )
    user = User(
        username=registration.username,
        email=email,
        full_name=registration.full_name or registration.username,
        phone=registration.phone,
        role="user",
        password_hash=registration.password_hash,
        language=registration.language,
        email_confirmed_at=now,
        details=registration.details,
    )
    _add_or_refuse(session, user)
    given = {"terms": True, "privacy": True, "marketing": registration.marketing_agree}
    session.add_all(
        Consent(user_id=user.id, kind=kind, given=agreed, at=registration.agreed_at)
        for kind, agreed in given.items()
    )
    audit.record(session, "user.registered", user_id=user.id, subject=f"user:{user.id}")
    return user


def choose_password(session: Session, token: str, password_hash: str) -> User:
    """Set the new password of who opened the link; every session ends, and the person is told.

    Raises
    ------
    LinkOverError
        The link is not good any more, or the account is not active.
    """
    now = utc_now()
    used = links.take(session, token, frozenset({"reset_password"}), now=now)
    user = lock_user(session, used.user_id) if used.user_id is not None else None
    if user is None or user.status != "active":
        raise LinkOverError
    queries.spend_tokens(session, user.id, "reset_password", now)
    set_password(session, user, password_hash, by=user.id, now=now)
    _tell(session, user, used.email, "password_changed", link=links.page("forgot-password"))
    return user


def drop_old_tokens(session: Session) -> None:
    """Forget tokens that have been over for a week."""
    queries.drop_tokens_expired_before(session, utc_now() - KEPT)


def _answer_registration(session: Session, request: AccountRequest, holder: User | None) -> None:
    if holder is not None:
        mail.send(
            session,
            to=request.email,
            template="already_registered",
            language=holder.language,
            values={"link": links.page("sign-in")},
        )
        return
    token = links.issue(
        session, "register", email=request.email, user_id=None, body=request.body, now=utc_now()
    )
    hours = int(links.LIFETIMES["register"].total_seconds() // 3600)
    registration = Registration.model_validate(request.body)
    mail.send(
        session,
        to=request.email,
        template="confirm_registration",
        language=request.language,
        values={
            "name": registration.full_name or registration.username,
            "hours": str(hours),
            "link": links.link("confirm-email", token),
        },
    )


def _answer_reset(session: Session, request: AccountRequest, holder: User | None) -> None:
    if holder is None or holder.status != "active":
        log.info("password_reset_of_nobody")
        return
    _send_link(session, holder, "reset_password", request.email, "reset_password", "reset-password")


def _answer_change_of_email(session: Session, request: AccountRequest, holder: User | None) -> None:
    if holder is not None and holder.id != request.user_id:
        mail.send(session, to=request.email, template="email_in_use", language=holder.language, values={})
        return
    user = session.get(User, request.user_id)
    if user is not None and user.status == "active":
        _send_link(session, user, "change_email", request.email, "confirm_new_email", "confirm-email")


def _send_link(
    session: Session, user: User, purpose: links.Purpose, email: str, template: str, page: str
) -> None:
    token = links.issue(session, purpose, email=email, user_id=user.id, now=utc_now())
    minutes = int(links.LIFETIMES[purpose].total_seconds() // 60)
    _tell(session, user, email, template, minutes=str(minutes), link=links.link(page, token))


def _change_email(session: Session, used: OneTimeToken) -> User:
    user = lock_user(session, used.user_id) if used.user_id is not None else None
    if user is None or user.status != "active":
        raise LinkOverError
    now = utc_now()
    former, user.email, user.email_confirmed_at = user.email, used.email, now
    _add_or_refuse(session, user)
    queries.spend_tokens(session, user.id, "change_email", now)
    queries.spend_tokens(session, user.id, "reset_password", now)  # those lie in the former mailbox
    audit.record(session, "user.email_changed", user_id=user.id, subject=f"user:{user.id}")
    if former:
        _tell(session, user, former, "email_changed", new_email=used.email)
    return user


def _add_or_refuse(session: Session, user: User) -> None:
    session.add(user)
    try:
        session.flush()
    except IntegrityError:
        raise ConflictError(
            "The user name or the address has an account already."
            " 이미 계정이 있는 사용자 이름 또는 이메일입니다.",
            field="email",
        ) from None


def _tell(session: Session, user: User, email: str, template: str, **values: str) -> None:
    mail.send(
        session,
        to=email,
        template=template,
        language=user.language,
        values={"name": user.full_name, **values},
    )
