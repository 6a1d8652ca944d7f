#!/usr/bin/env bash
# Deploys an image to a service in a cluster: deploy_eks.sh LABEL IMAGE@DIGEST [OVERLAY]
# The service's own objects of the overlay (infra/kubernetes/overlays/eks) are applied with this image, and nothing else.
# kubectl must know the cluster already (`aws eks update-kubeconfig --name souk`). If the new pods are not ready in time,
# the ones from before come back and this ends with 1.
# SOUK_NAMESPACE (souk) and SOUK_ROLLOUT_TIMEOUT_S (600) may be set.
set -euo pipefail
if (($# < 2 || $# > 3)) || [[ ! $2 =~ @sha256:[0-9a-f]{64}$ ]]; then
  echo "usage: deploy_eks.sh LABEL IMAGE@sha256:... [OVERLAY]" >&2
  exit 2
fi
label=$1 image=$2
overlay=${3:-$(dirname "${BASH_SOURCE[0]}")/../kubernetes/overlays/eks}
kubectl=(kubectl --namespace "${SOUK_NAMESPACE:-souk}")

objects=$(kubectl kustomize "$overlay" | sed -E "s#^( *-? *image: ).*souk/$label([:@].*)?\$#\\1$image#")
if ! grep -qF "image: $image" <<<"$objects"; then
  echo "deploy_eks.sh: no container in $overlay has the image souk/$label" >&2
  exit 1
fi
# What runs now: without its number, an undo would go one further back where the same pods are applied again.
before=$("${kubectl[@]}" get "deployment/$label" --ignore-not-found \
  --output 'jsonpath={.metadata.annotations.deployment\.kubernetes\.io/revision}')
if ! { "${kubectl[@]}" apply --selector "app.kubernetes.io/name=$label" -f - <<<"$objects" &&
  "${kubectl[@]}" rollout status "deployment/$label" --timeout "${SOUK_ROLLOUT_TIMEOUT_S:-600}s"; }; then
  if [[ -z $before ]]; then
    echo "deploy_eks.sh: the pods of $label are not ready, and there were none before" >&2
    exit 1
  fi
  echo "deploy_eks.sh: the new pods of $label are not ready; the ones from before come back" >&2
  "${kubectl[@]}" rollout undo "deployment/$label" --to-revision "$before"
  "${kubectl[@]}" rollout status "deployment/$label" --timeout "${SOUK_ROLLOUT_TIMEOUT_S:-600}s"
  exit 1
fi
