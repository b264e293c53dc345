"""What the user guide promises, used as its readers use it.

Every row of its tables is tested, and its code as users type it. Only addresses and the paths of keys and folders differ.
"""
