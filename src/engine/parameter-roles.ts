/** What each input of an operator is called in the field, by position; "" is the data itself. */
const ROLES: Readonly<Record<string, readonly string[]>> = {
  Conv: ["", "weight", "bias"],
  ConvTranspose: ["", "weight", "bias"],
  Gemm: ["", "weight", "bias"],
  MatMul: ["left factor", "weight"],
  BatchNormalization: ["", "gamma", "beta", "running mean", "running variance"],
  InstanceNormalization: ["", "gamma", "beta"],
  LayerNormalization: ["", "gamma", "beta"],
  GroupNormalization: ["", "gamma", "beta"],
  PRelu: ["", "slope"],
  LSTM: ["", "weight", "recurrent weight", "bias"],
  GRU: ["", "weight", "recurrent weight", "bias"],
  Gather: ["embedding"],
  Reshape: ["", "shape"],
};

/** "gamma", "weight", …; "constant" where the field has no special word. */
export function parameterRole(opType: string, input: number): string {
  const role = ROLES[opType]?.[input];
  return role === undefined || role === "" ? "constant" : role;
}
