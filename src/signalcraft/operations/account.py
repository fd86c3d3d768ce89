"""Who the system runs as: the owner of its data folder, and never root.

PostgreSQL refuses to run as root, and a web server should not. Root's `signalcraft up` therefore makes a
system account without a password or a home, hands it the data folder, and gives its own rights up for good.
"""

import os
import pwd
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from signalcraft.operations.errors import OperationsError

SERVICE_ACCOUNT = "signalcraft"

_USERADD_OPTIONS = "--system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin"

Say = Callable[[str], None]


def become_owner(folder: Path, say: Say, *, create: bool = False) -> None:
    """Go on as the account that owns the instance in `folder`, having made both if `create` is set.

    An ordinary user goes on as is. Root becomes the folder's owner, or the service account if that is root.
    """
    if os.geteuid() != 0:
        if create:
            _make_own_folder(folder)
        return
    if create:
        owner = _prepare_for_owner(folder)
    elif (folder / "instance.env").exists():
        owner = pwd.getpwuid(folder.stat().st_uid)
    else:
        return  # the caller finds no instance there and says so
    for place in _passage_needed(_places(folder), owner):
        place.chmod(stat.S_IMODE(place.stat().st_mode) | stat.S_IXOTH)
        say(f"Opening {place} for passage (chmod o+x): the account {owner.pw_name} must get to its files")
    _become(owner, home=folder)
    _check_code_is_readable(owner)


def lacks_passage(folder: Path, owner: pwd.struct_passwd, groups: Iterable[int]) -> bool:
    """Whether the account may not pass through the folder on its way to what is below."""
    status = folder.stat()
    if status.st_uid == owner.pw_uid:
        return not status.st_mode & stat.S_IXUSR
    if status.st_gid in groups:
        return not status.st_mode & stat.S_IXGRP
    return not status.st_mode & stat.S_IXOTH


def _make_own_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise OperationsError(
            f"The data folder {folder} cannot be made: {error.strerror}. Set SIGNALCRAFT_DATA_DIR."
        ) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OperationsError(
            f"The data folder {folder} belongs to another account. Run this as that account or as root,"
            " or set SIGNALCRAFT_DATA_DIR to a folder of your own."
        )


def _prepare_for_owner(folder: Path) -> pwd.struct_passwd:
    """The account to become; the folder exists and is its own when this returns."""
    if folder.exists() and folder.stat().st_uid != 0:
        return pwd.getpwuid(folder.stat().st_uid)
    owner = _service_account()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise OperationsError(
            f"{folder} belongs to root and is not empty, so it is not made the data folder."
            " Name another one in SIGNALCRAFT_DATA_DIR."
        )
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    folder.chmod(0o700)
    return owner


def _service_account() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SERVICE_ACCOUNT)
    except KeyError:
        pass
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        raise OperationsError(
            f"There is no account `{SERVICE_ACCOUNT}` and no useradd to make it."
            " Make a system account of that name, or run this as an ordinary user."
        )
    subprocess.run(
        [useradd, *shlex.split(_USERADD_OPTIONS), SERVICE_ACCOUNT],
        check=True,
    )
    return pwd.getpwnam(SERVICE_ACCOUNT)


def _places(folder: Path) -> list[Path]:
    """What the account must reach: data, code, environment, interpreter, working folder."""
    code = Path(__file__).resolve().parents[3]
    return [
        folder,
        code,
        Path(sys.prefix),
        Path(sys.base_prefix),
        Path(sys.executable).resolve().parent,
        Path.cwd(),
    ]


def _passage_needed(places: Iterable[Path], owner: pwd.struct_passwd) -> list[Path]:
    groups = os.getgrouplist(owner.pw_name, owner.pw_gid)
    folders = {ancestor for place in places for ancestor in (place.resolve(), *place.resolve().parents)}
    return sorted(folder for folder in folders if lacks_passage(folder, owner, groups))


def _become(owner: pwd.struct_passwd, home: Path) -> None:
    os.setgroups(os.getgrouplist(owner.pw_name, owner.pw_gid))
    os.setgid(owner.pw_gid)
    os.setuid(owner.pw_uid)
    os.umask(0o077)
    # Root's own folders are closed to the account; programs that want a home find the instance.
    os.environ.update(HOME=str(home), USER=owner.pw_name, LOGNAME=owner.pw_name, SHELL="/bin/sh")
    for name in [name for name in os.environ if name.startswith("XDG_")]:
        del os.environ[name]


def _check_code_is_readable(owner: pwd.struct_passwd) -> None:
    code = Path(__file__)
    if not os.access(code, os.R_OK):
        raise OperationsError(
            f"The account {owner.pw_name} cannot read {code}. Make the clone readable:"
            f" chmod -R a+rX {code.resolve().parents[3]}"
        )
