"""What is kept for a time, and then no longer: the setting and its background job."""

import contextlib
import datetime
import re

import pytest

import database
import expect
from client import fake_key
from gateway import new_user
from harness import wait_until
from test_usage_api import event, report


def days_ago(days: float) -> str:
    at = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=days)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_usage_is_kept_for_as_long_as_is_set(make_service):
    service, user = make_service(), new_user()
    ages = [0, 10, 39, 41, 60]
    expect.success(report(service, {"events": [event(user, age) | {"time": days_ago(age)} for age in ages]}))
    assert column(service, "SELECT event_id FROM usage_events ORDER BY at DESC") == [f"event-{age}" for age in ages]
    for days, kept in (("40", ages[:3]), ("32", ages[:2])):
        service.restart(LATCHKEY_USAGE_DAYS=days)
        left = [f"event-{age}" for age in kept]
        wait_until(lambda: column(service, "SELECT event_id FROM usage_events ORDER BY at DESC") == left, 10, f"no more than {days} days")


@pytest.mark.parametrize("days", ["0", "31", "36501", "-1", "x", "1.5"])
def test_a_time_that_cannot_be_is_refused_at_start(make_service, days):
    service = make_service()
    service.stop()
    refused = service.command("serve", "--port", "0", LATCHKEY_USAGE_DAYS=days)
    assert refused.returncode == 2 and "LATCHKEY_USAGE_DAYS" in refused.stderr, refused


def test_the_audit_log_names_the_token_a_key_was_handed_out_by(make_service):
    service, user = make_service(), new_user()
    client = service.client()
    client.store(user, "openai", fake_key("valid", user))
    made = service.command("access-token", "create", "--service", "--scope", "resolve").stdout
    [token] = re.findall(r"lk_[a-z0-9]+_[A-Za-z0-9_-]{43}", made)
    asked = {"user_id": user, "provider": "openai"}
    for shown in (token, client.service_token):
        expect.success(client.call("POST", "/api/service/resolve", token=shown, json=asked))
    details = column(service, "SELECT detail FROM audit_events WHERE action = 'key.use' ORDER BY id")
    assert details[-2:] == [f"user token {token.split('_')[1]}", "user"]


def column(service, query: str) -> list:
    with contextlib.closing(database.connect(service.database)) as connection:
        return [value for value, in connection.execute(query).fetchall()]
