/** Numbers of one channel, row by row. */
export interface Plane {
  readonly width: number;
  readonly height: number;
  readonly values: Float32Array;
}

/** What each output takes from which inputs. */
interface Taps {
  /** First input of each output. */
  readonly starts: Int32Array;
  /** Weights of each output, `width` of them, with sum 1. */
  readonly weights: Float64Array;
  readonly width: number;
}

/**
 * Bilinear with half-pixel centres, and antialiased where it shrinks, as Pillow's BILINEAR, torchvision's
 * Resize and PyTorch's interpolate(mode="bilinear", antialias=True) do:
 *
 *   y(i) = Σⱼ t((j + ½ − c(i))/s)·x(j) / Σⱼ t((j + ½ − c(i))/s),   c(i) = (i + ½)·r,   s = max(r, 1)
 *
 * with the triangle t(d) = max(0, 1 − |d|) and r = size before/size after, along rows, then columns.
 */
export function resizePlane(plane: Plane, height: number, width: number): Plane {
  if (plane.width === width && plane.height === height) return plane;
  const across = triangleTaps(plane.width, width);
  const down = triangleTaps(plane.height, height);
  const narrow = new Float32Array(plane.height * width);
  for (let row = 0; row < plane.height; row++) {
    applyTaps(across, plane.values, row * plane.width, 1, narrow, row * width, 1);
  }
  const values = new Float32Array(height * width);
  for (let column = 0; column < width; column++) {
    applyTaps(down, narrow, column, width, values, column, width);
  }
  return { width, height, values };
}

function triangleTaps(before: number, after: number): Taps {
  const ratio = before / after;
  const support = Math.max(ratio, 1);
  const width = Math.min(before, Math.ceil(2 * support) + 1);
  const starts = new Int32Array(after);
  const weights = new Float64Array(after * width);
  for (let index = 0; index < after; index++) {
    const centre = (index + 0.5) * ratio;
    const start = Math.min(Math.max(0, Math.floor(centre - support)), before - width);
    starts[index] = start;
    let sum = 0;
    for (let tap = 0; tap < width; tap++) {
      const weight = Math.max(0, 1 - Math.abs((start + tap + 0.5 - centre) / support));
      weights[index * width + tap] = weight;
      sum += weight;
    }
    for (let tap = 0; tap < width; tap++) {
      weights[index * width + tap] = (weights[index * width + tap] as number) / sum;
    }
  }
  return { starts, weights, width };
}

function applyTaps(
  { starts, weights, width }: Taps,
  from: Float32Array,
  fromStart: number,
  fromStep: number,
  to: Float32Array,
  toStart: number,
  toStep: number,
): void {
  for (let index = 0; index < starts.length; index++) {
    const first = fromStart + (starts[index] as number) * fromStep;
    let sum = 0;
    for (let tap = 0; tap < width; tap++) {
      sum += (weights[index * width + tap] as number) * (from[first + tap * fromStep] as number);
    }
    to[toStart + index * toStep] = sum;
  }
}
