"""Where pictures of themes are uploaded to, in the manner of S3 (the API notes, 8.3).

Whoever was given leave sends a form: the fields that came with it, verbatim, then the file. Leave
is a policy that this server signed (AWS Signature Version 4 for POST), so nothing is stored before
something comes. Errors are XML, as S3 tells them; no credentials of the API are looked at.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from html import escape
from typing import Final

from orchestrator.foundation.instants import format_instant, parse_instant
from orchestrator.meetings_server.http.links import LOGO_PATH, Links
from orchestrator.meetings_server.http.multipart import Form, NotAForm, parse_form
from orchestrator.meetings_server.http.wire import Answer, Json, Request, compact, empty_answer
from orchestrator.meetings_server.model.logos import GRANTED, LARGEST_UPLOAD, LogoType
from orchestrator.meetings_server.service import Acts, Grant, TooManyWaiting

#: Bytes of a form: the file, and the fields before it.
LARGEST_FORM: Final = LARGEST_UPLOAD + 64 * 1024

_BUCKET: Final = "logos"
_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_SCOPE: Final = ("us-east-1", "s3", "aws4_request")
_PNG: Final = "image/png"

# What is checked by itself, and is in no policy.
_UNSIGNED: Final = frozenset({"policy", "x-amz-signature"})

_STATUSES: Final = {
    "AccessDenied": 403,
    "EntityTooLarge": 400,
    "EntityTooSmall": 400,
    "InvalidArgument": 400,
    "MalformedPOSTRequest": 400,
    "MethodNotAllowed": 405,
    "SignatureDoesNotMatch": 403,
    "SlowDown": 503,
}


class UploadRefused(Exception):
    """Nothing was kept; `code` is one that S3 has."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Uploads:
    """Gives leave, and takes what comes with it."""

    def __init__(self, acts: Acts, links: Links) -> None:
        """`links` know where the place is, and what to sign with."""
        self._logos = acts.logos
        self._links = links

    def places(self, application_id: str) -> list[Json]:
        """A place for each type of picture: where, and what to send along, in the API's order."""
        return [
            {"url": self._links.uploads, "fields": self._fields(grant)}
            for grant in self._logos.grants(application_id)
        ]

    def has(self, path: str) -> bool:
        """Whether the path is that of the place."""
        return path.removesuffix("/") == LOGO_PATH.removesuffix("/")

    async def answer(self, request: Request) -> Answer:
        """204, or an error in XML."""
        try:
            if request.method != "POST":
                message = "The specified method is not allowed against this resource."
                raise UploadRefused("MethodNotAllowed", message)
            await self._take(request)
        except UploadRefused as refused:
            return _error(refused)
        return empty_answer(204)

    async def _take(self, request: Request) -> None:
        if len(request.body) > LARGEST_FORM:
            raise _too_large()
        try:
            form = parse_form(request.headers.get("content-type", ""), request.body)
        except NotAForm as error:
            raise UploadRefused("MalformedPOSTRequest", str(error)) from error
        if form.file is None:
            message = "POST requires exactly one file upload per request."
            raise UploadRefused("InvalidArgument", message)
        grant = self._granted(form)
        if not form.file:
            message = "Your proposed upload is smaller than the minimum allowed size"
            raise UploadRefused("EntityTooSmall", message)
        if len(form.file) > LARGEST_UPLOAD:
            raise _too_large()
        try:
            await self._logos.take(grant, form.file)
        except TooManyWaiting as error:
            raise UploadRefused("SlowDown", "Please reduce your request rate.") from error

    def _granted(self, form: Form) -> Grant:
        """The leave that comes with a form, checked."""
        policy, told = form.fields.get("policy"), form.fields.get("x-amz-signature")
        if policy is None or told is None:
            raise _denied("Access Denied")
        day = form.fields.get("x-amz-date", "")[:8]
        if not hmac.compare_digest(self._signature(policy, day).encode(), told.encode()):
            message = (
                "The request signature we calculated does not match the signature you provided. "
                "Check your key and signing method."
            )
            raise UploadRefused("SignatureDoesNotMatch", message)
        # Signed by us, so of our form.
        document = json.loads(base64.b64decode(policy))
        expires_at = parse_instant(document["expiration"])
        if self._logos.now >= expires_at:
            raise _denied("Invalid according to Policy: Policy expired.")
        conditions = {
            name.lower(): value
            for condition in document["conditions"]
            if isinstance(condition, dict)
            for name, value in condition.items()
        }
        _check(conditions, form.fields)
        return Grant(
            application_id=conditions["x-amz-security-token"],
            type=LogoType(conditions["logotype"]),
            key=conditions["key"],
            granted_at=expires_at - GRANTED,
            expires_at=expires_at,
        )

    def _fields(self, grant: Grant) -> Json:
        at = grant.granted_at.strftime("%Y%m%dT%H%M%SZ")
        fields = {
            "Content-Type": _PNG,
            "key": grant.key,
            "logoType": grant.type.value,
            "bucket": _BUCKET,
            "X-Amz-Algorithm": _ALGORITHM,
            "X-Amz-Credential": "/".join((_BUCKET, at[:8], *_SCOPE)),
            "X-Amz-Date": at,
            "X-Amz-Security-Token": grant.application_id,
        }
        policy = _policy(grant.expires_at, fields)
        return {**fields, "Policy": policy, "X-Amz-Signature": self._signature(policy, at[:8])}

    def _signature(self, policy: str, day: str) -> str:
        key = f"AWS4{self._links.upload_secret}".encode()
        for part in (day, *_SCOPE):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return hmac.new(key, policy.encode(), hashlib.sha256).hexdigest()


def _policy(expires_at: datetime, fields: Mapping[str, str]) -> str:
    conditions: list[object] = [{name: value} for name, value in fields.items()]
    document: Json = {
        "expiration": format_instant(expires_at),
        "conditions": [*conditions, ["content-length-range", 1, LARGEST_UPLOAD]],
    }
    return base64.b64encode(compact(document).encode()).decode("ascii")


def _check(conditions: Mapping[str, str], fields: Mapping[str, str]) -> None:
    """Hold a form's fields to the policy, in both directions."""
    for name in fields:
        if name not in conditions and name not in _UNSIGNED:
            message = f"Invalid according to Policy: Extra input fields: {name}"
            raise _denied(message)
    for name, value in conditions.items():
        if fields.get(name) != value:
            condition = json.dumps(["eq", f"${name}", value])
            raise _denied(f"Invalid according to Policy: Policy Condition failed: {condition}")


def _denied(message: str) -> UploadRefused:
    return UploadRefused("AccessDenied", message)


def _too_large() -> UploadRefused:
    message = "Your proposed upload exceeds the maximum allowed size"
    return UploadRefused("EntityTooLarge", message)


def _error(refused: UploadRefused) -> Answer:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{refused.code}</Code><Message>{escape(refused.message)}</Message></Error>"
    )
    headers = {"Content-Type": "application/xml"}
    if refused.code == "MethodNotAllowed":
        headers["Allow"] = "POST"
    return Answer(_STATUSES[refused.code], headers, body.encode())
