"""What runs models, as programs see it; and the official suite of cases for it."""
