#!/usr/bin/env bash
# Builds a service's image on this machine, from the digest that its base has now: build_image.sh DOCKERFILE TAG
# Asks a registry for that digest and for the base alone. The image is not pushed.
set -euo pipefail
if (($# != 2)); then
  echo "usage: build_image.sh DOCKERFILE TAG" >&2
  exit 2
fi
dockerfile=$1 tag=$2
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

base=$(sed -n 's/^ARG BASE=//p' "$dockerfile" | head -n 1)
if [[ -z $base ]]; then
  echo "build_image.sh: $dockerfile has no line ARG BASE=..., which names the base image by its exact version" >&2
  exit 1
fi
digest=$(docker buildx imagetools inspect "$base" --format '{{.Manifest.Digest}}')
if [[ ! $digest =~ ^sha256:[0-9a-f]{64}$ ]]; then
  echo "build_image.sh: the registry names no digest of $base, but: $digest" >&2
  exit 1
fi
echo "base $base@$digest"

SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) # the commit's time stands for the time of the build
export SOURCE_DATE_EPOCH
docker buildx build --file "$dockerfile" --build-arg "BASE=$base@$digest" --build-arg "REVISION=$(git rev-parse HEAD)" \
  --provenance=false --load --tag "$tag" .
