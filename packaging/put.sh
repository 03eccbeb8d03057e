#!/bin/sh
# Puts what was unpacked or built under PREFIX: put.sh STAGE; put.sh --remove takes it away again, and put.sh --check only
# says what would be in the way. The program lies in
# lib/ingestr/ with its library, and bin/ has a link to it; a program of that name which is not ours stays where it is.
set -eu

PREFIX=${PREFIX:?}
link=$PREFIX/bin/ingestr
fail() {
    printf 'error: %s\n  hint: %s\n' "$1" "$2" >&2
    exit 1
}
# What it is that lies there.
which_one() {
    said=$("$link" --version 2>/dev/null | head -n 1) || said=
    if [ -L "$link" ]; then printf 'a link to %s' "$(readlink "$link")"; else printf 'a file'; fi
    [ -z "$said" ] || printf ' (%s)' "$said"
}
ours() {
    [ -L "$link" ] && case $(readlink "$link") in ../lib/ingestr/*) true ;; *) false ;; esac
}

if [ -e "$link" ] || [ -L "$link" ]; then
    ours || fail "$link is $(which_one), which was not installed from here" \
        "remove it first, as the one who installed it (pip uninstall ingestr, uv tool uninstall ingestr), or choose another PREFIX"
fi
[ "$1" != --check ] || exit 0
if [ "$1" = --remove ]; then
    [ -e "$PREFIX/lib/ingestr/ingestr" ] || fail "there is no ingestr in $PREFIX" "name where it is: make uninstall PREFIX=…"
    rm -f "$link"
    rm -rf "$PREFIX/lib/ingestr"
    rm -f "$PREFIX/share/man/man1/ingestr.1" "$PREFIX/share/bash-completion/completions/ingestr" \
        "$PREFIX/share/zsh/site-functions/_ingestr" "$PREFIX/share/fish/vendor_completions.d/ingestr.fish"
    rm -rf "$PREFIX/share/doc/ingestr"
    echo "removed ingestr from $PREFIX"
    exit 0
fi

stage=$1
# macOS's install knows no -D.
mkdir -p "$PREFIX/bin" "$PREFIX/lib/ingestr"
for file in "$stage"/lib/ingestr/*; do
    [ ! -f "$file" ] || install -m 644 "$file" "$PREFIX/lib/ingestr/"
done
install -m 755 "$stage/bin/ingestr" "$PREFIX/lib/ingestr/ingestr"
(cd "$stage" && find share -type f) | while read -r file; do
    mkdir -p "$PREFIX/$(dirname "$file")"
    install -m 644 "$stage/$file" "$PREFIX/$file"
done
ln -sf ../lib/ingestr/ingestr "$link"
echo "installed $link: $("$link" --version)"
case ":$PATH:" in
    *":$PREFIX/bin:"*) ;;
    *) echo "note: $PREFIX/bin is not on PATH; add it, e.g.: export PATH=\"$PREFIX/bin:\$PATH\"" ;;
esac
