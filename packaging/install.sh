#!/bin/sh
# Installs ingestr from the archive that lies beside this script, or from where INGESTR_BASE_URL says, under PREFIX
# (~/.local). SHA256SUMS must lie there, too: an archive that does not match is not unpacked.
set -eu

PREFIX=${PREFIX:-$HOME/.local}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    printf 'error: %s\n  hint: %s\n' "$1" "$2" >&2
    exit 1
}

if [ -n "${INGESTR_BASE_URL:-}" ]; then
    here=$work
    curl -fsSL -o "$here/SHA256SUMS" "$INGESTR_BASE_URL/SHA256SUMS" || fail "SHA256SUMS cannot be fetched" "check INGESTR_BASE_URL"
fi
[ -f "$here/SHA256SUMS" ] || fail "there is no SHA256SUMS beside this script" "fetch it with the archive, or set INGESTR_BASE_URL"
system=$(uname -s | tr '[:upper:]' '[:lower:]')-$(uname -m)
archive=$(sed -n "s/^[0-9a-f]*  \(ingestr-[0-9a-z.-]*-$system\.tar\.gz\)\$/\1/p" "$here/SHA256SUMS")
[ -n "$archive" ] || fail "there is no archive for $system" "build it from source: make install"
[ -z "${INGESTR_BASE_URL:-}" ] || curl -fsSL -o "$here/$archive" "$INGESTR_BASE_URL/$archive" ||
    fail "$archive cannot be fetched" "check INGESTR_BASE_URL"
grep "  $archive\$" "$here/SHA256SUMS" >"$work/sum"
if command -v sha256sum >/dev/null; then sum='sha256sum'; else sum='shasum -a 256'; fi
(cd "$here" && $sum -c "$work/sum") >/dev/null 2>&1 ||
    fail "$archive is not what SHA256SUMS says" "fetch both anew; nothing was installed"
tar -xzf "$here/$archive" -C "$work"
PREFIX=$PREFIX sh "$work/${archive%.tar.gz}/share/doc/ingestr/put.sh" "$work/${archive%.tar.gz}"
