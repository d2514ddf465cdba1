#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Configures and compiles one build directory: build-NAME beside the sources.
#
#   build.sh NAME [MESON-OPTION...] [-- NINJA-TARGET...]
#
# The environment (CC, CFLAGS) counts when the directory is first configured. When run by sudo the
# work is done as the user who called it, so that the tree keeps one owner.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
name=$1
shift
options=
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    options="$options $1"
    shift
done
[ $# -eq 0 ] || shift
directory=$root/build-$name

as_user=
if [ "$(id -u)" -eq 0 ] && [ -n "${SUDO_UID:-}" ] && [ "$SUDO_UID" != 0 ] &&
    [ "$(stat -c %u "$root")" = "$SUDO_UID" ]; then
    as_user="setpriv --reuid $SUDO_UID --regid ${SUDO_GID:-$SUDO_UID} --clear-groups env HOME=/tmp"
fi
# Options hold no spaces: each is one word of meson's.
# shellcheck disable=SC2086
if [ -f "$directory/build.ninja" ]; then
    # A cross file is read once, at set-up; it comes last.
    $as_user meson configure "$directory" ${options%--cross-file *} >/dev/null
else
    rm -rf "$directory"
    $as_user meson setup "$directory" "$root" $options
fi
# shellcheck disable=SC2086
exec $as_user ninja -C "$directory" -j "${TICKWIRE_JOBS:-$(nproc)}" "$@"
