"""Releases kept as files, and the check that what is in the tree can be deployed beside the last of them.

Services are deployed one at a time: for a while the last release of some runs beside the new version of others. What
they say to each other must be understood both ways. docs/reference/compatibility.md has the rules.
"""
