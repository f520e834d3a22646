"""Buckets by their URLs: which kinds of store there are, and where the user's credentials for them lie.

Credentials come from where the tools of each store look for them, and go to the client library only: nothing of them is
kept, written or told. An object store belongs to who has its keys, so nothing that a repository says is asked here.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from mreg import lazy
from mreg.storage import answers
from mreg.storage.bucket import Bucket
from mreg.values.errors import Failed, InvalidInput

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_CONNECT, _REQUEST, _LARGE = 2.5, 60, 600
"""Seconds for a connection, for a request with its body, and for one with a large body: four packs that are sent at
once take that long at 2 Mbit/s. Who cannot be reached is known to be so after three connections, which is within ten
seconds."""

_RETRIES, _RETRY_FOR = 2, 8

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_ENDPOINT = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")
_REGION = re.compile(r"[A-Za-z0-9-]{1,64}")
_PART = re.compile(r"[A-Za-z0-9 !'()+,._=@~-]{1,255}")


_ENDPOINTS = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}


class NeedsRemote(Failed):
    code = "needs-remote"
    template = "buckets require the package obstore, which is not installed"


class InvalidBucket(InvalidInput):
    code = "invalid-bucket"
    template = "{url!r} is not a valid location in a bucket: {reason}"

    url: str
    reason: str


def open_bucket(scheme: str, name: str, path: str) -> Bucket:
    """The folder `path` of the bucket `name`. Connects to nothing yet. Raises InvalidBucket, NeedsRemote,
    NoCredentials."""
    prefix = check_place(scheme, name, path)
    url = f"{scheme}://{name}/{prefix}".rstrip("/")
    _stores()
    make = _MAKERS[scheme]
    try:
        return Bucket(url, make(name, _RETRIES), make(name, 0), prefix, lambda: make(name, _RETRIES, _LARGE))
    except _Malformed as error:
        raise InvalidBucket(url=url, reason=f"the {error} that is set for it is none") from None
    except lazy.load("obstore.exceptions").BaseError as error:
        raise answers.unusable(error, url) from None


def check_place(scheme: str, name: str, path: str) -> str:
    """The folder, without slashes at its ends. Raises InvalidBucket."""
    prefix = path.strip("/")
    url = f"{scheme}://{name}/{prefix}".rstrip("/")
    if not _BUCKET.fullmatch(name):
        raise InvalidBucket(url=url, reason=f"write {scheme}://BUCKET/FOLDER")
    for part in prefix.split("/") if prefix else ():
        if part in (".", "..") or not _PART.fullmatch(part):
            raise InvalidBucket(url=url, reason=f"{part!r} cannot be part of a folder name there")
    return prefix


def endpoint_of(scheme: str) -> str:
    """Where the environment says that the stores of this kind are; empty for where they usually are."""
    return (_first(*_ENDPOINTS[scheme]) if scheme in _ENDPOINTS else None) or ""


class _Malformed(Exception):
    """Of what is set for a store, that which the client library would panic at."""


def _client(endpoint: str | None, seconds: float | None) -> dict[str, Any]:
    """What all clients are told. seconds: for a request that may take long. Without encryption only where the user's
    own endpoint says so."""
    if endpoint and not _ENDPOINT.fullmatch(endpoint):
        raise _Malformed("endpoint")
    plain = bool(endpoint and endpoint.startswith("http://"))
    return {"connect_timeout": f"{_CONNECT}s", "timeout": f"{seconds or _REQUEST}s", "allow_http": plain}


def _retry(retries: int) -> dict[str, Any]:
    return {"max_retries": retries, "retry_timeout": lazy.datetime.timedelta(seconds=_RETRY_FOR)}


def _stores() -> Any:
    try:
        return lazy.load("obstore.store")
    except ImportError:
        raise NeedsRemote() from None


def _first(*names: str) -> str | None:
    return next((value for name in names if (value := os.environ.get(name))), None)


def _s3(bucket: str, retries: int, seconds: float | None = None) -> ObjectStore:
    stores = _stores()
    profile: dict[str, str | None] = {**_aws_profile()}
    if _first("AWS_ACCESS_KEY_ID"):  # before those of the profile, as with the AWS tools
        profile = {name: value for name, value in profile.items() if name in ("endpoint", "region")}
    endpoint = endpoint_of("s3") or profile.pop("endpoint", None)
    region = _first("AWS_REGION", "AWS_DEFAULT_REGION") or profile.pop("region", None) or "us-east-1"
    if not _REGION.fullmatch(region):
        raise _Malformed("region")
    options = {**profile, "region": region, **({"endpoint": endpoint} if endpoint else {})}
    store: ObjectStore = stores.S3Store(
        bucket, client_options=_client(endpoint, seconds), retry_config=_retry(retries), **options
    )
    return store


def _gs(bucket: str, retries: int, seconds: float | None = None) -> ObjectStore:
    store: ObjectStore = _stores().GCSStore(bucket, client_options=_client(None, seconds), retry_config=_retry(retries))
    return store


def _az(container: str, retries: int, seconds: float | None = None) -> ObjectStore:
    endpoint = endpoint_of("az")
    options = _client(endpoint, seconds)
    store: ObjectStore = _stores().AzureStore(container, client_options=options, retry_config=_retry(retries))
    return store


_MAKERS = {"s3": _s3, "gs": _gs, "az": _az}

_OF_PROFILE = {
    "aws_access_key_id": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
    "aws_session_token": "session_token",
    "region": "region",
    "endpoint_url": "endpoint",
}


def _aws_profile() -> dict[str, str]:
    """What the AWS tools' files say of the profile in use, by the names of the client library."""
    name = _first("AWS_PROFILE", "AWS_DEFAULT_PROFILE") or "default"
    home = os.path.expanduser("~/.aws")
    files = {
        _first("AWS_CONFIG_FILE") or f"{home}/config": name if name == "default" else f"profile {name}",
        _first("AWS_SHARED_CREDENTIALS_FILE") or f"{home}/credentials": name,
    }
    found: dict[str, str] = {}
    for file, section in files.items():
        found |= _section(file, section)
    return {ours: found[theirs] for theirs, ours in _OF_PROFILE.items() if found.get(theirs)}


def _section(file: str, section: str) -> dict[str, str]:
    configparser = lazy.load("configparser")
    parser = configparser.RawConfigParser()
    try:
        parser.read(file, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return {}  # the AWS tools say what is wrong with it
    return dict(parser[section]) if parser.has_section(section) else {}
