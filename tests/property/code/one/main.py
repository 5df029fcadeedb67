"""Code one of a random function."""
