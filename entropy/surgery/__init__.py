"""A trained net gets a second task in it or beside it, as plain prototxt; what it did before it does to the bit.

Every function takes a deploy net and its weights and gives an `entropy.surgery.extended.Extended`: one net with both
heads, and what of it the new task may teach.
"""
