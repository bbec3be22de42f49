import type * as core from "@tensorflow/tfjs-core";

type Core = typeof core;
type Image = core.Tensor4D;

interface FilterGradient {
  readonly strides: number | [number, number];
  readonly pad: "same" | "valid" | number;
  readonly dataFormat: "NHWC";
  readonly filterShape: [number, number, number, number];
}

/**
 * TensorFlow.js has no gradient of a convolution's filter in WebAssembly, so it cannot train one there.
 * Composed of what it has: ∂L/∂w is the convolution of x with ∂L/∂y, images and channels changing
 * places, and the strides becoming dilations.
 */
export function addFilterGradient(tf: Core): void {
  tf.registerKernel({
    kernelName: "Conv2DBackpropFilter",
    backendName: "wasm",
    kernelFunc: ({ inputs, attrs }) => {
      const { x, dy } = inputs as unknown as { x: Image; dy: Image };
      return filterGradient(tf, x, dy, attrs as unknown as FilterGradient);
    },
  });
}

function filterGradient(tf: Core, input: Image, output: Image, attributes: FilterGradient) {
  const { strides, pad, filterShape } = attributes;
  const { padInfo } = tf.backend_util.computeConv2DInfo(input.shape, filterShape, strides, 1, pad);
  return tf.tidy(() => {
    const x = asTensor(tf, input);
    const { top, bottom, left, right } = padInfo;
    const rows: [number, number] = [top, bottom];
    const padded = tf.pad4d(x, [[0, 0], rows, [left, right], [0, 0]]);
    const swapped = tf.transpose(padded, [3, 1, 2, 0]);
    const filter = tf.transpose(asTensor(tf, output), [1, 2, 0, 3]);
    const whole = tf.conv2d(swapped, filter, 1, "valid", "NHWC", strides);
    const [height, width, channels, filters] = filterShape;
    const cut = tf.slice(whole, [0, 0, 0, 0], [channels, height, width, filters]);
    return tf.transpose(cut, [1, 2, 0, 3]);
  });
}

/** A kernel gets descriptions of tensors, from which the engine makes tensors again. */
function asTensor(tf: Core, { dataId, shape, dtype }: Image): Image {
  return tf.engine().makeTensorFromTensorInfo({ dataId, shape, dtype }) as Image;
}
