"""Floor 4: wires the floors together and runs the work in the background."""
