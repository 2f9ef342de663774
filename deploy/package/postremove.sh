#!/bin/sh
# After the files are gone, for dpkg (remove, purge) and rpm (0). Configuration,
# keys and tokens stay until dpkg is told to purge; the user stays for good, since
# its number must not become another's.
set -e
[ ! -d /run/systemd/system ] || systemctl daemon-reload || :
if [ "$1" = purge ]; then
	rm -rf /etc/ddcos /var/lib/ddcos /run/ddcos
fi
