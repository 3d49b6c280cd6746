"""What a change of the copy rules does to the words we have: tried before it is kept, and done when it takes effect."""
