"""Schedules as a YAML file that people review, and back into rows.

`entries` is what stands in the file for one periodic task, `document` the file, `exporting` reads rows,
`planning` compares the file with them, and `applying` writes what differs.
"""
