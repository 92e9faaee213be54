"""What Pensieve knows of models: catalogue, pull, tokenizer, families; the weights lie in folders beside."""
