// A conversation as one Markdown text. Pure.

export function asMarkdown({ title, settings, messages }) {
  const parts = [`# ${title || "Conversation"}`, settings.model && `*${settings.model}*`];
  if (settings.system) parts.push(`**System:** ${settings.system}`);
  for (const message of messages) {
    parts.push(message.role === "user" ? "## You" : "## Assistant");
    parts.push(...(message.role === "user" ? [message.text] : message.blocks.map(blockAsMarkdown)));
  }
  return `${parts.filter(Boolean).join("\n\n")}\n`;
}

function blockAsMarkdown(block) {
  switch (block.type) {
    case "thinking":
      return block.thinking.trim().replace(/^/gm, "> ");
    case "tool_use":
      return `\`${block.name}\`\n\n\`\`\`json\n${JSON.stringify(block.input, null, 2)}\n\`\`\``;
    default:
      return block.text;
  }
}
