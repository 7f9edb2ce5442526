"""`sources` of config.yaml: which paging systems may send pages, and how they are known.

The law of this package: what one source may hold is written in `forms`, what a type of source may
have and must have in `checks`, what becomes of it in `settings`.  It compiles expressions to see
that they are some, and reads no secret.
"""
