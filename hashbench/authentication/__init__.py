"""Authentication of images: changed copies, tampered images, distances of codes and what they are worth."""
