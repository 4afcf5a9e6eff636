#!/usr/bin/env python3
"""Pages with print, drawn for tuning: every class by seed, with Pillow and Debian's fonts (fonts-dejavu-core, fonts-liberation).

  document_pages.py OUT [--seed 5970000] [--each 3]      writes CLASS_SEED.png and a contact sheet

Seeds from 5,970,000 are for tuning, from 6,970,000 for measuring.
"""
import pathlib
import random
import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

FONTS = "/usr/share/fonts/truetype/"
FACES = [FONTS + f for f in ("dejavu/DejaVuSans.ttf", "dejavu/DejaVuSerif.ttf", "dejavu/DejaVuSansMono.ttf", "dejavu/DejaVuSans-Bold.ttf", "liberation/LiberationSans-Regular.ttf",
                             "liberation/LiberationSerif-Regular.ttf", "liberation/LiberationSerif-Italic.ttf", "liberation/LiberationMono-Regular.ttf",
                             "liberation/LiberationSans-Bold.ttf")]
WORDS = ("market water office paper number letter winter garden system family window signal report change record answer travel bridge station morning evening "
         "contract payment service delivery account minutes council machine history public winter branch colour animal object summer island energy moment reason "
         "because through between after before under about other first second order total price small large quiet bright level field study house river north south").split()


def words(rng, n):
    return " ".join(rng.choice(WORDS) if rng.random() < 0.9 else str(rng.randrange(10, 9999)) for _ in range(n))


def column(draw, rng, font, ink, x0, y0, x1, y1, spacing=1.4):
    """Lines of text from wall to wall of a box."""
    size, y = font.size, y0
    while y + size < y1:
        line = rng.choice(WORDS)
        while True:
            more = line + " " + words(rng, 1)
            if draw.textlength(more, font) > x1 - x0:
                break
            line = more
        if rng.random() < 0.12:
            line = line[: len(line) // 2].rsplit(" ", 1)[0]
        draw.text((x0, y), line, ink, font)
        y += int(size * spacing * (1.6 if rng.random() < 0.08 else 1))


def blank(size, ground):
    page = Image.new("RGB", size, ground)
    return page, ImageDraw.Draw(page)


def font(rng, low, high):
    return ImageFont.truetype(rng.choice(FACES), rng.randrange(low, high))


def letter(rng):
    page, d = blank((832, 1088), (255, 255, 255))
    d.text((90, 70), words(rng, 3).title(), (0, 0, 0), font(rng, 30, 44))
    column(d, rng, font(rng, 17, 27), (20, 20, 20), 90, 180, 760, rng.randrange(600, 1020))
    return page


def columns(rng):
    page, d = blank((960, 1120), (250, 248, 240))
    f = font(rng, 16, 21)
    d.text((60, 40), words(rng, 4).title(), (0, 0, 0), font(rng, 32, 40))
    column(d, rng, f, (30, 30, 30), 60, 130, 460, 1060)
    column(d, rng, f, (30, 30, 30), 510, 130, 910, rng.randrange(500, 800))
    return page


def table(rng):
    page, d = blank((1024, 768), (255, 255, 255))
    f, rows, cols = font(rng, 17, 24), rng.randrange(6, 12), rng.randrange(3, 6)
    top, left, tall, wide = 120, 60, 54, 900 // cols
    d.text((60, 50), words(rng, 3).title(), (0, 0, 0), font(rng, 28, 34))
    for r in range(rows + 1):
        d.line((left, top + r * tall, left + cols * wide, top + r * tall), (60, 60, 60), rng.choice((1, 2)))
        for c in range(cols if r < rows else 0):
            d.text((left + c * wide + 12, top + r * tall + 14), words(rng, 1) if c == 0 else f"{rng.randrange(1, 9999)}.{rng.randrange(10, 99)}", (10, 10, 10), f)
    for c in range(cols + 1):
        d.line((left + c * wide, top, left + c * wide, top + rows * tall), (60, 60, 60), 2)
    return page


def strip(rng, wide=420, tall=900):
    """A receipt on thermal paper."""
    page, d = blank((wide, tall), (244, 242, 238))
    f = ImageFont.truetype(rng.choice(FACES[:5]), rng.randrange(19, 24))
    d.text((60, 30), words(rng, 2).upper(), (30, 30, 30), f)
    y = 110
    while y < tall - 160:
        d.text((24, y), words(rng, 2 if f.size < 21 else 1), (50, 50, 50), f)
        price = f"{rng.randrange(1, 99)}.{rng.randrange(10, 99)}"
        d.text((wide - 24 - d.textlength(price, f), y), price, (50, 50, 50), f)
        y += int(f.size * 1.7)
    d.line((20, y, wide - 20, y), (60, 60, 60), 2)
    d.text((24, y + 20), "TOTAL", (30, 30, 30), f)
    d.text((wide - 110, y + 20), f"{rng.randrange(10, 400)}.{rng.randrange(10, 99)}", (30, 30, 30), f)
    return page


def receipt(rng):
    page, _ = blank((640, 1024), (255, 255, 255))
    page.paste(strip(rng), (110, 60))
    return page


def screen(rng):
    page, d = blank((704, 1216), (24, 26, 32))
    d.rectangle((0, 0, 704, 90), (40, 70, 130))
    d.text((40, 28), words(rng, 2).title(), (245, 245, 250), font(rng, 28, 34))
    y = 130
    for _ in range(rng.randrange(4, 8)):
        d.rounded_rectangle((30, y, 674, y + 130), 16, (48, 52, 62))
        d.ellipse((50, y + 30, 120, y + 100), tuple(rng.randrange(60, 220) for _ in range(3)))
        d.text((150, y + 24), words(rng, 2).title(), (235, 235, 240), font(rng, 22, 26))
        d.text((150, y + 72), words(rng, 4), (160, 165, 178), font(rng, 17, 21))
        y += 150
    return page


def slide(rng):
    page, d = blank((1152, 672), tuple(rng.randrange(20, 90) for _ in range(3)))
    d.rectangle((0, 0, 28, 672), (230, 160, 40))
    d.text((80, 50), words(rng, 4).title(), (255, 255, 255), font(rng, 44, 54))
    for i in range(rng.randrange(3, 6)):
        d.ellipse((84, 190 + 86 * i, 98, 204 + 86 * i), (230, 160, 40))
        d.text((120, 180 + 86 * i), words(rng, rng.randrange(3, 6)), (225, 228, 232), font(rng, 26, 33))
    return page


def chart(rng):
    page, d = blank((768, 576), (255, 255, 255))
    f = font(rng, 17, 22)
    d.text((60, 14), words(rng, 4).title(), (0, 0, 0), font(rng, 24, 28))
    for i in range(6):
        y = 80 + 70 * i
        d.line((100, y, 700, y), (210, 210, 210), 1)
        d.text((30, y - 10), str(500 - 90 * i), (60, 60, 60), f)
    for k in range(3):
        colour = ((200, 40, 40), (40, 90, 200), (40, 150, 60))[k]
        points = [(100 + 60 * i, 100 + 320 * rng.random()) for i in range(11)]
        d.line(points, colour, 3)
        for x, y in points:
            d.ellipse((x - 4, y - 4, x + 4, y + 4), colour)
        d.text((110 + 200 * k, 530), words(rng, 1).title(), colour, f)
    for i in range(5):
        d.text((90 + 140 * i, 460), str(1990 + 5 * i), (60, 60, 60), f)
    return page


def surface(rng, size):
    """What a paper lies on: boards with grain, or cloth."""
    w, h = size
    noise = np.random.default_rng(rng.randrange(1 << 30))
    y, x = np.mgrid[:h, :w].astype(np.float32)
    coarse = np.asarray(Image.fromarray(noise.normal(128, 40, (h // 40 + 2, w // 9 + 2)).clip(0, 255).astype(np.uint8)).resize((w, h), Image.BICUBIC), np.float32) - 128
    fine = np.asarray(Image.fromarray(noise.normal(128, 40, (h // 2, w // 2)).clip(0, 255).astype(np.uint8)).resize((w, h), Image.BICUBIC), np.float32) - 128
    base = np.array([rng.randrange(70, 150), rng.randrange(60, 110), rng.randrange(40, 90)], np.float32)
    boards = 18 * np.sign(np.sin(x / rng.uniform(30, 60)))
    out = base + (0.35 * coarse + rng.uniform(0.1, 0.35) * fine + boards * (rng.random() < 0.5))[..., None]
    return Image.fromarray(out.clip(0, 255).astype(np.uint8))


def photographed(rng, paper, size, blur):
    """The paper on a surface: perspective, a shadow, a lamp's falloff, blur, grain, JPEG."""
    w, h = size
    pw, ph = paper.size
    s = min(0.8 * w / pw, 0.88 * h / ph)
    jitter = lambda: rng.uniform(-0.03, 0.03)
    corners = [((w - s * pw) / 2 + s * pw * (i + jitter()), (h - s * ph) / 2 + s * ph * (j + jitter())) for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))]
    rows, right = [], []
    for (x, y), (u, v) in zip(corners, ((0, 0), (pw, 0), (pw, ph), (0, ph))):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    solved = np.linalg.solve(np.array(rows), np.array(right))
    moved = paper.transform(size, Image.PERSPECTIVE, solved, Image.BICUBIC)
    mask = Image.new("L", paper.size, 255).transform(size, Image.PERSPECTIVE, solved, Image.BICUBIC)
    ground = surface(rng, size)
    shadow = Image.new("L", size, 0)
    shadow.paste(mask, (10, 14))
    ground = Image.composite(Image.new("RGB", size, (15, 12, 10)), ground, shadow.filter(ImageFilter.GaussianBlur(12)).point(lambda v: v * 2 // 3))
    page = np.asarray(Image.composite(moved, ground, mask).filter(ImageFilter.GaussianBlur(blur)), np.float32)
    y, x = np.mgrid[:h, :w].astype(np.float32)
    light = 1.05 - rng.uniform(0.2, 0.5) * np.hypot((x / w - rng.random()), (y / h - rng.random()))
    noise = np.random.default_rng(rng.randrange(1 << 30)).normal(0, rng.uniform(2, 7), (h, w, 1))
    return Image.fromarray((page * light[..., None] + noise).clip(0, 255).astype(np.uint8))


def photo_receipt(rng):
    return photographed(rng, strip(rng, 560, 1000), (896, 1216), rng.uniform(0.4, 0.9))


def photo_page(rng):
    return photographed(rng, letter(rng), (1120, 1344), rng.uniform(0.4, 0.8))


def sign(rng):
    """A sign in front of busy surfaces."""
    board, d = blank((520, 260), tuple(rng.randrange(10, 110) for _ in range(3)))
    for i in range(3):
        d.text((40, 30 + 74 * i), words(rng, 2).title(), (240, 240, 235), font(rng, 34, 44))
    page = surface(rng, (1024, 768))
    d = ImageDraw.Draw(page)
    for _ in range(60):
        x, y, r = rng.randrange(1024), rng.randrange(768), rng.randrange(8, 60)
        colour = tuple(rng.randrange(256) for _ in range(3))
        (d.ellipse if rng.random() < 0.5 else d.rectangle)((x, y, x + r, y + rng.randrange(4, 80)), colour)
    page.paste(board, (rng.randrange(20, 480), rng.randrange(20, 480)))
    noise = np.random.default_rng(rng.randrange(1 << 30)).normal(0, 5, (768, 1024, 1))
    return Image.fromarray((np.asarray(page.filter(ImageFilter.GaussianBlur(0.6)), np.float32) + noise).clip(0, 255).astype(np.uint8))


CLASSES = {f.__name__: f for f in (letter, columns, table, receipt, screen, slide, chart, photo_receipt, photo_page, sign)}


def pages(seed, each):
    """(class, name, picture), class by class."""
    for kind, draw in CLASSES.items():
        for i in range(each):
            yield kind, f"{kind}_{seed + i}", draw(random.Random(f"{kind} {seed + i}"))


def main():
    out = pathlib.Path(sys.argv[1])
    seed = int(sys.argv[sys.argv.index("--seed") + 1]) if "--seed" in sys.argv else 5970000
    each = int(sys.argv[sys.argv.index("--each") + 1]) if "--each" in sys.argv else 3
    out.mkdir(parents=True, exist_ok=True)
    sheet = Image.new("RGB", (5 * 240, 2 * 300), (255, 255, 255))
    for i, (kind, name, page) in enumerate(pages(seed, each)):
        page.save(out / f"{name}.png")
        if i % each == 0:
            small = page.copy()
            small.thumbnail((232, 292))
            sheet.paste(small, (i // each % 5 * 240, i // each // 5 * 300))
    sheet.save(out / "sheet.png")


if __name__ == "__main__":
    main()
