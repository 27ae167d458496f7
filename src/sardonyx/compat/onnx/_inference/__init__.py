"""The official package's inference over messages: its walk, its merging and its view of what is known, over our operators' rules."""
