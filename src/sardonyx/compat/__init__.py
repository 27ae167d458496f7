"""Other packages' programming interfaces over Sardonyx's rooms, for programs that were written for them."""
