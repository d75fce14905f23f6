"""One folder per function; a state's first word is its folder, and three answer events. Each handler is a hallway."""
