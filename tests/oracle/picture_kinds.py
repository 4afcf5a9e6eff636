"""Pictures in the containers that need a library each (GIF, TIFF, AVIF, HEIC) and in BMP, for images.py: every kind that Pillow reads and
arrcoc does. make(folder, rng) writes them; TOLERANCE tells by suffix how far a decoder may be from Pillow's."""
import struct

import numpy as np
from PIL import Image, TiffImagePlugin, features

# AVIF: libheif and libavif go from YUV to RGB with different roundings.
TOLERANCE = {".jpg": 1, ".avif": 3, ".heic": 3}

GOLDENS = "palette.bmp rle8.bmp fields_565.bmp fields_bgra124.bmp key.gif animated.gif made_interlaced.gif made_inside_key.gif rgb_tiff_lzw.tif raw_rgba16_be.tif turned6.tif raw_tiles.tif rgb.avif".split()


def bmp(bits, width, height, rows, header=40, compression=0, palette=b"", masks=b"", colours=0, gap=0):
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, compression, len(rows), 0, 0, colours, 0)
        if header > 40:
            info += masks.ljust(header - 40, b"\0")
            masks = b""
    at = 14 + len(info) + len(masks) + len(palette) + gap
    return b"BM" + struct.pack("<IHHI", at + len(rows), 0, 0, at) + info + masks + palette + bytes(gap) + rows


def padded(rows, row_bytes):
    return b"".join(bytes(r).ljust((row_bytes + 3) // 4 * 4, b"\0") for r in rows)


def gif(width, height, frames, palette=None, colours=4):
    """frames: (left, top, width, height, local palette, transparent, interlaced, indices [h, w]); codes are never compressed."""
    out = b"GIF89a" + struct.pack("<HHBBB", width, height, (0x80 | 1) if palette else 0, 1, 0) + (palette or b"")
    for left, top, w, h, local, transparent, interlaced, indices in frames:
        out += b"!\xf9\x04" + struct.pack("<BHB", 1 if transparent is not None else 0, 0, transparent or 0) + b"\0"
        out += b"!\xfe\x03abc\0" + b"," + struct.pack("<HHHHB", left, top, w, h, (0x81 if local else 0) | (0x40 if interlaced else 0)) + (local or b"")
        order = range(h)
        if interlaced:
            order = [y for first, step in ((0, 8), (4, 8), (2, 4), (1, 2)) for y in range(first, h, step)]
        codes, bits, n = [4], 0, 0  # 3-bit codes, cleared before the table would make them longer
        for i, v in enumerate(np.asarray([indices[y] for y in order]).ravel()):
            if i and i % 2 == 0:
                codes.append(4)
            codes.append(int(v))
        for c in [*codes, 5]:
            bits |= c << n
            n += 3
        data = bits.to_bytes((n + 7) // 8, "little")
        out += b"\x02" + b"".join(bytes([len(data[i:i + 255])]) + data[i:i + 255] for i in range(0, len(data), 255)) + b"\0"
    return out + b";"


def make_bmp(tmp, rgb, rgba, rng):
    write = lambda name, content: (tmp / name).write_bytes(content)
    save = lambda name, image, **options: image.save(tmp / name, **options)
    grey = rgb.convert("L")
    for name, image in (("rgb", rgb), ("grey", grey), ("one", grey.convert("1")), ("palette", rgb.quantize(200)), ("palette5", rgb.quantize(5)), ("rgba", rgba)):
        save(f"{name}.bmp", image)
    noise = lambda *shape: rng.integers(0, 256, shape, dtype=np.uint8)
    four = noise(16, 4).tobytes()
    write("four.bmp", bmp(4, 13, 5, padded(noise(5, 7), 7), palette=four))
    write("four_short.bmp", bmp(4, 13, 5, padded(noise(5, 7), 7), palette=four[:24], colours=6))
    write("one_colours.bmp", bmp(1, 13, 5, padded(noise(5, 2), 2), palette=four[:8]))
    write("old.bmp", bmp(8, 13, 5, padded(noise(5, 13), 13), header=12, palette=noise(256, 3).tobytes()))
    write("old_rgb.bmp", bmp(24, 13, 5, padded(noise(5, 39), 39), header=12))
    write("top_down.bmp", bmp(24, 13, -5, padded(noise(5, 39), 39)))
    write("gap.bmp", bmp(24, 13, 5, padded(noise(5, 39), 39), gap=10))
    write("sixteen.bmp", bmp(16, 13, 5, padded(noise(5, 26), 26)))
    for name, bits, masks in (("565", 16, (0xF800, 0x7E0, 0x1F)), ("555", 16, (0x7C00, 0x3E0, 0x1F)), ("bgrx", 32, (0xFF0000, 0xFF00, 0xFF)), ("xbgr", 32, (0xFF000000, 0xFF0000, 0xFF00))):
        write(f"fields_{name}.bmp", bmp(bits, 13, 5, padded(noise(5, 13 * bits // 8), 13 * bits // 8), compression=3, masks=struct.pack("<III", *masks)))
    for name, masks in (("bgra", (0xFF0000, 0xFF00, 0xFF, 0xFF000000)), ("rgba", (0xFF, 0xFF00, 0xFF0000, 0xFF000000)), ("abgr", (0xFF000000, 0xFF0000, 0xFF00, 0xFF)), ("none", (0, 0, 0, 0))):
        for header in (56, 108, 124):
            write(f"fields_{name}{header}.bmp", bmp(32, 13, 5, noise(5, 52).tobytes(), header=header, compression=3, masks=struct.pack("<IIII", *masks)))
    write("raw32.bmp", bmp(32, 13, 5, noise(5, 52).tobytes()))
    write("beyond.bmp", bmp(8, 13, 5, padded(noise(5, 13), 13), palette=four[:24], colours=6))
    runs = bytes([5, 7, 8, 9, 0, 0]) + bytes([0, 3, 1, 2, 3, 0, 0, 0]) + bytes([2, 4, 0, 2, 3, 1]) + bytes([20, 6, 0, 0, 4, 5, 0, 0, 13, 8])
    write("rle8.bmp", bmp(8, 13, 5, runs, compression=1, palette=noise(256, 4).tobytes()))
    write("rle4.bmp", bmp(4, 13, 5, runs, compression=2, palette=four))
    write("rle8_end.bmp", bmp(8, 13, 5, runs[:6] + b"\0\1", compression=1, palette=noise(256, 4).tobytes()))


def make_gif(tmp, rgb, rgba, rng):
    rgb.save(tmp / "rgb.gif")
    rgb.convert("L").save(tmp / "grey.gif")
    rgb.quantize(5).save(tmp / "few.gif", interlace=0)
    rgb.quantize(32).save(tmp / "key.gif", transparency=3)
    rgba.save(tmp / "rgba.gif")
    rgb.save(tmp / "animated.gif", save_all=True, append_images=[rgb.rotate(180)], duration=50)
    rgba.save(tmp / "animated_rgba.gif", save_all=True, append_images=[rgba.rotate(180)], disposal=2)
    palette, local = rng.integers(0, 256, 12, dtype=np.uint8).tobytes(), rng.integers(0, 256, 12, dtype=np.uint8).tobytes()
    ix = lambda h, w: rng.integers(0, 4, (h, w))
    for name, frames, table in (
            ("plain", [(0, 0, 11, 9, None, None, False, ix(9, 11))], palette), ("interlaced", [(0, 0, 11, 19, None, None, True, ix(19, 11))], palette),
            ("inside", [(3, 2, 5, 4, None, None, False, ix(4, 5))], palette), ("inside_key", [(3, 2, 5, 4, None, 2, False, ix(4, 5))], palette),
            ("outside", [(8, 7, 5, 40, None, None, False, ix(40, 5))], palette), ("local", [(0, 0, 11, 9, local, 1, False, ix(9, 11))], palette),
            ("no_palette", [(1, 1, 5, 4, None, None, False, ix(4, 5))], None), ("no_palette_key", [(1, 1, 5, 4, None, 3, False, ix(4, 5))], None),
            ("ramp", [(0, 0, 11, 9, None, None, False, ix(9, 11))], bytes([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3])),
            ("two", [(0, 0, 11, 9, None, None, False, ix(9, 11)), (2, 2, 3, 3, local, 0, False, ix(3, 3))], palette)):
        (tmp / f"made_{name}.gif").write_bytes(gif(11, 19 if name == "interlaced" else 9, frames, table))


def make_tiff(tmp, rgb, rgba, rng):
    save = lambda name, image, **options: image.save(tmp / (name + ".tif"), **options)
    grey = rgb.convert("L")
    images = {"rgb": rgb, "rgba": rgba, "grey": grey, "la": rgba.convert("LA"), "one": grey.convert("1"), "palette": rgb.quantize(200), "cmyk": rgba.convert("CMYK"),
              "grey16": Image.fromarray(rng.integers(0, 600, (37, 53)).astype(np.uint16))}
    for name, image in images.items():
        for compression in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits") if features.check("libtiff") else (None,):
            save(f"{name}_{compression}", image, compression=compression)
    if features.check("libtiff"):
        save("fax", grey.convert("1"), compression="group4")
        save("jpeg", rgb, compression="jpeg", quality=90)
        save("jpeg_grey", grey, compression="jpeg", quality=90)
    save("pages", rgb, save_all=True, append_images=[rgb.rotate(180)])
    for orientation in (2, 3, 4, 5, 6, 7, 8):
        ifd = TiffImagePlugin.ImageFileDirectory_v2()
        ifd[274] = orientation
        save(f"turned{orientation}", rgb, tiffinfo=ifd)


def tiff(order, tags, data):
    """tags: id -> (type, values); data lies right behind the directory and its values."""
    sizes = {3: "H", 4: "I"}
    spare, entries, count = b"", b"", len(tags)
    at = 8 + 2 + count * 12 + 4
    body = {t: struct.pack(order + sizes[k] * len(v), *v) for t, (k, v) in tags.items()}
    total = at + sum(len(b) for b in body.values() if len(b) > 4)
    for t in sorted(tags):
        kind, values = tags[t]
        b = body[t]
        if t in (273, 324):
            b = struct.pack(order + "I" * len(values), *(total + v for v in values))
        if len(b) > 4:
            entries += struct.pack(order + "HHII", t, kind, len(values), at + len(spare))
            spare += b
        else:
            entries += struct.pack(order + "HHI", t, kind, len(values)) + b.ljust(4, b"\0")
    return (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, count) + entries + b"\0\0\0\0" + spare + data


def make_raw_tiff(tmp, rng):
    """Depths, byte orders, extra samples, tiles and planes that Pillow does not write."""
    h, w = 5, 16
    for order in "<>":
        for name, photometric, bits, samples, extra in (
                ("grey2", 1, 2, 1, ()), ("grey4", 1, 4, 1, ()), ("white1", 0, 1, 1, ()), ("white8", 0, 8, 1, ()), ("white4", 0, 4, 1, ()), ("rgb16", 2, 16, 3, ()),
                ("rgba16", 2, 16, 4, (2,)), ("rgbx16", 2, 16, 4, (0,)), ("rgbx", 2, 8, 4, (0,)), ("rgba_none", 2, 8, 4, ()), ("rgba_premultiplied", 2, 8, 4, (1,)),
                ("rgbxx", 2, 8, 5, (0, 0)), ("lx", 1, 8, 2, (0,)), ("palette4", 3, 4, 1, ()), ("palette1", 3, 1, 1, ()), ("cmyk16", 5, 16, 4, ()), ("cmykx", 5, 8, 5, (0,)),
                ("grey16", 1, 16, 1, ())):
            values = rng.integers(0, 600 if name == "grey16" else 1 << min(bits, 16), (h, w * samples))
            rows = values.astype(order + "u2").tobytes() if bits == 16 else rng.integers(0, 256, h * w * samples * bits // 8, dtype=np.uint8).tobytes()
            tags = {256: (3, [w]), 257: (3, [h]), 258: (3, [bits] * samples), 259: (3, [1]), 262: (3, [photometric]), 273: (4, [0]), 277: (3, [samples]), 278: (3, [h]), 279: (4, [len(rows)])}
            if extra:
                tags[338] = (3, list(extra))
            if photometric == 3:
                tags[320] = (3, rng.integers(0, 65536, 3 << bits).tolist())
            (tmp / f"raw_{name}_{'le' if order == '<' else 'be'}.tif").write_bytes(tiff(order, tags, rows))
    for name, samples, separate in (("planes", 3, True), ("planes_alpha", 4, True)):
        rows = rng.integers(0, 256, h * w * samples, dtype=np.uint8).tobytes()
        tags = {256: (3, [w]), 257: (3, [h]), 258: (3, [8] * samples), 259: (3, [1]), 262: (3, [2]), 273: (4, [i * h * w for i in range(samples)]), 277: (3, [samples]), 278: (3, [h]),
                279: (4, [h * w] * samples), 284: (3, [2])}
        if samples == 4:
            tags[338] = (3, [2])
        (tmp / f"raw_{name}.tif").write_bytes(tiff("<", tags, rows))
    tiles = rng.integers(0, 256, (6, 16 * 16 * 3), dtype=np.uint8).tobytes()
    tags = {256: (3, [40]), 257: (3, [20]), 258: (3, [8] * 3), 259: (3, [1]), 262: (3, [2]), 277: (3, [3]), 322: (3, [16]), 323: (3, [16]), 324: (4, [i * 768 for i in range(6)]), 325: (4, [768] * 6)}
    (tmp / "raw_tiles.tif").write_bytes(tiff("<", tags, tiles))


def make(tmp, rgb, rgba, rng):
    make_bmp(tmp, rgb, rgba, rng)
    make_gif(tmp, rgb, rgba, rng)
    make_tiff(tmp, rgb, rgba, rng)
    make_raw_tiff(tmp, rng)
    if features.check("avif"):
        whole = {"quality": 90, "subsampling": "4:4:4"}  # how halved chroma is stretched differs: libheif repeats it, libavif interpolates
        rgb.save(tmp / "rgb.avif", **whole)
        rgb.convert("L").convert("RGB").save(tmp / "grey420.avif", quality=90)
        rgb.convert("L").save(tmp / "grey.avif", quality=80)
        rgba.save(tmp / "rgba.avif", **whole)
        rgb.save(tmp / "animated.avif", save_all=True, append_images=[rgb.rotate(180)], **whole)
    try:
        import pillow_heif
    except ImportError:  # rgb.heic among the goldens was made with it
        return
    pillow_heif.register_heif_opener()
    rgb.save(tmp / "rgb.heic", quality=90, chroma=444)
    rgba.save(tmp / "rgba.heic", quality=90, chroma=444)
