import { styleDocument } from "../theme/page-styles.ts";
import "./model-page.ts";

styleDocument();
