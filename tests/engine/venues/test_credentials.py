"""Credentials come from where only their owner looks, and show themselves nowhere. S: no secret in logs or errors."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from pathlib import Path

import msgspec
import pytest

from engine.core.errors import AuthRejected
from engine.core.log import _to_json
from engine.testing import RecordingRuntime
from engine.venues.credentials import Credentials, EnvironmentKeyring

KEY, SECRET, PHRASE = "key-1234567890", "secret-1234567890", "phrase-1234567890"
ENVIRONMENT = {
    "MM_ACCOUNT_BINANCE_MAIN_API_KEY": KEY,
    "MM_ACCOUNT_BINANCE_MAIN_SECRET": SECRET,
    "MM_ACCOUNT_BINANCE_MAIN_PASSPHRASE": PHRASE,
}


def some() -> Credentials:
    return Credentials(api_key=KEY, secret=SECRET, passphrase=PHRASE)


def leaks(text: str) -> bool:
    return any(secret in text for secret in (KEY, SECRET, PHRASE))


@pytest.mark.parametrize("show", [repr, str, "{}".format, "%s".__mod__, "{0!r}".format, ascii])
def test_whatever_prints_them_shows_the_fingerprint_alone(show: object) -> None:
    text = show(some())  # type: ignore[operator]
    assert not leaks(text)
    assert some().fingerprint in text


@pytest.mark.parametrize("store", [pickle.dumps, copy.copy, copy.deepcopy, msgspec.json.encode, json.dumps])
def test_nothing_copies_or_stores_them(store: object) -> None:
    with pytest.raises(TypeError) as refused:
        store(some())  # type: ignore[operator]
    assert not leaks(str(refused.value))


def test_a_log_line_shows_the_fingerprint_alone() -> None:
    line = _to_json({"event": "opened", "account": some()})
    assert some().fingerprint in line
    assert not leaks(line)
    record = logging.LogRecord("engine", logging.INFO, "", 0, "opened %s", (some(),), None)
    assert not leaks(record.getMessage())


def test_an_account_is_found_in_the_environment_whatever_its_name_looks_like() -> None:
    found = EnvironmentKeyring(ENVIRONMENT)("binance-main")
    assert (found.api_key, found.secret, found.passphrase, found.uid) == (KEY, SECRET, PHRASE, "")


def file_with(tmp_path: Path, text: str, mode: int = 0o600) -> EnvironmentKeyring:
    path = tmp_path / "credentials.toml"
    path.write_text(text)
    path.chmod(mode)
    return EnvironmentKeyring({"MM_CREDENTIALS_FILE": str(path)})


def test_an_account_is_found_in_a_file_of_its_owner(tmp_path: Path) -> None:
    keyring = file_with(tmp_path, f'[main]\napi_key = "{KEY}"\nsecret = "{SECRET}"\nuid = "7"\n')
    found = keyring("main")
    assert (found.api_key, found.secret, found.uid) == (KEY, SECRET, "7")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    keyring = file_with(tmp_path, f'[main]\napi_key = "{KEY}"\nsecret = "{SECRET}"\n', mode)
    with pytest.raises(AuthRejected, match="chmod 600"):
        keyring("main")


@pytest.mark.parametrize(
    ("text", "because"),
    [
        (f'[other]\napi_key = "{KEY}"\nsecret = "{SECRET}"\n', "There are no credentials"),
        (f'[main]\napi_key = "{KEY}"\n', "lack secret"),
        (f'[main]\napi_key = "{KEY}"\nsecret = "{SECRET}"\nlogin = "x"\n', "has login"),
        (f'[main]\napi_key = "{KEY}"\nsecret = 5\n', "a table of texts"),
        (f'[main]\napi_key = "{KEY}" "{SECRET}"\n', "is not TOML"),
        (f'main = "{KEY}"\n', "a table of texts"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_without_quoting_it(tmp_path: Path, text: str, because: str) -> None:
    with pytest.raises(AuthRejected, match=because) as refused:
        file_with(tmp_path, text)("main")
    assert not leaks("".join(traceback.format_exception(refused.value)))


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(AuthRejected, match=r"/nowhere/at/all.toml, named by MM_CREDENTIALS_FILE, cannot be read"):
        EnvironmentKeyring({"MM_CREDENTIALS_FILE": "/nowhere/at/all.toml"})("main")


def test_half_of_a_pair_in_the_environment_is_refused() -> None:
    with pytest.raises(AuthRejected, match="lack api_key"):
        EnvironmentKeyring({"MM_ACCOUNT_MAIN_SECRET": SECRET})("main")


def test_a_runtime_without_a_keyring_opens_no_account() -> None:
    with pytest.raises(AuthRejected, match='"main" cannot be opened'):
        RecordingRuntime().credentials("main")
