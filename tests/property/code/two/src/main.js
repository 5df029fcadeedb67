// Code two of a random function.
