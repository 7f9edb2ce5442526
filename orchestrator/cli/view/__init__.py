"""What commands print: reports as lines.

The law of this package: a view is handed a report and a screen.  It asks nothing and decides no
exit code.  Whatever comes from outside (names, reasons, links) is printed without its control
characters.
"""
