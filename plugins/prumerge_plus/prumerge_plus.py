"""PruMerge+ (arXiv 2403.15388): PruMerge with every (1 / (3 ratio))-th token of the raster among the kept."""
from fixture import method


def cases():
    return method("prumerge").cases(uniform=True)
