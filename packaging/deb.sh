#!/bin/sh
# Builds dist/justchat_VERSION_ARCHITECTURE.deb: the virtual environment at /opt/justchat, units, settings, completion.
# `make deb` runs this in a checkout. It needs dpkg-deb, and the Python of the Debian on which the package will run.
set -eu
PYTHON=${PYTHON:-/usr/bin/python3}
# Not in the checkout, whose path may have spaces.
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
architecture=$(dpkg --print-architecture)
version=$("$PYTHON" -c 'import ast, sys
tree = ast.parse(open("justchat/__init__.py", encoding="utf-8").read())
print(*[each.value.value for each in tree.body if isinstance(each, ast.Assign) and each.targets[0].id == "__version__"])')
next=$("$PYTHON" -c 'import sys; print(f"{sys.version_info[0]}.{sys.version_info[1] + 1}")')
this=$("$PYTHON" -c 'import sys; print(f"{sys.version_info[0]}.{sys.version_info[1]}")')

chmod 755 "$stage"
umask 022
PYTHON=$PYTHON DESTDIR=$stage PREFIX=/opt/justchat SYSCONFDIR=/etc UNITDIR=/lib/systemd/system \
    COMPLETIONDIR=/usr/share/bash-completion/completions EXAMPLEDIR=/usr/share/doc/justchat/examples \
    sh packaging/install.sh
mkdir -p "$stage/usr/bin" "$stage/DEBIAN"
ln -s /opt/justchat/bin/justchat-admin "$stage/usr/bin/justchat-admin"
install -m 644 README.rst CHANGES.rst docs/*.rst "$stage/usr/share/doc/justchat/"
install -m 755 packaging/debian/postinst packaging/debian/prerm packaging/debian/postrm "$stage/DEBIAN/"
echo /etc/justchat/justchat.toml > "$stage/DEBIAN/conffiles"
sed "s/@VERSION@/$version/; s/@ARCHITECTURE@/$architecture/; s/@THIS@/$this/; s/@NEXT@/$next/;
    s/@SIZE@/$(du -sk --exclude=DEBIAN "$stage" | cut -f1)/" packaging/debian/control > "$stage/DEBIAN/control"
(cd "$stage" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 md5sum) \
    > "$stage/DEBIAN/md5sums"
mkdir -p dist
dpkg-deb --root-owner-group -Zzstd --build "$stage" "dist/justchat_${version}_${architecture}.deb"
