import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DataType } from "../../../src/graph/data-type.ts";
import {
  bfloat16ToNumber,
  float16ToNumber,
  numberToBfloat16,
  numberToFloat16,
  readFloat64,
  roundedTensor,
} from "../../../src/graph/numbers.ts";
import { int64Tensor, memoryTensor } from "../../../src/graph/tensor.ts";

const FORMATS = [
  { name: "float16", decode: float16ToNumber, encode: numberToFloat16, infinity: 0x7c00 },
  { name: "bfloat16", decode: bfloat16ToNumber, encode: numberToBfloat16, infinity: 0x7f80 },
];

describe.each(FORMATS)("$name", ({ decode, encode, infinity }) => {
  test("every pattern but NaN survives decoding and encoding", () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = decode(bits);
      if (Number.isNaN(value)) expect(Number.isNaN(decode(encode(value)))).toBe(true);
      else if (encode(value) !== bits) expect([bits, encode(value)]).toEqual([bits, bits]);
    }
  });

  test("halfway between neighbours goes to the even one, and anything else to the nearer", () => {
    for (let bits = 0; bits < infinity - 1; bits++) {
      const low = decode(bits);
      const high = decode(bits + 1);
      const middle = (low + high) / 2;
      const width = (high - low) * 1e-6;
      const found = [encode(middle), encode(middle - width), encode(middle + width)];
      const wanted = [bits % 2 === 0 ? bits : bits + 1, bits, bits + 1];
      if (`${found}` !== `${wanted}`) expect([bits, ...found]).toEqual([bits, ...wanted]);
    }
  });

  test("what is too large is infinite, what is too small is zero of the same sign", () => {
    expect(encode(1e300)).toBe(infinity);
    expect(encode(-1e300)).toBe(infinity | 0x8000);
    expect(encode(Number.POSITIVE_INFINITY)).toBe(infinity);
    expect(encode(1e-300)).toBe(0);
    expect(encode(-1e-300)).toBe(0x8000);
  });
});

describe("tensors of numbers", () => {
  test("float64 values are rounded once to float32, and read back exactly", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true })), (values) => {
        const dims = [values.length];
        const tensor = roundedTensor("t", dims, DataType.FLOAT, Float64Array.from(values));
        expect([...readFloat64(tensor)]).toEqual(values.map(Math.fround));
        const exact = roundedTensor("t", dims, DataType.DOUBLE, Float64Array.from(values));
        expect([...readFloat64(exact)]).toEqual(values);
      }),
    );
  });

  test("bytes that are not aligned are read as well", () => {
    const bytes = new Uint8Array(9);
    new DataView(bytes.buffer).setFloat32(1, 1.5, true);
    new DataView(bytes.buffer).setFloat32(5, -2, true);
    const tensor = memoryTensor("t", [2], DataType.FLOAT, bytes.subarray(1));
    expect([...readFloat64(tensor)]).toEqual([1.5, -2]);
  });

  test("whole numbers, and types that are no numbers", () => {
    expect([...readFloat64(int64Tensor("t", [2], [-3, 9]))]).toEqual([-3, 9]);
    const signed = memoryTensor("t", [1], DataType.INT8, Uint8Array.of(255));
    expect([...readFloat64(signed)]).toEqual([-1]);
    const complex = memoryTensor("t", [1], DataType.COMPLEX64, new Uint8Array(8));
    expect(() => readFloat64(complex)).toThrow("tensor t: values of type complex64 cannot be read");
    expect(() => roundedTensor("t", [1], DataType.INT32, Float64Array.of(1))).toThrow(
      "tensor t: int32 is not a floating-point type",
    );
  });
});
