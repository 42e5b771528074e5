"""What a training step costs with each method, beside the plain student's step."""
