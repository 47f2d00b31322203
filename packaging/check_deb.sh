#!/bin/sh
# Installs the package in a fresh Debian below a temporary folder, and tries it there. `make deb-check` runs this as root;
# debootstrap downloads about 50 MB. The daemon's ports are on loopback, 4610 and 4611.
set -eu
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
package=$(ls -t dist/justchat_*.deb | head -n 1)
root=$(mktemp -d)
chmod 755 "$root"
daemon=
finish() {
    [ -z "$daemon" ] || kill "$daemon" 2> /dev/null || true
    ! mountpoint -q "$root/proc" || umount "$root/proc" || umount --lazy "$root/proc"
    rm -rf --one-file-system "$root"
}
trap finish EXIT

step() { echo "deb-check: $*"; }
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
as_justchat() { inside runuser -u justchat -- "$@"; }
admin() { as_justchat justchat-admin --config /etc/justchat/justchat.toml --data-dir /var/lib/justchat "$@"; }

step "a fresh $suite"
debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" "${MIRROR:-http://deb.debian.org/debian}" > "$root.log" 2>&1 || {
    tail "$root.log" >&2
    exit 1
}
rm -f "$root.log"
mount -t proc proc "$root/proc"
for file in /etc/resolv.conf /etc/apt/apt.conf.d/*proxy*; do [ ! -e "$file" ] || cp "$file" "$root$file"; done

step "installs"
cp "$package" "$root/tmp/justchat.deb"
inside apt-get -qq update
inside apt-get -qq install --yes --no-install-recommends /tmp/justchat.deb > /dev/null
[ "$(inside stat -c '%U %a' /var/lib/justchat)" = "justchat 700" ]
[ "$(inside stat -c '%U %G %a' /etc/justchat/justchat.toml)" = "root justchat 640" ]

step "runs"
sed -i 's/^endpoint = "tcp:4000"/endpoint = "tcp:4610:interface=127.0.0.1"/; s/^endpoint = "tcp:8000"/endpoint = "tcp:4611:interface=127.0.0.1"/' \
    "$root/etc/justchat/justchat.toml"
command="/opt/justchat/bin/twistd --nodaemon --pidfile= justchat --config /etc/justchat/justchat.toml --data-dir /var/lib/justchat"
# shellcheck disable=SC2086  # its words
as_justchat $command --check-config
# shellcheck disable=SC2086
as_justchat sh -c "cd /; exec $command" > "$root/tmp/log" 2>&1 &
daemon=$!
tried=0
until inside /opt/justchat/bin/python -c 'import urllib.request as r; r.urlopen("http://127.0.0.1:4610/readyz", timeout=5)' 2> /dev/null; do
    tried=$((tried + 1))
    [ $tried -lt 120 ] || { cat "$root/tmp/log" >&2; exit 1; }
    sleep 1
done
admin --json users list
admin gifts list
if inside justchat-admin --data-dir /var/lib/justchat users list 2> /dev/null; then
    echo "root is not refused" >&2
    exit 1
fi

step "keeps settings and data over an upgrade, a removal and a purge"
inside dpkg --install /tmp/justchat.deb > /dev/null
grep -q 4610 "$root/etc/justchat/justchat.toml"
kill "$daemon"
wait "$daemon" || true
daemon=
inside dpkg --remove justchat > /dev/null
[ -e "$root/etc/justchat/justchat.toml" ] && [ ! -e "$root/opt/justchat/bin/twistd" ]
inside dpkg --purge justchat
[ ! -e "$root/etc/justchat/justchat.toml" ] && [ -d "$root/var/lib/justchat/mongo" ]
left=$(inside find /opt /usr/share/doc/justchat /lib/systemd/system -name '*justchat*' 2> /dev/null || true)
[ -z "$left" ] || { echo "left: $left" >&2; exit 1; }
step "ok"
