// `words:en` and `words:zh` are made by build.mjs from i18n/catalogue.json.
declare module "words:*" {
  const texts: Record<string, string>;
  export default texts;
}

// `css:NAME` is css/NAME.css as a text: a style sheet that comes with a part of the page.
declare module "css:*" {
  const text: string;
  export default text;
}

// Made by build.mjs from js/player and css/player.css.
declare module "player:file" {
  export const script: string;
  export const scriptHash: string;
  export const style: string;
  export const styleHash: string;
}
