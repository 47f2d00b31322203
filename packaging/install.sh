#!/bin/sh
# Installs JustChat: a virtual environment at $PREFIX, the samples of etc/ and the completion of justchat-admin below
# $SYSCONFDIR, $UNITDIR, $COMPLETIONDIR and $EXAMPLEDIR. `make install` runs this in a checkout.
#
# PREFIX is where all of it runs later, and $DESTDIR in front of it where it is put now. A justchat.toml that is there
# is left as it is. $PIP_OPTIONS are for pip install; $REQUIREMENTS are the releases of
# dependencies, requirements.lock by default. With the argument "etc" only the samples are installed.
set -eu
PYTHON=${PYTHON:-python3}
PREFIX=${PREFIX:-/opt/justchat}
DESTDIR=${DESTDIR:-}
SYSCONFDIR=${SYSCONFDIR:-$PREFIX/etc}
UNITDIR=${UNITDIR:-$PREFIX/lib/systemd/system}
COMPLETIONDIR=${COMPLETIONDIR:-$PREFIX/share/bash-completion/completions}
EXAMPLEDIR=${EXAMPLEDIR:-$PREFIX/share/justchat}
case $PREFIX$DESTDIR in
*[!A-Za-z0-9._/+@-]*) echo "PREFIX and DESTDIR may have letters, digits and . _ / + @ - alone" >&2; exit 1 ;;
esac
case $PREFIX in
/?*) ;;
*) echo "PREFIX must be an absolute path" >&2; exit 1 ;;
esac

umask 022
install_etc() {
    mkdir -p "$DESTDIR$SYSCONFDIR/justchat" "$DESTDIR$UNITDIR" "$DESTDIR$EXAMPLEDIR"
    if [ ! -e "$DESTDIR$SYSCONFDIR/justchat/justchat.toml" ]; then
        install -m 640 etc/justchat.toml "$DESTDIR$SYSCONFDIR/justchat/justchat.toml"
    fi
    for file in etc/*; do
        case $file in
        *.service | *.socket | *.timer)
            sed "s|/etc/justchat|$SYSCONFDIR/justchat|g; s|/opt/justchat|$PREFIX|g" "$file" > "$DESTDIR$UNITDIR/${file#etc/}"
            ;;
        *) install -m 644 "$file" "$DESTDIR$EXAMPLEDIR/" ;;
        esac
    done
}
install_etc
if [ "${1:-}" = etc ]; then
    exit
fi

root=$DESTDIR$PREFIX
"$PYTHON" -m venv "$root"
# shellcheck disable=SC2086  # several options
pip_install() { "$root/bin/python" -m pip --disable-pip-version-check --quiet install --no-compile ${PIP_OPTIONS:-} "$@"; }
if [ -n "${REQUIREMENTS-requirements.lock}" ]; then
    pip_install --require-hashes --requirement "${REQUIREMENTS-requirements.lock}"
fi
pip_install ".[embedded]"
# Twisted's cache of plug-ins, which the daemon may not write, and the completion, which comes from the parser.
"$root/bin/python" -c 'from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins
list(getPlugins(IServiceMaker))'
mkdir -p "$DESTDIR$COMPLETIONDIR"
"$root/bin/python" -c 'from justchat.admin.main import main; main()' --print-completion bash \
    > "$DESTDIR$COMPLETIONDIR/justchat-admin"
"$root/bin/python" -m compileall -q -s "$root" -p "$PREFIX" "$root/lib" || true  # some packages have files for other Pythons
if [ -n "$DESTDIR" ]; then
    # Scripts name the Python beside them.
    grep -rlIF "$root" "$root/bin" "$root/pyvenv.cfg" | while read -r file; do sed -i "s|$root|$PREFIX|g" "$file"; done
fi
