// From a conversation to the body of a Messages request. Pure.
import { callsOf } from "./answer.js";

const NO_RESULT = "(The user gave no result.)";

export function requestOf(conversation, messages = conversation.messages) {
  const { model, system, tools, effort } = conversation.settings;
  const body = {
    // Before the models are known: a name that every server takes for its own.
    model: model || "claude",
    stream: true,
    messages: messages.flatMap((message, at) => turnOf(message, messages[at - 1])),
    ...samplingOf(conversation.settings),
  };
  if (system.trim()) body.system = system;
  if (tools.trim()) body.tools = JSON.parse(tools);
  if (effort !== "off") Object.assign(body, { thinking: { type: "adaptive" }, output_config: { effort } });
  return body;
}

function samplingOf({ maxTokens, temperature, topP, topK }) {
  return {
    max_tokens: maxTokens,
    temperature,
    ...(topP < 1 && { top_p: topP }),
    ...(topK > 0 && { top_k: topK }),
  };
}

function turnOf(message, before) {
  if (message.role === "assistant") {
    const content = message.blocks.flatMap(blockOf);
    return content.length > 0 ? [{ role: "assistant", content }] : [];
  }
  const results = before?.role === "assistant" ? callsOf(before).map((call) => resultOf(call, message.results)) : [];
  const text = message.text.trim() ? [{ type: "text", text: message.text }] : [];
  return [{ role: "user", content: [...results, ...text] }];
}

// A call without a result would be refused.
const resultOf = (call, results) => ({
  type: "tool_result",
  tool_use_id: call.id,
  content: results?.[call.id] ?? NO_RESULT,
});

function blockOf(block) {
  switch (block.type) {
    case "text":
      return block.text.trim() ? [{ type: "text", text: block.text }] : [];
    case "thinking":
      // Without a signature it was cut off, and means nothing to the server.
      return block.signature ? [{ type: "thinking", thinking: block.thinking, signature: block.signature }] : [];
    case "tool_use":
      return block.input ? [{ type: "tool_use", id: block.id, name: block.name, input: block.input }] : [];
    default:
      return [];
  }
}
