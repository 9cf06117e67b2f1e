// @ts-check
// A pane whose drawing is a chunk of its own: its place is there at once, what fills it follows.

/**
 * @param {Omit<import("./index.js").Pane, "mount">} row
 * @param {() => Promise<{mount: import("./index.js").Pane["mount"]}>} load
 * @returns {import("./index.js").Pane}
 */
export function late(row, load) {
  return {
    ...row,
    mount(body, ctx) {
      /** @type {import("./index.js").Mounted | null} */
      let mounted = null;
      let gone = false;
      void load().then(({ mount }) => {
        if (gone) return;
        mounted = mount(body, ctx);
        ctx.store.touch(...Object.keys(ctx.store.state));
      });
      return {
        update: (state, changed) => mounted?.update(state, changed),
        settle: () => mounted?.settle?.(),
        destroy() {
          gone = true;
          mounted?.destroy?.();
        },
      };
    },
  };
}

/**
 * Use the style that such a chunk brings along (`css:NAME`).
 * @param {string} css
 */
export function adoptStyle(css) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  document.adoptedStyleSheets.push(sheet);
}
