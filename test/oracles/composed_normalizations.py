"""Normalizations as PyTorch's exporters write them, some as several nodes.

    python test/oracles/composed_normalizations.py

makes test/fixtures/onnx/normalizations-{legacy13,legacy17,dynamo18}.onnx: a convolution, group and
instance normalization, and layer normalizations of what is then a sequence, one of them without weights.
"""

import pathlib
import tempfile

import onnx
import torch
from torch import nn

FIXTURES = pathlib.Path(__file__).parent.parent / "fixtures" / "onnx"


class Normalizations(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.group = nn.GroupNorm(4, 8, eps=1e-3)
        self.instance = nn.InstanceNorm2d(8, affine=True)
        self.plain_group = nn.GroupNorm(2, 8, affine=False)
        self.layer = nn.LayerNorm(8)
        self.wide = nn.Linear(8, 6)
        self.plain = nn.LayerNorm(6, elementwise_affine=False)
        self.classes = nn.Linear(6, 4)
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.5)

    def forward(self, x):
        x = self.plain_group(self.instance(torch.relu(self.group(self.conv(x)))))
        x = self.layer(x.flatten(2).transpose(1, 2))
        x = self.plain(nn.functional.gelu(self.wide(x), approximate="tanh"))
        return self.classes(x.mean(1))


torch.manual_seed(4)
model = Normalizations().eval()
image = torch.randn(2, 3, 6, 5)
for kind, opset in (("legacy", 13), ("legacy", 17), ("dynamo", 18)):
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "model.onnx"
        names = {"input_names": ["image"], "output_names": ["scores"], "opset_version": opset}
        if kind == "legacy":
            torch.onnx.export(model, (image,), file, dynamo=False, dynamic_axes={"image": {0: "batch"}}, **names)
        else:
            shapes = ({0: torch.export.Dim("batch")},)
            torch.onnx.export(model, (image,), file, dynamo=True, external_data=False, dynamic_shapes=shapes, **names)
        exported = onnx.load(file)
    for node in exported.graph.node:
        # Where in the program a node came from, which is most of the file.
        del node.metadata_props[:]
        node.doc_string = ""
    print(kind, opset, *(node.op_type for node in exported.graph.node))
    onnx.save(exported, FIXTURES / f"normalizations-{kind}{opset}.onnx")
