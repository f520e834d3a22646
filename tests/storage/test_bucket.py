"""A bucket keeps the contract of every store, on servers that people run, and tells what is wrong in one sentence."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fault_proxy import LOST, REFUSED, FaultProxy
from servers import KEY, SECRET, Server

from mreg.storage import ABSENT, PutLost, Remote, answers, clouds
from mreg.storage.answers import AccessDenied, NoAnswer, NoBucket, NoCredentials, StoreBusy, WrongRegion
from mreg.storage.base import TooLarge
from mreg.storage.bucket import Bucket
from mreg.storage.clouds import InvalidBucket, open_bucket
from mreg.storage.unsure import UnsureWrite
from mreg.testing.remote_contract import RemoteContract, at_once, data_of, is_published

moto = pytest.mark.parametrize("server", ["moto"], indirect=True)
checks_keys = pytest.mark.parametrize("server", ["seaweedfs", "azurite"], indirect=True)


def at(url: str) -> Bucket:
    scheme, _, rest = url.partition("://")
    name, _, path = rest.partition("/")
    return open_bucket(scheme, name, path)


class TestBucket(RemoteContract):
    @pytest.fixture(autouse=True)
    def on_server(self, server: Server) -> None:
        self.server = server

    def make_storage(self) -> Remote:
        return at(self.server.place())


def test_a_value_larger_than_any_may_be_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = at(server.place())
    bucket.put("fits", b"123")
    bucket.put("large", b"1234")
    monkeypatch.setattr("mreg.storage.bucket.MAX_VALUE", 3)

    assert data_of(bucket, "fits") == b"123"
    with pytest.raises(TooLarge):
        bucket.get("large")


def test_lists_of_several_pages_are_whole_and_start_where_asked(server: Server) -> None:
    bucket = at(server.place())
    keys = [f"journal/{number:04}" for number in range(1005)]
    at_once(8, lambda writer: [bucket.put(key, b"") for key in keys[writer::8]])

    whole, rest = list(bucket.list("journal")), [one.key for one in bucket.listing("journal", keys[998])]

    assert whole == keys
    assert rest == keys[999:]


def test_long_values_are_sent_in_parts(server: Server, tmp_path: Path) -> None:
    block = os.urandom(1 << 20)
    (tmp_path / "long").write_bytes(block * 65 + b"end")
    bucket = at(server.place())

    with (tmp_path / "long").open("rb") as file:
        bucket.send("packs/long", file)

    stat = bucket.stat("packs/long")
    assert stat is not None and stat.size == (65 << 20) + 3
    assert bucket.read("packs/long", (64 << 20) - 5, 10) == block[-5:] + block[:5]
    assert bucket.read("packs/long", 65 << 20, 10) == b"end"


def test_places_in_one_bucket_do_not_see_each_other(server: Server) -> None:
    url = server.place()
    one, longer, below = at(url), at(f"{url}-b"), at(f"{url}/c")

    for number, bucket in enumerate((one, longer, below)):
        bucket.put("k", b"%d" % number)

    assert [data_of(bucket, "k") for bucket in (one, longer, below)] == [b"0", b"1", b"2"]
    assert list(longer.list("")) == ["k"]
    assert list(one.list("")) == ["c/k", "k"]


# What is wrong


def test_a_read_from_the_end_on_is_nothing(server: Server) -> None:
    bucket = at(server.place())
    bucket.put("packs/a", b"1234")

    assert [bucket.read("packs/a", start, 10) for start in (3, 4, 5)] == [b"4", b"", b""]


def refusals(bucket: Bucket) -> Iterator[Callable[[], object]]:
    yield lambda: bucket.get("a")
    yield lambda: bucket.put("a", b"")
    yield lambda: bucket.put("a", b"", ABSENT)
    yield lambda: list(bucket.list("a"))


@pytest.mark.parametrize("server", ["moto", "azurite"], indirect=True)
def test_a_missing_bucket_is_named(server: Server) -> None:
    bucket = at(server.url.replace("models", "no-such-bucket") + "/x")

    for use in refusals(bucket):
        with pytest.raises(NoBucket, match=f"there is no bucket {bucket.name}"):
            use()


@pytest.mark.parametrize("server", ["seaweedfs"], indirect=True)
def test_seaweedfs_makes_no_bucket_and_tells_so_at_put(server: Server) -> None:
    bucket = at("s3://no-such-bucket/x")

    with pytest.raises(NoBucket):
        bucket.put("a", b"", ABSENT)


@checks_keys
def test_wrong_credentials_are_refused_and_never_told(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    canary = "Y2FuYXJ5LXRoYXQtbm9ib2R5LW1heS1zZWU="
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", canary)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", canary)
    bucket = at(server.place())

    for use in refusals(bucket):
        with pytest.raises(AccessDenied) as caught:
            use()
        told = f"{caught.value} {caught.value.facts} {bucket!r} {caught.value.__context__ or ''}"
        assert canary not in told and KEY not in told and SECRET not in told
        assert "credentials" in str(caught.value)


@moto
def test_without_credentials_that_is_said(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    bucket = at(server.place())

    with pytest.raises((NoCredentials, NoAnswer)):
        bucket.get("a")


@moto
def test_credentials_of_a_profile_are_found(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name)
    (tmp_path / "credentials").write_text(f"[work]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    (tmp_path / "config").write_text(f"[profile work]\nregion = eu-west-1\nendpoint_url = {server.endpoint}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "work")

    bucket = at(server.place())
    bucket.put("a", b"x", ABSENT)

    assert data_of(bucket, "a") == b"x"


@pytest.mark.parametrize(
    ("endpoint", "reason"),
    [("http://127.0.0.1:9", "the connection was refused"), ("http://no-such-host.invalid", "host name is not known")],
)
def test_no_answer_is_told_within_ten_seconds(monkeypatch: pytest.MonkeyPatch, endpoint: str, reason: str) -> None:
    for name, value in {"ENDPOINT_URL": endpoint, "ACCESS_KEY_ID": KEY, "SECRET_ACCESS_KEY": SECRET}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    started = time.monotonic()

    with pytest.raises(NoAnswer, match=reason):
        at("s3://models/x").get("a")

    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("s3:///x", "write s3://BUCKET/FOLDER"),
        ("s3://a b/x", "write s3://BUCKET/FOLDER"),
        ("s3://models/a//b", "'' cannot be part"),
        ("s3://models/../b", "'..' cannot be part"),
        ("gs://models/a?b", "'a.b' cannot be part"),
    ],
)
def test_impossible_places_are_refused(url: str, reason: str) -> None:
    with pytest.raises(InvalidBucket, match=reason):
        at(url)


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("status code: 403 Forbidden: <Code>ExpiredToken</Code>", AccessDenied, "have expired"),
        ("status code: 403 Forbidden: <Code>SignatureDoesNotMatch</Code>", AccessDenied, "are wrong"),
        ("status code: 403 Forbidden: <Code>AccessDenied</Code>", AccessDenied, "lack permission"),
        ("status code: 400: <Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region>", WrongRegion, "eu-w"),
        ("Received redirect without LOCATION, this normally", WrongRegion, "another region"),
        ("status code: 503 Slow Down: <Code>SlowDown</Code>", StoreBusy, "503"),
        ("HTTP error: operation timed out", NoAnswer, "in time"),
        ("status code: 501 Not Implemented", StoreBusy, "501"),
        ("status code: 404: <Code>NoSuchBucket</Code>", NoBucket, "no bucket s3://models"),
        ("status code: 405: <Code>MethodNotAllowed</Code>", answers.StoreRefused, "405 MethodNotAllowed"),
    ],
)
def test_what_a_store_answers_becomes_one_sentence(text: str, kind: type[Exception], said: str) -> None:
    error = answers.meaning(RuntimeError(f"Generic S3 error: {text} key=canary"), "s3://models/x")

    assert type(error) is kind
    assert said in str(error)
    assert "canary" not in str(error) + repr(error.facts)


# Faults of the network


@pytest.fixture
def proxied(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Bucket, FaultProxy]]:
    monkeypatch.setattr(clouds, "_REQUEST", 3)
    monkeypatch.setattr(clouds, "_LARGE", 3)
    with FaultProxy(server.endpoint).running() as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        yield at(server.place()), proxy


@moto
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_large_values_have_a_limit_of_their_own(
    proxied: tuple[Bucket, FaultProxy], method: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With that of others, which is longer here, the client would give up after the answer that does not come."""
    monkeypatch.setattr(clouds, "_REQUEST", 60)
    monkeypatch.setattr(clouds, "_LARGE", 1)
    bucket, proxy = at(proxied[0].name), proxied[1]
    data = os.urandom(2 << 20)
    (tmp_path / "data").write_bytes(data)
    proxy.once("stall", method)

    with open(tmp_path / "data", "rb") as file:
        bucket.send("packs/a", file)

    assert bucket.read("packs/a", 0, len(data)) == data
    assert [fault for _, fault in proxy.requests if fault] == ["stall"]


@moto
@pytest.mark.parametrize("kind", [*LOST, *REFUSED])
def test_one_s_own_create_is_known_behind_a_fault(proxied: tuple[Bucket, FaultProxy], kind: str) -> None:
    bucket, proxy = proxied
    proxy.once(kind)

    bucket.put("a", b"ours", ABSENT)

    assert [fault for _, fault in proxy.requests if fault] == [kind]
    assert data_of(bucket, "a") == b"ours"


@moto
@pytest.mark.parametrize("kind", [*LOST, *REFUSED])
def test_another_s_value_is_never_taken_for_one_s_own(proxied: tuple[Bucket, FaultProxy], kind: str) -> None:
    bucket, proxy = proxied
    bucket.put("a", b"theirs")
    proxy.once(kind)

    with pytest.raises(PutLost):
        bucket.put("a", b"ours", ABSENT)

    assert data_of(bucket, "a") == b"theirs"


@moto
@pytest.mark.parametrize("kind", ["drop", "503", "refused-409", "refused-429"])
def test_races_have_one_winner_behind_faults(proxied: tuple[Bucket, FaultProxy], kind: str) -> None:
    bucket, proxy = proxied
    proxy.once(kind, times=6)

    won = at_once(8, lambda writer: [is_published(bucket, f"race/{key}", b"%d" % writer) for key in range(4)])

    for key in range(4):
        winners = [writer for writer in range(8) if won[writer][key]]
        assert [b"%d" % writer for writer in winners] == [data_of(bucket, f"race/{key}")]


@moto
def test_a_write_that_cannot_be_looked_for_is_called_unsure(proxied: tuple[Bucket, FaultProxy]) -> None:
    bucket, proxy = proxied
    proxy.fault = lambda line: "drop"

    with pytest.raises(UnsureWrite, match="it is unknown whether a was written: the store of s3://models/"):
        bucket.put("a", b"ours", ABSENT)


@moto
@pytest.mark.parametrize("kind", ["truncate", "drop", "503", "refused-429"])
def test_reads_try_again_and_never_give_a_part(proxied: tuple[Bucket, FaultProxy], kind: str) -> None:
    bucket, proxy = proxied
    bucket.put("a", b"0123456789" * 1000)
    proxy.once(kind, "GET")

    try:
        found = data_of(bucket, "a")
    except (NoAnswer, StoreBusy):
        found = data_of(bucket, "a")

    assert found == b"0123456789" * 1000


@moto
@pytest.mark.parametrize("kind", ["truncate", "drop", "stall", "503", "refused-409", "refused-429", "refused-503"])
def test_a_delete_is_done_behind_a_fault(proxied: tuple[Bucket, FaultProxy], kind: str) -> None:
    bucket, proxy = proxied
    bucket.put("a", b"x")
    proxy.once(kind, "")

    bucket.delete("a")

    assert bucket.stat("a") is None
