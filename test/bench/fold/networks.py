"""Networks for the fold comparison that torchvision does not have: plain PyTorch, untrained.

UNet: encoder and decoder joined by grouped ConvTranspose. PreActivation: BatchNorm before the layer it could fold into.
Encoder: a transformer encoder of BERT's width, LayerNorm after each sublayer (as BERT) or before it (as ViT and GPT).
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F


class UNet(nn.Module):
    """Two levels; upsampling is a ConvTranspose in groups, followed by BatchNorm."""

    def __init__(self, width: int = 32, groups: int = 4) -> None:
        super().__init__()
        self.down1, self.down2, self.bottom = block(3, width), block(width, 2 * width), block(2 * width, 4 * width)
        self.up2, self.up1 = up(4 * width, 2 * width, groups), up(2 * width, width, groups)
        self.join2, self.join1 = block(4 * width, 2 * width), block(2 * width, width)
        self.head = nn.Conv2d(width, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.down1(x)
        second = self.down2(F.max_pool2d(first, 2))
        bottom = self.bottom(F.max_pool2d(second, 2))
        second = self.join2(torch.cat([second, self.up2(bottom)], 1))
        return self.head(self.join1(torch.cat([first, self.up1(second)], 1)))


def block(inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers += [nn.Conv2d(channels, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers)


def up(inputs: int, outputs: int, groups: int) -> nn.Sequential:
    upsample = nn.ConvTranspose2d(inputs, outputs, 2, stride=2, groups=groups)
    return nn.Sequential(upsample, nn.BatchNorm2d(outputs), nn.ReLU())


class PreActivation(nn.Module):
    """BatchNorm → Conv with and without padding, BatchNorm → BatchNorm → Conv, BatchNorm → Linear."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm2d(3),
            nn.Conv2d(3, width, 3),
            nn.ReLU(),
            nn.BatchNorm2d(width),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.BatchNorm2d(width),
            nn.BatchNorm2d(width),
            nn.Conv2d(width, width, 1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.BatchNorm1d(width),
            nn.Linear(width, 10),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


class Encoder(nn.Module):
    """Input: embeddings [N, tokens, width]."""

    def __init__(self, norm_first: bool, depth: int = 2, width: int = 768, heads: int = 12) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(EncoderLayer(norm_first, width, heads) for _ in range(depth)))
        self.last = nn.LayerNorm(width) if norm_first else nn.Identity()
        self.head = nn.Linear(width, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.last(self.layers(x)))


class EncoderLayer(nn.Module):
    def __init__(self, norm_first: bool, width: int, heads: int) -> None:
        super().__init__()
        self.norm_first, self.heads = norm_first, heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.norm_first:
            x = x + self.attention(self.norm1(x))
            return x + self.feed_forward(self.norm2(x))
        x = self.norm1(x + self.attention(x))
        return self.norm2(x + self.feed_forward(x))

    def attention(self, x: torch.Tensor) -> torch.Tensor:
        split = lambda y: y.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # noqa: E731
        query, key, value = split(self.query(x)), split(self.key(x)), split(self.value(x))
        weights = torch.softmax(query @ key.transpose(2, 3) / math.sqrt(query.shape[-1]), -1)
        return self.out((weights @ value).transpose(1, 2).flatten(2))

    def feed_forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.narrow(F.gelu(self.wide(x)))
