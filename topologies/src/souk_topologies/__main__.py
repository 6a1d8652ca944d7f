"""`python -m souk_topologies` is `souk`."""

from souk_topologies.cli import main

main()
