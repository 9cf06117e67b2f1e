// Shorter names for the members of the editor's classes: they are two thirds of the words in its text.
import { parseAst } from "rollup/parseAst";

const NAME = /[A-Za-z_$][\w$]*/g;

/**
 * The members that the classes of these modules declare and that nobody else knows: what stands in a string, may be
 * looked up by it; what one of `others` mentions, may be asked for there. (Names of the browser are left alone by terser,
 * which has a list of them. Members of literals are not taken: they may be attributes, styles or events.)
 * @param {string[]} modules  texts of the package's modules
 * @param {string[]} others   texts of the modules that use them
 * @returns {RegExp} one that matches these names
 */
export function members(modules, others) {
  /** @type {Set<string>} */
  const declared = new Set();
  /** @type {Set<string>} */
  const known = new Set(others.flatMap((text) => text.match(NAME) ?? []));
  /** @param {any} node */
  const look = (node) => {
    if (Array.isArray(node)) return node.forEach(look);
    if (typeof node?.type !== "string") return;
    if ((node.type === "MethodDefinition" || node.type === "PropertyDefinition") && !node.computed) declared.add(node.key.name);
    if (node.type === "AssignmentExpression" && node.left.type === "MemberExpression" && node.left.object.type === "ThisExpression" && !node.left.computed) declared.add(node.left.property.name);
    if (node.type === "Literal" && typeof node.value === "string") known.add(node.value);
    if (node.type === "TemplateElement") known.add(node.value.raw);
    for (const part of Object.values(node)) look(part);
  };
  for (const text of modules) look(parseAst(text));
  const names = [...declared].filter((name) => name && name !== "constructor" && !known.has(name));
  return new RegExp(`^(?:${names.map((name) => name.replaceAll("$", "\\$")).join("|")})$`);
}
