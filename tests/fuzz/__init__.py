"""Coverage-guided fuzzing of whatever reads what strangers write; `make fuzz`."""
