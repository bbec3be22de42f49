import { layers } from "./tfjs-models.ts";

export interface LayerCase {
  readonly name: string;
  /** With one sample's shape behind the batch. */
  readonly input: readonly number[];
  build(): layers.LayersModel;
}

type Layer = layers.layers.Layer;

/** One layer, or a few, behind an input. */
function chain(name: string, shape: readonly number[], make: () => readonly Layer[]): LayerCase {
  return {
    name,
    input: [3, ...shape],
    build: () => {
      const input = inputOf(shape);
      let value = input;
      for (const layer of make()) value = layer.apply(value) as layers.SymbolicTensor;
      return layers.model({ inputs: input, outputs: value });
    },
  };
}

function inputOf(shape: readonly number[]): layers.SymbolicTensor {
  return layers.input({ shape: [...shape] });
}

const { layers: make } = layers;

/** Every layer that is read, alone and in the company that its layout depends on. */
export function layerCases(): LayerCase[] {
  const image = [7, 6, 4];
  const cases: LayerCase[] = [
    chain("Dense", [5], () => [make.dense({ units: 3, activation: "tanh" })]),
    chain("Dense without bias", [5], () => [make.dense({ units: 3, useBias: false })]),
    chain("Dense over the last axis of images", image, () => [make.dense({ units: 3 })]),
    chain("Dense behind a convolution", image, () => [
      make.conv2d({ filters: 5, kernelSize: 3 }),
      make.dense({ units: 3 }),
    ]),
    chain("Conv1D dilated", [9, 4], () => [
      make.conv1d({ filters: 3, kernelSize: 3, padding: "same", dilationRate: 2 }),
    ]),
    chain("Conv1D", [9, 4], () => [make.conv1d({ filters: 3, kernelSize: 3, strides: 2 })]),
    chain("Conv3D", [5, 4, 6, 2], () => [make.conv3d({ filters: 3, kernelSize: [2, 3, 2] })]),
    chain("Flatten behind a convolution", image, () => [
      make.conv2d({ filters: 5, kernelSize: [3, 2] }),
      make.flatten(),
      make.dense({ units: 4 }),
    ]),
    chain("Conv2D dilated", image, () => [
      make.conv2d({ filters: 5, kernelSize: 3, dilationRate: 2, activation: "relu" }),
    ]),
    chain("SeparableConv2D", image, () => [
      make.separableConv2d({ filters: 5, kernelSize: 3, padding: "same" }),
    ]),
    chain("UpSampling2D", image, () => [make.upSampling2d({ size: [2, 3] })]),
    chain("UpSampling2D bilinear", image, () => [
      make.upSampling2d({ size: [2, 3], interpolation: "bilinear" }),
    ]),
    chain("ZeroPadding2D", image, () => [
      make.zeroPadding2d({
        padding: [
          [1, 2],
          [0, 3],
        ],
      }),
    ]),
    chain("Cropping2D", image, () => [
      make.cropping2D({
        cropping: [
          [1, 2],
          [0, 3],
        ],
      }),
    ]),
    chain("Reshape", [12], () => [make.reshape({ targetShape: [3, 4] })]),
    chain("Reshape behind a convolution", image, () => [
      make.conv2d({ filters: 4, kernelSize: 3 }),
      make.reshape({ targetShape: [-1, 8] }),
    ]),
    chain("Permute behind a convolution", image, () => [
      make.conv2d({ filters: 4, kernelSize: 3 }),
      make.permute({ dims: [3, 1, 2] }),
    ]),
    chain("RepeatVector", [4], () => [make.repeatVector({ n: 3 })]),
    chain("BatchNormalization", [5], () => [make.batchNormalization({})]),
    chain("BatchNormalization of images", image, () => [make.batchNormalization({})]),
    chain("BatchNormalization of sequences", [6, 5], () => [make.batchNormalization({})]),
    chain("BatchNormalization without scale and center", image, () => [
      make.conv2d({ filters: 4, kernelSize: 1 }),
      make.batchNormalization({ scale: false, center: false, epsilon: 0.1 }),
    ]),
    chain("LayerNormalization", [6, 5], () => [make.layerNormalization({})]),
    chain("LayerNormalization behind a convolution", image, () => [
      make.conv2d({ filters: 4, kernelSize: 3 }),
      make.layerNormalization({ epsilon: 0.01 }),
    ]),
    chain("Softmax behind a convolution", image, () => [
      make.conv2d({ filters: 4, kernelSize: 3 }),
      make.softmax({ axis: -1 }),
    ]),
    chain("Dropout and noise", image, () => [
      make.dropout({ rate: 0.4 }),
      make.gaussianNoise({ stddev: 1 }),
      make.alphaDropout({ rate: 0.3 }),
      make.gaussianDropout({ rate: 0.3 }),
    ]),
    chain("PReLU", image, () => [make.prelu({ sharedAxes: [1, 2] })]),
    chain("LeakyReLU", [5], () => [make.leakyReLU({ alpha: 0.2 })]),
    chain("ELU", [5], () => [make.elu({ alpha: 1 })]),
    chain("ThresholdedReLU", [5], () => [make.thresholdedReLU({ theta: 0.3 })]),
    chain("ReLU with a limit", [5], () => [make.reLU({ maxValue: 0.4 })]),
    chain("GlobalMaxPooling1D", [6, 5], () => [make.globalMaxPooling1d()]),
    chain("GlobalAveragePooling2D", image, () => [
      make.conv2d({ filters: 4, kernelSize: 3 }),
      make.globalAveragePooling2d({ dataFormat: "channelsLast" }),
      make.dense({ units: 2 }),
    ]),
  ];
  const recurrentLayers = {
    lstm: make.lstm,
    gru: make.gru,
    simpleRNN: make.simpleRNN,
  } as const;
  for (const [kind, layer] of Object.entries(recurrentLayers)) {
    cases.push(
      chain(kind, [5, 3], () => [layer({ units: 4 })]),
      chain(`${kind} sequences`, [5, 3], () => [
        layer({ units: 4, returnSequences: true }),
        make.dense({ units: 2 }),
        layer({ units: 2, goBackwards: true, recurrentActivation: "sigmoid" } as never),
      ]),
      chain(`${kind} in both directions`, [5, 3], () => [
        make.bidirectional({
          layer: layer({ units: 4, returnSequences: true }) as layers.RNN,
          mergeMode: "concat",
        }),
      ]),
      chain(`${kind} masked`, [5, 3], () => [
        make.masking({ maskValue: 0 }),
        layer({ units: 4, returnSequences: true }),
        layer({ units: 2 }),
      ]),
    );
  }
  cases.push(
    chain("TimeDistributed Conv1D", [3, 6, 2], () => [
      make.timeDistributed({ layer: make.conv1d({ filters: 3, kernelSize: 2 }) }),
    ]),
    chain("TimeDistributed Dense", [5, 3], () => [
      make.timeDistributed({ layer: make.dense({ units: 2 }) }),
    ]),
  );
  for (const padding of ["same", "valid"] as const) {
    for (const strides of [1, 2, 3]) {
      const named = (what: string) => `${what} ${padding} by ${strides}`;
      cases.push(
        chain(named("Conv2D"), image, () => [
          make.conv2d({ filters: 5, kernelSize: [3, 2], strides, padding }),
        ]),
        chain(named("DepthwiseConv2D"), image, () => [
          make.depthwiseConv2d({ kernelSize: 3, strides, padding, depthMultiplier: 2 }),
        ]),
        chain(named("Conv2DTranspose"), image, () => [
          make.conv2dTranspose({ filters: 5, kernelSize: 2, strides, padding }),
        ]),
        chain(named("Conv2DTranspose of 3"), image, () => [
          make.conv2dTranspose({ filters: 5, kernelSize: 3, strides, padding }),
        ]),
        chain(named("MaxPooling2D"), image, () => [
          make.maxPooling2d({ poolSize: 3, strides, padding }),
        ]),
        chain(named("AveragePooling2D"), image, () => [
          make.averagePooling2d({ poolSize: [3, 2], strides, padding }),
        ]),
      );
    }
  }
  for (const activation of [
    "relu",
    "relu6",
    "sigmoid",
    "hardSigmoid",
    "softmax",
    "softplus",
    "softsign",
    "elu",
    "selu",
    "swish",
    "mish",
    "gelu",
    "gelu_new",
  ] as const) {
    cases.push(chain(`activation ${activation}`, [5], () => [make.activation({ activation })]));
  }
  return cases;
}
