"""PruMerge+, strategies.md 5.2: PruMerge with every (1 / (3 ratio))-th token of the raster among the kept."""
import importlib.util
import pathlib

path = pathlib.Path(__file__).resolve().parents[1] / "prumerge" / "prumerge.py"
spec = importlib.util.spec_from_file_location("prumerge", path)
prumerge = importlib.util.module_from_spec(spec)
spec.loader.exec_module(prumerge)


def cases():
    return prumerge.cases(uniform=True)
