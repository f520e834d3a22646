"""Repositories in buckets: where the replica of each lies, and how a new one is begun."""

from __future__ import annotations

import os
import re

from mreg import storage, values
from mreg.session import config, places
from mreg.session.locations import BUCKETS, WEB, Url
from mreg.session.replica import Replica
from mreg.storage import Remote
from mreg.values.errors import Failed


class NeedsCache(Failed):
    code = "needs-cache"
    template = "a repository in a bucket requires a cache folder, and there is none"


def open_replica(url: Url, cache: str | None) -> Replica:
    """The storage of the repository at `url`. cache: the folder, or None for the default one. Raises NeedsRemote,
    InvalidBucket, NeedsCache."""
    remote = open_remote_store(url)
    folder = cache or places.default_cache()
    if folder is None:
        raise NeedsCache()
    # One place may be another bucket at another endpoint.
    place = values.digest.digest(os.fsencode(f"{url}\n{storage.clouds.endpoint_of(url.scheme)}"))
    return Replica(remote, os.path.join(folder, "replicas", place[:32]), str(url))


def open_remote_store(url: Url) -> Remote:
    if url.scheme in WEB:
        return storage.web.Web(str(url))
    if url.scheme == "ssh":
        user, _, host = url.host.rpartition("@")
        name, _, port = host.rpartition(":") if re.search(r":[0-9]+$", host) else (host, "", "")
        from_home = f"{url.path}/".startswith("/~/")
        root = (url.path[3:] or ".") if from_home else url.path
        return storage.sftp.Sftp(str(url), name.strip("[]"), int(port) if port else None, user or None, root)
    return storage.clouds.open_bucket(url.scheme, url.host, url.path)


def check_place(url: Url) -> None:
    """Raises InvalidBucket."""
    if url.scheme in BUCKETS:
        storage.clouds.check_place(url.scheme, url.host, url.path)


def prepare(replica: Replica) -> bool:
    """Make ready for a new repository; False where there is one. Raises UnfitStore, DamagedConfig."""
    if config.exists(replica.remote):
        return False
    storage.probe.probe(replica.remote)
    replica.forget()
    return True
