"""Prints the files that match the patterns, relative to a folder, sorted, one a line: list_sources.py FOLDER PATTERN..."""
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])
for name in sorted({p.relative_to(folder).as_posix() for pattern in sys.argv[2:] for p in folder.glob(pattern) if p.is_file()}):
    print(name)
