/** A decoded image: rows from the top, the channels of a pixel beside each other. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** 1 is grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha. */
  readonly channels: number;
  readonly values: Uint8Array | Uint8ClampedArray | Uint16Array;
  /** The value of white; black is 0. */
  readonly white: number;
}

/** Images of more pixels are not decoded: 8192×8192. */
export const MOST_PIXELS = 2 ** 26;
