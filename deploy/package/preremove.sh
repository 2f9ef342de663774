#!/bin/sh
# Before the files go, for dpkg (remove) and rpm (0); an upgrade stops nothing.
set -e
case "$1" in remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl --no-reload disable --now middlecon.service k2i.service || :
	fi
	;;
esac
