#!/usr/bin/env python3
"""Draws examples/receipt.png: a cafe receipt on a page with wide margins.   render_receipt.py OUT.png

Needs Pillow and the DejaVu fonts (Debian: fonts-dejavu-core). Everything on the page is made up.
"""
import sys

from PIL import Image, ImageDraw, ImageFont

W, H = 768, 1024
FONTS = "/usr/share/fonts/truetype/dejavu/"
INK, PALE, PAPER = (34, 32, 30), (120, 116, 110), (252, 250, 245)


def font(name, size):
    return ImageFont.truetype(FONTS + name + ".ttf", size)


page = Image.new("RGB", (W, H), PAPER)
d = ImageDraw.Draw(page)
left, right = 150, 618
y = 70


def centred(text, f, fill=INK):
    global y
    d.text(((left + right - d.textlength(text, f)) / 2, y), text, fill, f)
    y += int(f.size * 1.45)


def row(name, amount, f, fill=INK):
    global y
    d.text((left, y), name, fill, f)
    d.text((right - d.textlength(amount, f), y), amount, fill, f)
    y += int(f.size * 1.6)


d.ellipse((left + 204, y, left + 264, y + 60), outline=(150, 60, 30), width=5)
d.arc((left + 214, y + 10, left + 254, y + 50), 200, 340, fill=(150, 60, 30), width=6)
y += 76
centred("CAFE MERIDIAN", font("DejaVuSans-Bold", 34))
centred("14 Harbour Street", font("DejaVuSans", 19), PALE)
centred("Table 7      3 May 2026      12:41", font("DejaVuSans", 18), PALE)
y += 16
d.line((left, y, right, y), PALE, 2)
y += 20
items = [("2 Flat white", 7.60), ("1 Earl Grey", 3.20), ("1 Tomato soup", 6.50), ("2 Toast with egg", 13.80), ("1 Green salad", 5.90),
         ("1 Mushroom risotto", 12.40), ("1 Lemon cake", 4.40), ("1 Orange juice", 3.90), ("1 Sparkling water", 2.80)]
for name, price in items:
    row(name, f"{price:.2f}", font("DejaVuSansMono", 21))
y += 6
d.line((left, y, right, y), PALE, 2)
y += 18
subtotal = sum(p for _, p in items)
row("Subtotal", f"{subtotal:.2f}", font("DejaVuSans", 21))
row("Service 10 %", f"{subtotal * 0.1:.2f}", font("DejaVuSans", 21))
row("TOTAL EUR", f"{subtotal * 1.1:.2f}", font("DejaVuSans-Bold", 28))
y += 4
row("Paid by card **** 4417", f"{subtotal * 1.1:.2f}", font("DejaVuSans", 17), PALE)
y += 26
centred("Thank you, see you soon!", font("DejaVuSerif", 20), PALE)
x = left + 110
for i, c in enumerate("arrcoc-0417"):
    bits = ord(c) * 37 + i
    for b in range(8):
        width = 2 + (bits >> b & 1) * 2
        if b % 2 == 0:
            d.rectangle((x, y + 8, x + width - 1, y + 56), INK)
        x += width
page.save(sys.argv[1], optimize=True)
