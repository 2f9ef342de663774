#!/bin/sh
# After the files are there, for dpkg (configure) and rpm (1 or 2): the user, its
# directories, and a restart of those units that run. Nothing is enabled.
set -e
if command -v systemd-sysusers >/dev/null 2>&1; then
	systemd-sysusers ddcos.conf
elif ! id ddcos >/dev/null 2>&1; then
	groupadd --system ddcos 2>/dev/null || :
	useradd --system --gid ddcos --home-dir /var/lib/ddcos --no-create-home --shell /usr/sbin/nologin ddcos
fi
install -d -m 755 /etc/ddcos
install -d -m 700 -o ddcos -g ddcos /etc/ddcos/tls /var/lib/ddcos
if [ -d /run/systemd/system ]; then
	install -d -m 755 -o ddcos -g ddcos /run/ddcos
	systemctl daemon-reload || :
	systemctl try-restart middlecon.service k2i.service || :
fi
