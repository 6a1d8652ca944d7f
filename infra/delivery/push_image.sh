#!/usr/bin/env bash
# Pushes an image that was built here to its repository of ECR and signs it: push_image.sh TAG REGISTRY
# TAG is souk/<label>:<commit>. Prints the image by its digest; in a workflow the digest is the step's output besides.
# Run again for a commit that is there already, it signs what is there: a tag of the repository never changes.
set -euo pipefail
if (($# != 2)); then
  echo "usage: push_image.sh TAG REGISTRY" >&2
  exit 2
fi
tag=$1 registry=$2
repository=${tag%:*} commit=${tag##*:}

aws ecr get-login-password | docker login --username AWS --password-stdin "$registry" >&2
if ! digest=$(aws ecr describe-images --repository-name "$repository" --image-ids "imageTag=$commit" \
  --query 'imageDetails[0].imageDigest' --output text 2>/dev/null); then
  docker tag "$tag" "$registry/$tag"
  docker push --quiet "$registry/$tag" >&2
  digest=$(docker buildx imagetools inspect "$registry/$tag" --format '{{.Manifest.Digest}}')
fi
if [[ ! $digest =~ ^sha256:[0-9a-f]{64}$ ]]; then
  echo "push_image.sh: $registry/$tag has no digest, but: $digest" >&2
  exit 1
fi
image=$registry/$repository@$digest
cosign sign --yes "$image" >&2 # keyless: by the workflow's own identity
echo "$image"
[[ -z ${GITHUB_OUTPUT:-} ]] || echo "digest=$digest" >>"$GITHUB_OUTPUT"
