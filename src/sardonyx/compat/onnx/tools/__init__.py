"""Small changes of models."""
