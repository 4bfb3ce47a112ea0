"""A simulated mobile network with modems on pseudo-terminals: test bench, demo and training mode at once."""
