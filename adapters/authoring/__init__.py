"""Help for the author of a mapping file: propose one, try it, show it, add a code.

Nothing here stores, sends or logs anything. docs/guides/mappings.md is the guide.
"""
