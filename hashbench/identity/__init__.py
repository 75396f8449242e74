"""What makes two results the same: digests of values and of code, and the seeds that follow from names."""
