{
LC_ALL=C
umask 077
nonce=@NONCE@
{ read -r kind </proc/sys/kernel/arch; } 2>/dev/null && kind="Linux $kind" || kind=$(uname -sm)
echo "$nonce $kind"
export DDCOS_REQUEST='@QUESTION@'
last=
file=
trap 'for f in "$last" "$file"; do [ ! -e "$f" ] || rm -f "$f"; done' EXIT
trap 'exit 1' HUP INT TERM PIPE
for directory in /dev/shm /tmp /var/tmp "$HOME"; do
	set -C
	true 2>/dev/null >"$directory/$nonce" || continue
	set +C
	last=$file
	file=$directory/$nonce
	if [ -z "$last" ]; then
		@PROGRAM@ >"$file" || { echo 'the program could not be carried over: the connection, gzip or the disk failed' >&2 && exit 1; }
	else
		cat "$last" >"$file" && rm -f "$last" || exit 1
	fi
	chmod 700 "$file"
	"$file" </dev/null
	status=$?
	[ $status = 126 ] || exit $status
done
echo 'no place for a program: none of /dev/shm, /tmp, /var/tmp and the home directory may be written and run from' >&2
exit 1
}
