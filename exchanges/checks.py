"""The check of an account: asked for on its page, made by a worker, and what its outcome means for the key."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from decimal import Decimal

import structlog
from celery import current_app
from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from kombu.exceptions import OperationalError

from clients.access import Action, require
from clients.audit import audit
from clients.errors import Refusal
from clients.models import User
from engine.core.errors import AuthRejected, EngineError
from engine.venues.account_report import AccountReport
from engine.venues.credentials import Credentials
from exchanges.choices import CHECK_OVER, CheckState, KeyVerdict
from exchanges.models import AccountCheck, ExchangeAccount, SealedCredentials, Venue
from exchanges.services import open_sealed
from exchanges.vault import VaultError

log = structlog.get_logger(__name__)

TASK = "exchanges.check_accounts"
SKEW_WARN_MS, SKEW_BAD_MS = 500, 2_000
"""Most venues turn a request down that is five seconds off, some at one: beyond two, orders fail now and then."""
BUDGET_WARN = Decimal("0.2")

Ask = Callable[[Venue, str, Credentials], AccountReport]
"""Ask a venue about the account of this name. Raises EngineError, by remedy."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of a check. weight: ok, warn, bad, or unseen where the venue does not tell."""

    name: str
    weight: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    state: CheckState
    reason: str = ""
    findings: list[Finding] = field(default_factory=list)


@transaction.atomic
def check_ask(*, account: ExchangeAccount, actor: User | None) -> AccountCheck:
    """Have a worker ask the venue about an account. While one check waits or runs, that one is the answer."""
    if actor is not None:
        require(actor, Action.CHECK)
    kept = SealedCredentials.objects.select_for_update(no_key=True).filter(account=account).first()
    if kept is None:
        what = "is on paper: there is nobody to ask" if account.is_paper else "has no credentials to ask with yet"
        raise Refusal(f"{account} {what}.")
    under_way = AccountCheck.objects.filter(account=account, serial=kept.serial).exclude(state__in=CHECK_OVER).first()
    if under_way is None:
        under_way = AccountCheck.objects.create(
            client_id=account.client_id,
            account=account,
            serial=kept.serial,
            fingerprint=kept.fingerprint,
            asked_by=actor,
        )
    transaction.on_commit(_call_a_worker)
    return under_way


def _call_a_worker() -> None:
    """Now rather than at the next round of the beat, which looks for what nobody was called for."""
    try:
        current_app.send_task(TASK, expires=60, retry=False)
    except OperationalError as error:
        log.warning("no worker could be called for a check of an account", error=str(error))


def checks_run(ask: Ask) -> int:
    """Make every check that was asked for. Returns how many."""
    count = 0
    while check := _next():
        _make(check, ask)
        count += 1
    return count


ABANDONED_AFTER_S = 120
"""A check takes seconds; one that runs so long had its worker taken away."""


@transaction.atomic
def _next() -> AccountCheck | None:
    now = timezone.now()
    lost = AccountCheck.objects.filter(
        state=CheckState.RUNNING, began_at__lt=now - datetime.timedelta(seconds=ABANDONED_AFTER_S)
    )
    lost.update(state=CheckState.FAILED, ended_at=now, reason="The worker that made this check was lost; ask again.")
    asked = AccountCheck.objects.filter(state=CheckState.ASKED).select_related("account__venue").order_by("asked_at")
    check = asked.select_for_update(skip_locked=True, of=("self",)).first()
    if check is not None:
        check.state, check.began_at = CheckState.RUNNING, now
        check.save(update_fields=["state", "began_at"])
    return check


@sensitive_variables("credentials")
def _make(check: AccountCheck, ask: Ask) -> None:
    account = check.account
    kept = SealedCredentials.blobs.filter(account=account, serial=check.serial).first()
    if kept is None:
        _write(check, Outcome(state=CheckState.FAILED, reason="The credentials were changed meanwhile."), None)
        return
    report = None
    try:
        report = ask(account.venue, account.name, open_sealed(account, kept))
        outcome = judge(report, venue=account.venue.name)
    except VaultError as error:
        outcome = Outcome(state=CheckState.FAILED, reason=str(error))
    except AuthRejected as error:
        said = Finding(name="Key", weight="bad", text=f"{account.venue} refuses this key: {error}")
        outcome = Outcome(state=CheckState.REFUSED, reason=said.text, findings=[said])
    except EngineError as error:
        outcome = Outcome(state=CheckState.FAILED, reason=str(error))
    except Exception as error:  # the worker's edge: a library's mistake must not leave the page waiting
        log.error("an account could not be checked", account=account.pk, exc_info=error)
        outcome = Outcome(state=CheckState.FAILED, reason=f"{type(error).__name__} while asking; see the worker's log.")
    _write(check, outcome, report)


def judge(report: AccountReport, *, venue: str) -> Outcome:
    """What a report means: every finding in words, and the first that rules the key out."""
    findings = [
        _withdrawing(report, venue),
        _trading(report, venue),
        _addresses(report),
        _clock(report),
        _budget(report),
    ]
    held = sum(1 for balance in report.balances.values() if balance.total)
    findings.append(Finding(name="Balances", weight="ok", text=f"{held} asset{'' if held == 1 else 's'} held."))
    out = next((each for each in findings if each.name in ("Withdrawals", "Trading") and each.weight == "bad"), None)
    if out is not None:
        return Outcome(state=CheckState.REFUSED, reason=out.text, findings=findings)
    return Outcome(state=CheckState.PASSED, findings=findings)


def _withdrawing(report: AccountReport, venue: str) -> Finding:
    match report.permissions.withdraw:
        case True:
            text = (
                "This key can withdraw, which quoting never needs: it is refused here. Make a key without that right "
                f"at {venue}, enter it, and revoke this one."
            )
            return Finding(name="Withdrawals", weight="bad", text=text)
        case False:
            return Finding(name="Withdrawals", weight="ok", text="This key cannot withdraw.")
    return Finding(
        name="Withdrawals",
        weight="unseen",
        text=f"Not visible: {venue} does not tell what a key may do. Look at its own list of keys.",
    )


def _trading(report: AccountReport, venue: str) -> Finding:
    match report.permissions.trade:
        case True:
            return Finding(name="Trading", weight="ok", text="This key may trade on the spot market.")
        case False:
            text = f"This key may not trade on the spot market; give it that right at {venue}, or enter another."
            return Finding(name="Trading", weight="bad", text=text)
    return Finding(name="Trading", weight="unseen", text="Not visible; the first order will tell.")


def _addresses(report: AccountReport) -> Finding:
    match report.permissions.bound_to_addresses:
        case True:
            return Finding(name="Addresses", weight="ok", text="It works from named addresses only.")
        case False:
            text = "It works from anywhere: bind it to the addresses of the engine's machines."
            return Finding(name="Addresses", weight="warn", text=text)
    return Finding(name="Addresses", weight="unseen", text="Not visible whether it is bound to addresses.")


def _clock(report: AccountReport) -> Finding:
    skew_ms = report.clock_skew_ms
    if skew_ms is None:
        return Finding(name="Clock", weight="unseen", text="The venue does not tell its time.")
    size = abs(skew_ms)
    weight = "bad" if size > SKEW_BAD_MS else "warn" if size > SKEW_WARN_MS else "ok"
    way = "ahead of" if skew_ms > 0 else "behind"
    text = f"The venue's clock is {size:.0f} ms {way} ours."
    if weight != "ok":
        text += " Let this machine follow a time server; requests are turned down when the clocks are seconds apart."
    return Finding(name="Clock", weight=weight, text=text)


def _budget(report: AccountReport) -> Finding:
    left = report.budget_left
    if left is None:
        return Finding(name="Requests", weight="unseen", text="The venue does not tell how many requests are left.")
    text = f"{left * 100:.0f} % of the requests allowed just now are left."
    return Finding(name="Requests", weight="warn" if left < BUDGET_WARN else "ok", text=text)


@transaction.atomic
def _write(check: AccountCheck, outcome: Outcome, report: AccountReport | None) -> None:
    check.state, check.reason, check.ended_at = outcome.state, outcome.reason, timezone.now()
    check.findings = [asdict(finding) for finding in outcome.findings]
    held = sorted(report.balances.values(), key=lambda balance: balance.asset) if report else []
    check.balances = [
        {"asset": each.asset, "free": f"{each.free:f}", "locked": f"{each.locked:f}"} for each in held if each.total
    ]
    check.save(update_fields=["state", "reason", "ended_at", "findings", "balances"])
    verdict = {CheckState.PASSED: KeyVerdict.USABLE, CheckState.REFUSED: KeyVerdict.REFUSED}.get(outcome.state)
    if verdict is None:
        return  # nothing was learned about the key
    kept = SealedCredentials.objects.select_for_update(no_key=True).filter(serial=check.serial).first()
    if kept is None or (kept.verdict, kept.verdict_reason) == (verdict, outcome.reason):
        return
    audit(
        f"credentials.{'refused' if verdict == KeyVerdict.REFUSED else 'found_usable'}",
        check.account,
        actor=None,
        old=kept.verdict,
        new={"verdict": verdict, "fingerprint": kept.fingerprint},
        reason=outcome.reason,
    )
    kept.verdict, kept.verdict_reason = verdict, outcome.reason
    kept.save(update_fields=["verdict", "verdict_reason"])
