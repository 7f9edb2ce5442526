"""Directories: services that answer with the subjects of policies, asked over HTTP.

The law of this package: an answer counts only if it came whole, is not too large and is one JSON
text; everything else is a reason why nothing is known.  A secret goes where config.yaml allows it
and nowhere else, and neither it nor anything of an answer is ever in a reason.
"""
