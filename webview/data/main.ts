import { styleDocument } from "../theme/page-styles.ts";
import "./data-page.ts";

styleDocument();
