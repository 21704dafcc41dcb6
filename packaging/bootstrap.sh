#!/bin/sh
# Prepares .venv for the Makefile: packaging/bootstrap.sh EXTRAS, e.g. gui,dev
#
# Creates the environment, installs Cellmend into it with the tested versions of
# packaging/constraints.txt, and sees to the system libraries that Qt loads.
# What it may not install itself it names in one line. Running it again is quick.
set -eu

extras=$1
root=$(cd "$(dirname "$0")/.." && pwd)
venv=$root/.venv
stamp=$venv/cellmend-setup
cd "$root"

say() { printf 'cellmend: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# Prints a Python that is new enough; $PYTHON, where set, is the only candidate.
find_python() {
    for candidate in ${PYTHON:-python3 python3.11 python3.12 python3.13}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

# Installs Debian packages as root or through a sudo that asks for no password.
install_system_packages() {
    command -v apt-get >/dev/null || return 1
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null || return 1
        as_root='sudo -n'
    fi
    say "installing from Debian: $*"
    $as_root apt-get update -qq >/dev/null &&
        $as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

create_environment() {
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 && return
    python=$(find_python) || fail "Python 3.11 or newer is needed: install python3, then try again."
    rm -rf "$venv"
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        install_system_packages python3-venv ||
            fail "Python's venv module is missing: run 'apt-get install python3-venv' as root, then try again."
    fi
    "$python" -m venv "$venv"
}

# What the installation depends on; unchanged since the last time means nothing to do.
fingerprint() {
    echo "$root"
    cksum pyproject.toml packaging/constraints.txt
}

# Each extra has a stamp of its own: what "gui,dev" brought needs no second "gui".
is_installed() {
    for extra in $(echo "$extras" | tr ',' ' '); do
        [ "$(cat "$stamp-$extra" 2>/dev/null)" = "$(fingerprint)" ] || return 1
    done
}

install_packages() {
    is_installed && return
    say "installing Cellmend and what it needs into .venv (some minutes the first time)"
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check \
        -c packaging/constraints.txt -e ".[$extras]"
    "$venv/bin/python" -m cellmend.dynamics.warm
    "$venv/bin/python" -m cellmend.net.warm
    for extra in $(echo "$extras" | tr ',' ' '); do
        fingerprint >"$stamp-$extra"
    done
}

# Prints the shared libraries that Qt's platform plugins ask for and do not find.
missing_libraries() {
    for platform in xcb wayland offscreen; do
        ldd "$venv"/lib/python3*/site-packages/PyQt6/Qt6/plugins/platforms/libq$platform.so 2>/dev/null
    done | sed -n 's/^[[:space:]]*\([^ ]*\) => not found.*/\1/p' | sort -u
}

# libxcb-icccm.so.4 is in Debian's libxcb-icccm4, libdbus-1.so.3 in libdbus-1-3.
debian_names() {
    sed -e 's/^libg[a-z]*-2\.0\.so/libglib2.0-.so/' -e 's/\([0-9]\)\.so\./\1-.so./' \
        -e 's/\.so\.//' -e 's/_/-/g' | tr '[:upper:]' '[:lower:]' | sort -u | tr '\n' ' '
}

check_system_libraries() {
    [ "$(uname)" = Linux ] || return 0
    names=$(missing_libraries | debian_names)
    [ -n "$names" ] || return 0
    # shellcheck disable=SC2086  # one word per package
    install_system_packages $names ||
        say "Qt needs system libraries for its window: run 'apt-get install ${names% }' as root."
}

create_environment
install_packages
case ",$extras," in *,gui,*) check_system_libraries ;; esac
