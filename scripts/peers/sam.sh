#!/usr/bin/env bash
# The examples' SAM templates, linted: transformed as SAM does, then checked against CloudFormation's schemas.
#
# Installs cfn-lint from PyPI into target/cfn-lint (once; about 260 MB). Any finding fails, a warning too. Without python3's
# venv, or when it cannot be installed, it says that nothing was checked; where CI=true that fails as well.
set -euo pipefail
cd "$(dirname "$0")/../.."

home="${CARGO_TARGET_DIR:-target}/cfn-lint"
# Transforms with SAM's own translator. Newer ones (1.58) check by schemas instead, to which an event with a property that
# does not exist, or of a queue that does not, is fine.
version=1.51.0

skip() {
    printf '\n!!! sam.sh: NO TEMPLATE WAS CHECKED: %s\n\n' "$1" >&2
    if [ "${CI:-}" = true ]; then exit 1; fi
    exit 0
}

lint() {
    "$home/bin/cfn-lint" --non-zero-exit-code informational -- "$@"
}

if [ "$("$home/bin/cfn-lint" --version 2>/dev/null)" != "cfn-lint $version" ]; then
    echo "sam.sh: installing cfn-lint $version into $home"
    python3 -m venv "$home" || skip "python3 has no venv"
    "$home/bin/python" -m pip install --quiet --disable-pip-version-check "cfn-lint==$version" || skip "cfn-lint cannot be installed"
fi

templates=(examples/*/template.yaml)
lint "${templates[@]}"

# A linter that finds nothing anywhere would look the same.
broken="$(mktemp --suffix=.yaml)"
trap 'rm -f "$broken"' EXIT
for fault in 's/Tracing: Active/Tracing: Activ/' 's/!GetAtt Queue.Arn/!GetAtt Quue.Arn/' 's/BatchSize: 10/BatchSise: 10/'; do
    sed "$fault" examples/lambda-sqs/template.yaml >"$broken"
    if lint "$broken" >/dev/null 2>&1; then
        echo "sam.sh: cfn-lint lets pass a template with the fault $fault" >&2
        exit 1
    fi
done
echo "sam.sh: ${#templates[@]} templates are fine by cfn-lint $version"
