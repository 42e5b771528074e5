"""What the command lines share: reading configs, choosing devices, telling errors."""
