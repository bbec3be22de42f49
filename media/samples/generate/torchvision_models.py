"""Imports torchvision's model definitions where its compiled operators do not load (a CPU torch beside it).

Only the Python definitions are needed, so the operators are declared, never defined.
"""

import torch

_library = torch.library.Library("torchvision", "DEF")
for _name in (
    "nms qnms roi_align roi_pool ps_roi_align ps_roi_pool deform_conv2d _roi_align_backward _roi_pool_backward "
    "_ps_roi_align_backward _ps_roi_pool_backward _deform_conv2d_backward interpolate_bilinear2d_aa"
).split():
    _library.define(f"{_name}(Tensor x) -> Tensor")

from torchvision.models import mobilenet_v2, resnet18, resnet50  # noqa: E402, F401
from torchvision.models.resnet import BasicBlock, ResNet  # noqa: E402


class NarrowResNet(ResNet):
    """ResNet with one BasicBlock per stage and an eighth of the usual channels: 8, 16, 32, 64."""

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__(BasicBlock, [1, 1, 1, 1])
        self.fc = torch.nn.Linear(512 // 8, num_classes)

    def _make_layer(self, block, planes, blocks, stride=1, dilate=False):
        return super()._make_layer(block, planes // 8, blocks, stride, dilate)
