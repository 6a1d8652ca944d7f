#!/usr/bin/env bash
# Deploys an image to a service in a cluster: deploy_eks.sh LABEL IMAGE@DIGEST
# kubectl must know the cluster already (`aws eks update-kubeconfig --name souk`). If the new pods are not ready in time,
# the ones from before come back and this ends with 1.
# SOUK_NAMESPACE (souk) and SOUK_ROLLOUT_TIMEOUT_S (600) may be set.
set -euo pipefail
if (($# != 2)) || [[ ! $2 =~ @sha256:[0-9a-f]{64}$ ]]; then
  echo "usage: deploy_eks.sh LABEL IMAGE@sha256:..." >&2
  exit 2
fi
label=$1 image=$2
kubectl=(kubectl --namespace "${SOUK_NAMESPACE:-souk}")

"${kubectl[@]}" set image "deployment/$label" "$label=$image"
if ! "${kubectl[@]}" rollout status "deployment/$label" --timeout "${SOUK_ROLLOUT_TIMEOUT_S:-600}s"; then
  echo "deploy_eks.sh: the new pods of $label are not ready; the ones from before come back" >&2
  "${kubectl[@]}" rollout undo "deployment/$label"
  "${kubectl[@]}" rollout status "deployment/$label" --timeout "${SOUK_ROLLOUT_TIMEOUT_S:-600}s"
  exit 1
fi
