// @ts-check
// The page inside of other pages: listing, state and timeline of one moment, to be stepped and not to be edited.
import { byId, fill, h, setText } from "./dom.js";
import { laterWords, setLanguage, t } from "./i18n.js";
import { machine } from "./panes/index.js";
import { Session } from "./session.js";
import { Store } from "./store.js";
import { mountTimeline } from "./timeline.js";
import { mountNotice } from "./workbench.js";

/** Of a room's panes: listing and state. */
const SHOWN = ["listing", "state"];

const boot = JSON.parse(byId("boot").textContent ?? "{}");
const { moment, room, language, open } = boot;
const store = new Store();
const session = new Session(store, `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);

async function mountPanes() {
  const { adapter, panes } = await machine(room);
  for (const [i, place] of SHOWN.entries()) {
    const pane = panes[i + 1];
    const section = byId(`pane-${place}`);
    const title = h("h2", {}, t(pane.titleKey));
    const meta = h("span", { class: "meta" });
    const body = h("div", { class: "body", tabindex: "0", role: "group" });
    const name = (/** @type {string} */ text) => {
      setText(title, text);
      section.setAttribute("aria-label", text);
      body.setAttribute("aria-label", text);
    };
    fill(section, h("div", { class: "ph" }, title, meta), body);
    name(t(pane.titleKey));
    const mounted = pane.mount(body, { store, session, adapter: () => adapter, meta: (text) => setText(meta, text), title: name, section, nonce: document.documentElement.dataset.nonce ?? "" });
    store.subscribe((state, changed) => {
      mounted.update(state, changed);
      mounted.settle?.();
    });
  }
}

/** Tell the page around how high this one would like to be. */
function tellHeight() {
  if (parent === window) return;
  // Anybody may know a height; the page around is whoever embeds this one.
  parent.postMessage({ glassbox: "height", height: Math.ceil(document.documentElement.scrollHeight) }, "*");
}

/** Not awaited by this module: what it fetches imports from the file that this module is in. */
async function start() {
  await setLanguage(language);
  await laterWords();
  byId("heading").textContent = t("embed.heading");
  byId("timeline").setAttribute("aria-label", t("timeline.label"));
  fill(byId("title"), boot.title ?? moment.files[0].name);
  const link = h("a", { href: open, target: "_blank", rel: "noopener" }, t("embed.open"));
  byId("head").append(link);
  await mountPanes();
  mountTimeline(byId("timeline"), store, session);
  mountNotice(byId("notice"), store, session);
  store.subscribe(({ tick, phase }) => {
    document.body.setAttribute("aria-busy", String(phase === "opening" || phase === "running"));
    link.href = boot.stepped ? `${open}&tick=${tick}` : open;
  });
  session.load({ room, files: moment.files, options: moment.options });
  if (moment.breakpoints) store.set({ breakpoints: moment.breakpoints });
  new ResizeObserver(tellHeight).observe(document.documentElement);

  // A machine is asked for when somebody sees this: a long article may have many.
  const seen = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    seen.disconnect();
    void session.run(moment.tick || undefined, moment.input);
  });
  seen.observe(document.body);
}

void start();
