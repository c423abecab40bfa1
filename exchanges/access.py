"""The one door to accounts, built on that to clients. Accounts are the desk's own: clients have no page of them."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import Http404

from clients.access import Action, Visitor, require, visible_clients
from exchanges.models import ExchangeAccount


def visible_accounts(user: Visitor) -> QuerySet[ExchangeAccount]:
    """Every account the person may see, with what a list says of it."""
    return ExchangeAccount.objects.filter(client__in=visible_clients(user)).select_related(
        "client", "venue", "credentials__sealed_by"
    )


def access_account(user: Visitor, pk: int, action: Action | str = Action.VIEW) -> ExchangeAccount:
    """The account, if the person is of the desk and may do this to it.

    Raises Http404 for strangers, PermissionDenied with a sentence for those who see it but may not act.
    """
    account = visible_accounts(user).filter(pk=pk).first()
    if account is None or not getattr(user, "is_desk", False):
        raise Http404("There is no such account.")
    require(user, action)
    return account
