// An answer as it grows: folds the stream's frames into blocks. Pure; every step returns a new answer.

/** `status` is running, done, stopped or failed. */
export function newAnswer(id, token) {
  return {
    id,
    role: "assistant",
    status: "running",
    token,
    job: null,
    lastEvent: null,
    blocks: [],
    stopReason: null,
    usage: null,
    error: null,
    askedAt: Date.now(),
    firstAt: null,
    endedAt: null,
  };
}

export function fold(answer, { id, data }) {
  const next = frame(answer, data);
  return id ? { ...next, lastEvent: id } : next;
}

/** A whole message, as a job's result or a batch's has it, in the same form. */
export function ofMessage(message) {
  return { ...newAnswer(message.id, null), status: "done", blocks: message.content.map(opened).map(closed),
    stopReason: message.stop_reason, usage: message.usage };
}

function frame(answer, data) {
  switch (data.type) {
    case "message_start":
      return { ...answer, job: data.message.id, usage: data.message.usage };
    case "content_block_start":
      return withBlock(answer, data.index, opened(data.content_block));
    case "content_block_delta":
      return grown(answer, data);
    case "content_block_stop":
      return withBlock(answer, data.index, closed(answer.blocks[data.index]));
    case "message_delta":
      return { ...answer, stopReason: data.delta.stop_reason, usage: data.usage };
    case "message_stop":
      return { ...answer, status: "done", endedAt: Date.now() };
    case "error":
      return ended(answer, "failed", data.error.message);
    default:
      return answer;
  }
}

/** Ended without its last frame: what was being written is left as it is. */
export function ended(answer, status, error = null) {
  return { ...answer, status, error, blocks: answer.blocks.map(closed), endedAt: Date.now() };
}

function opened(block) {
  return { ...block, text: block.text ?? "", thinking: block.thinking ?? "", json: "", open: true };
}

function grown(answer, { index, delta }) {
  const block = answer.blocks[index];
  const firstAt = answer.firstAt ?? Date.now();
  switch (delta.type) {
    case "text_delta":
      return { ...withBlock(answer, index, { ...block, text: block.text + delta.text }), firstAt };
    case "thinking_delta":
      return { ...withBlock(answer, index, { ...block, thinking: block.thinking + delta.thinking }), firstAt };
    case "signature_delta":
      return withBlock(answer, index, { ...block, signature: delta.signature });
    case "input_json_delta":
      return { ...withBlock(answer, index, { ...block, json: block.json + delta.partial_json }), firstAt };
    default:
      return answer;
  }
}

function closed(block) {
  if (!block.open) return block;
  return { ...block, open: false, input: block.type === "tool_use" ? inputOf(block) : undefined };
}

/** null where the call was cut off in the middle. */
function inputOf(block) {
  if (block.json === "") return block.input ?? {};
  try {
    return JSON.parse(block.json);
  } catch {
    return null;
  }
}

function withBlock(answer, index, block) {
  const blocks = [...answer.blocks];
  blocks[index] = block;
  return { ...answer, blocks };
}

export const textOf = (answer) => answer.blocks.map((block) => block.text).filter(Boolean).join("\n\n");

export const callsOf = (answer) => answer.blocks.filter((block) => block.type === "tool_use" && block.input);
