#!/bin/sh
# Installs the package in a fresh Debian below a temporary folder, and tries it there. `make deb-check` runs this as root;
# debootstrap downloads about 50 MB. The daemon listens on loopback.
set -eu
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
package=$(ls -t dist/justchat_*.deb | head -n 1)
root=$(mktemp -d)
chmod 755 "$root"
daemon=
stop() {
    if [ -n "$daemon" ]; then
        kill "$daemon" 2> /dev/null || true
        wait "$daemon" || true
        daemon=
    fi
}
finish() {
    stop
    ! mountpoint -q "$root/proc" || umount "$root/proc" || umount --lazy "$root/proc"
    rm -rf --one-file-system "$root"
}
trap finish EXIT
trap 'exit 1' INT TERM

step() { echo "deb-check: $*"; }
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
as_justchat() { inside setpriv --reuid=justchat --regid=justchat --init-groups "$@"; }
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
sed -i 's/^endpoint = "tcp:4000"/endpoint = "tcp:0:interface=127.0.0.1"/; s/^endpoint = "tcp:8000"/endpoint = "tcp:0:interface=127.0.0.1"/' \
    "$root/etc/justchat/justchat.toml"
command="/opt/justchat/bin/twistd --nodaemon --pidfile= justchat --config /etc/justchat/justchat.toml --data-dir /var/lib/justchat"
# shellcheck disable=SC2086  # its words
as_justchat $command --check-config
# shellcheck disable=SC2086
chroot "$root" setpriv --reuid=justchat --regid=justchat --init-groups $command > "$root/tmp/log" 2>&1 &
daemon=$!  # each program is replaced by the next, up to twistd
tried=0
until grep -q 'JustChat .* is up' "$root/tmp/log"; do
    tried=$((tried + 1))
    if [ $tried -gt 120 ] || ! kill -0 "$daemon"; then
        cat "$root/tmp/log" >&2
        exit 1
    fi
    sleep 1
done
url=$(grep -o 'http://127.0.0.1:[0-9]*' "$root/tmp/log" | head -n 1)
inside /opt/justchat/bin/python -c "import urllib.request as r; print(r.urlopen('$url/readyz', timeout=10).read().decode())"
admin --json users list
admin gifts list
if inside justchat-admin --data-dir /var/lib/justchat users list 2> /dev/null; then
    echo "root is not refused" >&2
    exit 1
fi

step "keeps settings and data over an upgrade, a removal and a purge"
inside dpkg --install /tmp/justchat.deb > /dev/null
grep -q tcp:0: "$root/etc/justchat/justchat.toml"
stop
inside dpkg --remove justchat > /dev/null
[ -e "$root/etc/justchat/justchat.toml" ] && [ ! -e "$root/opt/justchat/bin/twistd" ]
inside dpkg --purge justchat
[ ! -e "$root/etc/justchat/justchat.toml" ] && [ -d "$root/var/lib/justchat/mongo" ]
left=$(inside find /opt /usr/share/doc/justchat /lib/systemd/system -name '*justchat*' 2> /dev/null || true)
[ -z "$left" ] || { echo "left: $left" >&2; exit 1; }
step "ok"
