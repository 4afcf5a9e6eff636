#!/usr/bin/env python3
"""Picture preparation against Pillow, torch and transformers.   images.py PROGRAM [--data DIR]
                                                                     images.py --goldens DIR

PROGRAM is tests/tools/decode_image. PNG and WebP must equal Pillow (and transformers' white) exactly, JPEG within one level; the integer
resize must equal torch's uint8 antialiased bicubic and Pillow's bit for bit; smart_resize and the patch rows must equal transformers'.
Files that Pillow refuses must be refused. --goldens writes small pictures and what they become, for the suite that runs without Python.
Exit 77 when a package is absent.
"""
import os
import pathlib
import random
import resource
import struct
import subprocess
import sys
import tempfile
import warnings
import zlib

os.environ.setdefault("HF_HUB_OFFLINE", "1")
try:
    import numpy as np
    import PIL
    import torch
    import transformers
    from PIL import Image, ImageOps, features
    from transformers.image_transforms import convert_to_rgb
    from transformers.image_utils import load_image
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil, smart_resize
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)
import picture_kinds
from checks import checks_addresses
warnings.simplefilter("ignore")
transformers.logging.set_verbosity_error()

program = sys.argv[1]
ADDRESSES = checks_addresses(program)
data = pathlib.Path(sys.argv[sys.argv.index("--data") + 1]) if "--data" in sys.argv else None
if data and not data.is_dir():
    print(f"note: no folder {data}, generated pictures only")
    data = None
rng = np.random.default_rng(5)
random.seed(3)
problems, done, absent = [], 0, set()


def small_memory():
    if not ADDRESSES:
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))


def run(*args, **options):
    return subprocess.run([program, *map(str, args)], capture_output=True, text=True, **options)


def ours(path, *args, **options):
    """RGB [H, W, 3], or the error's sentence."""
    with tempfile.NamedTemporaryFile() as out:
        r = run(*args, path, out.name, **options)
        if r.returncode:
            return f"exit {r.returncode}: {r.stderr.strip()}"
        h, w = map(int, r.stdout.split())
        return np.frombuffer(pathlib.Path(out.name).read_bytes(), np.uint8).reshape(h, w, 3)


def verdict(name, ok, sentence):
    global done
    done += 1
    if not ok:
        problems.append(f"{name}: {sentence}")


def compare(name, got, want, tolerance=0):
    if isinstance(got, str):
        verdict(name, False, got)
    elif got.shape != want.shape:
        verdict(name, False, f"shape {got.shape}, expected {want.shape}")
    else:
        d = np.abs(got.astype(np.float64) - want.astype(np.float64)).max()
        verdict(name, d <= tolerance, f"differs by {d}, at most {tolerance} allowed")


def smooth(h, w, c):
    y, x = np.mgrid[0:h, 0:w]
    base = np.stack([(y * (k + 2) + x * (5 - k)) % 256 for k in range(c)], -1)
    return ((base + rng.integers(0, 40, base.shape)) % 256).astype(np.uint8)


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def raw_png(width, height, depth, color, rows, interlace=0, before=b"", after=b""):
    """Kinds that Pillow does not write."""
    body = zlib.compress(b"".join(b"\0" + bytes(r) for r in rows))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace)) + before
            + chunk(b"IDAT", body[:20]) + chunk(b"IDAT", body[20:]) + after + chunk(b"IEND", b""))


def adam7(pixels):
    rows = []
    for y0, x0, dy, dx in ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)):
        rows += [r.tobytes() for r in pixels[y0::dy, x0::dx] if r.size]
    return rows


def noise(*shape):
    return rng.integers(0, 256, shape, dtype=np.uint8)


def make_pictures(tmp, h=37, w=53):
    rgb, rgba = Image.fromarray(smooth(h, w, 3)), Image.fromarray(smooth(h, w, 4), "RGBA")
    grey = Image.fromarray(smooth(h, w, 1)[..., 0])
    save = lambda name, image, **options: image.save(tmp / name, **options)
    write = lambda name, content: (tmp / name).write_bytes(content)
    save("rgb.png", rgb)
    save("rgba.png", rgba)
    save("grey.png", grey)
    save("la.png", rgba.convert("LA"))
    save("one.png", grey.convert("1"))
    for bits in (1, 2, 4, 8):
        p = rgb.quantize(2**bits)
        save(f"palette{bits}.png", p, bits=bits)
        save(f"palette{bits}_trns.png", p, bits=bits, transparency=0)
        save(f"palette{bits}_alphas.png", p, bits=bits, transparency=noise(2**bits).tobytes())
    save("grey_key.png", grey, transparency=int(np.asarray(grey)[3, 4]))
    save("rgb_key.png", rgb, transparency=tuple(int(v) for v in np.asarray(rgb)[3, 4]))
    save("one_key.png", grey.convert("1"), transparency=255)
    save("grey16.png", Image.fromarray(rng.integers(0, 65536, (h, w)).astype(np.uint16)))
    save("animated.png", rgba, save_all=True, append_images=[rgba.rotate(180)])
    save("one_px.png", Image.new("RGB", (1, 1), (9, 8, 7)))
    for depth in (1, 2, 4):
        rows = noise(5, 16 * depth // 8)
        write(f"grey{depth}.png", raw_png(16, 5, depth, 0, rows))
        for key in (0, 1, 85, 170, 255):
            write(f"grey{depth}_key{key}.png", raw_png(16, 5, depth, 0, rows, before=chunk(b"tRNS", struct.pack(">H", key))))
        write(f"short_palette{depth}.png", raw_png(16, 5, depth, 3, rows, before=chunk(b"PLTE", bytes([200, 2, 3, 4, 150, 6])) + chunk(b"tRNS", b"\x40")))
    ramp = np.arange(0, 600).astype(">u2")
    for key in (0, 7, 255, 256, 263):
        write(f"grey16_key{key}.png", raw_png(600, 1, 16, 0, [ramp.tobytes()], before=chunk(b"tRNS", struct.pack(">H", key))))
    wide = np.repeat(np.arange(0, 65536, 97).astype(">u2")[:, None], 3, 1)
    for key in (0, 97, 256, 1000):
        write(f"rgb16_key{key}.png", raw_png(len(wide), 1, 16, 2, [wide.tobytes()], before=chunk(b"tRNS", struct.pack(">3H", key, key, key))))
    write("rgb16.png", raw_png(9, 5, 16, 2, noise(5, 54)))
    write("rgba16.png", raw_png(9, 5, 16, 6, noise(5, 72)))
    write("la16.png", raw_png(9, 5, 16, 4, noise(5, 36)))
    write("interlaced.png", raw_png(11, 13, 8, 2, adam7(noise(13, 11, 3)), 1))
    write("interlaced_rgba.png", raw_png(11, 13, 8, 6, adam7(noise(13, 11, 4)), 1))
    write("interlaced_grey16.png", raw_png(11, 13, 16, 0, adam7(noise(13, 11, 2)), 1))
    write("interlaced_palette.png", raw_png(11, 13, 8, 3, adam7(noise(13, 11)), 1, before=chunk(b"PLTE", noise(768).tobytes()) + chunk(b"tRNS", noise(100).tobytes())))
    for quality in (20, 75, 95):
        for sub in (0, 1, 2):
            save(f"q{quality}_{sub}.jpg", rgb, quality=quality, subsampling=sub)
    save("progressive.jpg", rgb, progressive=True, quality=80)
    save("restarts.jpg", rgb, quality=80, restart_marker_blocks=2)
    save("grey.jpg", grey, quality=80)
    save("grey_progressive.jpg", grey, quality=80, progressive=True)
    save("cmyk.jpg", rgb.convert("CMYK"), quality=90)
    save("cmyk_noise.jpg", Image.fromarray(smooth(h, w, 4), "CMYK"), quality=95, subsampling=0)
    save("keep_rgb.jpg", rgb, quality=90, keep_rgb=True)
    save("odd.jpg", Image.fromarray(smooth(1, 17, 3)))
    cmyk = (tmp / "cmyk_noise.jpg").read_bytes()
    adobe = cmyk.index(b"Adobe")
    write("ycck.jpg", cmyk[: adobe + 11] + b"\x02" + cmyk[adobe + 12 :])  # the same samples read as YCCK
    write("cmyk_plain.jpg", cmyk[: adobe - 4] + cmyk[adobe + 12 :])  # no Adobe marker
    if features.check("webp"):
        save("lossy.webp", rgb, quality=80)
        save("lossless.webp", rgb, lossless=True)
        save("alpha.webp", rgba, lossless=True, exact=True)
        save("alpha_lossy.webp", rgba, quality=70)
        save("animated.webp", rgba, save_all=True, append_images=[rgba.rotate(180)], lossless=True)
        save("animated_opaque.webp", rgb, save_all=True, append_images=[rgb.rotate(180)], quality=80)
    picture_kinds.make(tmp, rgb, rgba, rng)


def qwen_vl_utils_rgb(image):
    """As qwen-vl-utils' to_rgb: white behind RGBA pictures, alpha ignored in the others."""
    if image.mode != "RGBA":
        return np.asarray(image.convert("RGB"))
    white = Image.new("RGB", image.size, (255, 255, 255))
    white.paste(image, mask=image.split()[3])
    return np.asarray(white)


def notes(path, mode):
    with tempfile.NamedTemporaryFile() as out:
        return run(mode, path, out.name).stderr.splitlines()


def check_exif_places(tmp):
    """EXIF where PNG writers put it: after "Exif" in its chunk, and as ImageMagick's text."""
    tiff = b"MM\0*" + struct.pack(">IHHHIHH", 8, 1, 0x0112, 3, 1, 6, 0) + b"\0\0\0\0"
    other = tiff.replace(b"\0\6\0\0\0\0\0\0", b"\0\3\0\0\0\0\0\0")
    assert other != tiff

    def text(data, head="\nexif\n      26\n"):
        return (head + "\n".join(data.hex()[i:i + 20] for i in range(0, len(data.hex()), 20)) + "\n").encode()

    key = b"Raw profile type exif\0"
    kinds = {"mark in eXIf": chunk(b"eXIf", b"Exif\0\0" + tiff), "text": chunk(b"tEXt", key + text(tiff)),
             "text with mark": chunk(b"tEXt", key + text(b"Exif\0\0" + tiff)), "capitals": chunk(b"tEXt", key + text(tiff).replace(b"f", b"F").replace(b"eXIF", b"exif")),
             "compressed text": chunk(b"zTXt", key + b"\0" + zlib.compress(text(tiff))), "international text": chunk(b"iTXt", key + b"\0\0\0\0" + text(tiff)),
             "chunk and text": chunk(b"tEXt", key + text(other)) + chunk(b"eXIf", tiff), "two texts": chunk(b"tEXt", key + text(other)) + chunk(b"tEXt", key + text(tiff)),
             "other key": chunk(b"tEXt", b"Raw profile type iptc\0" + text(tiff))}
    for name, part in kinds.items():
        for place in ("before", "after"):
            path = tmp / "exif.png"
            path.write_bytes(raw_png(5, 3, 8, 2, noise(3, 15), **{place: part}))
            want = np.asarray(ImageOps.exif_transpose(Image.open(path)))
            compare(f"EXIF as {name} {place} the pixels", ours(path, "exif"), want)
            turned = [] if want.shape[:2] == (3, 5) else ["the turn that EXIF asks for (orientation 6)"]
            verdict(f"EXIF as {name} {place}: notes", notes(path, "white") == turned and notes(path, "exif") == [], f"{notes(path, 'white')}, expected {turned}")
    for name, words in (("no digits", b"\nexif\n 3\nxyz"), ("odd digits", b"\nexif\n 3\n4d4"), ("no lines", b"4d4d"), ("empty", b"")):
        path.write_bytes(raw_png(5, 3, 8, 2, noise(3, 15), before=chunk(b"tEXt", key + words)))
        got = ours(path, "exif")
        verdict(f"EXIF text with {name}", not isinstance(got, str) and got.shape == (3, 5, 3), "expected the picture unturned")


def check_clipped_grey(tmp):
    path = tmp / "grey16.png"
    Image.fromarray(np.array([[0, 255, 256], [300, 65535, 7]], np.uint16)).save(path)
    verdict("16-bit grey: notes", notes(path, "white") == ["16-bit grey above 255, white as in Pillow (3 of 6 pixels)"], str(notes(path, "white")))
    Image.fromarray(np.array([[0, 255, 25]], np.uint16)).save(path)
    verdict("16-bit grey below 256: notes", notes(path, "white") == [], str(notes(path, "white")))


def check_decoding(tmp):
    for path in sorted(tmp.iterdir()):
        tolerance = picture_kinds.TOLERANCE.get(path.suffix, 1 if "jpeg" in path.name else 0)
        got = ours(path, "white")
        if isinstance(got, str) and "this build has no" in got:
            absent.add(path.suffix)
            path.unlink()
            continue
        try:
            image = Image.open(path)
            image.load()
        except Exception as e:
            verdict(path.name, isinstance(got, str) and "E408" in got, f"Pillow refuses it ({e}), we say {got if isinstance(got, str) else 'nothing'}")
            continue
        compare(path.name, got, convert_to_rgb(image, return_numpy=True), tolerance)
        image = Image.open(path)
        compare(path.name + " (alpha dropped)", ours(path, "drop"), np.asarray(image.convert("RGB")), tolerance)
        compare(path.name + " (qwen-vl-utils)", ours(path, "rgba"), qwen_vl_utils_rgb(Image.open(path)), tolerance)
        compare(path.name + " (transformers by path)", ours(path, "path"), np.asarray(load_image(str(path))), tolerance)
    rgb = Image.fromarray(smooth(23, 31, 3))
    for orientation in range(0, 10):
        exif = Image.Exif()
        exif[0x0112] = orientation
        for suffix in ("jpg", "png", "webp") if features.check("webp") else ("jpg", "png"):
            rgb.save(tmp / f"turned.{suffix}", exif=exif, quality=90)
            want = np.asarray(ImageOps.exif_transpose(Image.open(tmp / f"turned.{suffix}")))
            compare(f"EXIF orientation {orientation} in {suffix}", ours(tmp / f"turned.{suffix}", "exif"), want, 1 if suffix == "jpg" else 0)
            compare(f"EXIF orientation {orientation} in {suffix} ignored", ours(tmp / f"turned.{suffix}", "white"), np.asarray(Image.open(tmp / f"turned.{suffix}")), 1 if suffix == "jpg" else 0)
    for name, order, kind, value in (("big-endian SHORT", ">", 3, struct.pack(">HH", 6, 0)), ("big-endian LONG", ">", 4, struct.pack(">I", 6)), ("little-endian LONG", "<", 4, struct.pack("<I", 8))):
        tiff = (b"MM\0*" if order == ">" else b"II*\0") + struct.pack(order + "IHHHI", 8, 1, 0x0112, kind, 1) + value + b"\0\0\0\0"
        for place in ("before", "after"):
            path = tmp / "exif.png"
            path.write_bytes(raw_png(5, 3, 8, 2, noise(3, 15), **{place: chunk(b"eXIf", tiff)}))
            compare(f"EXIF {name} {place} the pixels", ours(path, "exif"), np.asarray(ImageOps.exif_transpose(Image.open(path))))


def check_broken(tmp, whole):
    path = tmp / "broken"

    def check(name, content, tolerance):
        path.write_bytes(content)
        got = ours(path, "white", preexec_fn=small_memory)
        try:
            image = Image.open(path)
            image.load()
            want = convert_to_rgb(image, return_numpy=True)
        except Exception:
            verdict(name, isinstance(got, str) and got.startswith("exit 1: [") and "E408" in got, f"Pillow refuses it, we say {got if isinstance(got, str) else 'nothing'}")
        else:
            compare(name, got, want, tolerance)

    for source in whole:
        content, tolerance = source.read_bytes(), picture_kinds.TOLERANCE.get(source.suffix, 0)
        n = len(content)
        for cut in sorted({0, 1, 2, 7, 8, 11, 20, 40, n // 10, n // 4, n // 2, 3 * n // 4, 9 * n // 10, n - 40}):
            check(f"{source.name} cut to {cut} of {n} bytes", content[: max(0, cut)], tolerance)
        check(f"{source.name} with garbage behind it", content + noise(1000).tobytes(), tolerance)
    for name, content in (("a folder of zeros", bytes(1000)), ("text", b"hello, this is no picture"), ("GIF", b"GIF89a" + bytes(30)), ("BMP", b"BM" + bytes(60))):
        path.write_bytes(content)
        got = ours(path, "white")
        verdict(name, isinstance(got, str) and "E408" in got, f"expected a refusal, got {got}")
    jpeg = bytearray((tmp / "q75_0.jpg").read_bytes())
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = struct.pack(">HH", 60000, 60000)
    for name, content in (("JPEG header of 60000x60000", bytes(jpeg)), ("PNG header of 60000x60000", raw_png(60000, 60000, 8, 2, [b"\0" * 9])),
                          ("PNG header of 2147483647x2147483647", raw_png(2**31 - 1, 2**31 - 1, 8, 6, [b"\0"])), ("PNG header of 0x5", raw_png(0, 5, 8, 2, [b""]))):
        path.write_bytes(content)
        got = ours(path, "white", preexec_fn=small_memory)
        verdict(name, isinstance(got, str) and "E408" in got, f"expected a refusal, got {got}")
    got = ours(tmp / "nothing_here.png", "white")
    verdict("missing file", isinstance(got, str) and "E401" in got, str(got))


def check_resize(name, path, source, h1, w1, pillow_kind):
    image = Image.fromarray(source)
    for how in ("bicubic", "bilinear", "lanczos"):
        t = torch.nn.functional.interpolate(torch.from_numpy(source.copy()).permute(2, 0, 1)[None], size=(h1, w1), mode=how, antialias=True)
        resized = lambda kind: ours(path, "white", "resize", f"{h1}x{w1}", kind, how)
        compare(f"torch {how} {name} -> {h1}x{w1}", resized("torchvision"), t[0].permute(1, 2, 0).numpy())
        pillow = image.resize((w1, h1), getattr(Image, how.upper()))
        compare(f"Pillow {how} {name} -> {h1}x{w1}", resized(pillow_kind), np.asarray(pillow))
        # The older order, made with either Pillow by one axis at a time.
        width_first = image.resize((w1, image.height), getattr(Image, how.upper())).resize((w1, h1), getattr(Image, how.upper()))
        compare(f"Pillow 12 {how} {name} -> {h1}x{w1}", resized("pillow"), np.asarray(width_first))
        if pillow_kind == "pillow13":
            compare(f"qwen-vl-utils {how} {name} -> {h1}x{w1}", resized("qwen-vl-utils"), np.asarray(image.resize((w1, h1), Image.BICUBIC)))


def check_sizes():
    cases = []
    for factor, least, most in ((32, 65536, 16777216), (32, 4096, 16777216), (28, 3136, 1003520), (32, 256 * 256, 256 * 1024), (4, 64, 4096)):
        cases += [(random.randint(1, 9000), random.randint(1, 9000), factor, least, most) for _ in range(1500)]
        cases += [(h, w, factor, least, most) for h in (1, 2, 15, 16, 17, 48, 80, 112, 720, 1008) for w in (1, 16, 48, 199, 200, 201, 1000, 2000, 3000, 3001)]
    r = run("sizes", input="\n".join(" ".join(map(str, c)) for c in cases))
    for case, line in zip(cases, r.stdout.splitlines(), strict=True):
        h, w, factor, least, most = case
        try:
            want = "%d %d" % smart_resize(h, w, factor=factor, min_pixels=least, max_pixels=most)
        except ValueError:
            want = "error"
        verdict(f"smart_resize{case}", line == want, f"{line}, expected {want}")


def check_patches(tmp):
    for patch, temporal, merge, mean, std, h, w in ((16, 2, 2, 0.5, 0.5, 70, 130), (16, 2, 2, 0.5, 0.5, 200, 65), (14, 2, 2, 0.48, 0.27, 60, 90), (8, 1, 2, 0.5, 0.25, 33, 80), (4, 3, 3, 0.4, 0.3, 50, 31), (2, 2, 1, 0.5, 0.5, 9, 14)):
        name = f"patch rows {patch} {temporal} {merge} of {h}x{w}"
        factor, least, most = patch * merge, 4 * (patch * merge) ** 2, 64 * (patch * merge) ** 2
        Image.fromarray(smooth(h, w, 3)).save(tmp / "p.png")
        source = np.asarray(Image.open(tmp / "p.png"))
        r = run("patches", patch, temporal, merge, least, most, mean, std, tmp / "p.png", tmp / "p.npy")
        if r.returncode:
            verdict(name, False, r.stderr)
            continue
        got = np.load(tmp / "p.npy")
        h1, w1 = smart_resize(h, w, factor=factor, min_pixels=least, max_pixels=most)
        t = torch.nn.functional.interpolate(torch.from_numpy(source).permute(2, 0, 1)[None], size=(h1, w1), mode="bicubic", antialias=True)[0]
        means, stds = [mean + 0.01 * k for k in range(3)], [std + 0.01 * k for k in range(3)]
        # The torchvision processor: rescale folded into mean and deviation, float32 division.
        scaled_mean, scaled_std = torch.tensor(means) * (1.0 / (1 / 255)), torch.tensor(stds) * (1.0 / (1 / 255))
        x = (t.to(torch.float32) - scaled_mean[:, None, None]) / scaled_std[:, None, None]
        gh, gw = h1 // patch, w1 // patch
        x = x[None].repeat(temporal, 1, 1, 1).view(1, temporal, 3, gh // merge, merge, patch, gw // merge, merge, patch).permute(0, 3, 6, 4, 7, 2, 1, 5, 8)
        compare(name, got, x.reshape(gh * gw, -1).numpy())
        # transformers itself, fed with the resized picture; its Pillow processor rounds the values differently in the last bit.
        processor = Qwen2VLImageProcessorPil(patch_size=patch, temporal_patch_size=temporal, merge_size=merge, image_mean=means, image_std=stds,
                                             size={"shortest_edge": least, "longest_edge": most}, do_resize=False)
        out = processor(images=[Image.fromarray(t.permute(1, 2, 0).numpy())], return_tensors="np")
        verdict(name + " grid", tuple(out["image_grid_thw"][0]) == (1, gh, gw), f"{out['image_grid_thw']}")
        compare(name + " in transformers", got, out["pixel_values"], 1e-6)


def check_places(tmp, kind):
    """place_pixels against Pillow's crop, then resize, and torch's; edges round(place * pixels / tokens), halves up."""
    nearest = lambda x: int(np.floor(np.float64(x) + 0.5))
    for patch, temporal, merge, rows, cols, h, w in ((16, 2, 2, 6, 9, 192, 288), (16, 2, 2, 5, 7, 333, 419), (14, 1, 2, 4, 4, 61, 75), (4, 3, 3, 8, 5, 301, 97), (2, 2, 2, 9, 9, 7, 13)):
        side, means, stds = patch * merge, [0.48 + 0.01 * k for k in range(3)], [0.27 + 0.01 * k for k in range(3)]
        Image.fromarray(smooth(h, w, 3)).save(tmp / "q.png")
        image = Image.open(tmp / "q.png").convert("RGB")
        chosen = {(0.0, 0.0, 1.0, 1.0), (0.0, 0.0, float(rows), float(cols)), (1.0, 1.0, 2.0, 2.0), (0.5, 0.25, 0.5, 0.75)}
        while len(chosen) < 24:
            size = [float(np.float32(rng.uniform(0.2, n))) for n in (rows, cols)]
            at = [float(np.float32(rng.uniform(0, n - s) * 0.999)) for n, s in zip((rows, cols), size)]
            chosen.add((*at, *size))
        one = np.float32(1)
        listed = sorted(np.array(sorted(chosen), np.float32), key=lambda p: (p[0] + (p[2] - one) / 2, p[1] + (p[3] - one) / 2, p[2] * p[3]))
        np.save(tmp / "places.npy", np.array(listed))
        for library in ("pillow", "torchvision"):
            name = f"places of {library}, patch {patch} {temporal} {merge}, {rows}x{cols} tokens of {h}x{w}"
            r = run("places", patch, temporal, merge, 0.48, 0.27, rows, cols, kind if library == "pillow" else library, tmp / "places.npy", tmp / "q.png", tmp / "q.npy")
            if r.returncode:
                verdict(name, False, r.stderr)
                continue
            got, want, exact = np.load(tmp / "q.npy"), [], []
            for p in np.array(listed, np.float64):
                top, bottom = (min(nearest(p[0] * h / rows), h - 1), nearest((p[0] + p[2]) * h / rows))
                left, right = (min(nearest(p[1] * w / cols), w - 1), nearest((p[1] + p[3]) * w / cols))
                region = image.crop((left, top, max(right, left + 1), max(bottom, top + 1)))
                if library == "pillow":
                    token = np.asarray(region.resize((side, side), Image.BICUBIC))
                else:
                    t = torch.from_numpy(np.array(region)).permute(2, 0, 1)[None]
                    token = (t if region.size == (side, side) else torch.nn.functional.interpolate(t, size=(side, side), mode="bicubic", antialias=True))[0].permute(1, 2, 0).numpy()
                # As check_patches: in float32 to the bit, and transformers' own rows of the same token.
                x = (torch.from_numpy(token.astype(np.float32)).permute(2, 0, 1) - (torch.tensor(means) * (1.0 / (1 / 255)))[:, None, None]) / (torch.tensor(stds) * (1.0 / (1 / 255)))[:, None, None]
                exact.append(x[None].repeat(temporal, 1, 1, 1).view(temporal, 3, merge, patch, merge, patch).permute(2, 4, 1, 0, 3, 5).reshape(merge * merge, -1).numpy())
                if merge == 2:
                    processor = Qwen2VLImageProcessorPil(patch_size=patch, temporal_patch_size=temporal, merge_size=merge, image_mean=means, image_std=stds, do_resize=False)
                    want.append(processor(images=[Image.fromarray(token)], return_tensors="np")["pixel_values"])
            compare(name, got, np.concatenate(exact))
            if want:
                compare(name + " in transformers", got, np.concatenate(want), 2e-6)


GOLDENS = """rgb.png rgba.png la.png palette2_alphas.png palette4_trns.png grey_key.png grey2_key170.png grey16.png rgba16.png interlaced_rgba.png
q75_2.jpg progressive.jpg grey.jpg cmyk.jpg ycck.jpg lossy.webp alpha_lossy.webp alpha.webp animated.webp""".split() + picture_kinds.GOLDENS


def write_goldens(to):
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        make_pictures(tmp, 9, 13)
        for name in GOLDENS:
            (to / name).write_bytes((tmp / name).read_bytes())
            np.save(to / (name + ".white.npy"), convert_to_rgb(Image.open(tmp / name), return_numpy=True))
            np.save(to / (name + ".drop.npy"), np.asarray(Image.open(tmp / name).convert("RGB")))
    source = np.asarray(Image.open(to / "rgba16.png").convert("RGB"))
    exif = Image.Exif()
    for orientation in range(2, 9):
        exif[0x0112] = orientation
        Image.fromarray(source).save(to / f"turned{orientation}.png", exif=exif)
        np.save(to / f"turned{orientation}.png.exif.npy", np.asarray(ImageOps.exif_transpose(Image.open(to / f"turned{orientation}.png"))))
    source = noise(23, 31, 3)
    Image.fromarray(source).save(to / "noise.png")
    for h, w in ((9, 12), (40, 64), (22, 33), (23, 90)):
        t = torch.nn.functional.interpolate(torch.from_numpy(source).permute(2, 0, 1)[None], size=(h, w), mode="bicubic", antialias=True)
        np.save(to / f"noise.torchvision.{h}x{w}.npy", t[0].permute(1, 2, 0).contiguous().numpy())
        np.save(to / f"noise.pillow13.{h}x{w}.npy", np.asarray(Image.fromarray(source).resize((w, h), Image.BICUBIC)))
        np.save(to / f"noise.pillow.{h}x{w}.npy", np.asarray(Image.fromarray(source).resize((w, 23), Image.BICUBIC).resize((w, h), Image.BICUBIC)))


if program == "--goldens":
    write_goldens(pathlib.Path(sys.argv[2]))
    sys.exit(0)
with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    make_pictures(folder)
    check_decoding(folder)
    check_exif_places(folder)
    check_clipped_grey(folder)
    check_broken(folder, [folder / n for n in ("rgb.png", "palette4_alphas.png", "interlaced.png", "q75_2.jpg", "progressive.jpg", "cmyk.jpg", "lossy.webp", "lossless.webp", "alpha_lossy.webp", "animated.webp", "rgb.bmp", "palette.bmp", "rle8.bmp", "few.gif", "rgb.gif", "rgb_None.tif", "rgb_tiff_lzw.tif", "rgb.avif") if (folder / n).exists()])
    kind = "pillow13" if int(PIL.__version__.split(".")[0]) >= 13 else "pillow"
    for (h0, w0), (h1, w1) in [((random.randint(1, 90), random.randint(1, 90)), (random.randint(1, 90), random.randint(1, 90))) for _ in range(60)] + [((161, 246), (160, 256)), ((312, 144), (150, 67)), ((1, 300), (32, 32)), ((700, 2), (3, 90))]:
        picture = noise(h0, w0, 3)
        Image.fromarray(picture).save(folder / "r.png")
        check_resize(f"{h0}x{w0}", folder / "r.png", picture, h1, w1, kind)
    check_sizes()
    check_patches(folder)
    check_places(folder, kind)
    for path in sorted(data.iterdir()) if data else []:
        with Image.open(path) as image:
            want = convert_to_rgb(image, return_numpy=True)
        compare(path.name, ours(path, "white"), want, 1 if path.suffix == ".jpg" else 0)
        for most in (16777216, 512 * 512):
            check_resize(path.name, path, ours(path, "white"), *smart_resize(*want.shape[:2], factor=32, min_pixels=65536, max_pixels=most), kind)

for p in problems[:60]:
    print(p)
if absent:
    print(f"not built in: {' '.join(sorted(absent))}")
print(f"{done - len(problems)} of {done} pictures, sizes and refusals equal (Pillow {PIL.__version__}, torch {torch.__version__}, transformers {transformers.__version__})")
sys.exit(1 if problems else 0)
