"""What is written to people, in Korean and English: the subject, paragraphs of text, at most one link."""

import html
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from signalcraft.bilingual import Text

IGNORE = Text(
    ko="직접 요청하지 않으셨다면 이 메일을 무시하세요. 아무것도 바뀌지 않습니다.",
    en="If you did not ask for this, ignore this mail: nothing changes.",
)


@dataclass(frozen=True)
class Template:
    """`{names}` in the texts are filled in; `link` is the words on the button to `{link}`."""

    subject: Text
    paragraphs: tuple[Text, ...]
    link: Text | None = None
    footer: Text | None = None


TEMPLATES: Mapping[str, Template] = {
    "confirm_registration": Template(
        Text(ko="이메일 주소를 확인해 주세요", en="Please confirm your e-mail address"),
        (
            Text(ko="{name} 님, 안녕하세요.", en="Hello {name},"),
            Text(
                ko="아래 링크를 열면 SignalCraft 계정이 만들어집니다."
                " 링크는 {hours}시간 동안 한 번만 쓸 수 있습니다.",
                en="open the link below to create your SignalCraft account."
                " It works once, for {hours} hours.",
            ),
        ),
        Text(ko="이메일 확인", en="Confirm e-mail"),
        IGNORE,
    ),
    "already_registered": Template(
        Text(ko="이미 SignalCraft 계정이 있습니다", en="You have a SignalCraft account already"),
        (
            Text(
                ko="누군가 이 이메일 주소로 새 계정을 만들려고 했습니다. 이 주소에는 이미 계정이 있습니다.",
                en="Somebody wanted to register with this address. It has an account already.",
            ),
            Text(
                ko="본인이라면 로그인하세요. 비밀번호를 잊었다면 로그인 화면에서 새로 정할 수 있습니다.",
                en="If it was you, sign in; the sign-in page also helps if you forgot your password.",
            ),
        ),
        Text(ko="로그인", en="Sign in"),
        IGNORE,
    ),
    "reset_password": Template(
        Text(ko="비밀번호 다시 정하기", en="Choose a new password"),
        (
            Text(ko="{name} 님, 안녕하세요.", en="Hello {name},"),
            Text(
                ko="아래 링크에서 새 비밀번호를 정할 수 있습니다."
                " 링크는 {minutes}분 동안 한 번만 쓸 수 있습니다.",
                en="choose a new password with the link below. It works once, for {minutes} minutes.",
            ),
        ),
        Text(ko="새 비밀번호 정하기", en="Choose a new password"),
        IGNORE,
    ),
    "password_changed": Template(
        Text(ko="비밀번호가 변경되었습니다", en="Your password was changed"),
        (
            Text(ko="{name} 님, 안녕하세요.", en="Hello {name},"),
            Text(
                ko="SignalCraft 비밀번호가 변경되었고 모든 기기에서 로그아웃되었습니다.",
                en="the password of your SignalCraft account was changed, and all devices were signed out.",
            ),
            Text(
                ko="본인이 한 일이 아니라면 바로 비밀번호를 다시 정하고 관리자에게 알려 주세요.",
                en="If this was not you, choose a new password at once and tell your administrator.",
            ),
        ),
        Text(ko="비밀번호 다시 정하기", en="Choose a new password"),
    ),
    "confirm_new_email": Template(
        Text(ko="새 이메일 주소를 확인해 주세요", en="Please confirm your new e-mail address"),
        (
            Text(ko="{name} 님, 안녕하세요.", en="Hello {name},"),
            Text(
                ko="아래 링크를 열면 이 주소가 SignalCraft 계정의 이메일이 됩니다."
                " 링크는 {minutes}분 동안 한 번만 쓸 수 있습니다.",
                en="open the link below to use this address for your account."
                " It works once, for {minutes} minutes.",
            ),
        ),
        Text(ko="새 주소 확인", en="Confirm the new address"),
        IGNORE,
    ),
    "email_in_use": Template(
        Text(ko="이 주소에는 이미 계정이 있습니다", en="This address has an account already"),
        (
            Text(
                ko="다른 SignalCraft 계정이 이 주소를 쓰려고 했습니다."
                " 한 주소는 한 계정에만 쓸 수 있어 바뀐 것은 없습니다.",
                en="Another SignalCraft account wanted to use this address."
                " An address belongs to one account, so nothing was changed.",
            ),
        ),
    ),
    "email_changed": Template(
        Text(ko="이메일 주소가 변경되었습니다", en="Your e-mail address was changed"),
        (
            Text(ko="{name} 님, 안녕하세요.", en="Hello {name},"),
            Text(
                ko="SignalCraft 계정의 이메일이 {new_email}(으)로 바뀌었습니다."
                " 이 주소로는 더 이상 메일을 보내지 않습니다.",
                en="your SignalCraft account now uses {new_email}. No more mail will go to this address.",
            ),
            Text(
                ko="본인이 한 일이 아니라면 관리자에게 바로 알려 주세요.",
                en="If this was not you, tell your administrator at once.",
            ),
        ),
    ),
    "invitation": Template(
        Text(ko="{shop}에 초대되었습니다", en="You are invited to {shop}"),
        (
            Text(
                ko="{inviter} 님이 SignalCraft의 매장 '{shop}'에 {role} 역할로 초대했습니다.",
                en="{inviter} invites you to the shop “{shop}” on SignalCraft, as {role}.",
            ),
            Text(
                ko="초대는 {days}일 동안 유효합니다.",
                en="The invitation is good for {days} days.",
            ),
        ),
        Text(ko="초대 받기", en="Accept the invitation"),
        Text(
            ko="보낸 사람을 모르신다면 이 메일을 무시하세요.",
            en="If you do not know who sent this, ignore it.",
        ),
    ),
    "refresh_token_stolen": Template(
        Text(ko="안전을 위해 로그아웃되었습니다", en="You were signed out for your safety"),
        (
            Text(ko="{name} 님, 안녕하세요.", en="Hello {name},"),
            Text(
                ko="로그인 정보가 두 곳에서 사용되어 해당 로그인을 끝냈습니다. 누군가 복사했을 수 있습니다.",
                en="one of your sign-ins was used from two places, so it was ended:"
                " somebody may have copied it.",
            ),
            Text(
                ko="다시 로그인하고, 비밀번호를 바꾸는 것이 좋습니다.",
                en="Sign in again; changing your password is a good idea.",
            ),
        ),
        Text(ko="로그인", en="Sign in"),
    ),
    "operator_alert": Template(
        Text(ko="[SignalCraft {place}] {state}: {title}", en="[SignalCraft {place}] {state}: {title}"),
        (
            Text(ko="{state}: {title} {seen}", en="{state}: {title} {seen}"),
            Text(ko="시작: {began_at}", en="Since: {began_at}"),
            Text(ko="먼저 할 일: {step}", en="First step: {step}"),
            Text(ko="자세한 절차: {runbook}", en="All steps: {runbook}"),
        ),
        Text(ko="모니터링 화면", en="Monitoring page"),
    ),
}


@dataclass(frozen=True)
class Rendered:
    """A mail as it is sent."""

    subject: str
    text: str
    html: str


def render(template: str, language: str, substitutions: Mapping[str, str]) -> Rendered:
    """Fill a template in.

    Raises
    ------
    KeyError
        The template is not known, or a substitution is missing.
    """
    form = TEMPLATES[template]
    values = {name: one_line(value) for name, value in substitutions.items()}
    escaped = {name: html.escape(value) for name, value in values.items()}
    paragraphs = [_in(language, paragraph) for paragraph in form.paragraphs]
    plain = [paragraph.format_map(values) for paragraph in paragraphs]
    rich = [f"<p>{html.escape(paragraph).format_map(escaped)}</p>" for paragraph in paragraphs]
    if form.link is not None:
        words = _in(language, form.link)
        plain.append(f"{words}:\n{values['link']}")
        rich.append(f'<p><a href="{escaped["link"]}">{html.escape(words)}</a></p>')
    if form.footer is not None:
        footer = _in(language, form.footer)
        plain.append(footer)
        rich.append(f"<p><small>{html.escape(footer)}</small></p>")
    body = "".join(rich)
    return Rendered(
        subject=_in(language, form.subject).format_map(values),
        text="\n\n".join([*plain, "SignalCraft"]) + "\n",
        html=f'<!doctype html><html lang="{language}"><body>{body}<p>SignalCraft</p></body></html>\n',
    )


def one_line(text: str) -> str:
    """The text without line breaks and control characters: what people call something stays in its line."""
    visible = "".join(
        " " if unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"} else character
        for character in text
    )
    return re.sub(r" {2,}", " ", visible).strip()


def _in(language: str, text: Text) -> str:
    return text.ko if language == "ko" else text.en
