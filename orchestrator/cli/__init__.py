"""The command line: one module a family of commands, and `view` for what they print.

The law of this package: a command reads its options, asks a desk or the app, shows the answer and
sets the exit code; it decides nothing about rooms.  Families know nothing of each other.  On a
terminal there are colours and tables; in a pipe plain text, one record a line and never cut; with
``--json`` one document for programs, its moments in UTC.

Exit codes: 0 done, 1 failed, 2 invalid input, 3 changes pending, 4 stopped by a brake.
"""
