"""`signalcraft firmware`: the operator's key, and signing images with it. Nothing here needs the servers."""

import base64
import os
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from signalcraft.fleet.firmware import images, signatures

app = typer.Typer(
    help="Keys and signatures of nodes' firmware. / 펌웨어 서명 키와 서명.", no_args_is_help=True
)

KeyFile = Annotated[Path, typer.Argument(help="File of the private key (PEM).", dir_okay=False)]


@app.command()
def key(file: KeyFile) -> None:
    """Make a key pair: the private key into a new file, the public one for the settings. / 키를 만듭니다."""
    private = Ed25519PrivateKey.generate()
    text = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        typer.echo(f"signalcraft: {file}: {error.strerror}", err=True)
        raise typer.Exit(1) from None
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(text)
    public = base64.b64encode(private.public_key().public_bytes_raw()).decode()
    typer.echo(f"SIGNALCRAFT_FIRMWARE_PUBLIC_KEYS={public}")
    typer.echo("Keep the file away from every server. / 키 파일은 서버에 두지 마세요.", err=True)


@app.command()
def sign(
    file: KeyFile,
    image: Annotated[Path, typer.Argument(help="The image (.bin).", exists=True, dir_okay=False)],
    version: Annotated[str, typer.Option(help="Version of the image.")],
    hardware: Annotated[str, typer.Option(help="Board that it is for.")] = images.DEFAULT_HARDWARE,
) -> None:
    """Sign an image: prints the headers of its upload. / 이미지에 서명합니다."""
    try:
        private = load_pem_private_key(file.read_bytes(), password=None)
    except (OSError, ValueError) as error:
        typer.echo(f"signalcraft: {file}: {error}", err=True)
        raise typer.Exit(1) from None
    if not isinstance(private, Ed25519PrivateKey):
        typer.echo(f"signalcraft: {file} holds no Ed25519 key", err=True)
        raise typer.Exit(1)
    data = image.read_bytes()
    signature = signatures.sign(private, data, hardware=hardware, version=version)
    typer.echo(f"X-Firmware-Version: {version}")
    typer.echo(f"X-Firmware-Hardware: {hardware}")
    typer.echo(f"X-SHA256: {sha256(data).hexdigest()}")
    typer.echo(f"X-Firmware-Signature: {base64.b64encode(signature).decode()}")
