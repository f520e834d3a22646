"""Where a bucket cannot be used, one clear sentence says why, within ten seconds, and no secret is told or kept."""

from __future__ import annotations

import http.server
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from servers import AZURE_ACCOUNT, AZURE_SECRET, KEY, SECRET, Server
from web_server import WebServer

from mreg.storage import clouds

CANARIES = {
    "AWS_ACCESS_KEY_ID": KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_SESSION_TOKEN": "session-canary-0123456789",
    "AZURE_STORAGE_ACCOUNT_KEY": AZURE_SECRET,
}
LIMIT = 10.0
COMMANDS = ("ls", "init", "log ckpt -a m", "resolve m:best", "ls --json")


@contextmanager
def answering(status: int, body: str, **headers: str) -> Iterator[str]:
    """A server that has the same answer for everybody."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body.encode())

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = answer

        def log_message(self, *_: object) -> None:
            pass

    with WebServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def xml(code: str, more: str = "") -> str:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message>{more}</Error>"


@pytest.fixture
def told(bare: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the commands print of a store at this endpoint, each within the limit: exit code and sentence."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "AZURE_", "GOOGLE_"))]:
        monkeypatch.delenv(name)
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    (bare.home / "ckpt").mkdir()
    (bare.home / "ckpt" / "a").write_bytes(b"x")

    def told(endpoint: str, location: str = "s3://models/vision", commands: tuple[str, ...] = COMMANDS) -> set[Any]:
        name = "AZURE_STORAGE_ENDPOINT" if location.startswith("az:") else "AWS_ENDPOINT_URL"
        monkeypatch.setenv(name, endpoint) if endpoint else None
        found = set()
        for command in commands:
            started = time.monotonic()
            result = bare("--repo", location, *command.split())
            assert time.monotonic() - started < LIMIT, command
            assert result.out == "" and not any(secret in result.errors for secret in CANARIES.values())
            sentence = result.errors if "--json" not in command else f"error: {result.error['message']}\n"
            found.add((result.code, sentence.partition("\n")[0]))
        return found

    return told


@pytest.mark.parametrize(
    ("status", "body", "code", "sentence"),
    [
        (403, xml("InvalidAccessKeyId"), 6, "the store refuses access to {}: the credentials are wrong"),
        (403, xml("SignatureDoesNotMatch"), 6, "the store refuses access to {}: the credentials are wrong"),
        (400, xml("ExpiredToken"), 6, "the store refuses access to {}: the credentials have expired"),
        (403, xml("ExpiredToken"), 6, "the store refuses access to {}: the credentials have expired"),
        (400, xml("InvalidToken"), 6, "the store refuses access to {}: the credentials are wrong"),
        (403, xml("AccessDenied"), 6, "the store refuses access to {}: the credentials are wrong or lack permission"),
        (404, xml("NoSuchBucket"), 3, "there is no bucket {}"),
        (301, xml("PermanentRedirect"), 6, "the bucket {} is in another region"),
        (
            400,
            xml("AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>"),
            6,
            "the bucket {} is in another region, eu-west-1",
        ),
        (503, xml("SlowDown"), 1, "the store of {} answers 503: it is overloaded or failing"),
        (429, xml("TooManyRequests"), 1, "the store of {} answers 429: it is overloaded or failing"),
    ],
)
def test_what_a_store_refuses_is_one_sentence(told: Any, status: int, body: str, code: int, sentence: str) -> None:
    with answering(status, body) as endpoint:
        found = told(endpoint, commands=("ls", "init", "ls --json"))

    assert found == {(code, f"error: {sentence.format('s3://models/vision')}")}


def test_a_redirect_tells_the_region_in_its_head(told: Any) -> None:
    with answering(301, "", x_amz_bucket_region="eu-west-1") as endpoint:
        found = told(endpoint, commands=("ls",))

    assert {code for code, _ in found} == {6}
    assert "is in another region" in next(iter(found))[1]


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("AuthenticationFailed", "the store refuses access to {}: the credentials are wrong"),
        ("AuthorizationFailure", "the store refuses access to {}: the credentials are wrong or lack permission"),
    ],
)
def test_what_azure_refuses_is_one_sentence(
    told: Any, monkeypatch: pytest.MonkeyPatch, word: str, sentence: str
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", AZURE_ACCOUNT)
    with answering(403, xml(word)) as endpoint:
        found = told(endpoint, "az://models/vision", ("ls", "init"))

    assert found == {(6, f"error: {sentence.format('az://models/vision')}")}


@pytest.mark.parametrize(
    ("endpoint", "reason"),
    [
        ("http://127.0.0.1:9", "the connection was refused"),
        ("http://no-such-host.invalid", "its host name is not known"),
    ],
)
def test_no_network_is_one_sentence(told: Any, endpoint: str, reason: str) -> None:
    found = told(endpoint, commands=("ls", "init"))

    assert len(found) == 1
    code, sentence = found.pop()
    assert (code, sentence) == (1, f"error: the store of s3://models/vision cannot be reached: {reason}")


def test_packets_that_nobody_answers_are_told_in_time(told: Any) -> None:
    with socket.socket() as deaf, socket.socket() as other:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        other.connect(deaf.getsockname())  # its queue is full: who comes now is not answered, as in a black hole
        found = told(f"http://127.0.0.1:{deaf.getsockname()[1]}", commands=("ls",))

    assert found == {(1, "error: the store of s3://models/vision cannot be reached: it does not answer in time")}


@pytest.mark.parametrize("location", ["s3://models/vision", "gs://models/vision", "az://models/vision"])
def test_no_credentials_is_one_sentence(told: Any, monkeypatch: pytest.MonkeyPatch, location: str) -> None:
    for name in CANARIES:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", AZURE_ACCOUNT)

    found = told("", location, ("ls", "init"))

    assert len(found) == 1
    code, sentence = found.pop()
    assert code in (1, 6) and "\n" not in sentence
    assert sentence == f"error: there are no credentials for {location}" or "cannot be reached" in sentence


@pytest.mark.parametrize(
    ("location", "name", "value"),
    [
        ("az://models/vision", "AZURE_STORAGE_ACCOUNT_KEY", "canary no base64!"),
        ("az://models/vision", "AZURE_STORAGE_ACCOUNT_NAME", ""),
        ("gs://models/vision", "GOOGLE_APPLICATION_CREDENTIALS", "/no/such/file"),
        ("gs://models/vision", "GOOGLE_SERVICE_ACCOUNT_KEY", "canary no json"),
        ("s3://models/vision", "AWS_ENDPOINT_URL", "http://canary canary"),
        ("s3://models/vision", "AWS_REGION", "canary region"),
    ],
)
def test_what_is_no_credential_is_one_sentence(
    told: Any, monkeypatch: pytest.MonkeyPatch, location: str, name: str, value: str
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", AZURE_ACCOUNT)
    monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)

    found = told("", location, ("ls", "init"))

    assert len(found) == 1
    _, sentence = found.pop()
    assert any(words in sentence for words in ("there are no credentials for", "that is set for it is none"))
    assert "canary" not in sentence


@pytest.mark.parametrize("server", ["moto"], indirect=True)
def test_no_secret_is_printed_or_kept_by_any_command(
    server: Server, bare: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # given
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MREG_REPO", place := server.place())
    (bare.home / "ckpt").mkdir()
    (bare.home / "ckpt" / "a").write_bytes(b"x")
    lines = (
        "init", "log ckpt -a m --alias best --link Clf", "show m:best --json", "ls --json", "history --json",
        "get m -o out", "use m --run r", "config set gc.grace 2h", "config ls --json", "fsck --full --json",
        "gc --json", "du --json", f"remote add far {place} --user", "remote ls --json", "html pages", "cache ls",
        "clone . copy", "version --json", "resolve nothing --json", f"--repo {place}-not-there ls --json",
        "-v log ckpt -a n",
    )  # fmt: skip

    # when
    told = [bare(*line.split()) for line in lines]
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    broken = [bare(*line.split()) for line in lines]
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)

    # then
    printed = "".join(result.out + result.errors for result in (*told, *broken))
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    bucket = clouds.open_bucket("s3", *place.removeprefix("s3://").split("/", 1))
    sent = b"".join(value.data for key in bucket.list("") if (value := bucket.get(key)))
    assert sum(result.code == 0 for result in told) >= len(lines) - 4, [result for result in told if result.code]
    assert len(written) > 1000 and len(sent) > 1000
    for secret in CANARIES.values():
        assert secret not in printed and secret.encode() not in written + sent
