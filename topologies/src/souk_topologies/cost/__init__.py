"""What a load costs a month on AWS: quantities from the manifests and measurements, times published prices.

Prices and assumptions are data: `prices.toml` and `assumptions.toml`, each figure with its unit and its source.
"""
