"""Rules that the whole repository keeps: functions over a tree of files, each with breaches planted to be caught."""
