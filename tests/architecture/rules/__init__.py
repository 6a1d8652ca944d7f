"""The rules. Each takes a tree of files and gives its breaches."""
