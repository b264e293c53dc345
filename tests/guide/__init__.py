"""The user guide's promises, kept as its readers use them.

Every row of its tables, and its code as users type it: only addresses and the paths of keys and folders differ from what is
printed there.
"""
