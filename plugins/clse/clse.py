"""CLSE, strategies.md 19.2: high-pass by FFT of grid features at two layers, |t - s| / (mean s + s) clamped at 1,
standardised (sample deviation), sigmoid at 0.1, times the last token's attention; later stages attention alone."""
import numpy as np

from fixture import Source, best, case, pick, request


def high(x, grid, cutoff):
    rows, cols = grid
    image = x.reshape(rows, cols, -1)
    dy = np.fft.fftfreq(rows, 1 / rows)[:, None, None]
    dx = np.fft.fftfreq(cols, 1 / cols)[None, :, None]
    width = cutoff * min(rows // 2, cols // 2)
    passed = np.fft.fft2(image, axes=(0, 1)) * (1 - np.exp(-(dy ** 2 + dx ** 2) / (2 * width ** 2)))
    return np.abs(np.fft.ifft2(passed, axes=(0, 1))).mean(axis=2).ravel()


def score(before, after, paid, grid, cutoff=0.1, temperature=0.1):
    s, t = high(before, grid, cutoff), high(after, grid, cutoff)
    change = np.minimum(np.abs(t - s) / (s.mean() + s + 1e-6), 1)
    z = (change - change.mean()) / (change.std(ddof=1) + 1e-6)
    return paid / (1 + np.exp(-z / temperature))


def cases():
    for seed, grid, width, k in ((160, (2, 3), 4, 1), (161, (5, 8), 6, 3), (162, (6, 6), 8, 5)):
        s, n = Source(seed), grid[0] * grid[1]
        before, paid = s.features(n, width, like=3), s.probabilities(n)
        after = before + s.tensor(n, width) / 8
        asked = [request(before, "layer", 0, what="hidden"), request(after, "layer", 1, what="hidden"),
                 request(paid, "layer", 0, rows="last")]
        picks = []
        for cutoff, temperature in ((0.1, 0.1), (0.4, 1)):
            own = score(before, after, paid, grid, cutoff, temperature)
            picks += [pick(b, best(own, b), scores=[own], settings={
                "scorers.clse.cutoff": cutoff, "scorers.clse.temperature": temperature}) for b in (k, n // 2)]
        yield case(f"{grid[0]} x {grid[1]}", grid, picks, requests=asked)
        alive = sorted(best(own, n // 2))
        left = Source(seed + 10).probabilities(len(alive))
        yield case(f"{grid[0]} x {grid[1]}, then attention", grid, [pick(k, best(left, k), scores=[left])], decision=1,
                   alive=alive, requests=[request(left, "layer", 1, rows="last")])
        broken = {"scorers.clse.layer": 1}
        yield case(f"{grid[0]} x {grid[1]}, a raster that is not whole", grid,
                   [pick(k, best(left, k), scores=[left], settings=broken)], alive=alive,
                   requests=[*asked[:2], request(left, "layer", 0, rows="last")])
