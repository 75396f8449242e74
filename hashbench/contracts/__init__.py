"""What a plugin must be: methods, data sets, and the values that pass between them."""
