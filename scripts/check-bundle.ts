import { bundleFaults } from "./bundle.ts";

/** `npm run check-bundle`: whether the built extension keeps its promises of size and quiet. */
const faults = await bundleFaults();
for (const fault of faults) {
  console.error(fault);
}
process.exit(faults.length > 0 ? 1 : 0);
