"""Random stacks: from any to any other, with and without a state, in any order of what is a set."""
