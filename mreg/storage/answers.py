"""What the answers of an object store mean, and what is said of them.

The client library's texts hold URLs, headers and the server's words, so none of them is passed on: they are read for
the status and the store's own code, and a sentence is made of that.
"""

from __future__ import annotations

import re

from mreg.values.errors import Failed, MregError, NotFound, Refused

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>\s*([A-Za-z0-9.]{1,64})\s*</Code>")
_REGION = re.compile(r"(?:<Region>|expecting ')\s*([a-z0-9-]{1,32})")

NO_BUCKET = frozenset({"NoSuchBucket", "ContainerNotFound"})
_EXPIRED = frozenset({"ExpiredToken", "TokenRefreshRequired", "RequestExpired"})
_WRONG_KEYS = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthenticationFailed", "InvalidToken"})
_ELSEWHERE = frozenset({"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"})
_SIGNS = {
    "dns error": "its host name is not known",
    "ConnectionRefused": "the connection was refused",
    "ertificate": "its certificate is not trusted",
    "kind: Timeout": "it does not answer in time",
    "TimedOut": "it does not answer in time",
    "operation timed out": "it does not answer in time",
}
_INSTANCE = ("169.254.169.254", "/latest/api/token", "/computeMetadata/", "/metadata/identity", "metadata.google")


class NoBucket(NotFound):
    code = "no-bucket"
    template = "there is no bucket {bucket}"

    bucket: str


class AccessDenied(Refused):
    code = "access-denied"
    template = "the store refuses access to {bucket}: {reason}"

    bucket: str
    reason: str


class NoCredentials(Refused):
    code = "no-credentials"
    template = "there are no credentials for {bucket}{told}"

    bucket: str
    told: str


class WrongRegion(Refused):
    code = "wrong-region"
    template = "the bucket {bucket} is in another region{told}"

    bucket: str
    told: str


class StoreBusy(Failed):
    code = "store-busy"
    template = "the store of {bucket} answers {status}: it is overloaded or failing"

    bucket: str
    status: int


class NoAnswer(Failed):
    code = "no-answer"
    template = "the store of {bucket} cannot be reached: {reason}"

    bucket: str
    reason: str


class NoServer(Failed):
    code = "no-server"
    template = "{server} cannot be reached: {reason}"

    server: str
    reason: str


class StoreRefused(Failed):
    """An answer that is none of the others."""

    code = "store-refused"
    template = "the store of {bucket} refuses the request: {status}{said}"

    bucket: str
    status: int
    said: str


def status(error: Exception) -> int:
    """The HTTP status that the store answered with; 0 where there was no answer."""
    found = _STATUS.search(str(error))
    return int(found[1]) if found else 0


def code(error: Exception) -> str:
    """The store's own word for what is wrong, or an empty text."""
    found = _CODE.search(str(error))
    return found[1] if found else ""


def may_pass(error: Exception) -> bool:
    """May the same request, sent again at once, be answered? Not where the client has sent it several times."""
    return status(error) in (0, 409) and "retries: 0," in str(error)


def meaning(error: Exception, bucket: str) -> MregError:
    """What to raise in the place of the client library's error."""
    text, number, word = str(error), status(error), code(error)
    if any(place in text for place in _INSTANCE):
        return NoCredentials(bucket=bucket, told="")
    if word in NO_BUCKET:
        return NoBucket(bucket=bucket)
    if word in _ELSEWHERE or "redirect without LOCATION" in text:
        region = _REGION.search(text)
        return WrongRegion(bucket=bucket, told=f", {region[1]}" if region else "")
    if number in (400, 401, 403) and (word in _EXPIRED | _WRONG_KEYS or number != 400):
        return AccessDenied(bucket=bucket, reason=_reason(word))
    if number == 429 or number >= 500:
        return StoreBusy(bucket=bucket, status=number)
    if number:
        return StoreRefused(bucket=bucket, status=number, said=f" {word}" if word else "")
    return NoAnswer(bucket=bucket, reason=_why(text))


def unusable(error: Exception, bucket: str) -> NoCredentials:
    """What to raise where the client library refuses what it is told before it asks the store for anything. Its text
    may show what it was given."""
    if "Account must be specified" in str(error):
        return NoCredentials(bucket=bucket, told=": AZURE_STORAGE_ACCOUNT_NAME is not set")
    return NoCredentials(bucket=bucket, told=" that can be used: those that are set do not have this store's format")


def _reason(word: str) -> str:
    if word in _EXPIRED:
        return "the credentials have expired"
    if word in _WRONG_KEYS:
        return "the credentials are wrong"
    return "the credentials are wrong or lack permission"


def _why(text: str) -> str:
    return next((reason for sign, reason in _SIGNS.items() if sign in text), "the connection failed")
