"""Whether an image is the operator's: Ed25519 over what it is, for which board, in which version.

The signature covers the digest of the bytes together with board, version and length, so that a true image
cannot be passed off as another version or sent to another board. Nodes check the same text with the same key.
"""

import base64
import binascii
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signalcraft.errors import InvalidInputError, UnavailableError
from signalcraft.settings import get_settings

PURPOSE = "signalcraft-firmware-1"
"""What the key signs is never mistaken for anything else that it signs."""
SIGNATURE_BYTES = 64
KEY_BYTES = 32


def statement(*, hardware: str, version: str, size_bytes: int, digest: bytes) -> bytes:
    """The text that is signed."""
    return f"{PURPOSE}\n{hardware}\n{version}\n{size_bytes}\n{digest.hex()}\n".encode()


def sign(key: Ed25519PrivateKey, image: bytes, *, hardware: str, version: str) -> bytes:
    """The signature of an image, by the operator's private key, which no server ever sees."""
    digest = sha256(image).digest()
    return key.sign(statement(hardware=hardware, version=version, size_bytes=len(image), digest=digest))


def verify(signature: bytes, *, hardware: str, version: str, size_bytes: int, digest: bytes) -> str:
    """Which of the operator's keys signed this.

    Raises
    ------
    InvalidInputError
        None of them.
    UnavailableError
        No key is configured, so that nothing can be taken.
    """
    keys = get_settings().firmware_public_keys
    if not keys:
        raise UnavailableError(
            "No key is configured that firmware could be signed with (SIGNALCRAFT_FIRMWARE_PUBLIC_KEYS).",
            retry_after_seconds=3600,
        )
    text = statement(hardware=hardware, version=version, size_bytes=size_bytes, digest=digest)
    for key in keys:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key))
        try:
            public.verify(signature, text)
        except InvalidSignature:
            continue
        return key_id(public)
    raise InvalidInputError(
        "The signature is not that of a configured key over this image, board and version.",
        field="X-Firmware-Signature",
    )


def key_id(key: Ed25519PublicKey) -> str:
    """A short name of a key, for people and logs."""
    return sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def parse_signature(text: str) -> bytes:
    """A signature in base64.

    Raises
    ------
    InvalidInputError
        It is not base64, or not of the length of a signature.
    """
    try:
        signature = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        signature = b""
    if len(signature) != SIGNATURE_BYTES:
        raise InvalidInputError(
            f"An Ed25519 signature is {SIGNATURE_BYTES} bytes in base64.", field="X-Firmware-Signature"
        )
    return signature
