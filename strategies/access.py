"""The one door to strategies and deployments, built on that to clients."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import Http404

from clients.access import Action, Visitor, require, require_here, visible_clients
from strategies.models import Deployment, Strategy


def visible_deployments(user: Visitor) -> QuerySet[Deployment]:
    """Deployments the person may see. Desk pages read them directly; a client's page also binds `clients.tenancy`."""
    return Deployment.objects.filter(client__in=visible_clients(user)).select_related(
        "client", "mandate", "market__venue", "account"
    )


def access_deployment(user: Visitor, pk: int, action: Action | str = Action.VIEW) -> Deployment:
    """The deployment, if the person may do this to it.

    Raises Http404 for strangers, PermissionDenied with a sentence for those who see it but may not act.
    """
    deployment = visible_deployments(user).filter(pk=pk).first()
    if deployment is None:
        raise Http404("There is no such deployment.")
    require_here(user, action)
    return deployment


def access_strategy(user: Visitor, pk: int, action: Action | str = Action.VIEW) -> Strategy:
    """The strategy with its draft: the desk's own. Raises Http404 for everybody else."""
    strategy = (
        Strategy.objects.filter(pk=pk, client__in=visible_clients(user)).select_related("client", "mandate").first()
    )
    if strategy is None or not getattr(user, "is_desk", False):
        raise Http404("There is no such strategy.")
    require(user, action)
    return strategy
