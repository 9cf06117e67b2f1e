// @ts-check
// What is particular to each machine beyond its panes, in one contract: how its listing reads, how a step is told and
// taken apart. One file a machine; only types stand here.
/** @typedef {import("../../dom.js").Child} Child */
/** @typedef {import("../../program.js").Row} Row */
/** @typedef {import("../../program.js").Routine} Routine */
/** @typedef {import("../../trace.js").Step} Step */
/** @typedef {import("../../trace.js").StepWrite} StepWrite */

/**
 * A stretch of the instruction's bits. `use`: what this step did with it.
 * @typedef {{bits: string, label: string, use?: "read" | "write"}} Field
 */

/**
 * A row taken apart, for the drawer.
 * @typedef {{title: Child[], effect: string, note: string, fields: Field[], reference?: {text: string, href: string}}} Decoded
 */

/**
 * A stretch of a source text with a meaning of its own at the shown step. `kind` is a style class, `title` says it in words.
 * @typedef {{from: number, to: number, kind: string, title: string}} Mark
 */

/**
 * @typedef {object} Adapter
 * @property {string} name
 * @property {string} listingKey                                  catalogue key of the listing pane's title
 * @property {string[]} parts                                    what notes may point at, as in tours (`pane.…` of the catalogue)
 * @property {string[]} columns                                   of the listing, between jumps and `ran`
 * @property {(row: Row, column: string) => string} cell           a column's text
 * @property {string} moduleEnding                                what further files' names end with; "": there is one file
 * @property {boolean} stackOrder                                 list running functions first and fold the others
 * @property {(routine: Routine) => Child[]} heading              of a function in the listing
 * @property {(view: any) => {routine: number | null, pc: number | null}[]} frames  innermost first
 * @property {(state: import("../../store.js").State, write: StepWrite, step: Step) => string} place  a written place's name
 * @property {(state: import("../../store.js").State, row: Row, routine: Routine, step: Step) => [string, import("../../trace.js").Value][]} [read]  what a step read: names and values
 * @property {(view: any) => [string, import("../../trace.js").Value][]} [brief]  what a view holds, name by name, for comparing two
 * @property {(message: string) => Promise<string>} explain         what a message of its compiler or of a run means, "" if unknown
 * @property {(row: Row) => string} tip                           what the pointer shows on an opcode
 * @property {(state: import("../../store.js").State, row: Row, routine: Routine) => string} cue   class of the row's comment
 * @property {(state: import("../../store.js").State, file: import("../../store.js").SourceFile) => Promise<Mark[]>} [marks]  names in a text
 * @property {(state: import("../../store.js").State, row: Row, routine: Routine) => Decoded} decode
 * @property {(state: import("../../store.js").State, row: Row, routine: Routine) => string} sentence  what the instruction does
 * @property {(state: import("../../store.js").State, step: Step) => string[]} more   what to add about this very step
 */

export {};
