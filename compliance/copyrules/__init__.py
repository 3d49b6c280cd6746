"""Copy rules as data: which hold when, how a new version is written, tried and enacted, and who disagrees with one."""
