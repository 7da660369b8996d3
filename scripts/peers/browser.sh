#!/usr/bin/env bash
# The console's pages in a real browser: Debian's Chromium, driven by playwright-core, looked at by axe-core.
#
#     scripts/peers/browser.sh                  every test of scripts/peers/browser, and the types of the pages' scripts
#     scripts/peers/browser.sh map large        those of map.test.mjs and large.test.mjs
#     scripts/peers/browser.sh --pictures       the README's pictures of `xrc demo`, into docs/images
#
# Installs chromium from Debian (as root or by sudo), playwright-core, axe-core and typescript from npm into
# target/browser-peers (once; about 50 MB). Screenshots of every page in both themes are left in
# target/browser-peers/screenshots. Where something is missing it says that nothing was checked; where CI=true that
# fails as well.
set -euo pipefail
cd "$(dirname "$0")/../.."

home="$(realpath -m "${CARGO_TARGET_DIR:-target}/browser-peers")"
here="$PWD/scripts/peers/browser"

skip() {
    printf '\n!!! browser.sh: THE PAGES WERE NOT CHECKED IN A BROWSER: %s\n\n' "$1" >&2
    if [ "${CI:-}" = true ]; then exit 1; fi
    exit 0
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# What this machine has, by its two usual names.
browser() {
    command -v chromium || command -v chromium-browser
}

command -v npm >/dev/null || skip "node and npm are not here"
[ "$(node -p 'Number(process.versions.node.split(".")[0]) >= 20')" = true ] || skip "node is older than 20"
if ! browser >/dev/null; then
    echo "browser.sh: installing Debian's chromium"
    { as_root apt-get update -q && as_root apt-get install -q -y --no-install-recommends chromium; } >&2 ||
        skip "chromium cannot be installed"
fi
packages=(playwright-core@1.65.1 axe-core@4.14.1 typescript@7.0.2)
if [ "$(cat "$home/packages" 2>/dev/null)" != "${packages[*]}" ]; then
    echo "browser.sh: installing ${packages[*]}"
    mkdir -p "$home/node"
    npm install --prefix "$home/node" --silent --no-audit --no-fund "${packages[@]}" ||
        skip "the Node packages cannot be installed"
    echo "${packages[*]}" >"$home/packages"
fi

# The pages' scripts are what browsers run; their types stand in comments.
"$home/node/node_modules/.bin/tsc" --noEmit --allowJs --checkJs --strict --target es2022 --module esnext \
    --moduleResolution bundler --lib es2023,dom,dom.iterable xray-console/src/web/ui/*.js

cargo build --quiet -p xray-console
export XRC="$(realpath "${CARGO_TARGET_DIR:-target}/debug/xrc")" CHROMIUM="$(browser)"
export PEERS="$home/node/node_modules" SCREENSHOTS="$home/screenshots"
mkdir -p "$SCREENSHOTS"

if [ "${1:-}" = --pictures ]; then
    mkdir -p docs/images
    PICTURES="$PWD/docs/images" exec node --test --test-reporter=spec "$here/pictures.mjs"
fi
tests=()
for name in "$@"; do tests+=("$here/$name.test.mjs"); done
[ $# -gt 0 ] || tests=("$here"/*.test.mjs)
# One after the other: what is timed is not to be timed against the other tests.
node --test --test-concurrency=1 --test-reporter=spec "${tests[@]}"
echo "browser.sh: all well"
