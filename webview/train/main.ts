import { styleDocument } from "../theme/page-styles.ts";
import "./training-page.ts";

styleDocument();
