#!/usr/bin/env bash
# xray-otel against OpenTelemetry's official SDK for Python, and against rotel, a collector in Rust.
#
# Installs both from PyPI into target/otel-peers (once; about 90 MB) and runs xray-otel's peers test with them. Wants
# python3 with venv. Where they cannot be had nothing is tested, and that is said; with CI=true it is a failure.
set -euo pipefail
cd "$(dirname "$0")/../.."

mkdir -p "${CARGO_TARGET_DIR:-target}"
home="$(cd "${CARGO_TARGET_DIR:-target}" && pwd)/otel-peers"
packages="rotel==0.0.1a15 opentelemetry-sdk==1.45.2 opentelemetry-exporter-otlp-proto-http==1.45.2
    opentelemetry-propagator-aws-xray==1.0.2 opentelemetry-sdk-extension-aws==2.1.0"

skipped() {
    echo "otel.sh: SKIPPED, nothing was tested: $*" >&2
    [ "${CI:-}" = true ] && exit 1
    exit 0
}

if [ "$(cat "$home/installed" 2>/dev/null)" != "$packages" ]; then
    echo "otel.sh: installing the peers into $home"
    python3 -m venv "$home" || skipped "no python3 with venv"
    # shellcheck disable=SC2086 # words, on purpose
    "$home/bin/python" -m pip install --quiet --disable-pip-version-check $packages || skipped "PyPI has not given them"
    echo "$packages" >"$home/installed"
fi

XRAY_OTEL_PEERS="$home" cargo test --quiet -p xray-otel --features layer --test peers
