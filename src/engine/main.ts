import { engineMethods } from "./methods.ts";
import { serve } from "./serve.ts";

/** The engine process. */
serve(engineMethods());
