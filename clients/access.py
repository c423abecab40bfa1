"""The one door to clients and mandates (A5). Strangers learn nothing: for them the thing does not exist."""

from __future__ import annotations

from enum import StrEnum

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404

from clients.choices import DeskRole
from clients.models import Client, Mandate, User

Visitor = User | AnonymousUser


class Action(StrEnum):
    """What a person may do, in the words that finish "you may not …"."""

    VIEW = "view"
    START = "start"
    PAUSE = "pause"
    KILL = "kill"
    RESET = "reset"
    DRILL = "drill"
    REPLAY = "replay"
    CONFIGURE = "configure"
    APPROVE = "approve"
    ROLL_OUT = "roll_out"
    ABORT = "abort"
    CHECK = "check"
    CREDENTIALS = "credentials"
    ADMINISTER = "administer"


_STOP = frozenset({Action.VIEW, Action.PAUSE, Action.KILL, Action.ABORT})

MAY: dict[str, frozenset[Action]] = {
    DeskRole.NONE: frozenset(),
    DeskRole.VIEWER: frozenset({Action.VIEW}),
    DeskRole.OPERATOR: _STOP | {Action.START, Action.ROLL_OUT, Action.REPLAY, Action.CONFIGURE, Action.CHECK},
    DeskRole.RISK: _STOP | {Action.RESET, Action.DRILL, Action.REPLAY, Action.APPROVE, Action.CHECK},
    DeskRole.APPROVER: _STOP | {Action.REPLAY, Action.APPROVE},
    DeskRole.TREASURER: _STOP | {Action.CHECK, Action.CREDENTIALS},
    DeskRole.ADMIN: frozenset(Action),
}
"""Who may do what; the page of roles shows this table. Anybody who acts may stop. Whoever writes and starts strategies
neither approves them nor lifts their halts, and whoever holds the keys to accounts trades on none."""

SENTENCES = {
    Action.VIEW: "see the desk",
    Action.START: "start a deployment",
    Action.PAUSE: "pause a deployment",
    Action.KILL: "use the kill switch",
    Action.RESET: "reset a halt",
    Action.DRILL: "plan kill drills",
    Action.REPLAY: "start a replay",
    Action.CONFIGURE: "change a strategy",
    Action.APPROVE: "approve a revision",
    Action.ROLL_OUT: "roll a revision out in stages",
    Action.ABORT: "abort a roll-out",
    Action.CHECK: "have a venue or an account checked",
    Action.CREDENTIALS: "change an account's credentials",
    Action.ADMINISTER: "change the desk's records",
}


def may(user: Visitor | None, action: Action | str) -> bool:
    """Whether the person's role on the desk allows the action. Clients and visitors have no role."""
    return user is not None and user.is_active and Action(action) in MAY[getattr(user, "desk_role", DeskRole.NONE)]


def require(user: Visitor | None, action: Action | str) -> None:
    """Raise PermissionDenied, with a sentence that names who may, unless the person's role allows the action."""
    action = Action(action)
    if may(user, action):
        return
    *others, last = (DeskRole(role).label.lower() for role, actions in MAY.items() if action in actions)
    entitled = f"{', '.join(others)} or {last}" if others else last
    role = getattr(user, "desk_role", DeskRole.NONE)
    held = "you have no role on the desk" if role == DeskRole.NONE else f"your role is {DeskRole(role).label.lower()}"
    raise PermissionDenied(f"You may not {SENTENCES[action]}: that takes the role of {entitled}, and {held}.")


def visible_clients(user: Visitor) -> QuerySet[Client]:
    """Every client for the desk; for anybody else those they are a member of."""
    if may(user, Action.VIEW):
        return Client.objects.all()
    if not user.is_active:
        return Client.objects.none()
    return Client.objects.filter(memberships__user_id=user.pk)


def visible_mandates(user: Visitor) -> QuerySet[Mandate]:
    return Mandate.objects.filter(client__in=visible_clients(user)).select_related("client")


def access_client(user: Visitor, slug: str, action: Action | str = Action.VIEW) -> Client:
    """The client, if the person may do this to it. Raises Http404 for strangers, PermissionDenied for the others."""
    client = visible_clients(user).filter(slug=slug).first()
    if client is None:
        raise Http404("There is no such client.")
    require_here(user, action)
    return client


def access_mandate(user: Visitor, slug: str, action: Action | str = Action.VIEW) -> Mandate:
    """The mandate, if the person may do this to it. Raises Http404 for strangers, PermissionDenied for the others."""
    mandate = visible_mandates(user).filter(slug=slug).first()
    if mandate is None:
        raise Http404("There is no such mandate.")
    require_here(user, action)
    return mandate


def require_here(user: Visitor, action: Action | str) -> None:
    """Like `require`, for what the person was already found to see: members of a client may view without a role."""
    if Action(action) is not Action.VIEW:
        require(user, action)
