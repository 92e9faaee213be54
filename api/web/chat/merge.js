// What becomes of a conversation that two tabs have changed at once. Pure.

const FIELDS = ["title", "settings", "updatedAt"];
// A cancelled answer looks like a failed one until its job was asked.
const RANKS = ["running", "failed", "stopped", "done"];

/**
 * `base` is what both tabs began with. Returns `{ kept, fork }`: theirs with what was changed in mine, and null; or, where
 * something else was said in each, theirs and mine, which then needs an id of its own.
 */
export function merge(base, mine, theirs) {
  const began = order(base);
  const isSaidHere = order(mine) !== began && order(mine) !== order(theirs);
  if (isSaidHere && order(theirs) !== began) return { kept: theirs, fork: mine };
  const [longer, other] = isSaidHere ? [mine, theirs] : [theirs, mine];
  const known = new Map(other.messages.map((message) => [message.id, message]));
  const messages = longer.messages.map((message) => further(message, known.get(message.id)));
  const changed = FIELDS.filter((name) => mine[name] !== base[name]).map((name) => [name, mine[name]]);
  return { kept: { ...theirs, ...Object.fromEntries(changed), messages }, fork: null };
}

const order = ({ messages }) => messages.map(({ id }) => id).join();

/** The better end of an answer, or else the one of which there is more. */
function further(message, other) {
  if (!other || message.role === "user") return message;
  const ahead = RANKS.indexOf(other.status) - RANKS.indexOf(message.status) || length(other) - length(message);
  return ahead > 0 ? other : message;
}

const length = ({ blocks }) => JSON.stringify(blocks).length;
