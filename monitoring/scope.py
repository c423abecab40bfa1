"""With whose eyes a page or a socket reads: the desk its own, a client's people those of their client alone."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from django.db.models import QuerySet
from django.http import Http404

from clients.access import Action, Visitor, may
from clients.tenancy import tenant
from strategies.access import access_deployment, visible_deployments
from strategies.choices import Mode
from strategies.models import Deployment

FULFILLING = (Mode.PAPER, Mode.LIVE)
"""What counts for a client. Rehearsals and shadows are the desk's own business."""


def reading_as(user: Visitor, client_id: int) -> AbstractContextManager[None]:
    """Bind the database to one client unless the person is the desk's. Evaluate every queryset inside."""
    return nullcontext() if may(user, Action.VIEW) else tenant(client_id)


def watchable(user: Visitor) -> QuerySet[Deployment]:
    """The deployments whose live figures and history a person may see."""
    seen = visible_deployments(user)
    return seen if may(user, Action.VIEW) else seen.filter(mode__in=FULFILLING)


def access_watchable(user: Visitor, pk: int) -> Deployment:
    """One of `watchable`. Raises Http404 for everybody else."""
    deployment = access_deployment(user, pk)
    if not may(user, Action.VIEW) and deployment.mode not in FULFILLING:
        raise Http404("There is no such deployment.")
    return deployment


def shows_pnl(user: Visitor, deployment: Deployment) -> bool:
    """The desk always; a client where the mandate shares it."""
    return may(user, Action.VIEW) or deployment.mandate.shares_pnl
