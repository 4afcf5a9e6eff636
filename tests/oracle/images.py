#!/usr/bin/env python3
"""Decoding and resizing against Pillow and torch.   images.py PROGRAM [--data DIR]

PROGRAM is tests/tools/decode_image. PNG and WebP must equal Pillow exactly, JPEG within one level; the integer resize must equal
torch's uint8 antialiased bicubic and Pillow's bit for bit. Exit 77 when Pillow, numpy or torch are absent.
"""
import io
import pathlib
import random
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import PIL
    import torch
    from PIL import Image, features
except ImportError as e:
    print(f"skipped: {e.name} is not installed")
    sys.exit(77)

program = sys.argv[1]
data = pathlib.Path(sys.argv[sys.argv.index("--data") + 1]) if "--data" in sys.argv else None
rng = np.random.default_rng(5)
problems, done = [], 0


def ours(path, *args):
    with tempfile.NamedTemporaryFile() as out:
        r = subprocess.run([program, *args, str(path), out.name], capture_output=True, text=True)
        if r.returncode:
            return r.stderr.strip()
        h, w = map(int, r.stdout.split())
        return np.frombuffer(pathlib.Path(out.name).read_bytes(), np.uint8).reshape(h, w, 3)


def compare(name, got, want, tolerance=0):
    global done
    done += 1
    if isinstance(got, str):
        problems.append(f"{name}: {got}")
    elif got.shape != want.shape:
        problems.append(f"{name}: shape {got.shape}, expected {want.shape}")
    else:
        d = np.abs(got.astype(int) - want.astype(int)).max()
        if d > tolerance:
            problems.append(f"{name}: differs by {d}, at most {tolerance} allowed")


def expected(image, white=True):
    """What transformers 5.23's processor sees: alpha bands and palette transparency over white, everything else convert('RGB')."""
    if white and (image.mode in ("RGBA", "LA", "PA") or (image.mode == "P" and "transparency" in image.info)):
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, (255, 255, 255, 255)), rgba)
    return np.asarray(image.convert("RGB"))


def smooth(h, w, c):
    y, x = np.mgrid[0:h, 0:w]
    base = np.stack([(y * (k + 2) + x * (5 - k)) % 256 for k in range(c)], -1)
    return ((base + rng.integers(0, 40, base.shape)) % 256).astype(np.uint8)


with tempfile.TemporaryDirectory() as tmp:
    tmp = pathlib.Path(tmp)
    pictures = []

    def save(name, image, **options):
        path = tmp / name
        image.save(path, **options)
        pictures.append(path)

    h, w = 37, 53
    rgb, rgba = Image.fromarray(smooth(h, w, 3)), Image.fromarray(smooth(h, w, 4), "RGBA")
    grey = Image.fromarray(smooth(h, w, 1)[..., 0])
    la = rgba.convert("LA")
    save("rgb.png", rgb)
    save("rgba.png", rgba)
    save("grey.png", grey)
    save("la.png", la)
    save("one.png", grey.convert("1"))
    for bits in (1, 2, 4, 8):
        p = rgb.quantize(2**bits)
        save(f"palette{bits}.png", p, bits=bits)
        save(f"palette{bits}_trns.png", p, bits=bits, transparency=0)
        save(f"palette{bits}_alphas.png", p, bits=bits, transparency=bytes(rng.integers(0, 256, 2**bits, dtype=np.uint8)))
    save("grey_key.png", grey, transparency=17)
    save("rgb_key.png", rgb, transparency=(1, 2, 3))
    save("grey16.png", Image.fromarray(rng.integers(0, 65536, (h, w)).astype(np.uint16)))
    for quality in (20, 75, 95):
        for sub in (0, 1, 2):
            save(f"q{quality}_{sub}.jpg", rgb, quality=quality, subsampling=sub)
    save("progressive.jpg", rgb, progressive=True, quality=80)
    save("grey.jpg", grey, quality=80)
    save("cmyk.jpg", rgb.convert("CMYK"), quality=90)
    save("one_px.png", Image.new("RGB", (1, 1), (9, 8, 7)))
    save("odd.jpg", Image.fromarray(smooth(1, 17, 3)))
    if features.check("webp"):
        save("lossy.webp", rgb, quality=80)
        save("lossless.webp", rgb, lossless=True)
        save("alpha.webp", rgba, lossless=True, exact=True)
        save("alpha_lossy.webp", rgba, quality=70)
    # kinds Pillow does not write: interlaced, 2 and 4 bit grey, 16-bit RGB and grey+alpha, by hand
    import struct
    import zlib

    def png(name, width, height, depth, color, rows, interlace=0, extra=b""):
        def chunk(kind, body):
            return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        body = b"".join(b"\0" + bytes(r) for r in rows)
        (tmp / name).write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace)) + extra
                                 + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b""))
        pictures.append(tmp / name)

    for depth in (2, 4):
        png(f"grey_{depth}bit.png", 16, 5, depth, 0, rng.integers(0, 256, (5, 16 * depth // 8), dtype=np.uint8))
    png("rgb16.png", 9, 5, 16, 2, rng.integers(0, 256, (5, 54), dtype=np.uint8))
    png("rgba16.png", 9, 5, 16, 6, rng.integers(0, 256, (5, 72), dtype=np.uint8))
    png("la16.png", 9, 5, 16, 4, rng.integers(0, 256, (5, 36), dtype=np.uint8))
    passes = []
    full = rng.integers(0, 256, (13, 11, 3), dtype=np.uint8)
    for y0, x0, dy, dx in ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)):
        passes += [r.tobytes() for r in full[y0::dy, x0::dx] if r.size]
    png("interlaced.png", 11, 13, 8, 2, passes, interlace=1)

    for path in pictures:
        image = Image.open(path)
        image.load()
        tolerance = 1 if path.suffix == ".jpg" else 0
        compare(path.name, ours(path, "white"), expected(image), tolerance)
        compare(path.name + " (alpha dropped)", ours(path, "drop"), expected(image, False), tolerance)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        rgb.save(tmp / "turned.jpg", exif=exif, quality=90)
        from PIL import ImageOps
        compare(f"EXIF orientation {orientation}", ours(tmp / "turned.jpg", "exif"), np.asarray(ImageOps.exif_transpose(Image.open(tmp / "turned.jpg"))), 1)

    random.seed(3)
    sizes = [((random.randint(1, 90), random.randint(1, 90)), (random.randint(1, 90), random.randint(1, 90))) for _ in range(60)] + [((161, 246), (160, 256)), ((312, 144), (150, 67))]
    major = int(PIL.__version__.split(".")[0])
    for (h0, w0), (h1, w1) in sizes:
        source = rng.integers(0, 256, (h0, w0, 3), dtype=np.uint8)
        Image.fromarray(source).save(tmp / "r.png")
        t = torch.nn.functional.interpolate(torch.from_numpy(source).permute(2, 0, 1)[None], size=(h1, w1), mode="bicubic", antialias=True)
        compare(f"torch resize {h0}x{w0} -> {h1}x{w1}", ours(tmp / "r.png", "white", "resize", f"{h1}x{w1}", "torchvision"), t[0].permute(1, 2, 0).numpy())
        pillow = np.asarray(Image.fromarray(source).resize((w1, h1), Image.BICUBIC))
        compare(f"Pillow resize {h0}x{w0} -> {h1}x{w1}", ours(tmp / "r.png", "white", "resize", f"{h1}x{w1}", "pillow13" if major >= 13 else "pillow"), pillow)

    for path in sorted(data.iterdir()) if data else []:
        image = Image.open(path)
        compare(path.name, ours(path, "white"), expected(image), 1 if path.suffix == ".jpg" else 0)

for p in problems:
    print(p)
print(f"{done - len(problems)} of {done} pictures and sizes equal (Pillow {PIL.__version__}, torch {torch.__version__})")
sys.exit(1 if problems else 0)
