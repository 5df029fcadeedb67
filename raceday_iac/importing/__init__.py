"""From what is there to what is declared: adoption into the state, Python source of a stack, and `appwrite.json`."""
