"""Qwen 3: ChatML whose answers start with a thinking block, and with Hermes' markup for tools."""

from models.families.chatml import ChatML

QWEN3 = ChatML(knows_tools=True, thinks=True, name="qwen3")
