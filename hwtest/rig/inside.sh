#!/bin/sh
# inside.sh ROOT COMMAND...: runs COMMAND in the unpacked distribution at ROOT, where compilers find their own files.
# In a mount namespace of its own where that is allowed; otherwise, as root, by chroot alone.
set -eu
root=$1
shift
[ "$root" != / ] && [ -d "$root/usr" ] || { echo "inside.sh: $root is no unpacked distribution" >&2; exit 1; }
mkdir -p "$root/dev" "$root/proc" "$root/tmp"
enter='mount --rbind /dev "$0/dev"; mount --rbind /proc "$0/proc"; exec chroot "$0" "$@"'
set -- /usr/bin/env -i PATH=/usr/bin:/usr/sbin LC_ALL=C HOME=/tmp "$@"
if [ "$(id -u)" = 0 ] && unshare --mount true 2> /dev/null; then
	exec unshare --mount sh -ec "$enter" "$root" "$@"
elif unshare --user --map-root-user --mount true 2> /dev/null; then
	exec unshare --user --map-root-user --mount sh -ec "$enter" "$root" "$@"
fi
[ -e "$root/dev/null" ] || mknod -m 666 "$root/dev/null" c 1 3
exec chroot "$root" "$@"
