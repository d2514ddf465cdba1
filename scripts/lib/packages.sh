#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Installs the Debian packages that the named purposes need and that are missing.
#
#   packages.sh PURPOSE...     purposes: python build run host units test fuzz aarch64 fresh
#                              wireshark
#
# Says what it installs; asks for root by sudo when it has to; touches nothing when nothing is
# missing. TICKWIRE_NO_INSTALL=1 turns the installation into an error that names the packages.
set -eu

packages_of() {
    case $1 in
    python) echo python3-minimal python3 ;;
    build) echo gcc libc6-dev meson ninja-build pkg-config libdpdk-dev libsodium-dev liblz4-dev \
        libisal-dev libipsec-mb-dev libsqlite3-dev libyaml-dev libjansson-dev libcmocka-dev \
        systemtap-sdt-dev ;;
    run) echo python3 iproute2 ethtool util-linux ;;
    host) echo dpdk iproute2 kmod ;;
    units) echo systemd ;;
    test) echo git clang libclang-rt-14-dev clang-format lua5.2 shellcheck valgrind iproute2 \
        ethtool util-linux ;;
    fuzz) echo clang libclang-rt-14-dev ;;
    aarch64) echo gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user ;;
    fresh) echo debootstrap ;;
    wireshark) echo tshark ;;
    *)
        echo "packages.sh: unknown purpose '$1'; known: python build run host units test fuzz" \
            "aarch64 fresh wireshark" >&2
        exit 2
        ;;
    esac
}

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null || true)" = installed ]
}

missing=
for purpose in "$@"; do
    list=$(packages_of "$purpose")
    for package in $list; do
        case " $missing " in *" $package "*) continue ;; esac
        is_installed "$package" || missing="$missing $package"
    done
done
[ -n "$missing" ] || exit 0

if [ "${TICKWIRE_NO_INSTALL:-0}" = 1 ]; then
    echo "missing packages:$missing" >&2
    exit 1
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
        echo "missing packages:$missing; install them as root, there is no sudo here" >&2
        exit 1
    }
    as_root=sudo
    echo "tickwire: sudo may ask for your password to install packages" >&2
fi
echo "tickwire: installing$missing" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# The list is split on purpose: one word per package.
# shellcheck disable=SC2086
if ! {
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q </dev/null &&
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
            --no-install-recommends $missing </dev/null
} >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "tickwire: apt could not install:$missing" >&2
    exit 1
fi
