#!/usr/bin/env bash
# The crates that promise Rust 1.85, checked with Debian's Rust 1.85 and the workspace's own Cargo.lock, which Cargo's
# resolver keeps within the manifests' rust-version. The rest need 1.94.1, that of the AWS SDK, and are not tried here.
#
# Debian's binaries are called by their paths: a rustup toolchain stays as it is.
set -euo pipefail
cd "$(dirname "$0")/.."

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

export RUSTC=/usr/bin/rustc
cargo=/usr/bin/cargo
wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
if ! "$RUSTC" --version 2>/dev/null | grep -q "^rustc $wanted\."; then
    # Debian 12 calls a newer compiler than its own rustc-web; in Debian 13 it is rustc.
    as_root apt-get update -q
    as_root apt-get install -q -y --no-install-recommends rustc-web cargo-web \
        || as_root apt-get install -q -y --no-install-recommends rustc cargo
fi
"$RUSTC" --version | grep "^rustc $wanted\." || { echo "$RUSTC is not $wanted" >&2; exit 1; }
unset RUSTC_WRAPPER RUSTFLAGS

check() {
    echo "-- $*"
    "$cargo" check -q --locked --target-dir target/minimum-rust "$@"
}

check -p xray-core --no-default-features
for feature in layer udp fmt json central-sampling origins; do
    check -p xray-core --no-default-features --features "$feature"
done
check -p xray-tower --all-features
check -p xray-sqs --features lambda-events
check -p xray-lambda --all-features
check -p xray-test
check -p xray-otel --no-default-features
check -p xray-otel --features layer
# Programs only: their tests compare with the console, and need its 1.94.1.
check -p lambda-local -p lambda-http -p lambda-sqs -p sampling-example
