import type { ConvForwardRecipe } from "./conv-recipe.ts";
import { addNode } from "./emit.ts";

/** ONNX's own Conv, with its padding written out. */
export const plainConvolution: ConvForwardRecipe = {
  name: "convolution",
  applies: () => true,
  build: (builder, geometry, { input, weight, bias, output }) => {
    const inputs = bias === "" ? [input, weight] : [input, weight, bias];
    addNode(builder, "Conv", inputs, [output], {
      group: { int: geometry.group },
      kernel_shape: { ints: geometry.kernel },
      strides: { ints: geometry.strides },
      dilations: { ints: geometry.dilations },
      pads: { ints: [...geometry.begin, ...geometry.end] },
    });
  },
};
