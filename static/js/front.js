// @ts-check
// The front page: the theme that the visitor chose in the workbench, and links that carry a program behind `#`.
import { remembered } from "./preferences.js";

const root = document.documentElement;
const theme = root.dataset.theme || remembered("theme") || "system";
if (theme !== "system") root.dataset.theme = theme;
const frame = document.getElementById("hero");
if (frame instanceof HTMLIFrameElement) frame.src = `${frame.dataset.src}&theme=${theme}`;
// A link of before had its program behind the address of this page; what stands behind `#` no server sees.
if (location.hash.startsWith("#v1=")) location.replace(`/play${location.search}${location.hash}`);
