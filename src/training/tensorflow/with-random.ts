import type { Random } from "../../data/random.ts";

/**
 * Runs synchronous work with Math.random replaced. TensorFlow.js draws dropout's masks, noise and
 * initial weights in JavaScript, from generators that it seeds with Math.random() wherever no seed is
 * given; so this is what makes its runs repeatable.
 */
export function withRandom<Result>(random: Random, work: () => Result): Result {
  const original = Math.random;
  Math.random = () => random.uniform();
  try {
    return work();
  } finally {
    Math.random = original;
  }
}
