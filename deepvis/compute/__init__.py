"""What the window computes: passes through the net, back-propagation, and the arrays that are drawn. Without Qt."""
