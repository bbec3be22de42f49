import type { GraphBuilder } from "../graph/builder.ts";
import { negate } from "../operators/emit.ts";
import type { TrainingConfig } from "../protocol/training.ts";

/** Constants of the approximation, Molchanov et al. 2017, eq. 14. */
const [K1, K2, K3] = [0.63576, 1.8732, 1.48695] as const;

/**
 * The Kullback-Leibler divergence between the posterior of a noisy weight and the log-uniform prior
 * (D. Molchanov, A. Ashukha and D. Vetrov, "Variational Dropout Sparsifies Deep Neural Networks",
 * 2017, eq. 14), summed over all elements of log α:
 *
 *   −KL ≈ k1·σ(k2 + k3·log α) − ½·log(1 + α⁻¹) − k1
 *
 * It is taken of log α before it is clipped, so that it pulls back what has left the bounds.
 */
export interface AddedDivergence {
  /** Scalar: the sum. */
  readonly divergence: string;
  /** Of the shape of log α: ∂KL/∂log α = −k1·k3·σ·(1 − σ) − ½·σ(−log α). */
  readonly gradient: string;
}

/**
 * What the divergence counts in the loss of an epoch: klWeight/N, since the data's loss is a mean over
 * samples, and less during the warm-up, which starts without (Molchanov et al. 2017, section 4.4).
 *
 * @param epoch 1-based.
 * @param samples N, number of training samples.
 */
export function divergenceFactor(
  { klWeight, warmUpEpochs }: TrainingConfig["variationalDropout"],
  epoch: number,
  samples: number,
): number {
  const share = warmUpEpochs === 0 ? 1 : Math.min((epoch - 1) / warmUpEpochs, 1);
  return (share * klWeight) / samples;
}

export function addDivergence(builder: GraphBuilder, logAlpha: string): AddedDivergence {
  const inner = builder.add("Add", [
    builder.add("Mul", [logAlpha, builder.scalar(K3)]),
    builder.scalar(K2),
  ]);
  const sigma = builder.add("Sigmoid", [inner]);
  const opposite = negate(builder, logAlpha);
  // 1 − σ(z) = σ(−z) keeps its digits where σ rounds to 1.
  const rest = builder.add("Sigmoid", [negate(builder, inner)]);
  const half = builder.scalar(0.5);
  const elements = builder.add("Add", [
    builder.add("Mul", [rest, builder.scalar(K1)]),
    builder.add("Mul", [builder.add("Softplus", [opposite]), half]),
  ]);
  const bend = builder.add("Mul", [builder.add("Mul", [sigma, rest]), builder.scalar(K1 * K3)]);
  const slope = builder.add("Mul", [builder.add("Sigmoid", [opposite]), half]);
  return {
    divergence: builder.add("ReduceSum", [elements], {
      attributes: { keepdims: { int: 0 } },
      stem: "divergence",
    }),
    gradient: negate(builder, builder.add("Add", [bend, slope])),
  };
}
