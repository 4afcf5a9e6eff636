"""The rule of core/weight_format.hpp in NumPy: what a matrix in int8, int4 or bf16 stands for."""
import numpy as np

STEPS = np.array([1.0, 0.94, 0.88, 0.82, 1.06], np.float32)


def bf16(x):
    """To nearest even."""
    u = np.ascontiguousarray(x, np.float32).view(np.uint32)
    return ((u + 0x7fff + ((u >> 16) & 1)) >> 16 << 16).view(np.float32)


def int8(w):
    top = np.abs(w).max(-1, keepdims=True)
    with np.errstate(divide="ignore"):
        inverse = np.where(top > 0, np.float32(127) / top, 0).astype(np.float32)
    return np.rint(w * inverse) * (top / np.float32(127))


def int4(w):
    """Groups of 32 inputs of an output row, zeros behind the last; the step of least squared error, the first of equals."""
    n = w.shape[-1]
    g = np.pad(w, [(0, 0)] * (w.ndim - 1) + [(0, -n % 32)]).reshape(-1, 32)
    high, low = g.max(1), g.min(1)
    top = np.where(high >= -low, high, low)
    scale = bf16((top / np.float32(-8))[:, None] * STEPS)  # [groups, steps]
    with np.errstate(divide="ignore", invalid="ignore"):
        code = np.clip(np.rint(g[:, None] * (np.float32(1) / scale)[..., None]), -8, 7).astype(np.float32)
    made = np.nan_to_num(code) * scale[..., None]
    error = ((g[:, None] - made).astype(np.float64) ** 2).sum(-1)
    best = made[np.arange(len(g)), error.argmin(1)]
    return best.reshape(*w.shape[:-1], -1)[..., :n]


FORMS = dict(int8=int8, int4=int4, bf16=bf16)
