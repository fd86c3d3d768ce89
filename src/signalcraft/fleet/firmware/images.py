"""Taking in firmware images, and giving them out."""

import base64
from collections.abc import Sequence
from hashlib import sha256

from sqlalchemy.orm import Session

from signalcraft.accounts.access import Principal
from signalcraft.audit import service as audit
from signalcraft.errors import ConflictError, InvalidInputError, NotFoundError
from signalcraft.fleet.firmware import queries, signatures
from signalcraft.fleet.firmware.models import FirmwareImage
from signalcraft.logging import get_logger
from signalcraft.storage import objects

log = get_logger(__name__)

DEFAULT_HARDWARE = "ESP32_v1"
"""The board of nodes that do not say which they have: deployed firmware names no other."""
IMAGE_MAGIC = 0xE9
"""The first byte of every ESP32 application image."""


def add(
    session: Session,
    principal: Principal,
    data: bytes,
    *,
    version: str,
    build_number: int | None,
    hardware: str,
    signature: str,
    sha256_hex: str,
    changelog: str,
    stable: bool,
) -> FirmwareImage:
    """Take in an image if its digest and its signature are right.

    Raises
    ------
    ForbiddenError
        Only administrators may.
    InvalidInputError
        It is no image, the digest is another, or no configured key signed it.
    ConflictError
        There is an image of this version for this board.
    UnavailableError
        No key is configured, or the store does not answer.
    """
    principal.require("firmware.manage", None)
    digest = sha256(data).digest()
    if digest.hex() != sha256_hex.lower():
        raise InvalidInputError("The image has another SHA-256: it was damaged on the way.", field="X-SHA256")
    if data[0] != IMAGE_MAGIC:
        raise InvalidInputError("This is no ESP32 application image.", field="body")
    raw = signatures.parse_signature(signature)
    key_id = signatures.verify(raw, hardware=hardware, version=version, size_bytes=len(data), digest=digest)
    if queries.image_of(session, hardware, version) is not None:
        raise ConflictError(
            f"There is a version {version} for {hardware} already.", field="X-Firmware-Version"
        )
    image = FirmwareImage(
        version=version,
        build_number=build_number,
        hardware=hardware,
        size_bytes=len(data),
        sha256=digest,
        signature=raw,
        key_id=key_id,
        object_key=f"firmware/{digest.hex()}/{hardware}-{version}.bin",
        changelog=changelog,
        stable=stable,
        uploaded_by=principal.user_id,
    )
    objects.put(image.object_key, data)
    session.add(image)
    session.flush()
    session.refresh(image)
    audit.record(
        session,
        "firmware.uploaded",
        user_id=principal.user_id,
        subject=f"firmware:{image.id}",
        detail={"version": version, "hardware": hardware, "sha256": digest.hex(), "key_id": key_id},
    )
    log.info("firmware_uploaded", image_id=image.id, version=version, hardware=hardware)
    return image


def signature_text(image: FirmwareImage) -> str:
    """Its signature in base64, as nodes get it."""
    return base64.b64encode(image.signature).decode()


def get_image(session: Session, image_id: int) -> FirmwareImage:
    """An image.

    Raises
    ------
    NotFoundError
        There is none.
    """
    image = session.get(FirmwareImage, image_id)
    if image is None:
        raise NotFoundError("There is no such firmware image.", field="image_id")
    return image


def image_named(session: Session, hardware: str, version: str) -> FirmwareImage:
    """The image of a version for a board.

    Raises
    ------
    NotFoundError
        There is none.
    """
    image = queries.image_of(session, hardware, version)
    if image is None:
        raise NotFoundError(f"There is no firmware {version} for {hardware}.", field="target_version")
    return image


def list_images(session: Session, *, hardware: str | None = None) -> Sequence[FirmwareImage]:
    """Images, newest first, of one board or of all."""
    return queries.images(session, hardware=hardware)
