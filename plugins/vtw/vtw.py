"""VTW, strategies.md 8.6: every visual token goes before layer K. One stays, since a picture keeps at least one: of the
even lattice of one point, the middle (row R // 2, column C // 2)."""
from fixture import case, pick


def cases():
    for rows, cols in ((2, 3), (5, 8), (7, 7)):
        middle = rows // 2 * cols + cols // 2
        yield case(f"{rows} x {cols}", (rows, cols), [pick(k, [middle]) for k in (1, 4)])
