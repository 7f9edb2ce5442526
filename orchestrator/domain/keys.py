"""Keys: the identity of a wanted room, and how it is spelled where only ASCII may stand.

The grammar is final: it stands in the marker of every room that was ever made, and ``metadata``
cannot be patched.  A key is a policy's name and a subject.  This module refuses names and subjects
that could not be told apart later, and never repairs them by guessing.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote, unquote_to_bytes

POLICY_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
SUBJECT_MAX: Final = 200  # characters, after NFC and trimming
ENCODED_SUBJECT_MAX: Final = 120  # bytes of ASCII
ENCODED_KEY_MAX: Final = 63 + 1 + ENCODED_SUBJECT_MAX
_DIGEST_DIGITS: Final = 16  # hexadecimal digits of SHA-256 that end a cut subject
# Percent-encoding leaves the unreserved characters of RFC 3986 but for "~", which is kept for the
# place where a long subject was cut: so the two forms can never be mistaken for each other.
_SAFE: Final = "-._"
_PLAIN: Final = re.compile(r"[A-Za-z0-9._-]+")  # what percent-encoding leaves as it is
_CUT: Final = "~"
_CUT_HEAD: Final = ENCODED_SUBJECT_MAX - _DIGEST_DIGITS - len(_CUT)  # before the cut, at most
_DIGEST: Final = re.compile(rf"[0-9a-f]{{{_DIGEST_DIGITS}}}")
_TRIPLET_TAIL: Final = re.compile(r"%[0-9A-F]?\Z")
# What may not stand in a key: controls, line breaks in disguise, lone surrogates (no UTF-8), and
# what nobody can see but what makes two keys of one: soft hyphen, zero width but for the joiners
# that scripts and emoji need, marks and overrides of direction, byte order marks. Written out by
# code point, because Unicode's categories move from one version of Python to the next.
_UNLAWFUL: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


class InvalidKeyError(ValueError):
    """A policy name or a subject that cannot be part of a key; the text says what to write."""


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """The identity of one wanted room: policy name and subject, both lawful and normalised."""

    policy: str
    subject: str

    def __post_init__(self) -> None:
        """Refuse what `key` would not have made."""
        if POLICY_NAME.fullmatch(self.policy) is None:
            raise InvalidKeyError(_policy_problem(self.policy))
        if self.subject != normalise_subject(self.subject):
            message = f"the subject {self.subject!r} is not in normal form"
            raise InvalidKeyError(message)

    def __str__(self) -> str:
        """The key as people write it: the policy, a slash, the subject as it is."""
        return f"{self.policy}/{self.subject}"

    @property
    def encoded(self) -> str:
        """The key in ASCII, at most 184 characters: for marker, URL and audit."""
        return f"{self.policy}/{encode_subject(self.subject)}"


def _policy_problem(name: str) -> str:
    return (
        f"{name!r} cannot name a policy: 1 to 63 of a-z, 0-9 and -, beginning with a letter or "
        "a digit"
    )


def normalise_subject(text: str) -> str:
    """Bring a subject into its one form: NFC, trimmed, 1 to 200 characters, all to be seen.

    Raises:
        InvalidKeyError: the text is empty, too long, or holds a control or an invisible character.
    """
    subject = unicodedata.normalize("NFC", text).strip()
    if not subject:
        message = "a key may not be empty"
        raise InvalidKeyError(message)
    if len(subject) > SUBJECT_MAX:
        message = f"a key has at most {SUBJECT_MAX} characters, this one has {len(subject)}"
        raise InvalidKeyError(message)
    unlawful = _UNLAWFUL.search(subject)
    if unlawful is not None:
        message = f"a key may not hold the character U+{ord(unlawful[0]):04X}"
        raise InvalidKeyError(message)
    return subject


def key(policy: str, subject: str) -> Key:
    """Make a key of a policy's name and a subject as somebody wrote it.

    Raises:
        InvalidKeyError: either is not lawful.
    """
    return Key(policy, normalise_subject(subject))


def parse_key(text: str) -> Key:
    """Read a key as people write it, ``policy/subject``; a slash more belongs to the subject.

    The encoded form is another spelling (`decode_key`): ``a%20b`` is a lawful subject as well.

    Raises:
        InvalidKeyError: there is no slash, or a part is not lawful.
    """
    policy, slash, subject = text.strip().partition("/")
    if not slash:
        message = f"{text!r} is no key: write policy/subject, as in team-rooms/checkout"
        raise InvalidKeyError(message)
    return key(policy, subject)


def encode_subject(subject: str) -> str:
    """Spell a subject in at most 120 bytes of ASCII; a long one is cut and ends in its digest."""
    encoded = _quoted(subject)
    if len(encoded) <= ENCODED_SUBJECT_MAX:
        return encoded
    digest = hashlib.sha256(subject.encode()).hexdigest()[:_DIGEST_DIGITS]
    head = _TRIPLET_TAIL.sub("", encoded[:_CUT_HEAD])  # never cut a %XX in two
    return f"{head}{_CUT}{digest}"


def _quoted(text: str) -> str:
    if _PLAIN.fullmatch(text) is not None:
        return text  # nearly every subject, and asked for several times in each turn
    # "~" is unreserved, so `quote` leaves it; here it must always mean "cut".
    return quote(text, safe=_SAFE).replace("~", "%7E")


def decode_subject(encoded: str) -> str | None:
    """Read an encoded subject back; ``None`` where it was cut and only the store knows it."""
    if _CUT in encoded:
        return None
    return unquote(encoded, errors="strict")


def decode_key(encoded: str) -> Key | None:
    """Read an encoded key back; ``None`` where it is none, or was cut."""
    policy, _, subject = encoded.partition("/")
    decoded = decode_subject(subject) if is_encoded_key(encoded) else None
    return None if decoded is None else Key(policy, decoded)


def is_encoded_key(text: str) -> bool:
    """Tell whether a text is exactly what `Key.encoded` makes of some key.

    Of a cut subject only the kept part can be looked at: that it begins some lawful subject.
    """
    policy, slash, subject = text.partition("/")
    if not slash or POLICY_NAME.fullmatch(policy) is None or not subject.isascii():
        return False
    if _PLAIN.fullmatch(subject) is not None:
        return len(subject) <= ENCODED_SUBJECT_MAX
    head, cut, digest = subject.partition(_CUT)
    if cut:
        return _DIGEST.fullmatch(digest) is not None and _is_cut_head(head)
    try:
        return encode_subject(normalise_subject(unquote(subject, errors="strict"))) == subject
    except (InvalidKeyError, UnicodeDecodeError):
        return False


def _is_cut_head(head: str) -> bool:
    # Up to two bytes shorter where a %XX would have been cut in two.
    if not _CUT_HEAD - len("%X") <= len(head) <= _CUT_HEAD:
        return False
    begun = unquote_to_bytes(head)
    try:
        text = _whole_characters(begun)
        partial = "".join(f"%{byte:02X}" for byte in begun[len(text.encode()) :])
        return normalise_subject(text.rstrip()) == text.rstrip() and _quoted(text) + partial == head
    except (InvalidKeyError, UnicodeDecodeError):
        return False


def _whole_characters(begun: bytes) -> str:
    """The text before the last character, if that one was cut in its bytes."""
    try:
        return begun.decode()
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data":
            raise
        return begun[: error.start].decode()


def spread(encoded_key: str) -> float:
    """The key's own place in [0, 1), the same for ever: spreads renewals over their window."""
    digest = hashlib.sha256(encoded_key.encode()).digest()
    # 48 bits: a float holds them exactly, so that the quotient never becomes 1.
    return int.from_bytes(digest[:6], "big") / (1 << 48)
