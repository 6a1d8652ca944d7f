"""Rules that the whole repository keeps, each a function over a tree of files, each with a breach planted to be caught."""
