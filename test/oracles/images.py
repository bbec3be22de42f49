"""Images of every kind with the numbers that Pillow and PyTorch make of them: images.json.gz.

Pillow decodes; PyTorch resizes in float64 with interpolate(mode="bilinear", antialias=True). Grey is Rec. 601,
alpha is left out. Run: python images.py
"""

import base64
import gzip
import io
import json
import pathlib

import numpy as np
import torch
from PIL import Image

rng = np.random.default_rng(6)


def smooth(height, width, channels):
    """Waves, which JPEG keeps, with a little noise."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [128 + 90 * np.sin(x / (3 + c) + y / (5 - c)) + rng.normal(0, 4, x.shape) for c in range(channels)]
    return np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)


def encoded(image, **options):
    stream = io.BytesIO()
    image.save(stream, **options)
    return stream.getvalue()


rgb = smooth(13, 17, 3)
grey = smooth(13, 17, 1)[..., 0]
deep = (grey.astype(np.uint16) * 257 + rng.integers(0, 200, grey.shape)).clip(0, 65535).astype(np.uint16)
alpha = np.concatenate([rgb, smooth(13, 17, 1)], -1)
palette = Image.fromarray(rgb).convert("P", palette=Image.Palette.ADAPTIVE, colors=11)
files = {
    "grey.png": (encoded(Image.fromarray(grey), format="PNG"), grey[..., None] / 255),
    "rgb.png": (encoded(Image.fromarray(rgb), format="PNG"), rgb / 255),
    "alpha.png": (encoded(Image.fromarray(alpha, "RGBA"), format="PNG"), rgb / 255),
    "deep.png": (encoded(Image.fromarray(deep), format="PNG"), deep[..., None] / 65535),
    "palette.png": (encoded(palette, format="PNG"), np.asarray(palette.convert("RGB")) / 255),
    "bits.png": (encoded(Image.fromarray(grey > 128), format="PNG"), (grey > 128)[..., None] * 1.0),
}
for name, source, options in [
    ("rgb.jpg", Image.fromarray(rgb), {"quality": 92}),
    ("progressive.jpg", Image.fromarray(rgb), {"quality": 92, "progressive": True, "subsampling": 0}),
    ("grey.jpg", Image.fromarray(grey), {"quality": 92}),
]:
    data = encoded(source, format="JPEG", **options)
    read = np.asarray(Image.open(io.BytesIO(data)))
    files[name] = (data, read.reshape(13, 17, -1) / 255)

cases = []
for name, (data, values) in files.items():
    colours = np.repeat(values, 3, -1) if values.shape[-1] == 1 else values
    weights = np.array([0.299, 0.587, 0.114])
    single = values if values.shape[-1] == 1 else (values @ weights)[..., None]
    for height, width, planes in [(13, 17, colours), (5, 7, colours), (20, 8, single)]:
        tensor = torch.from_numpy(np.moveaxis(planes, -1, 0)[None].copy())
        resized = torch.nn.functional.interpolate(
            tensor, (height, width), mode="bilinear", antialias=True, align_corners=False
        )[0]
        cases.append(
            {
                "file": name,
                "shape": list(resized.shape),
                "values": [round(float(value), 6) for value in resized.flatten()],
            }
        )
document = {
    "files": {name: base64.b64encode(data).decode() for name, (data, _) in files.items()},
    "cases": cases,
}
target = pathlib.Path(__file__).with_name("images.json.gz")
target.write_bytes(gzip.compress(json.dumps(document, separators=(",", ":")).encode(), mtime=0))
print(target, target.stat().st_size)
