#!/usr/bin/env bash
# Refuses an image that this repository's own workflow on main did not sign: verify_image.sh IMAGE@DIGEST REGISTRY
# GITHUB_SERVER_URL and GITHUB_REPOSITORY say whose workflow, as they do in a workflow.
set -euo pipefail
if (($# != 2)); then
  echo "usage: verify_image.sh IMAGE@DIGEST REGISTRY" >&2
  exit 2
fi
image=$1 registry=$2
signer=${GITHUB_SERVER_URL:-https://github.com}/${GITHUB_REPOSITORY:?owner/name of the repository that signed it}

aws ecr get-login-password | docker login --username AWS --password-stdin "$registry" >&2
cosign verify "$image" --output text \
  --certificate-identity "$signer/.github/workflows/service.yml@refs/heads/main" \
  --certificate-oidc-issuer https://token.actions.githubusercontent.com
