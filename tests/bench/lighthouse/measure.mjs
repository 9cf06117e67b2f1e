// Runs Lighthouse over the addresses that are given, and prints a line of JSON for each: scores of 0 to 100.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [chromePath, modules, ...urls] = process.argv.slice(2);
const found = createRequire(`${modules}/package.json`);
const load = async (name) => import(pathToFileURL(found.resolve(name)).href);
const { default: lighthouse } = await load("lighthouse");
const { launch } = await load("chrome-launcher");
const chrome = await launch({ chromePath, chromeFlags: ["--headless=new", "--no-sandbox", "--disable-gpu"] });
const desktop = {
  formFactor: "desktop",
  screenEmulation: { mobile: false, width: 1350, height: 940, deviceScaleFactor: 1, disabled: false },
  throttling: { rttMs: 40, throughputKbps: 10240, cpuSlowdownMultiplier: 1 },
};
const onlyCategories = ["performance", "accessibility", "best-practices"];
for (const url of urls) {
  const { lhr } = await lighthouse(url, { port: chrome.port, logLevel: "error", onlyCategories, ...desktop });
  const scores = Object.values(lhr.categories).map(({ score }) => Math.round(100 * score));
  const failed = Object.values(lhr.audits).filter(({ score, scoreDisplayMode }) => scoreDisplayMode === "binary" && score === 0);
  console.log(JSON.stringify({ scores, failed: failed.map(({ id }) => id) }));
}
await chrome.kill();
