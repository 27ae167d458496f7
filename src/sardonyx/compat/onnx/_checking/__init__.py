"""What the official checker accepts and refuses: it stops at the first fault of a message, where `sardonyx.check` lists all."""
