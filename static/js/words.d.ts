// `words:en` and `words:zh` are made by build.mjs from i18n/catalogue.json.
declare module "words:*" {
  const texts: Record<string, string>;
  export default texts;
}

// `later:en` and `later:zh` likewise: what only parts that are fetched later say.
declare module "later:*" {
  const texts: Record<string, string>;
  export default texts;
}
